import { isDeepStrictEqual } from 'node:util'

/** @typedef {import('json-schema-to-typescript').JSONSchema} Schema */
/** @typedef {Record<string, Schema>} Definitions */

// What a type cannot say, or what would name a second copy of a type.
const DROPPED = new Set(['$schema', 'title', 'description', 'default', 'format', 'minimum', 'minLength'])

// A type of these names is a whole message: without properties it is empty, where any other object is open.
const MESSAGE = /(?:Params|Response|Notification)$/

// Maps whose entries the schema leaves out (generate-ts prints them): it defines the type and never refers to it.
const LOST_ENTRIES = {
  AppLinksConfig: 'AppLinkConfig',
  AppToolsConfig: 'AppToolConfig',
  AppsConfig: 'AppConfig',
}

/**
 * The definitions of the schema bundle, root and v2 in one flat space.
 *
 * @param {any} bundle
 * @returns {Definitions}
 */
export function flattenDefinitions(bundle) {
  const { v2, ...root } = bundle.definitions
  /** @type {Definitions} */
  const flat = {}
  for (const [name, schema] of [...Object.entries(root), ...Object.entries(v2)]) {
    const simple = simplify(schema, MESSAGE.test(name))
    if (flat[name] && !isDeepStrictEqual(flat[name], simple)) {
      throw new Error(`the definition ${name} differs between the root and v2: give one of them another name`)
    }
    flat[name] = simple
  }
  for (const [map, entry] of Object.entries(LOST_ENTRIES)) {
    const open = bundle.definitions.v2[map]?.additionalProperties === undefined
    if (!flat[map] || !flat[entry] || !open)
      throw new Error(`${map} changed: see whether it still needs its entries`)
    flat[map] = { ...flat[map], additionalProperties: { $ref: `#/definitions/${entry}` } }
  }
  return flat
}

/**
 * A schema of the same values in the few forms that come out as a plain type.
 *
 * @param {any} schema
 * @param {boolean} [isMessage]
 * @returns {any}
 */
function simplify(schema, isMessage = false) {
  if (typeof schema === 'boolean') return schema
  const kept = Object.fromEntries(Object.entries(schema).filter(([key]) => !DROPPED.has(key)))
  // Both say anything, but an empty schema would come out as an object.
  if (Object.keys(kept).length === 0) return true
  if (kept.$ref) return { $ref: kept.$ref.replace('/v2/', '/') }
  // A $ref cannot have siblings, so a described one comes as the only member of an allOf.
  if (kept.allOf?.length === 1 && Object.keys(kept).length === 1) return simplify(kept.allOf[0])
  if (kept.allOf) throw new Error(`an intersection is not handled: ${JSON.stringify(schema)}`)

  const members = kept.oneOf ?? kept.anyOf
  if (members) return { anyOf: simplifyUnion(kept, members) }
  if (Array.isArray(kept.type) && kept.type.includes('object')) {
    return { anyOf: kept.type.map((type) => (type === 'object' ? simplify({ ...kept, type }) : { type })) }
  }
  if (kept.items) kept.items = simplify(kept.items)
  if (kept.type === 'object') return simplifyObject(kept, isMessage)
  return kept
}

/**
 * @param {any} parent
 * @param {any[]} members
 */
function simplifyUnion(parent, members) {
  const { oneOf, anyOf, ...shared } = parent
  if (oneOf && anyOf) throw new Error(`two unions in one schema: ${JSON.stringify(parent)}`)
  // Properties beside the union belong to every member, and only in there does the discriminant narrow them.
  const spread = shared.properties ? members.map((member) => merge(shared, member)) : members
  const simple = spread.map((member) => simplify(member)).flatMap((member) => member.anyOf ?? [member])
  // A plain string swallows the literals beside it, and with them the editor's completion.
  const hasLiterals = simple.some((member) => member.enum)
  return simple.map((member) =>
    hasLiterals && member.type === 'string' && !member.enum ? { tsType: '(string & {})' } : member,
  )
}

/**
 * @param {any} shared
 * @param {any} member
 */
function merge(shared, member) {
  if (member.$ref || member.type !== 'object') {
    throw new Error(`a union member that cannot take the shared properties: ${JSON.stringify(member)}`)
  }
  return {
    ...member,
    properties: { ...shared.properties, ...member.properties },
    required: [...new Set([...(shared.required ?? []), ...(member.required ?? [])])],
  }
}

/**
 * @param {any} schema
 * @param {boolean} isMessage
 */
function simplifyObject(schema, isMessage) {
  if (!schema.properties && schema.additionalProperties === undefined) {
    // An empty interface would take every value, even a string.
    return isMessage ? { tsType: 'Record<string, never>' } : { type: 'object', additionalProperties: true }
  }
  const properties = Object.entries(schema.properties ?? {}).map(([name, value]) => [name, simplify(value)])
  return {
    ...schema,
    properties: Object.fromEntries(properties),
    additionalProperties:
      typeof schema.additionalProperties === 'object'
        ? simplify(schema.additionalProperties)
        : (schema.additionalProperties ?? false),
  }
}
