// An app-server that listens, and what stands between it and its clients.

import './environment.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { dirname, join } from 'node:path'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Codex } from '../../index.mjs'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'
import { temporaryFolder } from './rig.mjs'

/** A CA, and a certificate of it for localhost and 127.0.0.1. */
const certificates = fileURLToPath(new URL('../fixtures/tls/', import.meta.url))
export const caFile = join(certificates, 'ca.pem')

/** The executable of codex that is tested against. */
export function codexExecutable() {
  const { CODEX_PATH = '' } = process.env
  const isLauncher = CODEX_PATH.endsWith('.js')
  if (CODEX_PATH !== '' && !isLauncher) return CODEX_PATH
  // Not the launcher: what is killed must be codex itself.
  const installed = isLauncher
    ? CODEX_PATH
    : createRequire(import.meta.url).resolve('@openai/codex/package.json')
  const { resolve } = createRequire(installed)
  const name = `@openai/codex-${process.platform}-${process.arch}/package.json`
  const vendor = join(dirname(resolve(name)), 'vendor')
  const program = process.platform === 'win32' ? 'codex.exe' : 'codex'
  const triples = ['x86_64', 'aarch64'].flatMap((arch) =>
    ['unknown-linux-musl', 'apple-darwin', 'pc-windows-msvc'].map((rest) => `${arch}-${rest}`),
  )
  const paths = triples.map((triple) => join(vendor, triple, 'bin', program))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? ''
}

/**
 * A real app-server that listens, with a scripted provider and a home of its own; it ends with the test.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {object} [options]
 * @param {string} [options.listen]
 * @param {string[]} [options.args] further arguments, such as those of `--ws-auth`
 * @param {Parameters<typeof createCodexHome>[1]} [options.home]
 */
export async function listening(t, { listen = 'ws://127.0.0.1:0', args = [], home: homeOptions } = {}) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access', ...homeOptions })
  const start = (/** @type {string} */ at) =>
    spawnServer(['app-server', '--listen', at, ...args], { ...process.env, ...home.env })
  let server = start(listen)
  t.after(async () => {
    await server.kill()
    await provider.close()
    await home.remove()
  })
  const url = listen.startsWith('unix:') ? listen : await server.url()
  if (listen.startsWith('unix:')) {
    await server.accepts(
      listen === 'unix://'
        ? join(home.codexHome, 'app-server-control/app-server-control.sock')
        : listen.slice('unix://'.length),
    )
  }
  return {
    provider,
    home,
    url,
    /** Its process id. */
    get pid() {
      return /** @type {number} */ (server.child.pid)
    },
    /** Ends it at once, as a crash does. */
    kill: () => server.kill(),
    /** Starts it again after `kill()`, at the same address. */
    restart: async () => {
      server = start(url)
      await server.url()
    },
  }
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} env */
function spawnServer(args, env) {
  const child = spawn(codexExecutable(), args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    child.emit('stderr')
  })
  const ended = exited.then(() => {
    throw new Error(`codex ended: ${stderr}`)
  })
  ended.catch(() => {})
  return {
    child,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    url: async () => {
      for (;;) {
        const url = /listening on: (ws:\S+)\s/.exec(stderr)?.[1]
        if (url !== undefined) return url
        await Promise.race([once(child, 'stderr'), ended])
      }
    },
    /** It says nothing about a socket. @param {string} path */
    accepts: async (path) => {
      while (!(await connects(path)))
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ended])
    },
  }
}

/** @param {string} path */
async function connects(path) {
  if (!existsSync(path)) return false
  const socket = net.connect(realpathSync(path))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * A client of a server, closed when the test ends, and what it told of its connection.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {import('../../index.js').CodexOptions} options
 */
export function connect(t, options) {
  const codex = new Codex(options)
  t.after(() => codex.close())
  return { codex, events: watchConnection(codex) }
}

/**
 * What happens to the connection of a client.
 *
 * @param {Codex} codex
 */
export function watchConnection(codex) {
  /** @type {import('../../index.js').ConnectionEvent[]} */
  const seen = []
  const emitter = new EventEmitter()
  codex.on('connection', (event) => {
    seen.push(event)
    emitter.emit('event')
  })
  const types = () => seen.map((event) => event.type)
  const another = async () => {
    // What is told keeps Node alive as little as an emitter does.
    const hold = setInterval(() => {}, 60_000)
    await once(emitter, 'event')
    clearInterval(hold)
  }
  let taken = 0
  return {
    seen,
    /** Their types so far. */
    types,
    /**
     * Waits until as many came, which must be these.
     *
     * @param {import('../../index.js').ConnectionEvent['type'][]} expected
     */
    were: async (expected) => {
      while (seen.length < expected.length) await another()
      assert.deepEqual(types(), expected)
    },
    /**
     * The next event of a type, after the one that was given before.
     *
     * @param {import('../../index.js').ConnectionEvent['type']} type
     * @returns {Promise<any>}
     */
    next: async (type) => {
      for (;;) {
        const at = seen.findIndex((event, index) => index >= taken && event.type === type)
        if (at !== -1) {
          taken = at + 1
          return seen[at]
        }
        await another()
      }
    },
  }
}

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
      while (waiting.length > 0 && !proxy.muted.has(direction) && !to.destroyed) {
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
      if (from.readableEnded) to.end()
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

/** @typedef {{ fin: boolean, opcode: number, length: number, masked: boolean, payload: Buffer }} Frame */

/** Reads one direction of a websocket. */
class FrameParser {
  /** @type {Buffer[]} */
  #parts = []
  #size = 0
  #upgraded = false
  /** @type {Buffer[]} */
  #fragments = []
  #fragmented = 0

  /** @param {(head: string) => void} head @param {(frame: Frame) => void} frame @param {(message: any) => void} message */
  constructor(head, frame, message) {
    this.head = head
    this.frame = frame
    this.message = message
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    this.#parts.push(chunk)
    this.#size += chunk.length
    if (!this.#upgraded) {
      const bytes = this.#peek(this.#size)
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      this.head(this.#take(end + 4).toString('latin1'))
      this.#upgraded = true
    }
    while (this.#next());
  }

  #next() {
    if (this.#size < 2) return false
    const first = this.#peek(Math.min(this.#size, 14))
    const masked = (Number(first[1]) & 0x80) !== 0
    const short = Number(first[1]) & 0x7f
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0
    const header = 2 + extra + (masked ? 4 : 0)
    if (first.length < header) return false
    const length =
      extra === 0 ? short : extra === 2 ? first.readUInt16BE(2) : Number(first.readBigUInt64BE(2))
    if (this.#size < header + length) return false
    const mask = masked ? Buffer.from(first.subarray(header - 4, header)) : undefined
    this.#take(header)
    const payload = this.#take(length)
    const opcode = Number(first[0]) & 0x0f
    const fin = (Number(first[0]) & 0x80) !== 0
    this.frame({
      fin,
      opcode,
      length,
      masked,
      payload: length < 126 ? unmask(payload, mask) : Buffer.alloc(0),
    })
    if (opcode > 2) return true
    this.#fragmented += length
    // What is very long is counted, not read.
    if (this.#fragmented < 1024 * 1024) this.#fragments.push(unmask(payload, mask))
    if (fin) {
      if (this.#fragmented < 1024 * 1024) {
        const text = Buffer.concat(this.#fragments).toString()
        if (text.startsWith('{')) this.message(JSON.parse(text))
      }
      this.#fragments = []
      this.#fragmented = 0
    }
    return true
  }

  /** @param {number} count */
  #peek(count) {
    let bytes = this.#parts[0] ?? Buffer.alloc(0)
    if (bytes.length < count) {
      bytes = Buffer.concat(this.#parts)
      this.#parts = [bytes]
    }
    return bytes.subarray(0, count)
  }

  /** @param {number} count */
  #take(count) {
    const bytes = this.#peek(count)
    const rest = /** @type {Buffer} */ (this.#parts[0] ?? Buffer.alloc(0)).subarray(count)
    if (rest.length > 0) this.#parts[0] = rest
    else this.#parts.shift()
    this.#size -= count
    return bytes
  }
}

/** @param {Buffer} payload @param {Buffer | undefined} mask */
function unmask(payload, mask) {
  if (mask === undefined) return Buffer.from(payload)
  return Buffer.from(payload.map((byte, at) => byte ^ Number(mask[at % 4])))
}

/**
 * A server of the protocol in this process, for what the real one does not do. It answers `initialize`, and what
 * `methods` has.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {{
 *   methods?: Record<string, (params: any, peer: Peer, id: any) => object | undefined>,
 *   refuse?: (head: string) => string | undefined,
 *   connected?: (peer: Peer) => void,
 *   frame?: (frame: Frame, peer: Peer) => void,
 * }} [play] `refuse` gives an HTTP answer in place of the websocket
 */
export async function startPeer(t, { methods = {}, refuse, connected, frame } = {}) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    /** @type {Peer} */
    const peer = {
      send: (message) => socket.write(serverFrame(1, JSON.stringify(message))),
      raw: (bytes) => socket.write(bytes),
      socket,
    }
    const parser = new FrameParser(
      (head) => {
        const refusal = refuse?.(head)
        if (refusal !== undefined) {
          socket.end(refusal)
          return
        }
        const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1]
        const accept = createHash('sha1')
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64')
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
        )
        connected?.(peer)
      },
      (received) => frame?.(received, peer),
      ({ id, method, params }) => {
        const answer =
          method === 'initialize' && methods.initialize === undefined
            ? { userAgent: 'test/0.169.0 (test)', codexHome: '/', platformFamily: 'unix', platformOs: 'test' }
            : methods[method]?.(params, peer, id)
        if (id !== undefined && answer !== undefined) peer.send({ id, result: answer })
      },
    )
    socket.on('data', (chunk) => parser.push(chunk))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `ws://127.0.0.1:${/** @type {net.AddressInfo} */ (server.address()).port}` }
}

/** @typedef {{ send: (message: object) => void, raw: (bytes: Buffer) => void, socket: net.Socket }} Peer */

/** A frame as a server sends it. @param {number} opcode @param {Buffer | string} payload @param {boolean} [fin] */
export function serverFrame(opcode, payload, fin = true) {
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | opcode
  if (body.length < 126) return Buffer.concat([Buffer.from([first, body.length]), body])
  const header = Buffer.alloc(10)
  header[0] = first
  header[1] = 127
  header.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([header, body])
}
