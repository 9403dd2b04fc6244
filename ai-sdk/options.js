'use strict'

const { argumentError: invalid, checkObject } = require('../glue/json.js')
const { LASTING, LIMITS, merged } = require('./lasting.js')
const { NAME } = require('./prompt.js')

/**
 * Settings of this provider, and those of threads and turns that stand beside them.
 *
 * @typedef {Record<string, any>} Options
 * @typedef {object} Own
 * @property {string} [threadId]
 * @property {'fork' | 'revert'} onEdit
 * @property {number} answerTimeoutMs
 * @property {number} idleTimeoutMs
 * @property {number} outputIntervalMs
 * @property {boolean} terminateCommands
 * @property {boolean} leaveRunning
 * @property {boolean} approvals
 * @property {Record<string, any>} decisions
 * @property {((part: any) => void) | undefined} onData
 * @property {((turn: import('../index.js').Turn) => void) | undefined} onTurn
 */

/** @type {Record<string, (value: any) => boolean>} */
const CHECKS = {
  threadId: (value) => typeof value === 'string' && value !== '',
  onEdit: (value) => value === 'fork' || value === 'revert',
  answerTimeoutMs: isTime,
  idleTimeoutMs: isTime,
  outputIntervalMs: (value) =>
    value === Number.POSITIVE_INFINITY || (typeof value === 'number' && value >= 0),
  terminateCommands: isBoolean,
  leaveRunning: isBoolean,
  approvals: isBoolean,
  decisions: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  onData: isFunction,
  onTurn: isFunction,
}
/** Functions that codex is not given as they are. */
const FUNCTIONS = ['onApproval', 'onElicitation']
const TAKES = new Map([
  ['threadId', 'the id of a thread'],
  ['onEdit', "'fork' or 'revert'"],
  ['answerTimeoutMs', 'milliseconds, from 1 to 2147483647'],
  ['idleTimeoutMs', 'milliseconds, from 1 to 2147483647'],
  ['outputIntervalMs', 'milliseconds, or Infinity'],
  ['decisions', 'decisions by the ids of approvals'],
])
/** @type {Omit<Own, 'onData' | 'onTurn'>} */
const DEFAULTS = {
  onEdit: 'fork',
  answerTimeoutMs: 300_000,
  idleTimeoutMs: 60_000,
  outputIntervalMs: 200,
  terminateCommands: false,
  leaveRunning: false,
  approvals: true,
  decisions: {},
}
/** What a turn takes and holds for it alone. */
const OF_ONE_TURN = ['serviceTierForTurn', 'source', 'inactivityTimeoutMs']
const OF_TURNS_ALONE = ['summary', 'sandboxPolicy', ...OF_ONE_TURN]
/** What a later turn changes. */
const LASTS = ['effort', ...Object.values(LASTING).flat()]
const HANDLERS = ['onUserInput', 'onPermissions', 'onServerRequest', 'onAuthTokensRefresh']
const NOT_ON_RESUME = ['ephemeral', 'serviceName']
const NOT_ON_FORK = ['personality', 'serviceName']

/**
 * What counts for one call: its own options, before those of the model, before those of the provider.
 *
 * @param {Options} settings of the model
 * @param {Options | undefined} providerOptions
 * @returns {{ own: Own, rest: Options, opening: Options, call: Options }} `opening`: what a thread is opened with
 */
function optionsOf(settings, providerOptions) {
  const call = providerOptions?.[NAME] ?? {}
  checkOptions(call, `providerOptions.${NAME}`)
  const given = defined(call)
  /** @type {Options} */
  const rest = {}
  /** @type {any} */
  const own = { ...DEFAULTS }
  for (const [name, value] of Object.entries(merged(settings, given))) {
    if (name in CHECKS) own[name] = value
    else rest[name] = value
  }
  const ofThread = Object.fromEntries(Object.entries(given).filter(([name]) => !LIMITS.includes(name)))
  const opening = { ...settings, ...ofThread }
  for (const name of Object.keys(CHECKS)) delete opening[name]
  return { own: /** @type {Own} */ (own), rest, opening, call: given }
}

/**
 * @param {any} options
 * @param {string} what
 * @throws {TypeError} naming the option that is wrong
 */
function checkOptions(options, what) {
  checkObject(options, what)
  for (const [name, value] of Object.entries(options)) {
    const check = FUNCTIONS.includes(name) ? isFunction : CHECKS[name]
    if (value === undefined || check?.(value) !== false) continue
    throw invalid(
      `${what}.${name}: must be ${TAKES.get(name) ?? (name.startsWith('on') ? 'a function' : 'a boolean')}`,
    )
  }
}

/** @param {Options} rest @param {'start' | 'resume' | 'fork'} how */
function threadOptions(rest, how) {
  const left = { ...rest }
  const refused = { start: [], resume: NOT_ON_RESUME, fork: NOT_ON_FORK }[how]
  for (const name of [...OF_TURNS_ALONE, ...refused, 'onApproval', 'onElicitation']) delete left[name]
  return left
}

/** @param {Options} rest */
function turnOnly(rest) {
  return Object.fromEntries(Object.entries(rest).filter(([name]) => OF_ONE_TURN.includes(name)))
}

/**
 * An error about an option that says where it was given.
 *
 * @param {any} error
 * @param {Options} call the options of the call
 */
function placed(error, call) {
  if (error?.code !== 'INVALID_ARGUMENT') return error
  const { message, stack } = error
  const [start, name] = /^options\.(\w+)/.exec(message) ?? []
  if (start === undefined || name === undefined) return error
  const place = name in call ? `providerOptions.${NAME}.${name}` : `settings.${name}`
  error.message = place + message.slice(start.length)
  error.stack = stack?.replace(message, () => error.message)
  return error
}

/**
 * What of the options of a call a thread that is open does not take.
 * @param {Options} call
 */
function threadOnly(call) {
  const others = new Set([...OF_ONE_TURN, ...HANDLERS, ...FUNCTIONS, ...Object.keys(CHECKS), ...LASTS])
  return Object.entries(call).filter(([name]) => !others.has(name))
}

/** @param {Options} rest */
function handlersOf(rest) {
  return Object.fromEntries(
    HANDLERS.flatMap((name) => (rest[name] === undefined ? [] : [[name, rest[name]]])),
  )
}

/** @param {Options} record */
function defined(record) {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}

/** @param {unknown} value */
function isTime(value) {
  return typeof value === 'number' && value >= 1 && value <= 2 ** 31 - 1
}

/** @param {unknown} value */
function isBoolean(value) {
  return typeof value === 'boolean'
}

/** @param {unknown} value */
function isFunction(value) {
  return typeof value === 'function'
}

module.exports = {
  optionsOf,
  placed,
  checkOptions,
  threadOptions,
  threadOnly,
  turnOnly,
  handlersOf,
  defined,
  invalid,
}
