// A client of a server that listens, and what it tells of its connection.

import './environment.mjs'
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { Codex } from '../../index.mjs'

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
