'use strict'

// How a JSON Schema is read: what its references lead to, what its `allOf` comes to, which types it names.

const { isRecord } = require('./schema.js')

/** @typedef {Record<PropertyKey, unknown>} Schema */

/** Where a merged schema keeps its patterns when it has several. */
const PATTERNS = Symbol('patterns')

/** The larger of two bounds is the one that counts; of the others the smaller. */
const LOWER = new Set(['minLength', 'minimum', 'exclusiveMinimum', 'minItems'])
const UPPER = new Set(['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems'])
/** What says nothing about values: the first one stays. */
const NOTES = new Set(
  'title description default examples deprecated readOnly writeOnly $comment $schema $id'.split(' '),
)

/** Parts of an intersection that can't be said as one schema. */
class Clash extends Error {}

/**
 * What a reference leads to, through others if need be; a schema that is none leads to itself.
 *
 * @param {unknown} schema
 * @param {Schema} root
 * @returns {unknown} undefined where there is nothing
 */
function resolved(schema, root) {
  let node = schema
  for (const seen = new Set(); isRecord(node) && node.$ref !== undefined; ) {
    if (seen.has(node)) return undefined
    seen.add(node)
    node = target(node.$ref, root)
  }
  return node
}

/**
 * @param {unknown} reference
 * @param {Schema} root
 */
function target(reference, root) {
  if (reference === '#') return root
  const [, place, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(reference)) ?? []
  if (place === undefined || name === undefined) return undefined
  const definitions = root[place]
  const key = decoded(name).replaceAll('~1', '/').replaceAll('~0', '~')
  return isRecord(definitions) && Object.hasOwn(definitions, key) ? definitions[key] : undefined
}

/** @param {string} name as it stands in a URI */
function decoded(name) {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/**
 * A schema with what its `allOf` says as keywords of its own.
 *
 * @param {Schema} schema
 * @param {Schema} root
 * @returns {Schema}
 * @throws {Clash} where no single schema says the same
 */
function merged(schema, root) {
  if (schema.allOf === undefined) return schema
  return parts(schema, root, new Set()).reduce(both, {})
}

/**
 * What an intersection is of; its parts may be intersections themselves.
 *
 * @param {Schema} schema
 * @param {Schema} root
 * @param {Set<unknown>} around what this is a part of
 * @returns {Schema[]}
 */
function parts(schema, root, around) {
  const { allOf, ...rest } = schema
  if (allOf === undefined) return [schema]
  if (!Array.isArray(allOf) || around.has(schema)) throw new Clash()
  const within = new Set(around).add(schema)
  const others = allOf.map((part) => resolved(part, root))
  return [
    rest,
    ...others.flatMap((part) => {
      if (!isRecord(part)) throw new Clash()
      return parts(part, root, within)
    }),
  ]
}

/**
 * @param {Schema} a
 * @param {Schema} b
 * @returns {Schema}
 */
function both(a, b) {
  const [united, other] = branchesOf(a) === undefined ? [b, a] : [a, b]
  const branches = branchesOf(united)
  if (branches !== undefined && Object.keys(other).some((keyword) => !NOTES.has(keyword))) {
    if (branchesOf(other) !== undefined) throw new Clash()
    // Each branch with all that stands beside the union.
    const { anyOf, oneOf, ...beside } = united
    return { anyOf: branches.map((branch) => ({ allOf: [beside, other, branch] })) }
  }
  /** @type {Schema} */
  const node = { ...a }
  for (const [keyword, value] of Object.entries(b)) {
    node[keyword] = Object.hasOwn(a, keyword) ? intersection(keyword, a[keyword], value) : value
  }
  const patterns = [...patternsOf(a), ...patternsOf(b)]
  if (patterns.length > 0) node[PATTERNS] = [...new Set(patterns)]
  closed(a, b)
  closed(b, a)
  return node
}

/**
 * Refuses a closed object that the other part adds to: nothing could be both.
 * @param {Schema} one
 * @param {Schema} other
 */
function closed(one, other) {
  if (one.additionalProperties !== false || !isRecord(other.properties)) return
  const { properties } = one
  const isKnown = (/** @type {string} */ name) => isRecord(properties) && Object.hasOwn(properties, name)
  if (!Object.keys(other.properties).every(isKnown)) throw new Clash()
}

/**
 * What two values of one keyword come to.
 *
 * @param {string} keyword
 * @param {any} a
 * @param {any} b
 */
function intersection(keyword, a, b) {
  if (NOTES.has(keyword) || keyword === 'pattern' || Object.is(a, b)) return a
  if (LOWER.has(keyword)) return Math.max(a, b)
  if (UPPER.has(keyword)) return Math.min(a, b)
  if (keyword === 'required') return [...new Set([...a, ...b])]
  if (keyword === 'items') return { allOf: [a, b] }
  if (keyword === 'properties') {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
    const of = (/** @type {string} */ name) =>
      Object.hasOwn(a, name) && Object.hasOwn(b, name)
        ? { allOf: [a[name], b[name]] }
        : Object.hasOwn(a, name)
          ? a[name]
          : b[name]
    return Object.fromEntries(names.map((name) => [name, of(name)]))
  }
  if (keyword === 'type' || keyword === 'enum') {
    const these = [a].flat()
    const those = [b].flat()
    const left =
      keyword === 'type' ? commonTypes(these, those) : these.filter((value) => those.includes(value))
    if (left.length > 0) return keyword === 'type' && left.length === 1 ? left[0] : left
  }
  if (keyword === 'additionalProperties' && (a === false || b === false)) return false
  if (JSON.stringify(a) === JSON.stringify(b)) return a
  throw new Clash()
}

/** @param {unknown[]} a @param {unknown[]} b */
function commonTypes(a, b) {
  const takes = (/** @type {unknown[]} */ types, /** @type {unknown} */ type) =>
    types.includes(type) || (type === 'integer' && types.includes('number'))
  return [...new Set([...a, ...b])].filter((type) => takes(a, type) && takes(b, type))
}

/**
 * The regular expressions that a text has to match.
 * @param {Schema} node
 * @returns {string[]}
 */
function patternsOf(node) {
  const several = node[PATTERNS]
  if (Array.isArray(several)) return several
  return node.pattern === undefined ? [] : [String(node.pattern)]
}

/**
 * The types that a schema names or that its keywords stand for; none where a union says it.
 * @param {Schema} node
 * @returns {string[]}
 */
function typesOf(node) {
  if (typeof node.type === 'string') return [node.type]
  if (Array.isArray(node.type)) return node.type.map(String)
  if (Array.isArray(node.enum)) return [...new Set(node.enum.map(typeOf))]
  if (node.const !== undefined) return [typeOf(node.const)]
  if (branchesOf(node) !== undefined) return []
  if (node.properties !== undefined || node.additionalProperties !== undefined) return ['object']
  return node.items === undefined ? [] : ['array']
}

/**
 * The type of a JSON value.
 * @param {unknown} value
 */
function typeOf(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value
}

/**
 * The branches of a union. Strict mode has no `oneOf`; as the model writes a value by one branch, `anyOf` says the same.
 * @param {Schema} node
 * @returns {unknown[] | undefined}
 */
function branchesOf({ anyOf, oneOf }) {
  if (Array.isArray(anyOf)) return anyOf
  return Array.isArray(oneOf) ? oneOf : undefined
}

/**
 * @param {Schema} node
 * @returns {string[]}
 */
function requiredOf({ required }) {
  return Array.isArray(required) ? required.map(String) : []
}

module.exports = { Clash, resolved, merged, patternsOf, typesOf, typeOf, branchesOf, requiredOf }
