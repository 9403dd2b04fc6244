// Methods that the oldest supported codex has and the pinned one has not: programs that run on the older one still meet them.

/** @typedef {import('./definitions.mjs').Schema} Schema */
/** @typedef {import('./definitions.mjs').Definitions} Definitions */
/** @typedef {{ methods: Record<string, Schema[]>, definitions: Definitions }} Gone by the union that had them */

const UNIONS = ['ClientRequest', 'ServerRequest', 'ServerNotification', 'ClientNotification']

/**
 * @param {Definitions} definitions
 * @param {Definitions} oldest
 * @returns {Gone}
 */
export function goneMethods(definitions, oldest) {
  /** @type {Gone} */
  const gone = { methods: {}, definitions: {} }
  for (const union of UNIONS) {
    const kept = new Set(membersOf(definitions, union).map(methodOf))
    const members = membersOf(oldest, union).filter((member) => !kept.has(methodOf(member)))
    if (members.length > 0) gone.methods[union] = members
  }
  const open = Object.values(gone.methods).flatMap((members) => members.flatMap(namesIn))
  // An answer is referred to by no schema, only by its name.
  open.push(...open.map((name) => name.replace(/Params$/, 'Response')))
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const schema = oldest[name]
    if (schema === undefined || definitions[name] || gone.definitions[name]) continue
    gone.definitions[name] = schema
    open.push(...namesIn(schema))
  }
  return gone
}

/**
 * Adds what is gone, where a codex does not have it itself.
 *
 * @param {Definitions} definitions
 * @param {Gone} gone
 * @returns {Set<string>} the methods that were added
 */
export function addGone(definitions, gone) {
  /** @type {Set<string>} */
  const added = new Set()
  for (const [union, members] of Object.entries(gone.methods)) {
    const own = membersOf(definitions, union)
    const known = new Set(own.map(methodOf))
    const more = members.filter((member) => !known.has(methodOf(member)))
    for (const member of more) added.add(methodOf(member))
    if (more.length > 0) definitions[union] = { anyOf: [...own, ...more] }
  }
  if (added.size === 0) return added
  for (const [name, schema] of Object.entries(gone.definitions)) definitions[name] ??= schema
  return added
}

/** @param {Definitions} definitions @param {string} union @returns {Schema[]} */
function membersOf(definitions, union) {
  const schema = definitions[union]
  return schema?.anyOf ?? (schema ? [schema] : [])
}

/** @param {Schema} member @returns {string} */
const methodOf = (member) => /** @type {any} */ (member.properties?.method)?.enum?.[0]

/** @param {Schema} schema @returns {string[]} */
function namesIn(schema) {
  return [...JSON.stringify(schema).matchAll(/"#\/definitions\/(\w+)"/g)].map(([, name]) => `${name}`)
}
