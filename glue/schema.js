'use strict'

const { argumentError, withoutJson } = require('./json.js')

/**
 * What of https://standardschema.dev is used here.
 *
 * @typedef {{ readonly message: string, readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] }} Issue
 * @typedef {{ readonly value: unknown, readonly issues?: undefined } | { readonly issues: readonly Issue[] }} Validated
 * @typedef {{
 *   readonly vendor?: unknown,
 *   readonly validate: (value: unknown) => Validated | Promise<Validated>,
 *   readonly jsonSchema?: { readonly input?: (options: { target: string }) => unknown },
 * }} Standard
 * @typedef {{ readonly '~standard': Standard, toJSONSchema?: unknown, toJsonSchema?: unknown }} StandardSchema
 * @typedef {Record<string, unknown>} JsonSchema
 */

const DIALECT = 'draft-2020-12'

/** How to come by JSON Schema, for libraries that do not give it by themselves. */
const REMEDIES = new Map([
  ['valibot', 'wrap it with toStandardJsonSchema() of @valibot/to-json-schema'],
  ['zod', 'Zod gives it from 4.2 on'],
  ['arktype', 'ArkType gives it from 2.1.28 on'],
])
const REMEDY = 'wrap it so that `~standard.jsonSchema` is there (https://standardschema.dev/json-schema)'

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Whether a value follows Standard Schema. Some libraries make their schemas functions.
 *
 * @param {any} value
 * @returns {value is StandardSchema}
 */
function isStandardSchema(value) {
  const isHolder = typeof value === 'object' ? value !== null : typeof value === 'function'
  return isHolder && typeof value['~standard']?.validate === 'function'
}

/**
 * The JSON Schema of what a schema takes: itself, where it is one.
 *
 * @param {unknown} schema
 * @param {string} what name of the option, for errors
 * @returns {JsonSchema}
 */
function jsonSchemaOf(schema, what) {
  if (!isStandardSchema(schema)) {
    if (isRecord(schema) && withoutJson(schema) === undefined) return schema
    throw argumentError(
      `${what}: must be a JSON Schema, which is an object, or a Standard Schema (Zod, Valibot, ArkType, ...)`,
    )
  }
  const give = giver(schema)
  if (give === undefined) {
    const { vendor } = schema['~standard']
    const remedy = REMEDIES.get(String(vendor)) ?? REMEDY
    throw argumentError(`${what}: this schema of ${vendor} gives no JSON Schema; ${remedy}`)
  }
  let json
  try {
    json = give()
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw argumentError(`${what}: it can't be said in JSON Schema: ${why}`)
  }
  if (!isRecord(json)) throw argumentError(`${what}: it gives no JSON Schema, but ${JSON.stringify(json)}`)
  return json
}

/**
 * @param {StandardSchema} schema
 * @returns {(() => unknown) | undefined}
 */
function giver(schema) {
  const { jsonSchema } = schema['~standard']
  if (typeof jsonSchema?.input === 'function') return () => jsonSchema.input?.({ target: DIALECT })
  // What libraries had before there was a common way.
  const { toJSONSchema, toJsonSchema } = schema
  if (typeof toJSONSchema === 'function') return () => toJSONSchema.call(schema, { io: 'input' })
  if (typeof toJsonSchema === 'function') return () => toJsonSchema.call(schema)
  return undefined
}

/**
 * A path within a value, such as `lines[0].price`; empty for the value itself.
 * @param {Issue['path']} path
 */
function pathOf(path = []) {
  let text = ''
  for (const segment of path) {
    const key = typeof segment === 'object' ? segment.key : segment
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}

/**
 * An issue in words.
 * @param {Issue} issue
 */
function issueText({ message, path }) {
  const place = pathOf(path)
  return place === '' ? message : `${place}: ${message}`
}

module.exports = { isRecord, isStandardSchema, jsonSchemaOf, issueText }
