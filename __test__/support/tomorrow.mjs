// Messages as codex may send them tomorrow: generated from its schema, after that was changed in one way.

import { generateSync } from 'json-schema-faker'
import { printProtocol } from '../../scripts/protocol/codex.mjs'
import { RESULTS } from '../../scripts/protocol/methods.mjs'
import { codexExecutable } from './codex.mjs'

/** @typedef {Record<string, any>} Schema */
/** @typedef {{ kind: string, seed: number, value: any }} Sample */

const NEW = 'ofTomorrow'
/** What no number of JavaScript can be is written between these, and they are taken out of the line. */
const RAW = { begin: '<raw ', end: ' raw>' }
const BOUNDS = [
  ...[0, -1, 1, 255, 4_294_967_296, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  ...[
    '9223372036854775807',
    '-9223372036854775808',
    '18446744073709551616',
    '-0',
    '1e308',
    '5e-324',
    '1E+2',
    '0.1',
  ].map((text) => `${RAW.begin}${text}${RAW.end}`),
]
const TEXTS = [
  '',
  '\0',
  '\ud800',
  '\udc00x',
  '\u2028\u2029',
  '"\\/\b\f\n\r\t',
  '😀 é ﷽',
  '__proto__',
  'x'.repeat(300),
]

const string = { type: 'string' }
const anything = { enum: [null, true, 1, 'text', [1, [null]], { a: { b: [] } }] }

/**
 * How a schema is changed: `change` gets each schema within, its own parts already changed, and `optional` what a field is
 * that may be left out.
 *
 * @type {Record<string, { optionals: number, seeds: number, change?: (schema: Schema) => Schema, optional?: (schema: Schema) => Schema }>}
 */
const KINDS = {
  'every optional field left out': { optionals: 0, seeds: 2 },
  'every field there': { optionals: 1, seeds: 3 },
  'every optional field null': { optionals: 1, seeds: 2, optional: () => ({ type: 'null' }) },
  'unknown enum values': {
    optionals: 1,
    seeds: 2,
    change: (schema) => (isWords(schema) ? { enum: [NEW] } : schema),
  },
  'unknown fields': {
    optionals: 0.5,
    seeds: 2,
    change: (schema) =>
      schema.properties === undefined
        ? schema
        : {
            ...schema,
            properties: { ...schema.properties, [NEW]: anything, __proto: anything, '': anything },
            required: [...(schema.required ?? []), NEW, '__proto', ''],
          },
  },
  'unknown types of items and of all that comes in variants': {
    optionals: 1,
    seeds: 2,
    change: (schema) => {
      const tag = tagOf(schema)
      if (tag === undefined) return schema
      return {
        type: 'object',
        properties: { [tag]: { enum: [NEW] }, id: string, text: string },
        required: [tag],
      }
    },
  },
  'numbers at their bounds': {
    optionals: 1,
    seeds: 4,
    change: (schema) => (isNumber(schema) ? { enum: BOUNDS } : schema),
  },
  'texts of all kinds': {
    optionals: 1,
    seeds: 3,
    change: (schema) => (schema.type === 'string' && schema.enum === undefined ? { enum: TEXTS } : schema),
  },
  'all of it mixed': {
    optionals: 0.5,
    seeds: 4,
    optional: (schema) => ({ anyOf: [schema, { type: 'null' }] }),
    change: (schema) => {
      if (isWords(schema)) return { enum: [...schema.enum, NEW] }
      if (isNumber(schema)) return { enum: BOUNDS }
      return schema
    },
  },
}

/** @param {Schema} schema */
const isWords = (schema) =>
  Array.isArray(schema.enum) && schema.enum.every((/** @type {unknown} */ one) => typeof one === 'string')

/** @param {Schema} schema */
const isNumber = ({ type }) => type === 'integer' || type === 'number'

/** @param {Schema} schema @returns {string | undefined} the field that tells the variants apart */
function tagOf(schema) {
  const members = schema.oneOf ?? schema.anyOf ?? []
  const tags = members.map((/** @type {Schema} */ { properties = {} }) =>
    Object.keys(properties).find((name) => isWords(properties[name]) && properties[name].enum.length === 1),
  )
  return members.length > 0 && tags.every(Boolean) ? tags[0] : undefined
}

/** The protocol of the codex that the tests run on. */
export async function tomorrow() {
  const { schema } = await printProtocol(codexExecutable())
  const { v2 = {}, ...root } = schema.definitions
  const definitions = JSON.parse(
    JSON.stringify({ ...root, ...v2 }).replaceAll('#/definitions/v2/', '#/definitions/'),
  )
  const changed = Object.entries(KINDS).map(([kind, { optionals, seeds, change, optional }]) => ({
    kind,
    optionals,
    seeds,
    definitions: Object.fromEntries(
      Object.entries(definitions).map(([name, one]) => [name, changedBy(one, change, optional)]),
    ),
  }))
  /**
   * @param {string} union
   * @returns {{ method: string, params: string | undefined, result: string | undefined }[]}
   */
  const methods = (union) => {
    const members = definitions[union].oneOf ?? definitions[union].anyOf ?? [definitions[union]]
    return members.map((/** @type {Schema} */ { properties }) => {
      const method = properties.method.enum[0]
      const params = /\/(\w+)"/.exec(JSON.stringify(properties.params ?? null))?.[1]
      const result = RESULTS[method] ?? params?.replace(/Params$/, 'Response')
      return { method, params, result: result && definitions[result] ? result : undefined }
    })
  }
  return {
    notifications: methods('ServerNotification'),
    serverRequests: methods('ServerRequest'),
    clientRequests: methods('ClientRequest'),
    /** @param {string} method */
    resultOf: (method) => methods('ClientRequest').find((one) => one.method === method)?.result,
    /** @param {string | undefined} type @param {number} [most] the length of its lists @returns {Sample[]} */
    samples: (type, most = 2) =>
      changed.flatMap(({ kind, optionals, seeds, definitions }) =>
        narrowed(definitions, type).flatMap((definitions) =>
          Array.from({ length: seeds }, (_, seed) => ({
            kind,
            seed,
            value: generateSync(
              { $ref: `#/definitions/${type}`, definitions },
              {
                seed: seed + 1,
                ...(optionals === 1 ? { alwaysFakeOptionals: true } : { optionalsProbability: optionals }),
                refDepthMax: 4,
                maxItems: most,
                maxDepth: 12,
              },
            ),
          })),
        ),
      ),
  }
}

/**
 * The definitions, once for each variant of what a type has in variants, as its `item` is.
 *
 * @param {Schema} definitions
 * @param {string | undefined} type
 * @returns {Schema[]}
 */
function narrowed(definitions, type) {
  if (type === undefined) return []
  for (const property of Object.values(definitions[type]?.properties ?? {})) {
    const name = /^\{"\$ref":"#\/definitions\/(\w+)"\}$/.exec(JSON.stringify(property))?.[1]
    const members =
      name && tagOf(definitions[name]) ? (definitions[name].oneOf ?? definitions[name].anyOf) : []
    if (members.length > 1)
      return members.map((/** @type {Schema} */ member) => ({ ...definitions, [String(name)]: member }))
  }
  return [definitions]
}

/**
 * @param {any} schema
 * @param {((schema: Schema) => Schema) | undefined} change
 * @param {((schema: Schema) => Schema) | undefined} optional
 * @returns {any}
 */
function changedBy(schema, change, optional) {
  if (Array.isArray(schema)) return schema.map((one) => changedBy(one, change, optional))
  if (typeof schema !== 'object' || schema === null) return schema
  /** @type {Schema} */
  const inner = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key !== 'properties') {
      inner[key] = key === 'enum' || key === 'required' ? value : changedBy(value, change, optional)
      continue
    }
    inner.properties = {}
    for (const [name, property] of Object.entries(/** @type {Schema} */ (value))) {
      // A tag is told from an enum by the union around it.
      const isTag = isWords(property) && property.enum.length === 1
      const one = isTag ? property : changedBy(property, change, optional)
      const open = optional !== undefined && !schema.required?.includes(name)
      inner.properties[name] = open ? optional(one) : one
    }
  }
  // The generator makes up fields of an object that has none.
  if (inner.type === 'object' && !inner.properties && !inner.additionalProperties) {
    Object.assign(inner, { properties: {}, additionalProperties: false })
  }
  return change === undefined ? inner : change(inner)
}

/**
 * A message as a line: with what JSON can say and JavaScript cannot.
 *
 * @param {unknown} message
 */
export function lineOf(message) {
  return JSON.stringify(message)
    .replaceAll(/"<raw (.*?) raw>"/g, '$1')
    .replaceAll('"__proto":', '"__proto__":')
}
