'use strict'

const { isUint8Array } = require('node:util/types')
const { messageOf } = require('./errors.js')
const { argumentError, checkObject } = require('./json.js')

/**
 * What the native side says to a transport: open it, write these bytes, close what is written.
 * @typedef {(what: 'open' | 'write' | 'end', bytes?: Uint8Array) => void} Command
 *
 * What it hears: bytes, the end with its reason, if there is one, and that what was written is all out and closed.
 * @typedef {{ feed: (bytes: Uint8Array) => void, done: (why: string | undefined) => void, finished: () => void }} Inlet
 */

const ACCEPTS = 'must be a Node Duplex, or {readable, writable} of Node or web streams of bytes'

/**
 * The transport of a client, checked.
 *
 * @param {any} transport
 * @returns {{ readable: any, writable: any }}
 */
function checkTransport(transport) {
  const both =
    isReadable(transport) && isWritable(transport) ? { readable: transport, writable: transport } : transport
  if (!isReadable(both?.readable) || !isWritable(both?.writable)) {
    throw argumentError(`options.transport: ${ACCEPTS}`)
  }
  for (const name of ['readable', 'writable']) {
    if (both[name].locked === true) {
      throw argumentError(`options.transport: its ${name} is locked: somebody else has it already`)
    }
  }
  return both
}

/** @param {any} stream */
function isReadable(stream) {
  return typeof stream?.getReader === 'function' || typeof stream?.[Symbol.asyncIterator] === 'function'
}

/** @param {any} stream */
function isWritable(stream) {
  if (typeof stream?.getWriter === 'function') return true
  return (
    typeof stream?.write === 'function' && typeof stream.end === 'function' && typeof stream.on === 'function'
  )
}

/**
 * Takes the transport out of options.
 *
 * @param {Record<string, unknown>} options
 */
function takeTransport(options) {
  if (options.transport === undefined) return { rest: options }
  checkObject(options, 'options')
  const { transport, ...rest } = options
  return { rest, transport: checkTransport(transport) }
}

/**
 * Connects a transport to the native side.
 *
 * @param {{ readable: any, writable: any }} transport
 * @param {Inlet} inlet
 * @returns {Command}
 */
function attachTransport({ readable, writable }, inlet) {
  /** @param {unknown} error */
  const failed = (error) => inlet.done(messageOf(error))
  const sink =
    typeof writable.getWriter === 'function' ? webSink(writable, failed) : nodeSink(writable, failed)
  return (what, bytes) => {
    try {
      if (what === 'open') pump(readable, inlet, failed)
      else if (what === 'write') sink.write(/** @type {Uint8Array} */ (bytes))
      else sink.end(inlet.finished)
    } catch (error) {
      failed(error)
    }
  }
}

/**
 * @param {any} readable
 * @param {Inlet} inlet
 * @param {(error: unknown) => void} failed
 */
async function pump(readable, inlet, failed) {
  try {
    if (typeof readable[Symbol.asyncIterator] === 'function') {
      for await (const chunk of readable) inlet.feed(bytesOf(chunk))
    } else {
      const reader = readable.getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read())
        inlet.feed(bytesOf(next.value))
    }
    // Without an argument the addon refuses it.
    inlet.done(undefined)
  } catch (error) {
    failed(error)
  }
}

/** @param {unknown} chunk */
function bytesOf(chunk) {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (isUint8Array(chunk)) return chunk
  throw new TypeError(`what was read is not bytes but ${chunk === null ? 'null' : `a ${typeof chunk}`}`)
}

/**
 * @param {any} writable
 * @param {(error: unknown) => void} failed
 */
function webSink(writable, failed) {
  const writer = writable.getWriter()
  return {
    /** @param {Uint8Array} bytes */
    write: (bytes) => void writer.write(bytes).catch(failed),
    /** @param {() => void} then */
    end: (then) => void writer.close().then(then, then),
  }
}

/**
 * @param {any} writable
 * @param {(error: unknown) => void} failed
 */
function nodeSink(writable, failed) {
  writable.on('error', failed)
  return {
    /** @param {Uint8Array} bytes */
    write: (bytes) => {
      // One that was destroyed tells nobody else.
      writable.write(bytes, (/** @type {unknown} */ error) => {
        if (error) failed(error)
      })
    },
    /** @param {() => void} then */
    end: (then) => {
      if (writable.destroyed) then()
      else writable.end(() => then())
    },
  }
}

module.exports = { attachTransport, takeTransport }
