'use strict'

// JSON Schemas as the strict mode of the API takes them. It wants every object closed and every property required,
// so an optional property becomes one that may be null, and `withoutNulls` takes those nulls out of the answer.

const { argumentError } = require('./json.js')
const { isRecord } = require('./schema.js')

/** @typedef {Record<string, unknown>} Schema */

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
/** More is an object that holds itself; the API takes ten levels of objects. */
const DEEPEST = 100

/**
 * A copy of a JSON Schema that the strict mode takes.
 *
 * @param {Schema} schema
 * @param {string} what name of the option, for errors
 * @returns {Schema}
 * @throws {TypeError} naming the place that strict mode has no way to say
 */
function strictSchema(schema, what) {
  const walk = new Walk(schema, what)
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
   */
  constructor(root, what) {
    this.root = root
    this.what = what
    this.depth = 0
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
    this.#text(node, strict)
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
   * A pattern that a format says already may be beyond the regular expressions of the API.
   * @param {Schema} node
   * @param {Schema} strict
   */
  #text({ format, pattern }, strict) {
    const isKnown = FORMATS.has(String(format))
    if (isKnown) strict.format = format
    if (pattern !== undefined && !(isKnown && String(pattern).includes('(?'))) strict.pattern = pattern
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
      return required.includes(name) || takesNull(property, this.root) ? own : orNull(own)
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
   * A schema with what its `allOf` says, where that is one thing.
   * @param {Schema} schema
   * @param {string} path
   * @returns {Schema}
   */
  #merged(schema, path) {
    const { allOf, ...rest } = schema
    if (allOf === undefined) return schema
    const part = Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : undefined
    const clash = isRecord(part) && Object.keys(part).some((keyword) => keyword in rest && !isNote(keyword))
    if (!isRecord(part) || clash || part.$ref !== undefined) {
      throw this.refusal(path, 'an intersection (`allOf`); merge its parts into one object')
    }
    return this.#merged({ ...part, ...rest }, path)
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

/** @param {string} keyword */
function isNote(keyword) {
  return keyword === 'title' || keyword === 'description'
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
 * Whether null fits a schema.
 *
 * @param {unknown} schema
 * @param {Schema} root
 */
function takesNull(schema, root) {
  return fits(null, schema, root)
}

/**
 * Whether a value has the form that a schema describes: types, constants, names. An optional property may be null.
 *
 * @param {unknown} value
 * @param {unknown} schema
 * @param {Schema} root
 * @param {Set<unknown>} seen the schemas that this value is being held against
 * @returns {boolean}
 */
function fits(value, schema, root, seen = new Set()) {
  const node = resolved(schema, root)
  if (!isRecord(node)) return node === true
  if (seen.has(node)) return false
  const around = new Set(seen).add(node)
  if (Array.isArray(node.enum) && !node.enum.includes(value)) return false
  if (node.const !== undefined && node.const !== value) return false
  const types = typesOf(node)
  const type = typeOf(value)
  const isOfType = types.includes(type) || (types.includes('integer') && Number.isInteger(value))
  if (types.length > 0 && !isOfType) return false
  if (Array.isArray(node.allOf) && !node.allOf.every((part) => fits(value, part, root, around))) return false
  if (branchesOf(node)?.some((branch) => fits(value, branch, root, around)) === false) return false
  if (Array.isArray(value)) {
    return node.items === undefined || value.every((item) => fits(item, node.items, root))
  }
  if (!isRecord(value) || !isRecord(node.properties)) return true
  const { properties } = node
  const required = requiredOf(node)
  if (!required.every((name) => Object.hasOwn(value, name))) return false
  return Object.entries(value).every(([name, item]) => {
    if (!Object.hasOwn(properties, name)) return node.allOf !== undefined
    return (item === null && !required.includes(name)) || fits(item, properties[name], root)
  })
}

/**
 * A value without the nulls that stand for properties that are not there.
 *
 * @param {unknown} value as the strict schema describes it
 * @param {unknown} schema as it was before it was made strict
 * @param {Schema} root
 * @param {Set<unknown>} seen the schemas that this value has come through
 * @returns {unknown}
 */
function withoutNulls(value, schema, root, seen = new Set()) {
  const node = resolved(schema, root)
  if (!isRecord(node) || seen.has(node)) return value
  const around = new Set(seen).add(node)
  const parts = Array.isArray(node.allOf) ? node.allOf : []
  const branch = branchesOf(node)?.find((one) => fits(value, one, root, around))
  const own = [...parts, branch].reduce((rest, part) => withoutNulls(rest, part, root, around), value)
  if (Array.isArray(own)) return own.map((item) => withoutNulls(item, node.items, root))
  if (!isRecord(own) || !isRecord(node.properties)) return own
  const { properties } = node
  const required = requiredOf(node)
  const isAbsent = (/** @type {string} */ name) =>
    own[name] === null &&
    Object.hasOwn(properties, name) &&
    !required.includes(name) &&
    !takesNull(properties[name], root)
  const present = Object.entries(own).filter(([name]) => !isAbsent(name))
  return Object.fromEntries(
    present.map(([name, item]) => [
      name,
      Object.hasOwn(properties, name) ? withoutNulls(item, properties[name], root) : item,
    ]),
  )
}

module.exports = { strictSchema, withoutNulls }
