// A proxy in front of a server, which can misbehave.

import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { FrameParser } from './frames.mjs'
import { temporaryFolder } from './rig.mjs'

/** @typedef {import('./frames.mjs').Frame} Frame */

/** A CA, and a certificate of it for localhost and 127.0.0.1. */
const certificates = fileURLToPath(new URL('../fixtures/tls/', import.meta.url))
export const caFile = join(certificates, 'ca.pem')

/**
 * A proxy in front of a server, closed when the test ends. It can misbehave, and remembers what passed.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {string} target `ws://HOST:PORT` or `unix://PATH`
 * @param {{ secure?: boolean, unix?: boolean }} [options] listen with TLS; on a unix socket
 */
export async function startProxy(t, target, { secure = false, unix = false } = {}) {
  const proxy = new Middle(target)
  const accept = (/** @type {net.Socket} */ socket) => proxy.take(socket)
  const server = secure
    ? tls.createServer(
        {
          key: readFileSync(join(certificates, 'server.key')),
          cert: readFileSync(join(certificates, 'server.pem')),
        },
        accept,
      )
    : net.createServer(accept)
  server.on('tlsClientError', () => {})
  const path = unix ? join(temporaryFolder(t), 'proxy.sock') : undefined
  await new Promise((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', () => resolve(undefined))
    else server.listen(path, () => resolve(undefined))
  })
  t.after(() => {
    proxy.cut()
    server.close()
  })
  const port = /** @type {net.AddressInfo} */ (server.address()).port
  proxy.url = path === undefined ? `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}` : `unix://${path}`
  return proxy
}

/** @typedef {'up' | 'down'} Direction from the client, from the server */

class Middle {
  #target
  #emitter = new EventEmitter()
  /** @type {Set<Line>} */
  #lines = new Set()
  #refusing = false
  url = ''
  /** Pause before each chunk is passed on, in milliseconds. */
  delayMs = 0
  /** The most bytes that are passed on at once. */
  chunkBytes = Number.POSITIVE_INFINITY
  /** How many connections came. */
  connections = 0
  /** What opened each websocket, as it came. @type {string[]} */
  upgrades = []
  /** The frames that clients sent. @type {Frame[]} */
  framesUp = []
  /** The frames that the server sent. @type {Frame[]} */
  framesDown = []
  /** Messages from clients. @type {any[]} */
  up = []
  /** Messages from the server. @type {any[]} */
  down = []
  /** @type {Set<Direction>} */
  muted = new Set()

  /** @param {string} target */
  constructor(target) {
    this.#target = target.startsWith('unix://')
      ? { path: target.slice('unix://'.length) }
      : { host: new URL(target).hostname, port: Number(new URL(target).port) }
    this.#emitter.setMaxListeners(0)
  }

  /** Cuts every connection that is open, at once. */
  cut() {
    for (const line of this.#lines) line.destroy()
  }

  /**
   * Passes nothing on any more over the connections that are open, which stay open: as where a machine on the way has
   * forgotten them. New ones are not concerned.
   */
  freeze() {
    for (const line of this.#lines) line.frozen = true
  }

  /** Cuts every new connection, and those that are open. */
  refuse() {
    this.#refusing = true
    this.cut()
  }

  /** Takes connections again. */
  accept() {
    this.#refusing = false
  }

  /**
   * Passes nothing on any more, in one direction or both, while the connections stay open: what comes is
   * remembered all the same.
   *
   * @param {Direction[]} directions
   */
  mute(...directions) {
    for (const direction of directions) this.muted.add(direction)
  }

  /** Passes on again. */
  unmute() {
    this.muted.clear()
    for (const line of this.#lines) line.pump()
  }

  /**
   * Waits for a message that passes, or has.
   *
   * @param {Direction} direction
   * @param {(message: any) => boolean} wanted
   * @param {number} [from] which is the first that counts
   * @returns {Promise<any>}
   */
  async message(direction, wanted, from = 0) {
    for (;;) {
      const found = this[direction].slice(from).find(wanted)
      if (found !== undefined) return found
      await once(this.#emitter, 'message')
    }
  }

  /** Waits for that many frames of a kind from clients. @param {number} opcode @param {number} count */
  async frames(opcode, count) {
    const those = () => this.framesUp.filter((frame) => frame.opcode === opcode)
    while (those().length < count) await once(this.#emitter, 'frame')
  }

  /** Waits for that many connections. @param {number} count */
  async connected(count) {
    while (this.connections < count) await once(this.#emitter, 'connection')
  }

  /** Messages of a method that clients sent. @param {string} method */
  sent(method) {
    return this.up.filter((message) => message.method === method)
  }

  /** @param {net.Socket} socket */
  take(socket) {
    this.connections += 1
    this.#emitter.emit('connection')
    if (this.#refusing) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const server = net.connect(/** @type {net.NetConnectOpts} */ (this.#target))
    const line = new Line(this, socket, server)
    this.#lines.add(line)
    line.closed = () => this.#lines.delete(line)
    line.head = (head) => this.upgrades.push(head)
    line.frame = (direction, frame) => {
      this[direction === 'up' ? 'framesUp' : 'framesDown'].push(frame)
      this.#emitter.emit('frame')
    }
    line.message = (direction, message) => {
      this[direction].push(message)
      this.#emitter.emit('message')
    }
  }
}

/** One connection through a proxy. */
class Line {
  frozen = false
  closed = () => {}
  /** @type {(head: string) => void} */
  head = () => {}
  /** @type {(direction: Direction, frame: Frame) => void} */
  frame = () => {}
  /** @type {(direction: Direction, message: any) => void} */
  message = () => {}

  /** @param {Middle} proxy @param {net.Socket} client @param {net.Socket} server */
  constructor(proxy, client, server) {
    this.sockets = [client, server]
    this.pumps = [this.#join(proxy, 'up', client, server), this.#join(proxy, 'down', server, client)]
    for (const socket of this.sockets) {
      socket.setNoDelay?.(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        // What it said last still has to arrive at the other end.
        if (!socket.readableEnded) this.destroy()
        this.closed()
      })
    }
  }

  destroy() {
    for (const socket of this.sockets) socket.destroy()
  }

  pump() {
    for (const pump of this.pumps) pump()
  }

  /** @param {Middle} proxy @param {Direction} direction @param {net.Socket} from @param {net.Socket} to */
  #join(proxy, direction, from, to) {
    /** @type {Buffer[]} */
    const waiting = []
    let busy = false
    const parser = new FrameParser(
      (head) => direction === 'up' && this.head(head),
      (frame) => this.frame(direction, frame),
      (message) => this.message(direction, message),
    )
    const pump = async () => {
      if (busy) return
      busy = true
      while (waiting.length > 0 && !this.frozen && !proxy.muted.has(direction) && !to.destroyed) {
        const chunk = /** @type {Buffer} */ (waiting.shift())
        const piece = chunk.subarray(0, proxy.chunkBytes)
        if (piece.length < chunk.length) waiting.unshift(chunk.subarray(piece.length))
        if (proxy.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, proxy.delayMs))
        if (!to.write(piece)) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => {})
        // One in each round of the loop, so that the line can be cut between two.
        else if (piece.length < chunk.length) await new Promise((resolve) => setImmediate(resolve))
      }
      busy = false
      if (waiting.length > 0) return
      from.resume()
      if (from.readableEnded && !this.frozen) to.end()
    }
    from.on('end', pump)
    from.on('data', (chunk) => {
      parser.push(chunk)
      waiting.push(chunk)
      // Who waits must feel it; a proxy that is muted takes all, to remember it.
      if (waiting.length > 4 && !proxy.muted.has(direction)) from.pause()
      pump()
    })
    return pump
  }
}
