'use strict'

// Budgets of turns and threads: taken out of their options, and kept while turns run.

const { AsyncResource } = require('node:async_hooks')
const { onAbort } = require('./signals.js')
const { beginningCall } = require('./beginners.js')
const { keepSignal } = require('./beginning.js')
const { clientOf, modelOf } = require('./clients.js')
const { classes } = require('./errors.js')
const { argumentError, checkObject, isSignal } = require('./json.js')
const { closed } = require('./handles.js')
const native = require('./native.js')
const { KINDS, Meter, Metered } = require('./meter.js')
const { rounds } = require('./rounds.js')
const { isRecord } = require('./schema.js')
const { redactOf, redacted } = require('./redact.js')

/**
 * @typedef {import('./meter.js').Limits} Limits
 * @typedef {import('./meter.js').Kind} Kind
 *
 * What stands around a call: what it is given, who hears of its turn, and what becomes of its promise.
 * @typedef {{ args: unknown[], hear?: (line: string | null | undefined) => void, over?: () => Error | undefined, after: (promise: Promise<any>) => Promise<any> }} Watch
 */

const FIELDS = [...KINDS, 'onThreshold']

/** The place of the options among the arguments of what makes threads. */
const MAKERS = new Map(Object.entries({ startThread: 0, resumeThread: 1, forkThread: 1, fork: 0 }))

/** What ends a handle of a thread. */
const CLOSES = new Set(['close', String(Symbol.asyncDispose)])

/** The budgets of the threads of a client, by id: until the thread is deleted, or its last handle closed. @type {WeakMap<object, Map<string, InstanceType<typeof import('./meter.js').Meter>>>} */
const budgets = new WeakMap()
/** The same by handle: a thread that codex has lost begins anew, under another id. @type {WeakMap<object, InstanceType<typeof import('./meter.js').Meter>>} */
const ofHandles = new WeakMap()
/** The turns that are under a budget. @type {WeakMap<object, InstanceType<typeof import('./meter.js').Metered>>} */
const turns = new WeakMap()
/** The budgets of turns that have one of their own: what goes on after them is under it, too. @type {WeakMap<object, InstanceType<typeof import('./meter.js').Meter>>} */
const owns = new WeakMap()
/** The budget that a call hands on to the next turn, or to the thread that takes the place of another. */
const METERS = Symbol('meters')

/** Calls that give results, and no turns. */
const GIVE_RESULTS = new Set(['run', 'compact'])

/** Whether there has been any budget. */
let any = false

/**
 * What is to stand around a call of a native class, where a budget has to do with it.
 *
 * @param {any} object
 * @param {string} name of the method
 * @param {unknown[]} args
 * @returns {Watch | undefined}
 */
function watchCall(object, name, args) {
  if (object instanceof native.ExecThread) return undefined
  const maker = MAKERS.get(name)
  if (maker !== undefined) return making(object, args, maker)
  if (object instanceof native.Thread && CLOSES.has(name)) return closing(object, args)
  if (any && (name === 'delete' || name === 'deleteThread')) return deleting(object, args)
  // Of a turn that runs under a budget.
  const running = any && (name === 'run' || name === 'result') ? turns.get(object) : undefined
  if (running !== undefined)
    return { args, after: (promise) => settled(promise, running, redactOf(clientOf(object))) }
  const begins = beginningCall(object, name, args)
  if (begins === undefined) return undefined
  const { options } = begins
  if (!any && !(isRecord(options) && (options.budget !== undefined || options.cost !== undefined)))
    return undefined
  return beginning(begins, args)
}

/**
 * A thread is made, with a budget or without.
 *
 * @param {any} object the client, or the thread that is forked
 * @param {unknown[]} args
 * @param {number} at
 * @returns {Watch | undefined}
 */
function making(object, args, at) {
  const { rest, limits } = takeBudget(args[at], 'thread')
  if (limits === undefined) return undefined
  const handed = /** @type {any} */ (args[at])[METERS]
  return {
    args: replaced(args, at, rest),
    async after(promise) {
      const thread = await promise
      const client = clientOf(object)
      const ofClient = budgets.get(client) ?? new Map()
      budgets.set(client, ofClient)
      // One more handle of a thread with the same budget does not begin it anew.
      const known = [handed, ofClient.get(thread.id)].find((one) => one?.hasLimits(limits))
      const meter = known ?? new Meter(limits)
      ofClient.set(thread.id, meter)
      ofHandles.set(thread, meter)
      return thread
    },
  }
}

/**
 * A handle is closed.
 *
 * @param {any} thread
 * @param {unknown[]} args
 * @returns {Watch}
 */
function closing(thread, args) {
  return {
    args,
    async after(promise) {
      await promise
      const id = closed(thread)
      if (id !== undefined) budgets.get(clientOf(thread))?.delete(id)
    },
  }
}

/**
 * A thread is deleted, by its client or by a handle.
 *
 * @param {any} object
 * @param {unknown[]} args
 * @returns {Watch}
 */
function deleting(object, args) {
  const id = object instanceof native.Thread ? object.id : String(args[0])
  return {
    args,
    async after(promise) {
      await promise
      budgets.get(clientOf(object))?.delete(id)
    },
  }
}

/**
 * A turn begins.
 *
 * @param {import('./beginners.js').Beginning} begins
 * @param {unknown[]} args
 * @returns {Watch | undefined}
 */
function beginning({ by, call, threadId, at, options, after }, args) {
  const { rest, limits } = takeBudget(options, 'turn')
  // No options: the call refuses them.
  if (!isRecord(rest)) return undefined
  const client = clientOf(by)
  const redact = redactOf(client)
  const ofThread =
    threadId === undefined ? undefined : (budgets.get(client)?.get(threadId) ?? ofHandles.get(by))
  const handed = after === undefined ? options?.[METERS] : owns.get(after)
  const own = limits === undefined ? handed : new Meter(limits)
  const meters = [own, ofThread].filter((meter) => meter !== undefined)
  if (meters.length === 0) return undefined
  const spent = meters.find((meter) => meter.exhausted !== undefined)
  if (spent !== undefined) throw exceeded(spent, null)
  const controller = new AbortController()
  const { signal } = rest
  const off = isSignal(signal) ? onAbort(signal, () => controller.abort(signal.reason)) : () => {}
  const asked = typeof rest.model === 'string' ? rest.model : modelOf(by)
  const model = (after && turns.get(after)?.model) ?? asked ?? ''
  /** What interrupts a turn that has begun and is not handed out yet: its result says what it did until then. */
  let interrupt = () => {}
  let isHandedOut = GIVE_RESULTS.has(call)
  const metered = new Metered(meters, model, (meter, agents) => {
    interrupt = () => controller.abort(exceeded(meter, null))
    if (isHandedOut || metered.turnId === null) interrupt()
    void interruptAgents(client, agents)
  })
  const given =
    signal === undefined || isSignal(signal) ? { ...rest, signal: controller.signal, [METERS]: own } : rest
  return {
    args: replaced(args, at, given),
    hear: (line) => metered.hear(line),
    over: () => (metered.over === undefined ? undefined : exceeded(metered.over, null)),
    async after(promise) {
      try {
        const value = await promise
        isHandedOut = true
        if (typeof value?.steer === 'function') {
          turns.set(value, metered)
          if (own !== undefined) owns.set(value, own)
          // That of the budget is of this turn alone.
          keepSignal(value, signal)
          void metered.ended.then(off)
          interrupt()
          return value
        }
        const result = await settled(promise, metered, redact)
        off()
        return result
      } catch (error) {
        off()
        metered.stop()
        return await settled(Promise.reject(error), metered, redact)
      }
    },
  }
}

/**
 * The outcome of a turn, which is an error where it went over a budget, also with its last word.
 *
 * @param {Promise<any>} promise
 * @param {InstanceType<typeof import('./meter.js').Metered>} metered
 * @param {import('./redact.js').Redact} redact
 */
async function settled(promise, metered, redact) {
  try {
    const result = await promise
    await heard(metered)
    if (metered.over !== undefined) throw exceeded(metered.over, redacted(redact, result))
    return result
  } catch (error) {
    const of = /** @type {any} */ (error)
    if (of?.code === 'BUDGET_EXCEEDED') throw error
    await heard(metered)
    const { over } = metered
    if (over === undefined || of?.code === 'ABORT_ERR') throw error
    throw exceeded(over, of?.result ?? null, error)
  }
}

/**
 * Waits until all was heard of a turn that has ended: it comes by a queue of its own, which does not keep Node alive.
 * @param {InstanceType<typeof import('./meter.js').Metered>} metered
 */
async function heard(metered) {
  let isOver = false
  void metered.ended.then(() => {
    isOver = true
  })
  await rounds(4, () => isOver)
}

/**
 * What agents still do for a turn that is interrupted is not its own: they have turns of theirs.
 *
 * @param {any} client
 * @param {Map<string, string>} agents
 */
async function interruptAgents(client, agents) {
  for (const [threadId, turnId] of agents) {
    // One that has ended meanwhile is refused.
    await client.request('turn/interrupt', { threadId, turnId }).catch(() => {})
  }
}

/**
 * Takes a budget out of options.
 *
 * @param {any} options
 * @param {'turn' | 'thread'} scope
 * @returns {{ rest: any, limits?: Limits }}
 */
function takeBudget(options, scope) {
  // What are no options is left to those that check them.
  if (!isRecord(options)) return { rest: options === undefined ? {} : options }
  checkObject(options, 'options')
  const { budget, cost, ...rest } = /** @type {any} */ (options)
  if (budget === undefined && cost === undefined) return { rest: options }
  if (cost !== undefined && typeof cost !== 'function')
    throw argumentError('options.cost: must be a function')
  if (budget === undefined) throw argumentError('options.cost: is of use with options.budget alone')
  if (!isRecord(budget)) throw argumentError('options.budget: must be an object with the limits')
  const stray = Object.keys(budget).find((name) => !FIELDS.includes(name))
  if (stray !== undefined) {
    throw argumentError(`options.budget.${stray}: is no field; it takes ${FIELDS.join(', ')}`)
  }
  /** @type {Partial<Record<Kind, number>>} */
  const limits = {}
  for (const kind of KINDS) {
    const limit = budget[kind]
    if (limit === undefined) continue
    if (typeof limit !== 'number' || !(limit >= (kind === 'commands' ? 0 : Number.MIN_VALUE))) {
      throw argumentError(
        `options.budget.${kind}: must be a number above 0${kind === 'commands' ? ', or 0' : ''}`,
      )
    }
    limits[kind] = limit
  }
  if (limits.cost !== undefined && cost === undefined) {
    throw argumentError('options.budget.cost: needs options.cost, a function that says what usage costs')
  }
  if (Object.keys(limits).length === 0) {
    throw argumentError(`options.budget: must have one limit or more of ${KINDS.join(', ')}`)
  }
  const { onThreshold } = budget
  if (onThreshold !== undefined && typeof onThreshold !== 'function') {
    throw argumentError('options.budget.onThreshold: must be a function')
  }
  any = true
  const told = /** @type {Limits['onThreshold']} */ (
    onThreshold && AsyncResource.bind(/** @type {any} */ (onThreshold))
  )
  return { rest, limits: { limits, cost, onThreshold: told, scope } }
}

/**
 * @param {InstanceType<typeof import('./meter.js').Meter>} meter
 * @param {unknown} result
 * @param {unknown} [cause]
 */
function exceeded(meter, result, cause = meter.failed) {
  const kind = /** @type {Kind} */ (meter.exhausted)
  const { use, scope } = meter
  const limit = meter.limits[kind] ?? 0
  const used = use[kind] ?? 0
  const units = { tokens: 'tokens', commands: 'commands', ms: 'ms', cost: 'of cost' }
  const why =
    meter.failed === undefined ? `${used} of ${limit} ${units[kind]} used` : 'its cost could not be told'
  const fields = { code: 'BUDGET_EXCEEDED', retryable: false, kind, used, limit, use, scope, result }
  return new classes.BudgetExceededError(`the budget of the ${scope} is exceeded: ${why}`, {
    ...fields,
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * @param {unknown[]} args
 * @param {number} at
 * @param {unknown} options
 */
function replaced(args, at, options) {
  const given = [...args]
  given[at] = options
  return given
}

/**
 * The budget of a thread.
 * @param {any} thread
 */
function meterOfThread(thread) {
  return ofHandles.get(thread)
}

/**
 * The budget that a turn has of its own.
 * @param {object} turn
 */
function meterOf(turn) {
  return owns.get(turn)
}

module.exports = { METERS, exceeded, meterOf, meterOfThread, takeBudget, watchCall }
