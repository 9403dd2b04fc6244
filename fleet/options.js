'use strict'

const { argumentError, checkObject } = require('../glue/json.js')
const { PayloadTooLargeError } = require('./errors.js').classes
const { FORMAT } = require('./names.js')

/**
 * What a job asks, as it lies in Redis.
 *
 * @typedef {object} Payload
 * @property {number} v the format
 * @property {unknown} input
 * @property {Record<string, any>} options of the thread and the turn
 * @property {string} [profile]
 * @property {string[]} [tools]
 * @property {OnLost} [onLost]
 * @property {number} [answerWithinMs]
 *
 * @typedef {'fail' | 'continue' | 'resend'} OnLost
 */

const ON_LOST = ['fail', 'continue', 'resend']
/** Options of `startThread` and `resumeThread` that are data. */
const THREAD = new Set(
  `model modelProvider cwd sandbox approvalMode approvalPolicy approvalsReviewer baseInstructions developerInstructions
  personality config serviceName serviceTier effort additionalDirectories networkAccess webSearch collaborationMode
  threadSource environments runtimeWorkspaceRoots extra budget`.split(/\s+/),
)
/** Those of a thread that is resumed. */
const NOT_ON_RESUME = new Set(['serviceName', 'ephemeral'])
/** Options of `thread.turn` that are data. */
const TURN = new Set(
  `inactivityTimeoutMs model effort summary cwd sandbox sandboxPolicy approvalMode approvalPolicy approvalsReviewer
  personality serviceTier serviceTierForTurn outputSchema source collaborationMode additionalContext budget
  environments runtimeWorkspaceRoots extra`.split(/\s+/),
)
/** More is too long for a timer. */
const LONGEST_MS = 2 ** 31 - 1
/** The most that BullMQ takes. */
const LAST_PRIORITY = 2 ** 21 - 1
/** Where codex is told the environment of commands. */
const ENVIRONMENT = /\.shell_environment_policy\.set($|\.)/
const OURS = new Set('key idempotencyKey profile tools onLost answerWithinMs job signal'.split(' '))
/** What may be said to BullMQ of a job; its id and what becomes of it afterwards are the fleet's. */
const BULLMQ = new Set('priority delay attempts backoff lifo keepLogs stackTraceLimit'.split(' '))
/** A name that says that its value is nobody's business. `env` and headers of MCP servers hold such. */
const SECRET =
  /(^|[_-])(secret|password|passwd|authorization|cookie|api[_-]?key|bearer|credentials?)s?($|[_-])|token$|apikey$|^env$|^(env_)?http_headers$/i

/**
 * What is submitted, checked: nothing reaches Redis before this has passed.
 *
 * @param {unknown} input
 * @param {Record<string, any>} options
 * @param {number} maxBytes
 * @returns {{ payload: string, job: Record<string, any> }}
 */
function encode(input, options, maxBytes) {
  checkObject(options, 'options')
  /** @type {Record<string, unknown>} */
  const kept = {}
  for (const [name, value] of Object.entries(options)) {
    if (OURS.has(name) || value === undefined) continue
    if (!THREAD.has(name) && !TURN.has(name)) throw argumentError(unknownOption(name))
    refuseSecrets(value, `options.${name}`)
    kept[name] = value
  }
  const { key, idempotencyKey, profile, tools, onLost, answerWithinMs, job = {} } = options
  text(key, 'options.key', 512)
  text(idempotencyKey, 'options.idempotencyKey', 1024)
  text(profile, 'options.profile', 256)
  if (tools !== undefined && !(Array.isArray(tools) && tools.every((name) => typeof name === 'string'))) {
    throw argumentError('options.tools must be names of tools that the workers have')
  }
  if (onLost !== undefined && !ON_LOST.includes(onLost)) {
    throw argumentError(`options.onLost must be one of ${ON_LOST.join(', ')}, not ${JSON.stringify(onLost)}`)
  }
  if (answerWithinMs !== undefined && !(answerWithinMs > 0 && answerWithinMs <= LONGEST_MS)) {
    throw argumentError(`options.answerWithinMs must be a number of milliseconds from 1 to ${LONGEST_MS}`)
  }
  checkJob(job)
  /** @type {Payload} */
  const value = {
    v: FORMAT,
    input: encodeInput(input),
    options: kept,
    profile,
    tools,
    onLost,
    answerWithinMs,
  }
  const payload = JSON.stringify(value)
  checkSize(payload, maxBytes, 'the job')
  return { payload, job }
}

/** @param {string} text @param {number} maxBytes @param {string} what it is */
function checkSize(text, maxBytes, what) {
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxBytes) return
  throw new PayloadTooLargeError(
    `${what} has ${bytes} bytes, more than maxPayloadBytes, ${maxBytes}; nothing was queued`,
    { code: 'PAYLOAD_TOO_LARGE', bytes, maxBytes },
  )
}

/**
 * What BullMQ would refuse only when the job is put into a queue, where it is one already.
 *
 * @param {any} job
 */
function checkJob(job) {
  checkObject(job, 'options.job')
  for (const [name, value] of Object.entries(job)) {
    if (!BULLMQ.has(name))
      throw argumentError(`options.job.${name} is unknown; known are ${[...BULLMQ].join(', ')}`)
    if (value === undefined || name === 'backoff') continue
    if (name === 'lifo') {
      if (typeof value !== 'boolean') throw argumentError('options.job.lifo must be true or false')
      continue
    }
    const [least, most] = name === 'attempts' ? [1, 1e6] : [0, name === 'priority' ? LAST_PRIORITY : 2 ** 40]
    if (!isBetween(value, least, most) || (name !== 'delay' && !Number.isInteger(value))) {
      throw argumentError(`options.job.${name} must be a number from ${least} to ${most}, not ${value}`)
    }
  }
  const { backoff } = job
  if (backoff === undefined || isBetween(backoff, 0, 2 ** 40)) return
  const { type, delay = 0, jitter = 0 } = Object(backoff)
  if (typeof type !== 'string' || !isBetween(delay, 0, 2 ** 40) || !isBetween(jitter, 0, 1)) {
    throw argumentError(
      'options.job.backoff must be milliseconds, or { type, delay, jitter } with a jitter of 0 to 1',
    )
  }
}

/** @param {unknown} value @param {number} least @param {number} most */
function isBetween(value, least, most) {
  return typeof value === 'number' && value >= least && value <= most
}

/**
 * What a job asks, the same for options in another order.
 *
 * @param {string} payload
 */
function inOneOrder(payload) {
  return JSON.stringify(JSON.parse(payload), (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** @param {string} name */
function unknownOption(name) {
  if (name === 'env' || name === 'codexPath' || name === 'apiKey') {
    return `options.${name} is one of the worker's codex; it never enters Redis`
  }
  if (name.startsWith('on'))
    return `options.${name} is a function; put it into a profile of the workers, and name that`
  if (name === 'ephemeral')
    return 'options.ephemeral is not possible: a thread of a fleet outlives its machine'
  return `options.${name} is unknown; known are ${[...new Set([...OURS, ...THREAD, ...TURN])].sort().join(', ')}`
}

/** @param {unknown} value @param {string} name @param {number} most */
function text(value, name, most) {
  if (value === undefined) return
  if (typeof value !== 'string' || value === '' || value.length > most) {
    throw argumentError(`${name} must be a text of 1 to ${most} characters`)
  }
  // Redis would keep another text, the same for several.
  if (/\p{Surrogate}/u.test(value)) throw argumentError(`${name} has half of a surrogate pair`)
}

/** @param {unknown} value @param {string} place */
function refuseSecrets(value, place) {
  if (typeof value === 'function')
    throw argumentError(`${place} is a function; functions live in the workers`)
  if (typeof value !== 'object' || value === null) return
  if (ArrayBuffer.isView(value)) throw argumentError(`${place} is bytes, which are no option`)
  for (const [name, inner] of Object.entries(value)) {
    const [, ...path] = place.split('.')
    // A schema may well describe a password.
    const isConfig = path[0] === 'config' || path[0] === 'extra'
    // A name with dots is a path.
    const isSecret = name.split('.').some((part) => SECRET.test(part)) || ENVIRONMENT.test(`${place}.${name}`)
    if (isConfig && inner !== undefined && isSecret) {
      throw argumentError(
        `${place}.${name} may be a secret; put it into a profile of the workers, and name that`,
      )
    }
    refuseSecrets(inner, `${place}.${name}`)
  }
}

/**
 * An input as JSON: bytes of images become data URLs.
 *
 * @param {any} input
 * @returns {unknown}
 */
function encodeInput(input) {
  if (typeof input === 'string') return input
  if (Array.isArray(input)) return input.map(encodeInput)
  if (typeof input !== 'object' || input === null || typeof input.type !== 'string') {
    throw argumentError('input must be a text, or one or more items with a type')
  }
  const { data, mimeType, ...rest } = input
  if (data === undefined) return input
  if (!(data instanceof Uint8Array) || typeof mimeType !== 'string') {
    throw argumentError('input of type "image" with data must have a Uint8Array and a mimeType')
  }
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64')
  return { ...rest, url: `data:${mimeType};base64,${base64}` }
}

/**
 * What a job says, read from Redis.
 *
 * @param {string} text
 * @returns {Payload | string} why it can't be run
 */
function decode(text) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    return 'its data is no JSON'
  }
  const isObject = (/** @type {unknown} */ v) => typeof v === 'object' && v !== null && !Array.isArray(v)
  if (!isObject(value) || !Number.isInteger(value.v)) return 'its data is not of this package'
  if (value.v > FORMAT) return `its data is of a newer version (format ${value.v}, known is ${FORMAT})`
  if (value.v < 1 || value.input === undefined || !isObject(value.options)) return 'its data is incomplete'
  return value
}

/** @param {Record<string, any>} options */
function threadOptions(options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => THREAD.has(name)))
}

/** @param {Record<string, any>} options */
function resumeOptions(options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !NOT_ON_RESUME.has(name)))
}

/** @param {Record<string, any>} options */
function turnOptions(options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => TURN.has(name)))
}

module.exports = {
  LONGEST_MS,
  ON_LOST,
  checkSize,
  decode,
  encode,
  encodeInput,
  inOneOrder,
  resumeOptions,
  threadOptions,
  turnOptions,
}
