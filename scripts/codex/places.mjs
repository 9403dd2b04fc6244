// What a schema of codex says, place by place: flat, so that two of them can be compared.

import { RESULTS } from '../protocol/methods.mjs'

/** @typedef {{ type: string, required: boolean }} Field */
/**
 * @typedef {object} Places
 * @property {Record<Union, Map<string, string | undefined>>} methods by method, the type of its params
 * @property {Map<string, Field>} fields by `Type.field`
 * @property {Set<string>} values `Type 'value'`
 * @property {Map<string, Set<string>>} carriers by type, what carries it: a method, and whether codex gets or sends it
 */
/** @typedef {typeof UNIONS[number]} Union */

export const UNIONS = /** @type {const} */ ([
  'ClientRequest',
  'ServerRequest',
  'ServerNotification',
  'ClientNotification',
])

// The envelopes repeat what the methods say.
const ENVELOPE = /^(?:(?:Client|Server)(?:Request|Notification)|JSONRPC\w*)$/

/**
 * @param {any} bundle what `generate-json-schema` prints
 * @returns {Places}
 */
export function placesOf(bundle) {
  const { v2 = {}, ...root } = bundle.definitions
  /** @type {Record<string, any>} */
  const definitions = { ...root, ...v2 }
  const places = /** @type {Places} */ ({
    methods: {},
    fields: new Map(),
    values: new Set(),
    carriers: new Map(),
  })
  for (const union of UNIONS) {
    const schema = definitions[union]
    const members = schema?.oneOf ?? schema?.anyOf ?? (schema ? [schema] : [])
    places.methods[union] = new Map(
      members.map((/** @type {any} */ { properties }) => [
        properties.method.enum?.[0] ?? properties.method.const,
        refsIn(properties.params ?? null)[0],
      ]),
    )
  }
  for (const [name, schema] of Object.entries(definitions)) {
    if (!ENVELOPE.test(name)) walk(name, name, schema, places)
  }
  carry(definitions, places)
  return places
}

/**
 * @param {string} type
 * @param {string} at
 * @param {any} schema
 * @param {Places} places
 */
function walk(type, at, schema, places) {
  if (typeof schema !== 'object' || schema === null) return
  for (const value of literals(schema)) places.values.add(`${at} '${value}'`)
  for (const member of [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])]) {
    const tag = tagOf(member)
    if (tag) places.values.add(`${at} '${tag[1]}'`)
    walk(type, tag ? `${at}(${tag[1]})` : at, member, places)
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const required = Boolean(schema.required?.includes(name))
    if (tagOf(schema)?.[0] === name && at.endsWith(')')) continue
    const field = `${at}.${name}`
    const known = places.fields.get(field)
    const text = print(property)
    places.fields.set(field, { type: known ? join([known.type, text]) : text, required })
    walk(type, field, property, places)
  }
  if (schema.items) walk(type, `${at}[]`, schema.items, places)
  if (typeof schema.additionalProperties === 'object') {
    walk(type, `${at}{}`, schema.additionalProperties, places)
  }
}

/** @param {any} schema @returns {unknown[]} */
function literals(schema) {
  return schema.enum ?? (schema.const === undefined ? [] : [schema.const])
}

/**
 * What tells a member of a union: the field that can have one value alone.
 *
 * @param {any} schema
 * @returns {[string, string] | undefined}
 */
function tagOf(schema) {
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    const [only, ...others] = literals(/** @type {any} */ (property))
    if (typeof only === 'string' && others.length === 0) return [name, only]
  }
  return undefined
}

/** @param {any} schema @returns {string} */
function print(schema) {
  if (typeof schema !== 'object' || schema === null) return schema === false ? 'never' : 'unknown'
  if (schema.$ref) return nameOf(schema.$ref)
  const members = schema.oneOf ?? schema.anyOf ?? schema.allOf
  if (members) return join(members.map(print))
  const fixed = literals(schema)
  if (fixed.length > 0) return join(fixed.map((value) => JSON.stringify(value)))
  if (Array.isArray(schema.type))
    return join(schema.type.map((/** @type {string} */ type) => print({ ...schema, type })))
  if (schema.type === 'array') return `(${print(schema.items)})[]`.replace(/^\((\w+)\)/, '$1')
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `Record<string, ${print(schema.additionalProperties)}>`
  return schema.type ?? 'unknown'
}

/** @param {string[]} types */
const join = (types) => [...new Set(types.flatMap((type) => type.split(' | ')))].join(' | ')

/** @param {string} ref */
const nameOf = (ref) => ref.slice(ref.lastIndexOf('/') + 1)

/** @param {unknown} schema @returns {string[]} */
function refsIn(schema) {
  return [...JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => nameOf(String(ref)))
}

/**
 * @param {Record<string, any>} definitions
 * @param {Places} places
 */
function carry(definitions, { methods, carriers }) {
  for (const union of UNIONS) {
    for (const [method, params] of methods[union]) {
      const [out, back] = union.startsWith('Client') ? ['gets', 'sends'] : ['sends', 'gets']
      const result = RESULTS[method] ?? params?.replace(/Params$/, 'Response')
      if (params) spread(params, `${out} ${method}`)
      if (result && union.endsWith('Request')) spread(result, `${back} ${method}`)
    }
  }

  /** @param {string} first @param {string} carrier */
  function spread(first, carrier) {
    const open = [first]
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const known = carriers.get(name) ?? new Set()
      if (known.has(carrier) || definitions[name] === undefined) continue
      carriers.set(name, known.add(carrier))
      open.push(...refsIn(definitions[name]))
    }
  }
}
