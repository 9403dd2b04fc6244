'use strict'

const { open } = require('node:fs/promises')
const { setTimeout: sleep } = require('node:timers/promises')
const { clock } = require('../glue/clock.js')
const { ThreadNotFoundError } = require('../index.js')
const { exportFrom } = require('../glue/rollout.js')
const { messageOf } = require('./errors.js')
const { resumeOptions } = require('./options.js')

/**
 * @typedef {import('../index.js').Thread} Thread
 * @typedef {import('./store.js').ThreadStore} ThreadStore
 * @typedef {{ thread: Thread, token: string }} Held
 */

/** How much of a rollout is looked at for the end of a turn, beside the whole of its last line. */
const END = 64 * 1024
/** How long codex may take to write what it has already told. */
const WRITTEN_MS = 2_000

/** The threads of a worker's keys: opened, brought from the store, and put there. */
class Threads {
  /** Least recently used first. @type {Map<string, Held>} */
  #open = new Map()
  /** @type {WeakMap<Thread, string>} */
  #paths = new WeakMap()

  /**
   * @param {import('../index.js').Codex} codex
   * @param {ThreadStore | undefined} store
   * @param {{ most: number, maxBytes: number, busy: () => Set<string> }} limits `busy`: keys whose turns run
   */
  constructor(codex, store, limits) {
    this.codex = codex
    this.store = store
    this.limits = limits
  }

  /** @param {string} key @param {string} token */
  held(key, token) {
    const held = this.#open.get(key)
    return held?.token === token ? held.thread : undefined
  }

  /** What is open of a key. @param {string | undefined} key @returns {{ threadId: string, token: string }} */
  heldOf(key = '') {
    const held = this.#open.get(key)
    return { threadId: held?.thread.id ?? '', token: held?.token ?? '' }
  }

  /**
   * The thread of a key.
   *
   * @param {string} key
   * @param {string} token of its owner
   * @param {string | null} threadId where it has one already
   * @param {Record<string, any>} options of its first job and of this one
   * @returns {Promise<{ thread: Thread, isNew: boolean }>}
   */
  async open(key, token, threadId, options) {
    const held = this.#open.get(key)
    if (held?.token === token && held.thread.id === threadId) {
      this.#open.delete(key)
      this.#open.set(key, held)
      return { thread: held.thread, isNew: false }
    }
    const opened = await this.#find(threadId, options)
    this.#open.delete(key)
    this.#open.set(key, { thread: opened.thread, token })
    this.#trim()
    return opened
  }

  /**
   * @param {string | null} threadId
   * @param {Record<string, any>} options
   */
  async #find(threadId, options) {
    if (threadId !== null) {
      await this.#bring(threadId)
      try {
        return { thread: await this.codex.resumeThread(threadId, resumeOptions(options)), isNew: false }
      } catch (error) {
        if (!(error instanceof ThreadNotFoundError)) throw error
        // Its machine died before anything of it was kept.
      }
    }
    return { thread: await this.codex.startThread(options), isNew: true }
  }

  /** @param {string} threadId */
  async #bring(threadId) {
    const stored = await this.store?.get(threadId)
    if (stored == null) return
    const { maxBytes } = this.limits
    await this.codex.importThread(stored.bytes, { overwrite: true, maxBytes })
  }

  /**
   * Keeps a thread.
   *
   * @param {Thread} thread
   * @param {string} token
   * @param {string} [turnId] a turn whose end has to be in it
   * @returns {Promise<Buffer | undefined>} what is kept now
   */
  async keep(thread, token, turnId) {
    if (this.store === undefined) return
    const path = await this.#pathOf(thread)
    let bytes = await this.#export(thread, path)
    if (turnId !== undefined && !endsTurn(Buffer.from(bytes), turnId)) {
      // Codex tells before it has written.
      const deadline = clock() + WRITTEN_MS
      while (!endsTurn(await endOf(path), turnId) && clock() < deadline) await sleep(2)
      bytes = await this.#export(thread, path)
    }
    await this.store.put(thread.id, bytes, { token: Number(token) })
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Where codex keeps a thread. It is asked once: of a thread that is open it does not change. @param {Thread} thread */
  async #pathOf(thread) {
    const path = this.#paths.get(thread) ?? (await thread.read()).thread.path ?? ''
    this.#paths.set(thread, path)
    return path
  }

  /** @param {Thread} thread @param {string} path */
  async #export(thread, path) {
    try {
      return await exportFrom(path, thread.id, { maxBytes: this.limits.maxBytes })
    } catch (error) {
      if (!(error instanceof ThreadNotFoundError)) throw error
      // It was archived meanwhile, by whoever else uses this codex.
      this.#paths.delete(thread)
      return await thread.export({ maxBytes: this.limits.maxBytes })
    }
  }

  /** @param {string} key @param {string} [threadId] that one alone */
  drop(key, threadId) {
    const held = this.#open.get(key)
    if (held === undefined || (threadId ?? held.thread.id) !== held.thread.id) return
    this.#open.delete(key)
    void this.#close(held.thread)
  }

  /**
   * @param {string} key
   * @param {string | null} threadId
   * @param {string} token
   */
  async forget(key, threadId, token) {
    this.drop(key)
    // What can't be deleted is garbage in the store, and no reason for the job to fail.
    if (threadId !== null) await this.store?.delete(threadId, { token: Number(token) }).catch(() => {})
  }

  /** Codex is gone, and with it what it had open. */
  clear() {
    this.#open.clear()
  }

  /** Codex keeps about a megabyte of memory for each thread that somebody follows. */
  #trim() {
    if (this.#open.size <= this.limits.most) return
    const busy = this.limits.busy()
    for (const [key, { thread }] of this.#open) {
      if (this.#open.size <= this.limits.most) return
      // Nobody would hear of its turn any more.
      if (busy.has(key)) continue
      this.#open.delete(key)
      void this.#close(thread)
    }
  }

  /** @param {Thread} thread */
  async #close(thread) {
    try {
      await this.codex.request('thread/unsubscribe', { threadId: thread.id })
    } catch {
      // Codex may be gone, and the thread with it.
    }
  }
}

/**
 * The end of a file, with the whole of its last line.
 *
 * @param {string} path
 * @returns {Promise<Buffer>}
 */
async function endOf(path) {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      for (let length = END; ; length *= 4) {
        const from = Math.max(0, size - length)
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
        const bytes = buffer.subarray(0, bytesRead)
        if (from === 0 || bytes.lastIndexOf(10, -2) !== -1) return bytes
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    // There is none before the first turn.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
    return Buffer.alloc(0)
  }
}

/** @param {Buffer} bytes of a rollout @param {string} turnId whether its end is among the last lines */
function endsTurn(bytes, turnId) {
  const lastLine = bytes.lastIndexOf(10, bytes.length - 2) + 1
  return bytes
    .toString('latin1', Math.min(lastLine, Math.max(0, bytes.length - END)))
    .split('\n')
    .some(
      (line) =>
        /"(task_complete|turn_complete|turn_aborted|task_aborted)"/.test(line) && line.includes(turnId),
    )
}

/** @param {Buffer} bytes of a rollout @param {string} turnId whether it holds what its last turn was asked, the turn's first item */
function holdsInput(bytes, turnId) {
  const start = bytes.lastIndexOf('"task_started"')
  const end = bytes.indexOf(10, start)
  const isOurs = start !== -1 && end !== -1 && bytes.subarray(start, end).includes(turnId)
  return isOurs && bytes.includes('"item_completed"', end)
}

/**
 * Whether a thread holds what somebody asked, as one of its last messages.
 *
 * @param {Thread} thread
 * @param {unknown} input
 */
async function hasInput(thread, input) {
  const wanted = textOf(input)
  let seen = 0
  try {
    for await (const { item } of thread.items({ sortDirection: 'desc', limit: 50 })) {
      if (item.type === 'userMessage') return textOf(item.content) === wanted
      if (++seen > 500) return false
    }
  } catch (error) {
    if (!/before first|not supported|not materialized/i.test(messageOf(error))) throw error
  }
  return false
}

/** @param {any} input @returns {string} */
function textOf(input) {
  if (typeof input === 'string') return input
  const items = Array.isArray(input) ? input : [input]
  return items.map((item) => (typeof item === 'string' ? item : (item?.text ?? ''))).join('\n')
}

module.exports.Threads = Threads
module.exports.hasInput = hasInput
module.exports.holdsInput = holdsInput
module.exports.textOf = textOf
