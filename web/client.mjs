// The events of a turn in a browser, or wherever there is `fetch`. No Node, and no other file.

// Taken here: pages under test put clocks of their own in their place.
const { clearTimeout, setTimeout } = globalThis

/** The longest that a timer waits. */
const MOST_MS = 2 ** 31 - 1

/** What goes wrong with the events of a turn. */
export class TurnStreamError extends Error {
  name = 'TurnStreamError'

  /** @param {string} code @param {string} message @param {object} [more] */
  constructor(code, message, more = {}) {
    super(message)
    Object.assign(this, { code, status: null, retryable: false }, more)
  }
}

/**
 * Who waits for each signal: it has one listener, however many turns are read, and none when nobody waits.
 * @type {WeakMap<AbortSignal, { all: Set<{ then: () => void }>, tell: () => void }>}
 */
const waiting = new WeakMap()

/**
 * Calls `then` once the signal is aborted, at once if it is.
 *
 * @param {AbortSignal} signal
 * @param {() => void} then
 * @returns {() => void} takes it back
 */
function onAbort(signal, then) {
  if (signal.aborted) {
    then()
    return () => {}
  }
  const those = waiting.get(signal) ?? listen(signal)
  const entry = { then }
  those.all.add(entry)
  return () => {
    if (!those.all.delete(entry) || those.all.size > 0 || waiting.get(signal) !== those) return
    waiting.delete(signal)
    signal.removeEventListener('abort', those.tell)
  }
}

/** @param {AbortSignal} signal */
function listen(signal) {
  /** @type {Set<{ then: () => void }>} */
  const all = new Set()
  const tell = () => {
    waiting.delete(signal)
    for (const { then } of all) then()
    all.clear()
  }
  const those = { all, tell }
  waiting.set(signal, those)
  signal.addEventListener('abort', tell, { once: true })
  return those
}

const wait = (/** @type {number} */ ms, /** @type {AbortSignal} */ signal) =>
  new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    let off = () => {}
    const done = () => {
      clearTimeout(timer)
      off()
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, MOST_MS))
    off = onAbort(signal, done)
  })

/**
 * An error with the frames of who asked for the events: what waits for the network has none.
 *
 * @param {unknown} error
 * @param {string} [stack]
 */
function calledFrom(error, stack = '') {
  const frames = stack.search(/\n\s+at /)
  if (error instanceof TurnStreamError && frames >= 0)
    error.stack = `${error.name}: ${error.message}${stack.slice(frames)}`
  return error
}

/**
 * What comes of a line, unless it is silent for too long.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} silenceMs
 * @returns {Promise<T>}
 */
function unlessSilent(promise, silenceMs) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @type {Promise<never>} */
  const silent = new Promise((_, reject) => {
    const fail = () => reject(new Error(`Nothing came for ${silenceMs} ms.`))
    timer = silenceMs > 0 && silenceMs <= MOST_MS ? setTimeout(fail, silenceMs) : undefined
  })
  return Promise.race([promise, silent]).finally(() => clearTimeout(timer))
}

/**
 * The frames of a response: `id`, `event` and `data` of each.
 *
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {(ms: number) => void} setDelay
 * @param {number} silenceMs
 */
async function* framesOf(reader, setDelay, silenceMs) {
  const decoder = new TextDecoder()
  let text = ''
  let from = 0
  for (;;) {
    const cut = text.indexOf('\n\n', from)
    if (cut < 0) {
      from = Math.max(0, text.length - 1)
      const { value, done } = await unlessSilent(reader.read(), silenceMs)
      if (done) return
      // A carriage return has no place in what the server writes, but proxies may add some.
      text += decoder.decode(value, { stream: true }).replaceAll('\r', '')
      continue
    }
    const frame = { id: '', event: '', data: '' }
    for (const line of text.slice(0, cut).split('\n')) {
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'retry' && /^\d+$/.test(value)) setDelay(Number(value))
      else if (field === 'data') frame.data += (frame.data && '\n') + value
      else if (field === 'id' || field === 'event') frame[field] = value
      else if (field === '') frame.event ||= ':'
    }
    text = text.slice(cut + 2)
    from = 0
    if (frame.data || frame.id || frame.event) yield frame
  }
}

class TurnEvents {
  #source
  #options
  #leaving = new AbortController()
  /** Of the connection of now. */
  #connection = new AbortController()
  /** @type {AbortSignal | undefined} */
  #signal
  #events
  #position
  #caller
  #off = () => {}
  #ids = { threadId: '', turnId: '' }

  /** @param {any} source @param {any} options @param {string | undefined} caller */
  constructor(source, options, caller) {
    this.#caller = caller
    this.#source = source
    this.#options = options
    this.#position = options.after ?? 0
    this.#signal = options.signal ?? undefined
    onAbort(this.#leaving.signal, () => this.#connection.abort())
    this.#events = this.#read()
    if (this.#signal !== undefined) this.#off = onAbort(this.#signal, () => this.#leaving.abort())
  }

  /** The `seq` of the last event that was handed out, or left out by the server behind it. */
  get position() {
    return this.#position
  }

  get turnId() {
    return this.#ids.turnId || undefined
  }

  get threadId() {
    return this.#ids.threadId || undefined
  }

  next() {
    return this.#events.next()
  }

  /** Leaves; the turn goes on. */
  return() {
    this.#off()
    this.#leaving.abort()
    return this.#events.return(undefined)
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [/** @type {typeof Symbol.asyncDispose} */ (
    Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
  )]() {
    await this.return()
  }

  /** @returns {AsyncGenerator<any, undefined>} */
  async *#read() {
    const { maxRetries = 10, maxDelayMs = 10_000, silenceMs = 45_000, onReconnect } = this.#options
    const { signal } = this.#leaving
    let delayMs = this.#options.initialDelayMs ?? 1_000
    let attempt = 0
    try {
      for (;;) {
        /** @type {any} */
        let failure
        /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
        let reader
        if (signal.aborted) break
        try {
          const connection = new AbortController()
          this.#connection = connection
          const response = await unlessSilent(this.#open(connection.signal), silenceMs)
          if (response.status === 204) return
          const body = response.body.getReader()
          reader = body
          // A response that was given is not tied to the signal.
          onAbort(connection.signal, () => void body.cancel().catch(() => {}))
          if (signal.aborted) break
          const setDelay = (/** @type {number} */ ms) => {
            if (this.#options.initialDelayMs === undefined) delayMs = ms
          }
          for await (const { id, event, data } of framesOf(body, setDelay, silenceMs)) {
            if (event === 'end') return
            if (event === 'failed') throw turnFailed(JSON.parse(data))
            // A line with a heartbeat was a good one, however long the turn is silent.
            if (event === ':') attempt = 0
            const seq = Number(id)
            if (!(seq > this.#position)) continue
            const parsed = data === '' ? undefined : JSON.parse(data)
            this.#position = seq
            attempt = 0
            // Without data it says that what lies before it was left out.
            if (parsed !== undefined) yield parsed
          }
          failure = new Error('The connection was closed before the turn had ended.')
        } catch (error) {
          failure = error
          const isFinal =
            error instanceof TurnStreamError && !(failure.code === 'HTTP_STATUS' && failure.retryable)
          if (isFinal && !signal.aborted) throw error
        } finally {
          // What is left of it is of no use, and its failure of no interest.
          void reader?.cancel().catch(() => {})
          this.#connection.abort()
        }
        if (signal.aborted) break
        if (++attempt > maxRetries) {
          const why = `The events of the turn could not be had any more, after ${attempt} tries: ${failure?.message}`
          throw new TurnStreamError('CONNECTION_LOST', why, {
            cause: failure,
            status: failure?.status ?? null,
            retryable: true,
          })
        }
        const backoff = Math.min(maxDelayMs, delayMs * 2 ** (attempt - 1)) * (0.8 + 0.4 * Math.random())
        const ms = Math.round(failure?.retryAfterMs ?? backoff)
        onReconnect?.({ attempt, delayMs: ms, error: failure })
        await wait(ms, signal)
        if (signal.aborted) break
      }
      if (this.#signal?.aborted) {
        throw new TurnStreamError('ABORT_ERR', 'The signal was aborted.', {
          name: 'AbortError',
          cause: this.#signal.reason,
        })
      }
      return
    } catch (error) {
      throw calledFrom(error, this.#caller)
    } finally {
      this.#off()
      this.#leaving.abort()
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<any>} */
  async #open(signal) {
    const { fetch = globalThis.fetch, headers, credentials, resume } = this.#options
    /** @type {Response} */
    let response
    if (typeof this.#source === 'object' && 'status' in this.#source) {
      response = this.#source
      this.#source = undefined
    } else {
      const target = this.#source ?? resume?.({ ...this.#ids })
      if (target === undefined) {
        throw new TurnStreamError(
          'CONNECTION_LOST',
          'The connection is lost, and options.resume does not say where to go on.',
        )
      }
      const sent = new Headers(typeof headers === 'function' ? await headers() : headers)
      sent.set('accept', 'text/event-stream')
      if (this.#position > 0) sent.set('last-event-id', String(this.#position))
      response = await fetch(target, {
        headers: sent,
        signal,
        cache: 'no-store',
        ...(credentials && { credentials }),
      })
    }
    const { status, headers: got } = response
    this.#ids = {
      threadId: got.get('codex-thread-id') ?? this.#ids.threadId,
      turnId: got.get('codex-turn-id') ?? this.#ids.turnId,
    }
    if (
      status === 204 ||
      (status === 200 && response.body !== null && got.get('content-type')?.startsWith('text/event-stream'))
    )
      return response
    const body = await response.text().catch(() => '')
    throw refused(status, body, got.get('retry-after'))
  }
}

/** @param {any} error what the server said of it */
function turnFailed({ name, code, message, retryable }) {
  const remote = { name, code }
  return new TurnStreamError('TURN_FAILED', message ?? 'The turn has failed.', {
    remote,
    retryable: retryable === true,
  })
}

/** @param {number} status @param {string} body @param {string | null} retryAfter */
function refused(status, body, retryAfter) {
  let said
  try {
    said = JSON.parse(body)
  } catch {}
  const gone = status === 404 || status === 410
  const message = said?.message ?? `The server answered ${status}${status === 200 ? ' without events' : ''}.`
  const seconds = Number(retryAfter ?? Number.NaN)
  return new TurnStreamError(gone ? 'TURN_NOT_FOUND' : 'HTTP_STATUS', message, {
    status,
    body,
    retryable: status >= 500 || status === 408 || status === 429,
    ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }),
  })
}

/**
 * The events of a turn that `turnResponse` streams, each once and in order, over as many connections as it takes.
 *
 * @param {string | URL | Response} source
 * @param {import('./client.js').TurnEventsOptions} [options]
 */
export function turnEvents(source, options = {}) {
  const called = /** @type {{ stack?: string }} */ ({})
  Error.captureStackTrace?.(called, turnEvents)
  return new TurnEvents(source, options, called.stack)
}
