// @ts-check
'use strict'

const { onAbort } = require('../glue/signals.js')
const { invalid, optionalFunction, withDefaults } = require('./options.js')

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */
/** @typedef {import('node:http').ServerResponse} ServerResponse */

/**
 * A handler of web-standard requests as a listener of `node:http`, or as a middleware of Express.
 *
 * @param {(request: Request) => Response | undefined | Promise<Response | undefined>} handler
 * @param {import('./index.js').NodeListenerOptions} [given]
 * @returns {import('./index.js').NodeListener}
 */
function toNodeListener(handler, given) {
  if (typeof handler !== 'function') throw invalid('handler: must be a function')
  const { onError } = withDefaults(given, {
    onError: /** @type {((error: unknown) => void) | undefined} */ (undefined),
  })
  optionalFunction('options.onError', onError)
  return async (/** @type {any} */ incoming, /** @type {any} */ outgoing, next) => {
    const { request, gone } = requestOf(incoming, outgoing)
    if (request === undefined) {
      outgoing.writeHead(400, { connection: 'close' }).end('Bad Request')
      return
    }
    try {
      const response = await handler(request)
      if (response !== undefined) await send(response, outgoing, request.method === 'HEAD', gone)
      else if (next !== undefined) next()
      else outgoing.writeHead(404).end()
    } catch (error) {
      if (outgoing.headersSent) outgoing.destroy()
      else if (next !== undefined) return next(error)
      else if (!gone.aborted) outgoing.writeHead(500).end('Internal Server Error')
      if (gone.aborted) return
      if (onError === undefined) console.error(error)
      else onError(error)
    }
  }
}

/**
 * @param {IncomingMessage & { originalUrl?: string, body?: unknown }} incoming
 * @param {ServerResponse} outgoing
 * @returns {{ request?: Request, gone: AbortSignal }} no request where it has no address that can be read
 */
function requestOf(incoming, outgoing) {
  const controller = new AbortController()
  const gone = controller.signal
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort(new Error('The client has closed the connection.'))
  })
  const headers = new Headers()
  const { rawHeaders, method = 'GET' } = incoming
  try {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      // Those of HTTP/2 are no headers elsewhere.
      if (!name.startsWith(':')) headers.append(name, rawHeaders[i + 1] ?? '')
    }
    const scheme = 'encrypted' in incoming.socket ? 'https' : 'http'
    const host = incoming.headers[':authority'] ?? incoming.headers.host ?? 'localhost'
    const url = new URL(`${scheme}://${host}`)
    // Not resolved: `//evil` in a path is no host.
    const path = incoming.originalUrl ?? incoming.url ?? '/'
    const address = path.startsWith('/') ? url.origin + path : path
    /** @type {RequestInit & { duplex?: 'half' }} */
    const init = { method, headers, signal: gone }
    if (method !== 'GET' && method !== 'HEAD') {
      init.body = bodyOf(incoming)
      init.duplex = 'half'
    }
    return { request: new Request(address, init), gone }
  } catch {
    return { gone }
  }
}

/**
 * The body, also where a parser of Express has read it.
 *
 * @param {IncomingMessage & { body?: unknown }} incoming
 * @returns {NonNullable<RequestInit['body']>}
 */
function bodyOf(incoming) {
  const { body } = incoming
  if (body === undefined || !incoming.readableDidRead) {
    const { Readable } = require('node:stream')
    return /** @type {any} */ (Readable.toWeb(incoming))
  }
  if (typeof body === 'string' || body instanceof Uint8Array) return /** @type {any} */ (body)
  return JSON.stringify(body)
}

/**
 * @param {Response} response
 * @param {ServerResponse} outgoing
 * @param {boolean} headersOnly
 * @param {AbortSignal} gone
 */
async function send(response, outgoing, headersOnly, gone) {
  /** @type {Record<string, string | string[]>} */
  const headers = Object.fromEntries(response.headers)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) headers['set-cookie'] = cookies
  if (gone.aborted || headersOnly || response.body === null) {
    await response.body?.cancel()
    if (!gone.aborted) outgoing.writeHead(response.status, headers).end()
    return
  }
  outgoing.writeHead(response.status, headers)
  outgoing.flushHeaders()
  const reader = response.body.getReader()
  // Without waiting for what the stream gives next, which may take its time.
  const leave = () => void reader.cancel(gone.reason).catch(() => {})
  const off = onAbort(gone, leave)
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      if (!outgoing.write(value)) await drained(outgoing)
    }
    outgoing.end()
  } finally {
    off()
  }
}

/**
 * Until there is room again, or nobody is there any more.
 *
 * @param {ServerResponse} outgoing
 * @returns {Promise<void>}
 */
function drained(outgoing) {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
    if (outgoing.destroyed) done()
  })
}

module.exports = { toNodeListener }
