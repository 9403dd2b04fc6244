// The client that one writes by hand over a websocket: the `ws` package.

import { once } from 'node:events'
import { WebSocket } from 'ws'
import { HandClient, reader } from './by-hand-client.mjs'

class WebSocketClient extends HandClient {
  #socket

  /** @param {WebSocket} socket that is open */
  constructor(socket) {
    super((message) => socket.send(message))
    this.#socket = socket
    socket.on('message', (data) => this.receive(data.toString()))
  }

  async close() {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }
}

/** @type {import('./index.mjs').Open} */
export const open = async (url) => {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  return reader(new WebSocketClient(socket))
}
