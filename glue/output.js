'use strict'

const { untilAborted } = require('./signals.js')
const { classes, messageOf } = require('./errors.js')
const { isStandardSchema, issueText, jsonSchemaOf } = require('./schema.js')
const { redacted } = require('./redact.js')

/**
 * How the final message of a turn is read: by the JSON Schema that the user's schema gave, and by the schema itself
 * where it validates. Errors that quote the message show no secret of the client.
 *
 * @typedef {import('./redact.js').Redact} Redact
 * @typedef {{ shape: Record<string, unknown>, standard?: import('./schema.js').StandardSchema, redact?: Redact }} Output
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
  // Loaded late, with what it needs: it is large, and keeps nothing.
  const { strictSchema } = require('./strict.js')
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
async function readOutput(result, { shape, standard, redact }, signal) {
  const text = /** @type {string} */ (result.finalResponse)
  /** @type {(issues: readonly import('./schema.js').Issue[], cause?: unknown) => Error} */
  const refused = (issues, cause) => invalid(redacted(redact, result), issues, cause, redact)
  const { Answer } = require('./answer.js')
  const answer = new Answer(shape)
  let written
  try {
    written = parseJson(text)
  } catch (error) {
    const cause = redactedFailure(text, error, redact)
    throw refused([{ message: `it is no JSON: ${messageOf(cause)}` }], cause)
  }
  const read = () => {
    try {
      return answer.read(written)
    } catch (error) {
      // The stack has an end, which an answer may be nested beyond.
      throw refused([{ message: `it can't be read: ${messageOf(error)}` }], error)
    }
  }
  const value = read()
  if (standard === undefined) return value
  // A validation may be waiting for something itself.
  const aborted = () => {
    const fields = { code: 'ABORT_ERR', retryable: false, result: redacted(redact, result) }
    return new classes.AbortError('aborted while the output was being validated', fields)
  }
  const judge = (/** @type {unknown} */ one) =>
    untilAborted(validate(standard, one, refused), signal, aborted)
  const first = await judge(value)
  // Several branches of a union may have the form of the answer; which it is, the schema knows.
  for (let validated = first; ; validated = await judge(read())) {
    if (validated.issues === undefined) return validated.value
    if (!answer.tryAnother(validated.issues)) throw refused(first.issues ?? [])
  }
}

/**
 * @param {import('./schema.js').StandardSchema} schema
 * @param {unknown} value
 * @param {(issues: readonly import('./schema.js').Issue[], cause: unknown) => Error} refused
 */
async function validate(schema, value, refused) {
  try {
    return await schema['~standard'].validate(value)
  } catch (error) {
    throw refused([{ message: `the schema failed: ${messageOf(error)}` }], error)
  }
}

/**
 * Why a text is no JSON: the message of that quotes a piece of the text, which may be a part of a secret.
 *
 * @param {string} text
 * @param {unknown} error
 * @param {Redact | undefined} redact
 * @returns {unknown}
 */
function redactedFailure(text, error, redact) {
  const shown = redacted(redact, text)
  if (shown === text) return error
  try {
    parseJson(shown)
  } catch (failure) {
    return failure
  }
  return new SyntaxError('there is a secret in it')
}

/**
 * @param {{ finalResponse: string | null }} result without secrets
 * @param {readonly import('./schema.js').Issue[]} found
 * @param {unknown} cause
 * @param {Redact | undefined} redact
 */
function invalid(result, found, cause, redact) {
  const issues = found.map((issue) => redactedIssue(issue, redact))
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

/**
 * @param {import('./schema.js').Issue} issue which may be an object of a class
 * @param {Redact | undefined} redact
 * @returns {import('./schema.js').Issue}
 */
function redactedIssue(issue, redact) {
  const shown = redacted(redact, issue)
  const message = redacted(redact, issue.message)
  return shown.message === message ? shown : { message, ...(issue.path && { path: issue.path }) }
}

module.exports = { takeOutput, readOutput, withOutput, withOutputOf }
