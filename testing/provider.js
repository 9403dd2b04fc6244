// @ts-check
'use strict'

const http = require('node:http')
const { asCalled, callsAsCalled } = require('../glue/caller.js')
const { asyncDisposable } = require('./dispose.js')
const { play } = require('./play.js')
const { RecordedRequest, readRequest } = require('./recorded-request.js')
const { RequestLog } = require('./request-log.js')
const { Script } = require('./script.js')
const { ResponseStream } = require('./sse.js')
const { parseStep } = require('./step.js')
const { checkObject, is, isRecord } = require('./validate.js')

/** @typedef {InstanceType<typeof RecordedRequest>} Recorded */
/** @typedef {InstanceType<typeof ResponseStream>} Stream */
/** @typedef {import('./index.js').ScriptedProviderOptions} ScriptedProviderOptions */
/** @typedef {import('./index.js').ScriptStep} Step */

const OPTIONS = {
  respond: is.function,
  fallback: { accepts: 'a step', test: () => true },
  port: {
    accepts: 'a port from 0 to 65535',
    test: (/** @type {unknown} */ port) => is.count.test(port) && Number(port) < 65536,
  },
  record: is.boolean,
  keepAlive: is.boolean,
}

// A connection that codex wants to use again must not have been closed in that moment.
const KEEP_ALIVE_MS = 600_000

// Both shapes, OpenAI's and codex's own. The second names nothing, so that codex goes by what it knows itself.
const MODELS = {
  object: 'list',
  data: [{ id: 'gpt-5.5', object: 'model', owned_by: 'scripted' }],
  models: [],
}

/** The scripted stand-in for the Responses API; see index.d.ts. */
class ScriptedProvider {
  #server
  #script
  #log
  #record
  /** @type {Set<(request: Recorded) => void>} */
  #listeners = new Set()
  /** @type {Recorded[]} */
  #requests = []
  /** @type {unknown[]} */
  #errors = []
  /** @type {Map<Stream, Promise<void>>} */
  #answers = new Map()
  /** @type {Promise<void> | undefined} */
  #closing
  #url = ''

  /** @param {ScriptedProviderOptions} options */
  constructor({ respond, fallback, record = true, keepAlive = false }) {
    this.#script = new Script({ respond, fallback })
    this.#log = new RequestLog(record, (isWaiting) => {
      if (!keepAlive) this.#server[isWaiting ? 'ref' : 'unref']()
    })
    this.#record = record
    this.#server = http.createServer((message, response) => {
      const stream = new ResponseStream(response)
      const answered = this.#answer(message, stream).finally(() => this.#answers.delete(stream))
      this.#answers.set(stream, answered)
    })
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS
    // A test that forgot to close it ends all the same; who waits for an answer of codex is kept alive by that.
    if (!keepAlive) this.#server.unref().on('connection', (socket) => socket.unref())
    this.#server.on('upgrade', (message, socket) => this.#refuseUpgrade(message, socket))
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** @param {number} port */
  async listen(port) {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve(undefined))
    })
    const address = this.#server.address()
    if (isRecord(address)) this.#url = `http://127.0.0.1:${address.port}/v1`
  }

  get url() {
    return this.#url
  }

  get requests() {
    return this.#requests
  }

  get errors() {
    return this.#errors
  }

  get queued() {
    return this.#script.queued
  }

  get unscripted() {
    return this.#script.unscripted
  }

  /** @param {...Step} steps */
  enqueue(...steps) {
    this.#script.enqueue(steps)
    return this
  }

  /**
   * @param {unknown} match
   * @param {...Step} steps
   */
  when(match, ...steps) {
    this.#script.when(match, steps)
    return this
  }

  /** @param {(request: Recorded) => void} listener */
  onRequest(listener) {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * @param {(request: Recorded) => unknown} [predicate]
   * @param {{ signal?: AbortSignal }} [options]
   */
  async nextRequest(predicate = () => true, { signal } = {}) {
    return await this.#log.next(predicate, signal)
  }

  release() {
    for (const stream of this.#answers.keys()) stream.release()
  }

  close() {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close() {
    this.#log.close('the scripted provider was closed')
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
    await Promise.all(this.#answers.values())
  }

  /** @param {Recorded} request */
  #note(request) {
    if (this.#record) this.#requests.push(request)
    if (request.method === 'POST' && new URL(request.path, this.#url).pathname === '/v1/responses') {
      this.#log.add(request)
    }
    for (const listener of this.#listeners) listener(request)
  }

  /**
   * Never rejects: what goes wrong in the script is kept in `errors` and told to the client.
   *
   * @param {http.IncomingMessage} message
   * @param {Stream} stream
   */
  async #answer(message, stream) {
    try {
      const request = await readRequest(message)
      await play(stream, await stream.until(this.#route(request)), modelOf(request))
    } catch (error) {
      // A client that left is an everyday event: an interrupt, a killed codex, `close`.
      if (stream.closed || !message.complete) return
      this.#errors.push(error)
      // codex shows the body of a 400 and does not retry; past its head an answer can only break off.
      if (stream.started) stream.cut()
      else await play(stream, failure(400, String(error)), undefined).catch(() => stream.cut())
    }
  }

  /** @param {Recorded} request */
  async #route(request) {
    this.#note(request)
    const route = `${request.method} ${new URL(request.path, this.#url).pathname}`
    if (route === 'POST /v1/responses') {
      if (!isRecord(request.body)) return failure(400, 'the body is not a JSON object')
      return this.#script.next(request)
    }
    if (route === 'GET /v1/models') return parseStep({ http: 200, body: MODELS })
    if (route === 'POST /v1/responses/compact') {
      const content = [{ type: 'output_text', text: 'Summary by the scripted provider.' }]
      return parseStep({ http: 200, body: { output: [{ type: 'message', role: 'assistant', content }] } })
    }
    return failure(404, `no such route: ${route}`)
  }

  /**
   * codex takes 426 as "no websockets here" and goes on with POST.
   *
   * @param {http.IncomingMessage} message
   * @param {import('node:stream').Duplex} socket
   */
  #refuseUpgrade({ method = '', url = '', headers }, socket) {
    socket.on('error', () => {})
    const refusal = 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    // The server no longer knows this socket, so a client that leaves it open would keep `close` waiting.
    socket.end(refusal, () => socket.destroy())
    try {
      this.#note(new RecordedRequest({ method, path: url, headers, body: undefined }))
    } catch (error) {
      this.#errors.push(error)
    }
  }
}

/** @param {Recorded} request */
function modelOf({ body }) {
  return isRecord(body) ? body.model : undefined
}

asyncDisposable(ScriptedProvider, function () {
  return this.close()
})

/**
 * @param {number} status
 * @param {string} message
 */
function failure(status, message) {
  return parseStep({ http: status, body: { error: { message: `scripted provider: ${message}` } } })
}

/**
 * @param {ScriptedProviderOptions} [options]
 * @returns {Promise<ScriptedProvider>}
 */
function startScriptedProvider(options = {}) {
  return asCalled(startScriptedProvider, async () => {
    checkObject(options, OPTIONS, 'startScriptedProvider')
    const provider = new ScriptedProvider(options)
    await provider.listen(options.port ?? 0)
    return provider
  })
}

callsAsCalled(ScriptedProvider, 'nextRequest close', '')

module.exports = { ScriptedProvider, startScriptedProvider }
