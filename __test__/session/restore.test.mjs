// Row S7 of the failure cases: one thread that does not come back among many that do.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { TransportError, TurnLostError } from '../../index.mjs'
import { connect } from '../support/connection.mjs'
import { rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'

/**
 * A server of threads that are named by their model, and what becomes of each when it is resumed.
 *
 * @param {import('node:test').TestContext} t
 * @param {(thread: string, peer: import('../support/peer.mjs').Peer) => object | undefined} resume
 * @param {import('../../index.js').CodexOptions} [options]
 */
async function server(t, resume, options) {
  /** @type {import('../support/peer.mjs').Peer[]} */
  const lines = []
  /** @type {{ method: string, thread: string, line: number }[]} */
  const asked = []
  /** @param {string} method @param {string} thread @param {import('../support/peer.mjs').Peer} peer */
  const note = (method, thread, peer) => {
    asked.push({ method, thread, line: lines.indexOf(peer) })
    notes.emit(method)
  }
  const notes = new EventEmitter()
  const peer = await startPeer(t, {
    connected: (peer) => lines.push(peer),
    methods: {
      'thread/start': ({ model }) => ({ thread: { id: model, status: { type: 'idle' }, turns: [] }, model }),
      'thread/resume': ({ threadId }, peer) => {
        note('thread/resume', threadId, peer)
        return resume(threadId, peer)
      },
      'thread/compact/start': ({ threadId }, peer) => {
        note('thread/compact/start', threadId, peer)
        return {}
      },
      'thread/read': ({ threadId }) => ({ thread: { id: threadId, status: { type: 'active' }, turns: [] } }),
      'thread/loaded/list': (_, peer) => {
        note('thread/loaded/list', '', peer)
        return { data: [] }
      },
      'turn/start': ({ threadId }, peer) => {
        note('turn/start', threadId, peer)
        return { turn: { id: `turn-${threadId}`, status: 'inProgress', items: [] } }
      },
    },
  })
  const { codex, events } = connect(t, { url: peer.url, ...options })
  const [first] = await Promise.all([codex.connect().then(() => lines[0])])
  return {
    codex,
    events,
    asked,
    /** Waits until something is asked. @param {string} method */
    next: (method) => once(notes, method),
    /** The line that is open. */
    line: () => /** @type {import('../support/peer.mjs').Peer} */ (lines.at(-1)),
    cut: () => first?.socket.destroy(),
  }
}

/** @param {string} threadId */
const back = (threadId) => ({
  thread: {
    id: threadId,
    status: { type: 'active', activeFlags: [] },
    turns: [{ id: `turn-${threadId}`, status: 'inProgress', items: [] }],
  },
})

/** @param {string} threadId */
const completed = (threadId) => ({
  method: 'turn/completed',
  params: { threadId, turn: { id: `turn-${threadId}`, status: 'completed', items: [], error: null } },
})

describe('a compaction that began and ended while nobody heard', { concurrency: 4 }, () => {
  /** @param {string} id @param {string} type */
  const stored = (id, type) => ({
    id,
    status: 'completed',
    items: [{ type, id: `item-of-${id}` }],
    error: null,
  })
  const earlier = stored('turn-earlier', 'contextCompaction')
  const compaction = stored('turn-compaction', 'contextCompaction')

  /**
   * A thread whose compaction was accepted; then the line drops, and the server has these turns.
   *
   * @param {import('node:test').TestContext} t
   * @param {object[]} turns
   * @param {boolean} [known] whether an earlier compaction was heard of
   */
  async function lost(t, turns, known = false) {
    const { codex, events, next, line, cut } = await server(
      t,
      (id) => ({ thread: { id, status: { type: 'idle' }, turns } }),
      { requestTimeoutMs: 3_000 },
    )
    const thread = await codex.startThread({ model: 'thread' })
    const compact = async () => {
      const accepted = next('thread/compact/start')
      const result = thread.compact()
      await accepted
      return { result }
    }
    if (known) {
      const { result } = await compact()
      line().send({
        method: 'turn/started',
        params: { threadId: 'thread', turn: { ...earlier, status: 'inProgress' } },
      })
      line().send({ method: 'turn/completed', params: { threadId: 'thread', turn: earlier } })
      await result
    }
    const { result: compacting } = await compact()
    // Its answer is here as well once that of another call is.
    await codex.request('thread/loaded/list', {})
    cut()
    await events.next('resumed')
    return { compacting, line }
  }

  test('is known by what the server has stored', async (t) => {
    const { compacting } = await lost(t, [earlier, compaction])
    const result = await compacting
    assert.equal(result.turnId, 'turn-compaction')
    assert.deepEqual(
      result.items.map(({ id }) => id),
      ['item-of-turn-compaction'],
    )
  })

  test('is known also where another turn came after it', async (t) => {
    const { compacting } = await lost(t, [compaction, stored('turn-after', 'agentMessage')])
    assert.equal((await compacting).turnId, 'turn-compaction')
  })

  test('is not taken for one that was heard of before', async (t) => {
    const { compacting, line } = await lost(t, [earlier], true)
    const turn = { ...compaction, status: 'inProgress' }
    line().send({ method: 'turn/started', params: { threadId: 'thread', turn } })
    line().send({ method: 'turn/completed', params: { threadId: 'thread', turn: compaction } })
    assert.equal((await compacting).turnId, 'turn-compaction')
  })
})

describe('threads come back one by one', { concurrency: 4 }, () => {
  for (const [name, answer] of /** @type {const} */ ([
    ['hangs', undefined],
    ['can’t be read', { thread: 5 }],
    ['is no thread', { nothing: true }],
  ])) {
    test(`an idle thread whose answer ${name} costs nobody else anything`, async (t) => {
      const { codex, events, line, cut } = await server(
        t,
        (thread) => (thread === 'idle' ? answer : back(thread)),
        { requestTimeoutMs: 2_000 },
      )
      const [idle, busy] = await Promise.all(['idle', 'busy'].map((model) => codex.startThread({ model })))
      const turn = await busy?.turn('go')
      cut()
      await events.next('lost')
      await events.next('resumed')
      line().send(completed('busy'))
      assert.equal((await turn?.run())?.status, 'completed')
      assert.equal(idle?.id, 'idle')
      assert.deepEqual(events.types(), ['connecting', 'connected', 'lost', 'connecting', 'resumed'])
    })
  }

  test('a turn goes on while another thread hangs, and so do calls', async (t) => {
    const { codex, events, asked, line, cut } = await server(t, (thread, peer) => {
      if (thread === 'hanging') return undefined
      queueMicrotask(() => peer.send(completed(thread)))
      return back(thread)
    })
    const threads = await Promise.all(['hanging', 'busy'].map((model) => codex.startThread({ model })))
    const turns = await Promise.all(threads.map((thread) => thread.turn('go')))
    const lost = rejection(turns[0]?.run() ?? Promise.resolve(), Error)
    cut()
    await events.next('lost')
    const list = codex.request('thread/loaded/list', {})
    assert.equal((await turns[1]?.run())?.status, 'completed')
    assert.deepEqual((await list).data, [])
    assert.ok(asked.some(({ thread, line }) => thread === 'hanging' && line === 1))
    assert.ok(!events.types().includes('resumed'), 'long before the one that hangs is given up')
    line().send(completed('hanging'))
    await codex.close()
    await lost
  })

  test('a turn whose thread does not come back is lost, alone; and what would begin in it is refused', async (t) => {
    const { codex, events, asked, line, cut } = await server(
      t,
      (thread) => (thread === 'hanging' ? undefined : back(thread)),
      { requestTimeoutMs: 1_500 },
    )
    const [hanging, busy] = await Promise.all(
      ['hanging', 'busy'].map((model) => codex.startThread({ model })),
    )
    const [gone, goes] = [await hanging?.turn('go'), await busy?.turn('go')]
    const lost = rejection(gone?.run() ?? Promise.resolve(), TurnLostError)
    cut()
    await events.next('lost')
    const begun = rejection(
      codex.request('turn/start', { threadId: 'hanging', input: [] }, { timeoutMs: 20_000 }),
      TransportError,
    )
    const error = await lost
    assert.match(error.message, /could not be resumed: .*not answered within 1500 ms/)
    assert.match((await begun).message, /thread hanging could not be brought back.*nothing was sent/)
    await events.next('resumed')
    line().send(completed('busy'))
    assert.equal((await goes?.run())?.status, 'completed')
    const started = asked.filter(({ method, thread }) => method === 'turn/start' && thread === 'hanging')
    assert.deepEqual(
      started.map(({ line }) => line),
      [0],
    )
  })

  test('where nothing at all is answered another line is tried, and then the thread is given up', async (t) => {
    const { codex, events, asked, cut } = await server(t, () => undefined, { requestTimeoutMs: 500 })
    const thread = await codex.startThread({ model: 'hanging' })
    const turn = await thread.turn('go')
    const lost = rejection(turn.run(), TurnLostError)
    cut()
    await events.next('resumed')
    await lost
    const resumed = asked.filter(({ method }) => method === 'thread/resume')
    assert.deepEqual(
      resumed.map(({ line }) => line),
      [1, 2],
    )
    // The connection itself is of use.
    assert.deepEqual((await codex.request('thread/loaded/list', {})).data, [])
  })

  test('many are resumed side by side: one that hangs holds up no other', async (t) => {
    let resumes = 0
    const { codex, events, cut } = await server(t, (thread) => {
      resumes += 1
      return resumes === 1 ? undefined : back(thread)
    })
    const threads = await Promise.all(
      Array.from({ length: 40 }, (_, at) => codex.startThread({ model: `thread-${at}` })),
    )
    cut()
    await events.next('lost')
    while (resumes < 40) await new Promise(setImmediate)
    assert.ok(!events.types().includes('resumed'))
    // Threads that nobody holds are not brought back.
    assert.equal(new Set(threads.map(({ id }) => id)).size, 40)
  })

  test('a line that drops again while threads come back, and close() meanwhile', async (t) => {
    let resumes = 0
    const { codex, events, cut, line } = await server(t, (thread, peer) => {
      resumes += 1
      if (resumes <= 2) {
        peer.socket.destroy()
        return undefined
      }
      return back(thread)
    })
    const thread = await codex.startThread({ model: 'busy' })
    const turn = await thread.turn('go')
    cut()
    await events.next('resumed')
    line().send(completed('busy'))
    assert.equal((await turn.run()).status, 'completed')
    assert.equal(resumes, 3)
  })

  test('close() waits for no thread that hangs', async (t) => {
    const { codex, events, cut, asked } = await server(t, () => undefined)
    const thread = await codex.startThread({ model: 'hanging' })
    const turn = await thread.turn('go')
    const ended = rejection(turn.run(), Error)
    cut()
    await events.next('connecting')
    while (!asked.some(({ method }) => method === 'thread/resume')) await new Promise(setImmediate)
    const began = performance.now()
    await codex.close()
    assert.ok(performance.now() - began < 5_000)
    assert.equal(/** @type {any} */ (await ended).code, 'CLOSED')
  })
})
