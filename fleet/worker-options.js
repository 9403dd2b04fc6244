'use strict'

const { hostname } = require('node:os')
const { argumentError, checkObject } = require('../glue/json.js')
const { LONGEST_MS, ON_LOST } = require('./options.js')

const DEFAULTS = {
  fleet: undefined,
  concurrency: 16,
  leaseMs: 10_000,
  drainMs: 30_000,
  onLost: 'continue',
  answerWithinMs: 5 * 60_000,
  keepMs: 24 * 60 * 60_000,
  maxEventBytes: 16 * 1024 * 1024,
  maxThreadBytes: 256 * 1024 * 1024,
  maxOpenThreads: 200,
  signals: ['SIGTERM'],
}
const KNOWN = [
  ...Object.keys(DEFAULTS),
  ...'connection name codex store profiles tools account bullmq telemetry'.split(' '),
]
/** The least and the most of each number. */
const NUMBERS = /** @type {Record<string, [number, number]>} */ ({
  concurrency: [1, 10_000],
  leaseMs: [500, 600_000],
  drainMs: [0, LONGEST_MS],
  answerWithinMs: [1, LONGEST_MS],
  keepMs: [1_000, 2 ** 40],
  maxEventBytes: [64 * 1024, 512 * 1024 * 1024],
  maxThreadBytes: [64 * 1024, 512 * 1024 * 1024],
  maxOpenThreads: [1, 100_000],
})

/** @param {any} options */
function checkWorker(options) {
  checkObject(options, 'options')
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name))
      throw argumentError(`options.${name} is unknown; known are ${KNOWN.sort().join(', ')}`)
  }
  /** @type {any} */
  const all = { ...DEFAULTS, ...without(options) }
  if (all.connection === undefined) throw argumentError('options.connection is missing: where Redis is')
  for (const [name, [least, most]] of Object.entries(NUMBERS)) {
    if (!(Number.isInteger(all[name]) && all[name] >= least && all[name] <= most)) {
      throw argumentError(`options.${name} must be an integer from ${least} to ${most}, not ${all[name]}`)
    }
  }
  if (!ON_LOST.includes(all.onLost)) {
    throw argumentError(
      `options.onLost must be one of ${ON_LOST.join(', ')}, not ${JSON.stringify(all.onLost)}`,
    )
  }
  all.name ??= `${hostname()}-${process.pid}`
  if (typeof all.name !== 'string' || !/^[\w.-]{1,128}$/.test(all.name)) {
    throw argumentError('options.name must be 1 to 128 letters, digits, ".", "_" or "-"')
  }
  all.account ??= all.name
  all.codex ??= {}
  all.profiles ??= {}
  all.bullmq ??= {}
  for (const name of ['put', 'get', 'delete']) {
    if (all.store != null && typeof all.store?.[name] !== 'function') {
      throw argumentError(`options.store must have the methods put, get and delete; ${name} is missing`)
    }
  }
  const tools = new Map()
  for (const tool of all.tools ?? []) tools.set(tool?.name, tool)
  return { ...all, tools }
}

/** @param {Record<string, unknown>} options those that are not undefined */
function without(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

module.exports = { checkWorker, without }
