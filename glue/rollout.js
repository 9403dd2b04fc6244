'use strict'

// A thread as bytes: the file that codex keeps of it, its rollout, and nothing else. The databases beside it hold paths
// of this machine, and codex makes them anew.

// Its promises are loaded by Node where they are first named.
const fs = require('node:fs')
const { dirname, join } = require('node:path')
const { Buffer } = require('node:buffer')
// Taken here: programs under test put clocks of their own in place of the global ones.
const { setImmediate } = require('node:timers')
const { abortError } = require('./abort.js')
const { untilAborted } = require('./signals.js')
const { callerOf } = require('./caller.js')
const { classes, messageOf } = require('./errors.js')
const { argumentError, checkObject, checkSignal } = require('./json.js')
const native = require('./native.js')

/** @typedef {{ maxBytes?: number, signal?: AbortSignal }} Limits */

const MAX_BYTES = 256 * 1024 * 1024
/** How much is checked before others get their turn in the event loop. */
const SLICE = 256 * 1024
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * @param {unknown} options
 * @param {string} what
 * @param {string[]} names
 * @returns {Record<string, any> & { maxBytes: number, signal?: AbortSignal }}
 */
function taken(options, what, names) {
  if (options !== undefined) checkObject(options, what)
  for (const name of Object.keys(options ?? {})) {
    if (!names.includes(name))
      throw argumentError(`${what}.${name} is unknown; known are ${names.join(', ')}`)
  }
  /** @type {Record<string, any> & { maxBytes: number }} */
  const all = { maxBytes: MAX_BYTES, .../** @type {object} */ (options) }
  if (!Number.isSafeInteger(all.maxBytes) || all.maxBytes < 1) {
    throw argumentError(`${what}.maxBytes must be a number of bytes from 1`)
  }
  if (all.signal !== undefined) checkSignal(all.signal, what)
  return all
}

/** @param {string} path @param {unknown} error */
function fileError(path, error) {
  const fields = { code: 'FILE_ERROR', retryable: false, path, cause: error }
  return new classes.FileError(`${path}: ${messageOf(error)}`, fields)
}

/**
 * @param {string} message
 * @param {string} threadId
 */
function notStored(message, threadId) {
  const fields = {
    code: 'THREAD_NOT_FOUND',
    retryable: false,
    threadId,
    rpcCode: 0,
    data: null,
    method: 'thread/read',
  }
  return new classes.ThreadNotFoundError(message, { ...fields, codexVersion: null })
}

/**
 * @param {string} path
 * @param {string} codexHome
 */
function elsewhere(path, codexHome) {
  const why = `codex keeps its threads in ${codexHome} of another machine; it has to run on that of the program`
  return fileError(path, new Error(why))
}

/**
 * What is waited for, unless the signal is aborted before.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<T>}
 */
function wanted(promise, signal) {
  const caller = callerOf(wanted)
  return untilAborted(promise, signal, () => abortError(/** @type {AbortSignal} */ (signal), caller))
}

/** @param {number} size @param {number} most */
function tooLarge(size, most) {
  return argumentError(`a thread of ${size} bytes is larger than maxBytes, ${most}`)
}

/**
 * `thread.export()`.
 *
 * @this {import('../index.js').Thread}
 * @param {unknown} [options]
 * @returns {Promise<Uint8Array>}
 */
async function exportThread(options) {
  const limits = taken(options, 'options', ['maxBytes', 'signal'])
  const { thread } = await wanted(this.read(), limits.signal)
  if (!thread.path) throw notStored(`thread ${this.id} is not kept on disk`, this.id)
  return exportFrom(thread.path, this.id, limits)
}

/**
 * The same for those who know where codex keeps the thread.
 *
 * @param {string} path
 * @param {string} threadId
 * @param {{ maxBytes: number, signal?: AbortSignal }} limits
 * @returns {Promise<Buffer>}
 */
async function exportFrom(path, threadId, { maxBytes, signal }) {
  const bytes = await wanted(readRollout(path, maxBytes), signal).catch((error) => {
    if (error?.code === 'ENOENT') {
      const why = 'it has no turn yet, or codex runs on another machine'
      throw notStored(`nothing is kept of thread ${threadId} here: ${why}`, threadId)
    }
    throw error instanceof TypeError || error?.code === 'ABORT_ERR' ? error : fileError(path, error)
  })
  const { id } = await checked(bytes, signal)
  if (id !== threadId) throw fileError(path, new Error(`it is of thread ${id}`))
  return bytes
}

/**
 * What is there, up to its last whole line: codex may be writing the next.
 *
 * @param {string} path
 * @param {number} maxBytes
 */
async function readRollout(path, maxBytes) {
  const { size } = await fs.promises.stat(path)
  if (size > maxBytes) throw tooLarge(size, maxBytes)
  const chunks = []
  for await (const chunk of fs.createReadStream(path, { end: Math.max(0, size - 1) })) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return bytes.subarray(0, bytes.lastIndexOf(10) + 1)
}

/**
 * `codex.importThread()`.
 *
 * @this {import('../index.js').Codex}
 * @param {unknown} bytes
 * @param {unknown} [options]
 * @returns {Promise<string>}
 */
async function importThread(bytes, options) {
  if (!(bytes instanceof Uint8Array))
    throw argumentError('bytes must be a Uint8Array, as thread.export() gives it')
  const { maxBytes, overwrite, signal } = taken(options, 'options', ['maxBytes', 'overwrite', 'signal'])
  if (bytes.length > maxBytes) throw tooLarge(bytes.length, maxBytes)
  const incoming = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const { id, at } = await checked(incoming, signal)
  const { codexHome } = await wanted(this.connect(), signal)
  if (codexHome === null) throw fileError('CODEX_HOME', new Error('codex did not say where it is'))
  await fs.promises.stat(codexHome).catch(() => {
    throw elsewhere(codexHome, codexHome)
  })
  const held = await wanted(pathOf(this, id), signal)
  const path = held || join(codexHome, 'sessions', ...at.slice(0, 10).split('-'), `rollout-${at}-${id}.jsonl`)
  const mine = held ? await wanted(readHeld(path, codexHome), signal) : null
  if (mine !== null) {
    // What is here is the same, or has gone on since.
    if (mine.subarray(0, incoming.length).equals(incoming)) return id
    if (!overwrite && !incoming.subarray(0, mine.length).equals(mine)) {
      throw fileError(
        path,
        new Error(`thread ${id} is here with another history; overwrite: true replaces it`),
      )
    }
    const { data } = /** @type {{ data: string[] }} */ (
      await wanted(this.request('thread/loaded/list', {}), signal)
    )
    if (data.includes(id)) {
      const fields = { code: 'THREAD_BUSY', retryable: false, threadId: id, turnId: null }
      throw new classes.ThreadBusyError(`thread ${id} is loaded by codex, which would not notice`, fields)
    }
  }
  await replace(path, incoming).catch((error) => {
    throw fileError(path, error)
  })
  // A folder of that name may be on both machines.
  if (!held && (await pathOf(this, id)) === null) {
    await fs.promises.rm(path, { force: true })
    throw elsewhere(path, codexHome)
  }
  return id
}

/**
 * Where codex has a thread.
 *
 * @param {import('../index.js').Codex} codex
 * @param {string} id
 */
async function pathOf(codex, id) {
  try {
    return (await codex.readThread(id)).thread.path
  } catch (error) {
    if (/** @type {any} */ (error)?.code === 'THREAD_NOT_FOUND') return null
    throw error
  }
}

/**
 * @param {string} path where codex says that the thread is
 * @param {string} codexHome
 */
async function readHeld(path, codexHome) {
  try {
    return await readRollout(path, Number.MAX_SAFE_INTEGER)
  } catch (error) {
    throw /** @type {any} */ (error)?.code === 'ENOENT' ? elsewhere(path, codexHome) : fileError(path, error)
  }
}

/**
 * Writes a file so that nobody ever sees a part of it, also after a crash.
 *
 * @param {string} path
 * @param {Uint8Array} bytes
 */
async function replace(path, bytes) {
  await fs.promises.mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  try {
    const file = await fs.promises.open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await fs.promises.rename(unfinished, path)
  } catch (error) {
    await fs.promises.rm(unfinished, { force: true }).catch(() => {})
    throw error
  }
}

/**
 * Whether the bytes are a rollout: lines of JSON, the first of which says of which thread.
 *
 * @param {Buffer} bytes
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ id: string, at: string }>} `at` is when it began, as its file is named
 */
async function checked(bytes, signal) {
  if (signal?.aborted) throw abortError(signal, callerOf(checked))
  if (bytes.length === 0) throw argumentError('bytes are no thread: they are empty')
  if (bytes[bytes.length - 1] !== 10) throw argumentError('bytes are no thread: the last line is cut off')
  let first
  let sliceEnd = SLICE
  for (let begin = 0, line = 1; begin < bytes.length; line++) {
    const end = bytes.indexOf(10, begin)
    let value
    try {
      value = JSON.parse(bytes.toString('utf8', begin, end))
    } catch (error) {
      throw argumentError(`bytes are no thread: line ${line} is no JSON: ${messageOf(error)}`)
    }
    if (typeof value?.type !== 'string') throw argumentError(`bytes are no thread: line ${line} has no type`)
    first ??= value
    begin = end + 1
    if (begin < sliceEnd) continue
    sliceEnd = begin + SLICE
    await wanted(new Promise((resolve) => setImmediate(resolve)), signal)
  }
  const { id, timestamp } = first.payload ?? {}
  if (first.type !== 'session_meta' || typeof id !== 'string' || !ID.test(id)) {
    throw argumentError('bytes are no thread: the first line is not that of one')
  }
  const time = new Date(timestamp ?? first.timestamp)
  // It becomes a part of a path.
  if (Number.isNaN(time.getTime())) throw argumentError('bytes are no thread: the first line has no time')
  return { id, at: time.toISOString().slice(0, 19).replaceAll(':', '-') }
}

/**
 * The methods of the classes of the addon.
 * @type {[object, Record<string, PropertyDescriptor>][]}
 */
const ofRollouts = [
  [native.Thread.prototype, Object.getOwnPropertyDescriptors({ export: exportThread })],
  [native.Codex.prototype, Object.getOwnPropertyDescriptors({ importThread })],
]

module.exports = { exportFrom, ofRollouts }
