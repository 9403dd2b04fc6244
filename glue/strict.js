'use strict'

// JSON Schemas as the strict mode of the API takes them. It wants every object closed and every property required,
// so an optional property becomes one that may be null; answer.js takes those nulls out of the answer.

const { Answer } = require('./answer.js')
const { argumentError } = require('./json.js')
const { Clash, branchesOf, merged, patternsOf, requiredOf, resolved, typesOf } = require('./references.js')
const { isRecord } = require('./schema.js')

/** @typedef {import('./references.js').Schema} Schema */

/** Keywords that are sent as they are. The others are walked, refused, or say nothing about values. */
const KEPT = [
  'title',
  'description',
  'enum',
  'const',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
]
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'])
/** Other formats are an error there; by JSON Schema a format binds nobody. */
const FORMATS = new Set('date-time time date duration email hostname ipv4 ipv6 uuid'.split(' '))

const OPEN = 'an open record; list its properties, or use an array of objects with a key and a value'
const TUPLE = 'a tuple; use an object with a property for each place'
/** What strict mode has no way to say, and what to do instead. @type {Record<string, string>} */
const REFUSED = {
  patternProperties: OPEN,
  propertyNames: OPEN,
  unevaluatedProperties: OPEN,
  minProperties: OPEN,
  maxProperties: OPEN,
  prefixItems: TUPLE,
  additionalItems: TUPLE,
  unevaluatedItems: TUPLE,
  contains: 'an array that must contain something; only `items`, `minItems` and `maxItems` are taken',
  uniqueItems: 'an array of unique items; only `items`, `minItems` and `maxItems` are taken',
  not: 'a negation',
  if: 'a condition; use `anyOf`',
  dependencies: 'a dependency; use `anyOf`',
  dependentRequired: 'a dependency; use `anyOf`',
  dependentSchemas: 'a dependency; use `anyOf`',
  $dynamicRef: 'a dynamic reference',
  $recursiveRef: 'a dynamic reference',
}
/** What looks around or refers back: the regular expressions of the API can do neither. */
const BEYOND = /\(\?<?[=!]|\\[1-9]|\\k</
/** More is an object that holds itself; the API takes ten levels of objects. */
const DEEPEST = 100

/**
 * A copy of a JSON Schema that the strict mode takes.
 *
 * @param {Schema} schema
 * @param {string} what name of the option, for errors
 * @param {{ checked?: boolean }} [options] `checked`: the answer is validated here as well, so that a constraint of
 *   texts that the API has no way to say may be left out
 * @returns {Schema}
 * @throws {TypeError} naming the place that strict mode has no way to say
 */
function strictSchema(schema, what, { checked = false } = {}) {
  const walk = new Walk(schema, what, checked)
  const root = walk.followed(schema, '')
  const types = typesOf(root)
  if (types.length !== 1 || types[0] !== 'object' || root.anyOf !== undefined || root.oneOf !== undefined) {
    throw argumentError(
      `${what}: must describe an object, no other type and no union; make it a property of an object`,
    )
  }
  const strict = walk.node(root, '')
  for (const place of ['$defs', 'definitions']) {
    const definitions = schema[place]
    if (!isRecord(definitions)) continue
    strict[place] = mapped(definitions, (definition, name) => walk.node(definition, `${place}.${name}`))
  }
  return strict
}

class Walk {
  /**
   * @param {Schema} root
   * @param {string} what
   * @param {boolean} checked
   */
  constructor(root, what, checked) {
    this.root = root
    this.what = what
    this.checked = checked
    this.depth = 0
    this.answer = new Answer(root)
  }

  /**
   * @param {unknown} schema
   * @param {string} path within the value
   * @returns {Schema}
   */
  node(schema, path) {
    if (this.depth === DEEPEST) throw this.refusal(path, 'nested too deep, or holds itself; use `$ref`')
    this.depth += 1
    try {
      return this.#node(schema, path)
    } finally {
      this.depth -= 1
    }
  }

  /**
   * @param {unknown} schema
   * @param {string} path
   */
  #node(schema, path) {
    if (!isRecord(schema)) throw this.refusal(path, takenBy(schema))
    if (schema.$ref !== undefined) return this.#reference(schema, path)
    const node = this.#merged(schema, path)
    const refused = Object.keys(REFUSED).find((keyword) => node[keyword] !== undefined)
    if (refused !== undefined) throw this.refusal(path, `${REFUSED[refused]} (\`${refused}\`)`)

    /** @type {Schema} */
    const strict = {}
    const types = typesOf(node)
    const unknown = types.find((type) => !TYPES.has(type))
    if (unknown !== undefined) throw this.refusal(path, `of the type ${unknown}, which JSON does not have`)
    if (types.length > 0) strict.type = types.length === 1 ? types[0] : types
    for (const keyword of KEPT) if (node[keyword] !== undefined) strict[keyword] = node[keyword]
    this.#text(node, strict, path)
    const branches = branchesOf(node)
    if (branches !== undefined) {
      const beside = ['properties', 'items'].find((keyword) => node[keyword] !== undefined)
      if (beside !== undefined || (node.anyOf !== undefined && node.oneOf !== undefined)) {
        throw this.refusal(path, 'a union and something else at once; say all of it in each branch')
      }
      strict.anyOf = branches.map((branch, index) => this.node(branch, `${path}<${index}>`))
    } else if (types.length === 0) {
      throw this.refusal(path, 'of any type; say which (`type`, `enum`, `const` or `anyOf`)')
    }
    if (types.includes('object')) this.#object(node, strict, path)
    if (types.includes('array')) strict.items = this.node(node.items, `${path}[]`)
    return strict
  }

  /**
   * @param {Schema} node
   * @param {Schema} strict
   * @param {string} path
   */
  #text(node, strict, path) {
    const { format } = node
    const isKnown = FORMATS.has(String(format))
    if (isKnown) strict.format = format
    // What a format says already may be beyond the regular expressions of the API.
    const patterns = patternsOf(node).filter((pattern) => !(isKnown && pattern.includes('(?')))
    const sayable = patterns.filter((pattern) => !beyond(pattern))
    if (!this.checked && sayable.length < patterns.length) {
      const given = JSON.stringify(patterns.find(beyond))
      throw this.refusal(path, `a text with a pattern that looks around or refers back (${given})`)
    }
    if (!this.checked && sayable.length > 1) {
      throw this.refusal(path, 'a text with several patterns; put them into one')
    }
    if (sayable.length > 0) strict.pattern = sayable[0]
  }

  /**
   * @param {Schema} node
   * @param {Schema} strict
   * @param {string} path
   */
  #object(node, strict, path) {
    const { properties, additionalProperties } = node
    const isOpen = additionalProperties !== undefined && additionalProperties !== false
    // Without properties it is what any object fits.
    if (isOpen || (properties === undefined && additionalProperties === undefined)) {
      throw this.refusal(path, `${OPEN} (\`additionalProperties\`)`)
    }
    const known = isRecord(properties) ? properties : {}
    const required = requiredOf(node)
    const missing = required.find((name) => !Object.hasOwn(known, name))
    if (missing !== undefined) {
      throw this.refusal(path, `an object that requires \`${missing}\`, which is not among its properties`)
    }
    strict.properties = mapped(known, (property, name) => {
      const own = this.node(property, path === '' ? name : `${path}.${name}`)
      return required.includes(name) || this.answer.fits(null, property) ? own : orNull(own)
    })
    strict.required = Object.keys(known)
    strict.additionalProperties = false
  }

  /**
   * A reference may stand beside nothing else there.
   * @param {Schema} schema
   * @param {string} path
   */
  #reference(schema, path) {
    this.followed(schema, path)
    const { $ref, title, description, ...rest } = schema
    const beside = [...KEPT, 'type', 'pattern', 'properties', 'items', 'anyOf', 'oneOf', 'allOf']
    const constraint = beside.find((keyword) => rest[keyword] !== undefined)
    if (constraint !== undefined) {
      throw this.refusal(path, `a \`$ref\` with \`${constraint}\` beside it; put both in one definition`)
    }
    if (title === undefined && description === undefined) return { $ref }
    return defined({ title, description, anyOf: [{ $ref }] })
  }

  /**
   * What a schema refers to, or itself.
   * @param {Schema} schema
   * @param {string} path
   */
  followed(schema, path) {
    const target = resolved(schema, this.root)
    if (isRecord(target)) return target
    throw this.refusal(
      path,
      `a reference to ${JSON.stringify(schema.$ref)}, which is not there; only \`#\`, \`#/$defs/...\` and \`#/definitions/...\` are taken`,
    )
  }

  /**
   * A schema with what its `allOf` says.
   * @param {Schema} schema
   * @param {string} path
   * @returns {Schema}
   */
  #merged(schema, path) {
    try {
      return merged(schema, this.root)
    } catch (error) {
      if (!(error instanceof Clash)) throw error
      throw this.refusal(path, 'an intersection (`allOf`) whose parts do not come to one; merge them')
    }
  }

  /**
   * @param {string} path
   * @param {string} is what it is
   */
  refusal(path, is) {
    const place = path === '' ? 'it' : path
    return argumentError(`${this.what}: ${place} is ${is}: the strict mode of the API has no way to say that`)
  }
}

/**
 * What a schema that is no object takes.
 * @param {unknown} schema
 */
function takenBy(schema) {
  if (schema === false) return 'never (`false`)'
  if (schema === true || schema === undefined) return 'of any type; say which'
  return `${JSON.stringify(schema)}, which is no JSON Schema`
}

/**
 * Whether a regular expression is beyond those of the API.
 * @param {string} pattern
 */
function beyond(pattern) {
  // In a class, and behind a backslash, the signs stand for themselves.
  return BEYOND.test(pattern.replaceAll(/\\[^1-9k]/g, '').replaceAll(/\[[^\]]*\]/g, ''))
}

/**
 * @param {Record<string, unknown>} record
 * @param {(value: unknown, name: string) => unknown} map
 * @returns {Record<string, unknown>}
 */
function mapped(record, map) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]))
}

/**
 * @param {Schema} schema
 * @returns {Schema} without what is undefined
 */
function defined(schema) {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined))
}

/**
 * @param {Schema} strict
 * @returns {Schema}
 */
function orNull(strict) {
  const { anyOf, ...rest } = strict
  const own = Array.isArray(anyOf) && strict.type === undefined ? anyOf : undefined
  return own === undefined
    ? { anyOf: [strict, { type: 'null' }] }
    : { ...rest, anyOf: [...own, { type: 'null' }] }
}

module.exports = { strictSchema }
