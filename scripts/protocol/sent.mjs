// Which fields codex always sends. Its schema says what may be left out when it reads; what it writes it says in the types
// that it prints for TypeScript: there a field that is always written has no question mark.

/** @typedef {import('./definitions.mjs').Schema} Schema */
/** @typedef {import('./definitions.mjs').Definitions} Definitions */
/** @typedef {Map<string, { optional: boolean, literal?: string }>} Fields of one object */
/** @typedef {Record<string, string[]>} Late by type, the fields that the oldest supported codex does not always send */

/**
 * Makes required what is always sent, in all types but those of what clients send or are asked.
 *
 * @param {Definitions} definitions
 * @param {Record<string, string>} types what codex prints for each
 * @param {ReturnType<typeof import('./methods.mjs').readMethods>} methods
 * @param {Late} late
 */
export function requireSent(definitions, types, methods, late) {
  const given = givenTypes(definitions, methods)
  for (const [name, schema] of Object.entries(definitions)) {
    if (given.has(name)) continue
    for (const { object, sent } of objectsOf(schema, types[name])) {
      const always = sent.filter((field) => !late[name]?.includes(field))
      object.required = [...new Set([.../** @type {string[]} */ (object.required || []), ...always])]
    }
  }
}

/**
 * What the oldest codex does not always send of the types that it knows.
 *
 * @param {Definitions} definitions
 * @param {Record<string, string>} types
 * @param {Record<string, string>} oldest
 * @returns {Late}
 */
export function lateFields(definitions, types, oldest) {
  /** @type {Late} */
  const late = {}
  for (const [name, schema] of Object.entries(definitions)) {
    const known = oldest[name]
    if (known === undefined) continue
    for (const { object, sent } of objectsOf(schema, types[name])) {
      const then = variantsOf(known).filter((fields) => isOf(object, fields))
      const missing = sent.filter((field) => then.some((fields) => fields.get(field)?.optional ?? true))
      if (then.length > 0 && missing.length > 0)
        late[name] = [...new Set([...(late[name] ?? []), ...missing])].sort()
    }
  }
  return late
}

/**
 * The objects of a type, each with the fields that its schema leaves open and that are always sent.
 *
 * @param {Schema} schema
 * @param {string | undefined} type
 */
function objectsOf(schema, type) {
  if (type === undefined) return []
  const variants = variantsOf(type)
  const objects = [schema, ...(schema.anyOf ?? [])].filter((object) => object.properties !== undefined)
  return objects.map((object) => {
    const same = variants.filter((fields) => isOf(object, fields))
    const open = Object.keys(object.properties ?? {}).filter((field) => !isRequired(object, field))
    return {
      object,
      sent: open.filter(
        (field) => same.length > 0 && same.every((fields) => fields.get(field)?.optional === false),
      ),
    }
  })
}

/** @param {Schema} object @param {string} field */
function isRequired(object, field) {
  return Array.isArray(object.required) && object.required.includes(field)
}

/**
 * Whether an object of the schema is that of a printed type: told by what tells the members of a union apart.
 *
 * @param {Schema} object
 * @param {Fields} fields
 */
function isOf(object, fields) {
  return Object.entries(object.properties ?? {}).every(([name, property]) => {
    const only = property.const ?? (property.enum?.length === 1 ? property.enum[0] : undefined)
    const literal = fields.get(name)?.literal
    return only === undefined || literal === undefined || only === literal
  })
}

/**
 * The types of what a client sends and of what it is asked, and all within them.
 *
 * @param {Definitions} definitions
 * @param {ReturnType<typeof import('./methods.mjs').readMethods>} methods
 */
function givenTypes(definitions, { clientRequests, clientNotifications, serverRequests, results }) {
  const params = [...clientRequests, ...clientNotifications].map((one) => one.params)
  // What the server asks is answered by programs, and played by their tests.
  const asked = serverRequests.flatMap((one) => [one.params, results[one.method]])
  const open = [...params, ...asked]
  /** @type {Set<string>} */
  const given = new Set()
  for (let name = open.pop(); open.length > 0 || name !== undefined; name = open.pop()) {
    if (name === undefined || given.has(name)) continue
    given.add(name)
    const within = JSON.stringify(definitions[name] ?? null).matchAll(/"#\/definitions\/(\w+)"/g)
    for (const [, inner] of within) open.push(inner)
  }
  return given
}

/**
 * The objects that a printed type is one of.
 *
 * @param {string} text the file
 * @returns {Fields[]}
 */
function variantsOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const body = /export type \w+ = ([\s\S]*);\s*$/.exec(code)?.[1]
  return body === undefined ? [] : union(body)
}

/** @param {string} text @returns {Fields[]} */
function union(text) {
  return split(text, '|').flatMap((member) => {
    const factors = split(member, '&').map((factor) => {
      if (factor.startsWith('(')) return union(factor.slice(1, -1))
      return factor.startsWith('{') ? [fieldsOf(factor.slice(1, -1))] : []
    })
    // What it refers to has a type of its own.
    if (factors.some((factor) => factor.length === 0)) return []
    return factors.reduce((all, factor) =>
      all.flatMap((one) => factor.map((other) => new Map([...one, ...other]))),
    )
  })
}

/** @param {string} text @returns {Fields} */
function fieldsOf(text) {
  /** @type {Fields} */
  const fields = new Map()
  for (const field of split(text, ',')) {
    const match = /^(?:"([^"]+)"|([\w$]+))(\?)?:\s*([\s\S]*)$/.exec(field)
    if (match === null) continue
    const literal = /^"([^"]*)"$/.exec(match[4] ?? '')?.[1]
    const name = /** @type {string} */ (match[1] ?? match[2])
    fields.set(name, { optional: match[3] === '?', ...(literal === undefined ? {} : { literal }) })
  }
  return fields
}

/**
 * The parts of a text between separators that are in no brackets and no string.
 *
 * @param {string} text
 * @param {string} separator
 */
function split(text, separator) {
  const parts = ['']
  let depth = 0
  for (const [token] of text.matchAll(/"[^"]*"|=>|[^"]/g)) {
    if ('({[<'.includes(token)) depth++
    else if (')}]>'.includes(token)) depth--
    if (depth === 0 && token === separator) parts.push('')
    else parts[parts.length - 1] += token
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}
