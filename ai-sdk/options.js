'use strict'

const { argumentError: invalid, checkObject } = require('../glue/json.js')
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
/** What a turn takes; `summary` and what follows is for turns alone. */
const OF_TURNS = new Set([
  'effort',
  'cwd',
  'sandbox',
  'approvalMode',
  'approvalPolicy',
  'approvalsReviewer',
  'personality',
  'serviceTier',
  'summary',
  'sandboxPolicy',
  'serviceTierForTurn',
  'source',
  'inactivityTimeoutMs',
])
const OF_TURNS_ALONE = ['summary', 'sandboxPolicy', 'serviceTierForTurn', 'source', 'inactivityTimeoutMs']
const HANDLERS = ['onUserInput', 'onPermissions', 'onServerRequest', 'onAuthTokensRefresh']
const NOT_ON_RESUME = ['ephemeral', 'serviceName']
const NOT_ON_FORK = ['personality', 'serviceName']

/**
 * What counts for one call: its own options, before those of the model, before those of the provider.
 *
 * @param {Options} settings of the model
 * @param {Options | undefined} given with the call
 */
function optionsOf(settings, given) {
  const call = given?.[NAME] ?? {}
  checkOptions(call, `providerOptions.${NAME}`)
  const all = { ...settings, ...defined(call) }
  /** @type {Options} */
  const rest = {}
  /** @type {any} */
  const own = { ...DEFAULTS }
  for (const [name, value] of Object.entries(all)) {
    if (name in CHECKS) own[name] = value
    else rest[name] = value
  }
  return { own: /** @type {Own} */ (own), rest, ofCall: onlyTurns(call) }
}

/**
 * @param {any} options
 * @param {string} what
 * @throws {TypeError} naming the option that is wrong
 */
function checkOptions(options, what) {
  checkObject(options, what)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || CHECKS[name]?.(value) !== false) continue
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
  return Object.fromEntries(Object.entries(rest).filter(([name]) => OF_TURNS_ALONE.includes(name)))
}

/** @param {Options} call */
function onlyTurns(call) {
  return Object.fromEntries(Object.entries(call).filter(([name]) => OF_TURNS.has(name)))
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

module.exports = { optionsOf, checkOptions, threadOptions, turnOnly, handlersOf, defined, invalid }
