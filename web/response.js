// @ts-check
'use strict'

const { clock } = require('../glue/clock.js')
const { onAbort } = require('../glue/signals.js')
const { atLeastZero, after: later, invalid, optionalFunction, withDefaults } = require('./options.js')

/** @typedef {import('../index.js').Turn<unknown>} Turn */
/** @typedef {import('../index.js').TurnEvent} TurnEvent */

/** What a tab is sent at once, in UTF-16 units. */
const CHUNK = 64 * 1024
/** What follows the number in the id of the frame behind the last event. */
const END = '.end'

const defaults = {
  heartbeatMs: 15_000,
  retryMs: 1_000,
  headers: /** @type {import('./index.js').HeadersLike | undefined} */ (undefined),
  transform: /** @type {((event: TurnEvent) => unknown) | undefined} */ (undefined),
  describeError: /** @type {((error: any) => object) | undefined} */ (undefined),
  interruptOnClose: /** @type {boolean | { graceMs: number }} */ (false),
}

/** How many responses of each turn are open, and what takes back the interrupt that none would bring. */
/** @type {WeakMap<Turn, { open: number, forget: () => void }>} */
const followed = new WeakMap()

/**
 * The events of a turn as server-sent events.
 *
 * @param {Turn | null | undefined} turn
 * @param {Request} request
 * @param {import('./index.js').TurnResponseOptions} [given]
 * @returns {Response}
 */
function turnResponse(turn, request, given) {
  const options = withDefaults(given, defaults)
  optionalFunction('options.transform', options.transform)
  optionalFunction('options.describeError', options.describeError)
  const graceMs = graceOf(options.interruptOnClose)
  if (turn === undefined || turn === null) {
    return refusal(404, 'TURN_NOT_FOUND', 'There is no such turn, or it is not kept any more.')
  }
  if (typeof turn.stream !== 'function') throw invalid('turn: must be a Turn')
  // Who asks what may be asked is not sent a turn.
  if (request.method === 'OPTIONS') {
    return refusal(405, 'METHOD_NOT_ALLOWED', 'The events of a turn are had by GET.', {
      allow: 'GET, HEAD, POST',
    })
  }
  const position = positionOf(request)
  if (position === undefined) {
    return refusal(400, 'INVALID_LAST_EVENT_ID', 'Last-Event-ID must be an id that this stream gave.')
  }
  const headers = new Headers({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    // Some proxies hold back what is small.
    'x-accel-buffering': 'no',
    'codex-thread-id': turn.threadId,
    'codex-turn-id': turn.id,
  })
  for (const [name, value] of new Headers(options.headers)) headers.set(name, value)
  // It has everything. This status tells an EventSource not to come again.
  if (position.ended) {
    headers.delete('content-type')
    return new Response(null, { status: 204, headers })
  }
  /** @type {import('../index.js').TurnStream<TurnEvent>} */
  let events
  try {
    events = turn.stream({ after: position.after, leaveRunning: true })
  } catch (error) {
    return refusal(400, 'INVALID_LAST_EVENT_ID', /** @type {Error} */ (error).message)
  }
  if (request.method === 'HEAD') {
    void leaveEvents(events)
    return new Response(null, { headers })
  }
  const left = follow(turn, graceMs)
  return new Response(bodyOf(events, request.signal, position.after, options, left), { headers })
}

/**
 * @param {unknown} given
 * @returns {number | undefined}
 */
function graceOf(given) {
  if (typeof given === 'boolean') return given ? 0 : undefined
  const name = 'options.interruptOnClose'
  if (typeof given !== 'object' || given === null) throw invalid(`${name}: must be a boolean or { graceMs }`)
  const { graceMs } = withDefaults(given, { graceMs: 0 })
  atLeastZero(`${name}.graceMs`, graceMs)
  return graceMs
}

/**
 * What the tab has already; undefined where it says nonsense.
 *
 * @param {Request} request
 */
function positionOf(request) {
  // What an EventSource says when it comes again is newer than the address that it was made with.
  const id = request.headers.get('last-event-id') || new URL(request.url).searchParams.get('after') || '0'
  const ended = id.endsWith(END)
  const number = ended ? id.slice(0, -END.length) : id
  return /^\d{1,15}$/.test(number) ? { after: Number(number), ended } : undefined
}

/**
 * @param {number} status
 * @param {string} code
 * @param {string} message
 * @param {Record<string, string>} [headers]
 */
function refusal(status, code, message, headers) {
  return Response.json({ code, message }, { status, headers: { 'cache-control': 'no-store', ...headers } })
}

/**
 * Counts who follows a turn.
 *
 * @param {Turn} turn
 * @param {number | undefined} graceMs
 * @returns {(turnEnded: boolean) => void} for when the response is closed
 */
function follow(turn, graceMs) {
  const those = followed.get(turn) ?? { open: 0, forget: () => {} }
  followed.set(turn, those)
  those.open++
  those.forget()
  return (turnEnded) => {
    those.open--
    if (graceMs === undefined || those.open > 0 || turnEnded) return
    // One whose connection is gone ends by itself.
    const interrupt = () => void turn.interrupt().catch(() => {})
    if (graceMs === 0) interrupt()
    else those.forget = later(graceMs, interrupt)
  }
}

/**
 * The frames of a stream, made when they are asked for: what a slow tab has not taken is in the log of the turn, where
 * it costs its text.
 *
 * @param {import('../index.js').TurnStream<TurnEvent>} events
 * @param {AbortSignal} signal
 * @param {number} after
 * @param {typeof defaults} options
 * @param {(turnEnded: boolean) => void} left
 */
function bodyOf(events, signal, after, options, left) {
  const encoder = new TextEncoder()
  const frames = new Frames(after, options)
  /** @type {Promise<Got> | undefined} */
  let next
  /** Up to where the tab was told, and up to where there is nothing to tell it. */
  let told = after
  let passed = after
  let closed = false
  let off = () => {}

  const close = (/** @type {boolean} */ turnEnded) => {
    if (closed) return
    closed = true
    off()
    left(turnEnded)
  }
  const leave = () => {
    close(false)
    return leaveEvents(events)
  }

  return new ReadableStream(
    {
      start(controller) {
        if (signal.aborted) {
          void leave()
          controller.close()
          return
        }
        off = onAbort(signal, () => void leave())
        controller.enqueue(encoder.encode(`retry: ${Math.ceil(options.retryMs)}\n\n`))
      },
      async pull(controller) {
        let text = ''
        const due = options.heartbeatMs === 0 ? Infinity : clock() + options.heartbeatMs
        // Events that are left out are no bytes on the line: the time goes on.
        do {
          next ??= frames.next(events)
          const got = await (text === '' ? until(next, due) : atOnce(next))
          if (got === undefined && text !== '') break
          if (closed) return controller.close()
          if (got === undefined) break
          next = undefined
          passed = got.seq
          if (got.frame !== '') told = passed
          text += got.frame
          if (got.last) {
            controller.enqueue(encoder.encode(text))
            close(true)
            return controller.close()
          }
        } while (text.length < CHUNK && clock() < due)
        if (text === '') text = passed > told ? `id: ${passed}\n\n` : ':\n\n'
        told = passed
        controller.enqueue(encoder.encode(text))
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}

/** @typedef {{ frame: string, seq: number, last: boolean }} Got a frame, or nothing for an event that is left out */

class Frames {
  #after
  #options

  /**
   * @param {number} after
   * @param {typeof defaults} options
   */
  constructor(after, options) {
    this.#after = after
    this.#options = options
  }

  /**
   * The next one: of an event, of the end, or of what went wrong. It never rejects.
   *
   * @param {import('../index.js').TurnStream<TurnEvent>} events
   * @returns {Promise<Got>}
   */
  async next(events) {
    try {
      const { value, done } = await events.next()
      if (done) return this.#last('end', {})
      this.#after = value.seq
      const { transform } = this.#options
      const shown = transform === undefined ? value : await transform(value)
      if (shown === undefined || shown === null) return { frame: '', seq: value.seq, last: false }
      const frame = `id: ${value.seq}\ndata: ${JSON.stringify(shown)}\n\n`
      return { frame, seq: value.seq, last: false }
    } catch (error) {
      // Where it was what transforms, the events are still there.
      void leaveEvents(events)
      return this.#last('failed', this.#described(error))
    }
  }

  /**
   * The frame behind the last event: who has its id has everything.
   *
   * @param {string} name
   * @param {object} data
   * @returns {Got}
   */
  #last(name, data) {
    const frame = `id: ${this.#after}${END}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
    return { frame, seq: this.#after, last: true }
  }

  /** @param {any} error */
  #described(error) {
    try {
      if (this.#options.describeError !== undefined) return this.#options.describeError(error) ?? {}
    } catch {}
    const { name = 'Error', code = null, message = String(error), retryable = false } = Object(error)
    return { name, code, message, retryable }
  }
}

/**
 * Reads no more. What is followed may have nothing to hear of it.
 * @param {AsyncIterator<unknown>} events
 */
async function leaveEvents(events) {
  await Promise.resolve(events.return?.()).catch(() => {})
}

/**
 * What a promise gives up to a time, else undefined.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} due as `clock()` counts
 * @returns {Promise<T | undefined>}
 */
async function until(promise, due) {
  if (due === Infinity) return promise
  const soon = await atOnce(promise)
  if (soon !== undefined) return soon
  let stop = () => {}
  /** @type {Promise<undefined>} */
  const late = new Promise((resolve) => {
    stop = later(Math.max(0, due - clock()), () => resolve(undefined))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    stop()
  }
}

/**
 * What a promise gives that is settled, or is by what was waiting to run; else undefined.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T | undefined>}
 */
async function atOnce(promise) {
  /** @type {Promise<undefined>} */
  let passing = Promise.resolve(undefined)
  // An event that a reader holds comes after a few of these.
  for (let i = 0; i < 8; i++) passing = passing.then()
  return Promise.race([promise, passing])
}

module.exports = { turnResponse }
