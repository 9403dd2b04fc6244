'use strict'

// What turns use, by what codex tells of them and of their sub-agents while they run.

// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { clock } = require('./clock.js')
const { ignore, tell } = require('./tell.js')
const { since } = require('./usage.js')

/**
 * @typedef {import('./usage.js').Usage} Usage
 * @typedef {'tokens' | 'commands' | 'ms' | 'cost'} Kind
 * @typedef {{ tokens: number, commands: number, ms: number, cost: number | null }} Use
 * @typedef {(usage: Usage, model: string) => number} Cost
 * @typedef {{ kind: Kind, percent: 50 | 80 | 95, used: number, limit: number, threadId: string, turnId: string | null }} Threshold
 *
 * @typedef {object} Limits
 * @property {Partial<Record<Kind, number>>} limits
 * @property {Cost | undefined} cost
 * @property {((threshold: Threshold) => void) | undefined} onThreshold in the context of the call that gave it
 * @property {'turn' | 'thread'} scope
 */

const KINDS = /** @type {const} */ (['tokens', 'commands', 'ms', 'cost'])
const PERCENTS = /** @type {const} */ ([50, 80, 95])

/** The longest that a timer of Node waits. */
const MOST_MS = 2 ** 31 - 1

/** A budget, and what has been used of it: by one turn, or by those of a thread. */
class Meter {
  #limits
  #use = { tokens: 0, commands: 0, ms: 0, cost: 0 }
  /** How many of the thresholds were told, by kind. */
  #told = { tokens: 0, commands: 0, ms: 0, cost: 0 }
  /** @type {Kind | undefined} */
  #over
  /** What the cost function threw. @type {unknown} */
  #failed
  /** The turns that are counted, or wait to be. @type {Set<InstanceType<typeof Metered>>} */
  turns = new Set()

  /** @param {Limits} limits */
  constructor(limits) {
    this.#limits = limits
  }

  get scope() {
    return this.#limits.scope
  }

  get limits() {
    return this.#limits.limits
  }

  get failed() {
    return this.#failed
  }

  /** Whether these are its limits. @param {Limits} others */
  hasLimits({ limits, scope }) {
    return scope === this.scope && KINDS.every((kind) => limits[kind] === this.limits[kind])
  }

  /** @returns {Use} */
  get use() {
    const { cost, ...use } = this.#use
    return { ...use, ms: Math.round(use.ms), cost: this.#limits.cost === undefined ? null : cost }
  }

  /** What went over, if anything did. */
  get over() {
    return this.#over
  }

  /** What leaves nothing for another turn. */
  get exhausted() {
    return this.#over ?? KINDS.find((kind) => kind !== 'commands' && this.#use[kind] >= this.#limit(kind))
  }

  /** In how many milliseconds its time is up, with some used that is not counted yet. @param {number} beside */
  left(beside) {
    const next = PERCENTS[this.#told.ms]
    const limit = this.#limit('ms')
    const at = next === undefined ? limit : (limit * next) / 100
    return at - this.#use.ms - beside
  }

  /**
   * @param {'tokens' | 'commands' | 'ms'} kind
   * @param {number} amount
   * @param {{ threadId: string, turnId: string | null }} of
   */
  add(kind, amount, of) {
    this.#use[kind] += amount
    this.#judge(kind, of)
  }

  /**
   * @param {Usage} usage
   * @param {string} model
   * @param {{ threadId: string, turnId: string | null }} of
   */
  spend(usage, model, of) {
    this.add('tokens', usage.totalTokens, of)
    if (this.#limits.cost === undefined) return
    try {
      const cost = this.#limits.cost(usage, model)
      ignore(cost)
      if (typeof cost !== 'number' || !(cost >= 0)) {
        throw new TypeError(`cost: it gave ${cost}, which is no number from 0`)
      }
      this.#use.cost += cost
    } catch (error) {
      // What can't be told is not free.
      this.#failed ??= error
      this.#over ??= this.#limits.limits.cost === undefined ? undefined : 'cost'
    }
    this.#judge('cost', of)
  }

  /** @param {Kind} kind */
  #limit(kind) {
    return this.#limits.limits[kind] ?? Number.POSITIVE_INFINITY
  }

  /**
   * @param {Kind} kind
   * @param {{ threadId: string, turnId: string | null }} of
   */
  #judge(kind, of) {
    const limit = this.#limit(kind)
    if (limit === Number.POSITIVE_INFINITY) return
    const used = kind === 'ms' ? Math.round(this.#use.ms) : this.#use[kind]
    for (;;) {
      const percent = PERCENTS[this.#told[kind]]
      if (percent === undefined || this.#use[kind] * 100 < limit * percent) break
      this.#told[kind]++
      this.#tell({ kind, percent, used, limit, ...of })
    }
    const isOver = kind === 'ms' ? this.#use.ms >= limit : this.#use[kind] > limit
    if (isOver) this.#over ??= kind
  }

  /** @param {Threshold} threshold */
  #tell(threshold) {
    tell(this.#limits.onThreshold, 'onThreshold of a budget', threshold)
  }
}

/** One turn under budgets: hears of it, and says once when it goes over one of them. */
class Metered {
  #meters
  #model
  #exceeded
  #threadId = ''
  /** @type {string | null} */
  #turnId = null
  /** The last total of each thread. @type {Map<string, Usage>} */
  #totals = new Map()
  /** Where a thread works with another model than the turn. @type {Map<string, string>} */
  #models = new Map()
  /** The turns that sub-agents run, by thread. @type {Map<string, string>} */
  #agents = new Map()
  /** @type {number | undefined} */
  #since
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #isOver = false
  /** @type {() => void} */
  #end = () => {}
  /** Once all that came of the turn itself was heard. @type {Promise<void>} */
  ended

  /**
   * @param {readonly Meter[]} meters
   * @param {string} model of the turn, as far as it is known
   * @param {(meter: Meter, agents: Map<string, string>) => void} exceeded
   */
  constructor(meters, model, exceeded) {
    this.#meters = meters
    this.#model = model
    this.#exceeded = exceeded
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    for (const meter of meters) meter.turns.add(this)
  }

  get model() {
    return this.#model
  }

  /** Its id, once it has begun. */
  get turnId() {
    return this.#turnId
  }

  /** The budget that it went over. */
  get over() {
    return this.#meters.find(({ over }) => over !== undefined)
  }

  /** @param {string | null | undefined} line a notification, or nothing at the end of the turn */
  hear(line) {
    if (line == null) this.stop()
    else this.#event(JSON.parse(line))
    this.#checkAll()
  }

  /** @param {any} event a notification */
  tell(event) {
    this.#event(event)
    this.#checkAll()
  }

  /** The turn has ended, as far as anybody knows. */
  stop() {
    this.#time()
    this.#since = undefined
    clearTimeout(this.#timer)
    for (const meter of this.#meters) meter.turns.delete(this)
    this.#end()
  }

  /** @param {any} event */
  #event({ method, params }) {
    const { threadId } = params
    switch (method) {
      case 'turn/started':
        if (this.#since === undefined && this.#turnId === null) {
          this.#threadId = threadId
          this.#turnId = params.turn?.id ?? null
          this.#since = clock()
          this.#wait()
        } else if (threadId !== this.#threadId) this.#agent(threadId, params.turn?.id)
        break
      case 'item/started':
        this.#item(params.item ?? {}, threadId)
        break
      case 'thread/tokenUsage/updated':
        this.#usage(threadId, params.tokenUsage)
        break
      case 'model/rerouted':
        this.#models.set(threadId, params.toModel)
    }
  }

  /**
   * @param {string} threadId
   * @param {string} turnId
   */
  #agent(threadId, turnId) {
    this.#agents.set(threadId, turnId)
    const { over } = this
    if (this.#isOver && over !== undefined) this.#exceeded(over, new Map([[threadId, turnId]]))
  }

  /**
   * @param {any} item
   * @param {string} threadId
   */
  #item(item, threadId) {
    // What the user ran beside the turn is not the agent's.
    if (item.type === 'commandExecution' && item.source !== 'userShell') {
      for (const meter of this.#meters) meter.add('commands', 1, this.#of(threadId))
    } else if (item.type === 'subAgentActivity' && typeof item.model === 'string') {
      this.#models.set(item.agentThreadId, item.model)
    } else if (item.type === 'collabAgentToolCall' && typeof item.model === 'string') {
      for (const agent of item.receiverThreadIds ?? []) this.#models.set(agent, item.model)
    }
  }

  /**
   * @param {string} threadId
   * @param {{ total: Usage, last: Usage }} told
   */
  #usage(threadId, told) {
    if (told?.total === undefined) return
    const used = since(this.#totals.get(threadId), told)
    this.#totals.set(threadId, told.total)
    if (used.totalTokens === 0) return
    const model = this.#models.get(threadId) ?? this.#model
    for (const meter of this.#meters) meter.spend(used, model, this.#of(threadId))
  }

  /** @param {string} threadId */
  #of(threadId) {
    return {
      threadId,
      turnId: threadId === this.#threadId ? this.#turnId : (this.#agents.get(threadId) ?? null),
    }
  }

  /** Counts the time until now. */
  #time() {
    if (this.#since === undefined) return
    const now = clock()
    for (const meter of this.#meters) meter.add('ms', now - this.#since, this.#of(this.#threadId))
    this.#since = now
  }

  #wait() {
    const left = Math.min(...this.#meters.map((meter) => meter.left(0)))
    if (left === Number.POSITIVE_INFINITY || this.#isOver) return
    this.#timer = setTimeout(
      () => {
        this.#time()
        this.#checkAll()
        if (this.#since !== undefined) this.#wait()
      },
      Math.min(Math.max(left, 1), MOST_MS),
    )
    // Whoever waits for the turn keeps Node alive.
    this.#timer.unref()
  }

  /** What goes over ends all turns that it is for, also those that have not begun. */
  #checkAll() {
    for (const meter of this.#meters) {
      if (meter.over === undefined) continue
      this.#check()
      for (const turn of meter.turns) turn.#check()
    }
  }

  #check() {
    const meter = this.over
    if (meter === undefined || this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#exceeded(meter, this.#agents)
  }
}

module.exports = { KINDS, Meter, Metered }
