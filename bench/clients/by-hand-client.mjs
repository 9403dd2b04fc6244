// The client that one writes by hand, whatever carries its messages: JSON.parse, a map of requests, a queue per turn.

/** @typedef {{ method: string, params: any }} Event */

export class HandClient {
  #write
  #nextId = 1
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #pending = new Map()
  /** @type {Map<string, EventQueue>} */
  #turns = new Map()

  /** @param {(message: string) => void} write */
  constructor(write) {
    this.#write = write
  }

  /** @param {string} method @param {unknown} params @returns {Promise<any>} */
  request(method, params) {
    const id = this.#nextId++
    this.#write(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }))
  }

  /** @param {string} method @param {unknown} [params] */
  notify(method, params) {
    this.#write(JSON.stringify({ method, params }))
  }

  /**
   * Starts a turn.
   *
   * @param {any} params of `turn/start`
   * @returns {Promise<AsyncIterable<Event>>}
   */
  async turn(params) {
    const { turn } = await this.request('turn/start', params)
    return this.#turn(turn.id)
  }

  /** @param {string} id its events may come before anybody knows of it */
  #turn(id) {
    let turn = this.#turns.get(id)
    if (turn === undefined) {
      turn = new EventQueue(() => this.#turns.delete(id))
      this.#turns.set(id, turn)
    }
    return turn
  }

  /** @param {string} text one message of the server */
  receive(text) {
    const message = JSON.parse(text)
    if (message.method === undefined) {
      const call = this.#pending.get(message.id)
      this.#pending.delete(message.id)
      if (message.error) call?.reject(new Error(message.error.message))
      else call?.resolve(message.result)
    } else if (message.id === undefined) {
      const id = message.params?.turnId ?? message.params?.turn?.id
      if (id !== undefined) this.#turn(id).push(message)
    }
  }
}

/** Events of one turn, for one reader. */
class EventQueue {
  /** @type {Event[]} */
  #events = []
  #ended = false
  #wake = () => {}
  #forget

  /** @param {() => void} forget called when everything was read */
  constructor(forget) {
    this.#forget = forget
  }

  /** @param {Event} event */
  push(event) {
    this.#events.push(event)
    if (event.method === 'turn/completed') this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      // All at once: shifting one by one out of a long array is slow.
      const events = this.#events
      this.#events = []
      for (const event of events) yield event
      if (this.#events.length > 0) continue
      if (this.#ended) return this.#forget()
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined)
      })
    }
  }
}

/**
 * A hand-written client as the flood drives it.
 *
 * @param {HandClient & { close(): Promise<void> }} client
 * @returns {Promise<import('./index.mjs').Client>}
 */
export async function reader(client) {
  await client.request('initialize', { clientInfo: { name: 'bench', title: null, version: '0' } })
  client.notify('initialized')
  const { thread } = await client.request('thread/start', {})
  return {
    async turn() {
      const input = [{ type: 'text', text: 'go', text_elements: [] }]
      let characters = 0
      for await (const event of await client.turn({ threadId: thread.id, input })) {
        if (event.method === 'item/agentMessage/delta') characters += event.params.delta.length
      }
      return characters
    },
    close: () => client.close(),
  }
}
