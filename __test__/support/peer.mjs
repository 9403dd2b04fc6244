// A server of the protocol in the process of the test.

import { createHash } from 'node:crypto'
import net from 'node:net'
import { FrameParser, serverFrame } from './frames.mjs'

/** @typedef {import('./frames.mjs').Frame} Frame */

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
