'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { types } = require('node:util')
const { ties, withReason } = require('./abort.js')
const { onAbort } = require('./signals.js')
const { inBackground } = require('./background.js')
const { CALLED, withCaller } = require('./caller.js')
const { clock } = require('./clock.js')
const native = require('./native.js')

/**
 * What the native side gives at once: JSON of one event or of several, text, or deltas of one item.
 * @typedef {string | { template: string, text: string, ends: ArrayLike<number>, at: ArrayLike<number>, seq: number }} Piece
 *
 * @typedef {object} NativeReader
 * @property {() => Piece[] | Promise<Piece[] | undefined> | undefined | null} nextBatch
 *   what is ready, or a promise of it (of undefined: ask again), or null at the end
 * @property {(leaveRunning: boolean) => Promise<void>} leave
 * @property {() => number} [dropped]
 * @property {(taken: number) => object} [continuation] where a reader stands that handled so many of the last batch
 */

/** How long readers may answer from memory before timers and sockets get their turn, in milliseconds. */
const SLICE_MS = 2
let sliceEnds = 0

/**
 * A pause of one turn of the event loop, when readers have kept it from turning for long enough.
 * @returns {Promise<void> | undefined}
 */
function pause() {
  const now = clock()
  if (sliceEnds === 0) {
    sliceEnds = now + SLICE_MS
    setImmediate(() => {
      sliceEnds = 0
    })
  }
  return now < sliceEnds ? undefined : new Promise((resolve) => setImmediate(resolve))
}

/**
 * The reader of each turn that was made last, for its continuation.
 * @type {WeakMap<object, BatchIterator<unknown>>}
 */
const lastReaders = new WeakMap()

/**
 * @param {object} turn
 * @param {object} none what it is before there was a reader
 */
function continuationOf(turn, none) {
  const last = lastReaders.get(turn)
  return (last && standing(last)) ?? none
}

/** @type {(iterator: BatchIterator<any>) => any} */
let standing
/** @type {(iterator: BatchIterator<any>) => number} */
let lost

/**
 * An async iterator over the batches of a native reader. It answers from the batch it holds, and crosses only
 * when that is empty.
 * @template T
 */
class BatchIterator {
  /** @type {NativeReader} */
  #reader
  #isText
  #leaveRunning
  /** @type {import('./caller.js').Caller | undefined} */
  #caller
  /**
   * What ties the turn to its signal. Not the turn: its whole log is kept for as long as that is held.
   * @type {import('./abort.js').Tie | undefined}
   */
  #tie
  /** @type {Piece[]} */
  #pieces = []
  #piece = 0
  /** The events of the JSON array that is being handed out, or the deltas. */
  /** @type {any[] | Deltas | undefined} */
  #events
  #event = 0
  /** How many of the last batch were handed out. */
  #taken = 0
  #done = false
  /** How long it is at least from one piece of text to the next, in milliseconds. */
  #everyMs
  /** Whether the turn has ended: the rest comes at once. */
  #isOver = false
  /** When the last was given. */
  #gaveAt = Number.NEGATIVE_INFINITY
  /** Ends a pause between pieces. @type {(() => void) | undefined} */
  #endPause
  /** @type {Promise<unknown> | undefined} the last next() that waits; later ones queue behind it */
  #waiting

  /**
   * @param {NativeReader} reader
   * @param {{ text?: boolean, leaveRunning?: boolean, turn?: object, everyMs?: number }} options
   */
  constructor(reader, { text = false, leaveRunning = false, turn, everyMs = 0 } = {}) {
    this.#reader = reader
    this.#isText = text
    this.#everyMs = everyMs
    this.#leaveRunning = leaveRunning
    if (turn !== undefined) {
      this.#tie = ties.get(turn)
      lastReaders.set(turn, this)
      if (everyMs > 0) this.#hurryAtEnd(turn)
    }
  }

  /** Nothing more is waited for once the turn has ended. @param {object} turn */
  #hurryAtEnd(turn) {
    // The turn holds this until then, and this its log.
    const held = new WeakRef(this)
    native.turnEnded(turn, () => {
      const iterator = held.deref()
      if (iterator !== undefined) {
        iterator.#isOver = true
        iterator.#endPause?.()
      }
    })
  }

  static {
    standing = (iterator) => iterator.#reader.continuation?.(iterator.#taken)
    lost = (iterator) => iterator.#reader.dropped?.() ?? 0
  }

  /** @param {import('./caller.js').Caller} caller */
  [CALLED](caller) {
    this.#caller = caller
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  next() {
    if (this.#waiting !== undefined) {
      return this.#queue(this.#waiting.then(() => this.#take()))
    }
    const value = this.#held()
    if (value !== undefined) return Promise.resolve({ value, done: false })
    return this.#queue(this.#take())
  }

  /**
   * Frees what the reader holds. Where it was the last who read the turn or waited for it, the turn is
   * interrupted, unless it was to be left running.
   * @returns {Promise<IteratorResult<T, undefined>>}
   */
  async return() {
    const first = !this.#done
    this.#finish()
    if (!first) return { value: undefined, done: true }
    try {
      await this.#reader.leave(this.#leaveRunning)
    } catch (error) {
      throw withCaller(error, this.#caller)
    }
    return { value: undefined, done: true }
  }

  async [Symbol.asyncDispose]() {
    await this.return()
  }

  [Symbol.asyncIterator]() {
    return this
  }

  /**
   * @template R
   * @param {Promise<R>} promise
   */
  #queue(promise) {
    const settled = promise.then(
      () => {},
      () => {},
    )
    this.#waiting = settled
    settled.then(() => {
      if (this.#waiting === settled) this.#waiting = undefined
    })
    return promise
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  async #take() {
    try {
      for (;;) {
        const value = this.#held()
        if (value !== undefined) return { value, done: false }
        if (this.#done) return { value: undefined, done: true }
        await (this.#everyMs > 0 ? this.#untilDue() : pause())
        if (this.#done) return { value: undefined, done: true }
        let batch = this.#reader.nextBatch()
        if (types.isPromise(batch)) batch = await batch
        if (batch === null) {
          this.#finish()
          this.#tie?.off()
          // At the end there is nothing to interrupt; what the reader held is freed.
          void this.#reader.leave(true)
        } else if (batch !== undefined && !this.#done) {
          this.#pieces = this.#everyMs > 0 ? [batch.join('')] : batch
          this.#piece = 0
          this.#taken = 0
        }
      }
    } catch (error) {
      this.#finish()
      throw withCaller(withReason(error, this.#tie?.signal), this.#caller)
    }
  }

  /** Waits until the next piece may be given, unless this is left before. */
  async #untilDue() {
    const left = this.#gaveAt + this.#everyMs - clock()
    const signal = this.#tie?.signal
    if (left <= 0 || this.#isOver || signal?.aborted) return
    let off = () => {}
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, left)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve(undefined)
      }
      if (signal !== undefined) off = onAbort(signal, this.#endPause)
    })
    off()
  }

  /** @returns {any} the next event of the batch, or undefined */
  #held() {
    for (;;) {
      const events = this.#events
      if (events !== undefined) {
        if (this.#event < events.length) {
          const index = this.#event++
          this.#taken++
          return events instanceof Deltas ? events.at(index) : events[index]
        }
        this.#events = undefined
      }
      if (this.#piece >= this.#pieces.length) return undefined
      const piece = /** @type {Piece} */ (this.#pieces[this.#piece++])
      if (this.#isText) {
        this.#taken++
        this.#gaveAt = clock()
        return piece
      }
      if (typeof piece !== 'string') this.#events = new Deltas(piece)
      else {
        const parsed = JSON.parse(piece)
        if (!Array.isArray(parsed)) {
          this.#taken++
          return parsed
        }
        this.#events = parsed
      }
      this.#event = 0
    }
  }

  #finish() {
    this.#done = true
    this.#endPause?.()
    this.#pieces = []
    this.#piece = 0
    this.#events = undefined
  }
}

/**
 * A reader of a turn, which can be continued.
 * @template T
 * @extends {BatchIterator<T>}
 */
class TurnIterator extends BatchIterator {
  /** Where this reader stands: what was handed out before counts as read. */
  continuation() {
    return standing(this)
  }
}

/**
 * A reader of what is kept within bounds.
 * @template T
 * @extends {BatchIterator<T>}
 */
class BoundedIterator extends BatchIterator {
  /** How much was lost because this reader was too slow. */
  get dropped() {
    return lost(this)
  }
}

/**
 * The iterator over a native reader, with what the reader can tell of itself.
 *
 * @param {any} given a native reader
 * @param {{ text?: boolean, leaveRunning?: boolean, turn?: object, everyMs?: number, keepAlive?: boolean }} options
 */
function iterate(given, options) {
  /** @type {NativeReader} */
  const reader = options.keepAlive === false ? inBackground(given) : given
  if (reader.continuation !== undefined) return new TurnIterator(reader, options)
  if (reader.dropped !== undefined) return new BoundedIterator(reader, options)
  return new BatchIterator(reader, options)
}

/** Deltas of one item: events that differ in their text and time alone, made when they are asked for. */
class Deltas {
  #text
  #ends
  #start = 0
  #make

  /** @param {Exclude<Piece, string>} piece */
  constructor({ template, text, ends, at, seq }) {
    this.#text = text
    this.#ends = ends
    this.#make = maker(JSON.parse(template), at, seq)
    this.length = ends.length
  }

  /** @param {number} index asked for in order, each once */
  at(index) {
    const end = /** @type {number} */ (this.#ends[index])
    const delta = this.#text.slice(this.#start, end)
    this.#start = end
    return this.#make(index, delta)
  }
}

/** What most deltas have, in this order. */
const FIELDS = 'method,params,emittedAtMs'
const PARAMS = 'threadId,turnId,itemId,delta'

/**
 * Makes the events of a template. One that is written out costs a fifth of a copy.
 *
 * @param {any} template an event, with an empty text
 * @param {ArrayLike<number>} at when each was emitted; empty where that is not told
 * @param {number} seq the number of the first
 * @returns {(index: number, delta: string) => object}
 */
function maker(template, at, seq) {
  const { method, params } = template
  if (`${Object.keys(template)}` === FIELDS && `${Object.keys(params)}` === PARAMS && at.length > 0) {
    const { threadId, turnId, itemId } = params
    return (index, delta) => ({
      method,
      params: { threadId, turnId, itemId, delta },
      emittedAtMs: at[index],
      seq: seq + index,
    })
  }
  // With all that an event has: one that grows when it is made costs ten times as much, as V8 makes a shape for each.
  const whole = { ...template, seq }
  if (at.length > 0) whole.emittedAtMs = at[0]
  return (index, delta) => {
    const event = { ...whole }
    event.params = { ...params, delta }
    if (at.length > 0) event.emittedAtMs = at[index]
    event.seq = seq + index
    return event
  }
}

module.exports = { BatchIterator, iterate, continuationOf }
