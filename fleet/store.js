'use strict'

const { mkdir, readdir, readFile, rename, rm, writeFile } = require('node:fs/promises')
const { join } = require('node:path')
const { promisify } = require('node:util')
const zlib = require('node:zlib')
const { callsAsCalled } = require('../glue/caller.js')
const { argumentError } = require('../glue/json.js')
const { fenced } = require('./errors.js')
const { Names } = require('./names.js')
const { asked, connect, disconnect, run } = require('./redis.js')

/**
 * Where threads are kept while no machine has them. `put` and `delete` come with the token of the owner, which grows
 * with each owner that a thread has: what comes with a smaller one than the last is refused with `StaleTokenError`.
 *
 * @typedef {object} ThreadStore
 * @property {(threadId: string, bytes: Uint8Array, options: { token: number }) => Promise<void>} put
 * @property {(threadId: string) => Promise<{ bytes: Uint8Array, token: number } | null>} get
 * @property {(threadId: string, options: { token: number }) => Promise<void>} delete
 */

const gzip = promisify(zlib.gzip)
const gunzip = promisify(zlib.gunzip)

/** @param {unknown} threadId */
function checkId(threadId) {
  if (typeof threadId !== 'string' || !/^[\w-]{1,128}$/.test(threadId)) {
    throw argumentError(`threadId must be the id of a thread, not ${JSON.stringify(threadId)}`)
  }
  return threadId
}

/** @param {{ token: number }} options */
function checkToken(options) {
  const { token } = options ?? {}
  if (!Number.isSafeInteger(token) || token < 0)
    throw argumentError(`options.token must be an integer from 0, not ${token}`)
  return token
}

/** @param {unknown} bytes @returns {Uint8Array} */
function checkBytes(bytes) {
  if (!(bytes instanceof Uint8Array)) throw argumentError('bytes must be a Uint8Array')
  return bytes
}

/**
 * Threads in a folder that all machines share.
 *
 * A file is named by the token that wrote it, and the largest is the thread. So a writer that is late, and passed the
 * check before its successor wrote, still loses: no lock is needed, which network file systems lack.
 *
 * @implements {ThreadStore}
 */
class FolderStore {
  /** @param {string} folder */
  constructor(folder) {
    if (typeof folder !== 'string' || folder === '') throw argumentError('folder must be a path')
    this.folder = folder
  }

  /**
   * @param {string} threadId
   * @param {Uint8Array} bytes
   * @param {{ token: number }} options
   */
  async put(threadId, bytes, options) {
    const [id, token] = [checkId(threadId), checkToken(options)]
    checkBytes(bytes)
    const folder = join(this.folder, id)
    const before = await this.#tokens(id)
    if (before.length === 0) await mkdir(folder, { recursive: true })
    if (before.some((held) => held > token)) throw fenced(`thread ${id}`)
    const unfinished = join(folder, `.${token}-${process.pid}-${Math.random().toString(36).slice(2)}`)
    try {
      await writeFile(unfinished, bytes)
      await rename(unfinished, join(folder, `${token}.jsonl`)).catch((error) => {
        // Only a successor, or whoever deletes the thread, takes it away.
        throw error.code === 'ENOENT' ? fenced(`thread ${id}`) : error
      })
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {})
      throw error
    }
    let isLate = false
    // Only what is older goes: of two writers the one with the larger token stays. What a writer that died has begun goes
    // with it.
    for (const name of await readdir(folder)) {
      const held = Number(/^\.?(\d+)[.-]/.exec(name)?.[1] ?? token)
      if (held < token) await rm(join(folder, name), { force: true })
      else if (held > token) isLate = true
    }
    if (isLate) {
      await rm(join(folder, `${token}.jsonl`), { force: true })
      throw fenced(`thread ${id}`)
    }
  }

  /** @param {string} threadId */
  async get(threadId) {
    const id = checkId(threadId)
    // The newest may be replaced by a newer one between the two calls.
    for (;;) {
      const token = Math.max(-1, ...(await this.#tokens(id)))
      if (token < 0) return null
      try {
        return { bytes: await readFile(join(this.folder, id, `${token}.jsonl`)), token }
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
      }
    }
  }

  /**
   * @param {string} threadId
   * @param {{ token: number }} options
   */
  async delete(threadId, options) {
    const [id, token] = [checkId(threadId), checkToken(options)]
    if ((await this.#tokens(id)).some((held) => held > token)) throw fenced(`thread ${id}`)
    await rm(join(this.folder, id), { recursive: true, force: true, maxRetries: 3 })
  }

  /** @param {string} id */
  async #tokens(id) {
    const names = await readdir(join(this.folder, id)).catch((error) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    return names.flatMap((name) => /^(\d+)\.jsonl$/.exec(name)?.[1] ?? []).map(Number)
  }
}

/**
 * Threads in Redis, compressed.
 *
 * @implements {ThreadStore}
 */
class RedisStore {
  /** @type {import('ioredis').Redis} */
  #redis

  /** @param {{ connection: import('./redis.js').Connection, fleet?: string }} options */
  constructor({ connection, fleet }) {
    this.names = new Names(fleet)
    this.#redis = connect(connection)
    this.#redis.on('error', () => {})
  }

  /**
   * @param {string} threadId
   * @param {Uint8Array} bytes
   * @param {{ token: number }} options
   */
  async put(threadId, bytes, options) {
    const [id, token] = [checkId(threadId), checkToken(options)]
    const data = await gzip(checkBytes(bytes), { level: 1 })
    const put = run(this.#redis, this.names.root, 'storePut', id, token, data)
    if ((await asked(put, 'put')) !== 1) throw fenced(`thread ${id}`)
  }

  /** @param {string} threadId */
  async get(threadId) {
    const held = this.#redis.hmgetBuffer(this.names.thread(checkId(threadId)), 'token', 'data')
    const [token, data] = await asked(held, 'get')
    if (!token || !data) return null
    return { bytes: await gunzip(data), token: Number(token.toString()) }
  }

  /**
   * @param {string} threadId
   * @param {{ token: number }} options
   */
  async delete(threadId, options) {
    const [id, token] = [checkId(threadId), checkToken(options)]
    const deleted = run(this.#redis, this.names.root, 'storeDelete', id, token)
    if ((await asked(deleted, 'delete')) !== 1) throw fenced(`thread ${id}`)
  }

  /** Ends its connection. */
  async close() {
    await disconnect(this.#redis)
  }
}

callsAsCalled(FolderStore, 'put get delete', '')
callsAsCalled(RedisStore, 'put get delete close', '')

module.exports.FolderStore = FolderStore
module.exports.RedisStore = RedisStore
