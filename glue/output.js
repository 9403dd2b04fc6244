'use strict'

const { untilAborted } = require('./abort.js')
const { classes, messageOf } = require('./errors.js')
const { isStandardSchema, issueText, jsonSchemaOf } = require('./schema.js')
const { Answer } = require('./answer.js')
const { strictSchema } = require('./strict.js')

/**
 * How the final message of a turn is read: by the JSON Schema that the user's schema gave, and by the schema itself
 * where it validates.
 *
 * @typedef {{ shape: Record<string, unknown>, standard?: import('./schema.js').StandardSchema }} Output
 * @typedef {{ status: string, finalResponse: string | null, parsed?: unknown }} TurnResult
 */

/**
 * What turns were asked for.
 * @type {WeakMap<object, Output>}
 */
const outputs = new WeakMap()

/** How many issues an error tells in its message. */
const TOLD = 3

/**
 * Takes the schema of the final message out of options, and leaves what goes to the server.
 *
 * @param {Record<string, unknown>} options
 * @param {string} what
 * @returns {{ rest: Record<string, unknown>, output?: Output }}
 */
function takeOutput(options, what) {
  const schema = options.outputSchema
  if (schema === undefined) return { rest: options }
  const name = `${what}.outputSchema`
  const shape = jsonSchemaOf(schema, name)
  const standard = isStandardSchema(schema) ? schema : undefined
  const rest = { ...options, outputSchema: strictSchema(shape, name, { checked: standard !== undefined }) }
  return { rest, output: standard === undefined ? { shape } : { shape, standard } }
}

/**
 * A result with its message parsed, or a turn that will give one.
 *
 * @param {Promise<any>} promise of a result or a turn
 * @param {Output} output
 * @param {AbortSignal | null | undefined} signal
 */
async function withOutput(promise, output, signal) {
  const value = await promise
  if (!isTurn(value)) return parsed(value, output, signal)
  outputs.set(value, output)
  return value
}

/**
 * The same for the result of a turn.
 *
 * @param {Promise<any>} promise
 * @param {object} turn
 * @param {AbortSignal | null | undefined} signal
 */
function withOutputOf(promise, turn, signal) {
  const output = outputs.get(turn)
  return output === undefined ? promise : withOutput(promise, output, signal)
}

/** @param {any} value */
function isTurn(value) {
  return typeof value?.steer === 'function'
}

/**
 * @param {TurnResult} result
 * @param {Output} output
 * @param {AbortSignal | null | undefined} signal
 */
async function parsed(result, output, signal) {
  // An interrupted turn has said nothing final.
  if (result.status !== 'completed' || result.finalResponse === null) return result
  return Object.assign(result, { parsed: await readOutput(result, output, signal) })
}

/**
 * JSON, alone or in the one code fence of a text.
 * @param {string} text
 */
function parseJson(text) {
  try {
    return JSON.parse(text)
  } catch (error) {
    const fences = [...text.matchAll(/^[ \t]*```[\w-]*[ \t]*\r?\n([\s\S]*?)\r?\n[ \t]*```[ \t]*$/gm)]
    if (fences.length !== 1) throw error
    return JSON.parse(/** @type {string} */ (fences[0]?.[1]))
  }
}

/**
 * What the final message is, read by the schema.
 *
 * @param {{ finalResponse: string | null }} result
 * @param {Output} output
 * @param {AbortSignal | null | undefined} signal
 * @returns {Promise<unknown>}
 */
async function readOutput(result, { shape, standard }, signal) {
  const text = /** @type {string} */ (result.finalResponse)
  const answer = new Answer(shape)
  let written
  try {
    written = parseJson(text)
  } catch (error) {
    throw invalid(result, [{ message: `it is no JSON: ${messageOf(error)}` }], error)
  }
  const read = () => {
    try {
      return answer.read(written)
    } catch (error) {
      // The stack has an end, which an answer may be nested beyond.
      throw invalid(result, [{ message: `it can't be read: ${messageOf(error)}` }], error)
    }
  }
  const value = read()
  if (standard === undefined) return value
  // A validation may be waiting for something itself.
  const aborted = () => {
    const fields = { code: 'ABORT_ERR', retryable: false, result }
    return new classes.AbortError('aborted while the output was being validated', fields)
  }
  const judge = (/** @type {unknown} */ one) => untilAborted(validate(standard, one, result), signal, aborted)
  const first = await judge(value)
  // Several branches of a union may have the form of the answer; which it is, the schema knows.
  for (let validated = first; ; validated = await judge(read())) {
    if (validated.issues === undefined) return validated.value
    if (!answer.tryAnother(validated.issues)) throw invalid(result, first.issues ?? [])
  }
}

/**
 * @param {import('./schema.js').StandardSchema} schema
 * @param {unknown} value
 * @param {{ finalResponse: string | null }} result
 */
async function validate(schema, value, result) {
  try {
    return await schema['~standard'].validate(value)
  } catch (error) {
    throw invalid(result, [{ message: `the schema failed: ${messageOf(error)}` }], error)
  }
}

/**
 * @param {{ finalResponse: string | null }} result
 * @param {readonly import('./schema.js').Issue[]} issues
 * @param {unknown} [cause]
 */
function invalid(result, issues, cause) {
  const told = issues.slice(0, TOLD).map(issueText)
  if (issues.length > TOLD) told.push(`and ${issues.length - TOLD} more`)
  const message = `the final message does not fit outputSchema: ${told.join('; ')}`
  const text = result.finalResponse
  return new classes.OutputValidationError(message, {
    code: 'OUTPUT_VALIDATION',
    retryable: false,
    text,
    issues,
    result,
    ...(cause === undefined ? {} : { cause }),
  })
}

module.exports = { takeOutput, readOutput, withOutput, withOutputOf }
