// How a turn ended: what the server says of it, and what it has stored.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TurnFailedError, TurnLostError } from '../../index.mjs'
import { connect } from '../support/connection.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { rig } from '../support/rig.mjs'

const schema = { type: 'object', properties: {}, additionalProperties: false }
/** @param {unknown} turn */
const completed = (turn) => ({
  notify: { method: 'turn/completed', params: { threadId: '$threadId', turn } },
})
const message = { id: 'm', type: 'agentMessage', text: 'All of it.', phase: null }

describe('what the server says', { concurrency: true }, () => {
  test('a word for the end that is not known reaches the result, and is no success', async (t) => {
    const end = completed({ id: '$turnId', status: 'superseded', items: [], error: null })
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', end]] } })
    const thread = await codex.startThread()
    const result = await thread.run('go', { outputSchema: schema })
    assert.equal(/** @type {string} */ (result.status), 'superseded')
    assert.equal(result.finalResponse, 'Hello from the rig.', 'which is no JSON, and nobody minds')
    assert.equal('parsed' in result, false)
    const turn = await thread.turn('go', { outputSchema: schema })
    assert.equal((await collect(turn)).at(-1)?.method, 'turn/completed')
    assert.equal((await turn.run()).status, 'superseded')
  })

  for (const [what, end] of /** @type {[string, unknown][]} */ ([
    ['no turn', null],
    ['a turn without a status', { id: '$turnId' }],
    ['a status that is no word', { id: '$turnId', status: { type: 'completed' } }],
    ['a turn that is in progress', { id: '$turnId', status: 'inProgress' }],
    ['a turn that is a word', 'completed'],
  ])) {
    for (const status of ['failed', 'interrupted', 'completed']) {
      test(`the end has ${what}: the server is asked, which has it as ${status}`, async (t) => {
        const list = ['turnBegin', 'agentMessage', { settle: status }, completed(end)]
        const turn = { id: 'turn-1', status, completedAt: 5, items: [], error: { message: 'no luck' } }
        const thread = { id: '$threadId', status: { type: 'idle' }, turns: [turn] }
        const { codex } = rig(t, { on: { 'turn/start': [list], 'thread/read': [[{ reply: { thread } }]] } })
        const running = (await codex.startThread()).run('go')
        if (status === 'failed') assert.equal((await rejection(running, TurnFailedError)).message, 'no luck')
        else assert.equal((await running).status, status)
      })
    }
  }

  test('the end can’t be read, and the server says no more: the turn is lost, with what was collected', async (t) => {
    const list = ['turnBegin', 'agentMessage', completed({ id: '$turnId' })]
    const turns = [{ id: 'turn-1', status: 'inProgress', items: [] }]
    const stored = { id: '$threadId', status: { type: 'active', activeFlags: [] }, turns }
    const answer = { reply: { thread: stored } }
    const { codex } = rig(t, { on: { 'turn/start': [list], 'thread/read': [[answer]] } })
    const turn = await (await codex.startThread()).turn('go')
    const [error] = await Promise.all([
      rejection(turn.run(), TurnLostError),
      rejection(collect(turn.text()), TurnLostError),
    ])
    assert.equal(error.result?.finalResponse, 'Hello from the rig.')
  })
})

describe('what the server has stored', { concurrency: true }, () => {
  /**
   * A server whose `thread/read` gives these turns one after the other, the last again and again, and an idle thread.
   *
   * @param {import('node:test').TestContext} t
   * @param {object[]} stored
   */
  async function turnWithoutEnd(t, stored) {
    const read = stored.map((turn) => {
      const turns = [{ id: 'turn-1', items: [message], error: null, ...turn }]
      return [{ reply: { thread: { id: '$threadId', status: { type: 'idle' }, turns } } }]
    })
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'threadIdle']], 'thread/read': read },
    })
    return { turn: await (await codex.startThread()).turn('go'), log }
  }

  test('“interrupted” without a time proves nothing: it is read again', async (t) => {
    const { turn } = await turnWithoutEnd(t, [
      { status: 'interrupted', completedAt: null },
      { status: 'interrupted' },
      { status: 'completed', completedAt: 7 },
    ])
    const [events, result] = await Promise.all([collect(turn), turn.run()])
    assert.equal(result.status, 'completed')
    assert.equal(result.completedAt, 7)
    assert.ok(events.length > 0)
  })

  test('“interrupted” with a time is the end', async (t) => {
    const { turn, log } = await turnWithoutEnd(t, [{ status: 'interrupted', completedAt: 7 }])
    assert.equal((await turn.run()).status, 'interrupted')
    assert.equal(log.messages('thread/read').length, 1)
  })

  test('“interrupted” without a time for good is the end as well, after a while', async (t) => {
    const { turn } = await turnWithoutEnd(t, [{ status: 'interrupted' }])
    assert.equal((await turn.run()).status, 'interrupted')
  })

  test('a turn that is not there yet, or still as running, is looked for again', async (t) => {
    const { turn } = await turnWithoutEnd(t, [
      { id: 'another', status: 'completed' },
      { status: 'inProgress' },
      { status: 'completed' },
    ])
    assert.equal((await turn.run()).status, 'completed')
  })

  test('what has no word for the end is no end', async (t) => {
    const { turn } = await turnWithoutEnd(t, [{ status: 5 }])
    await rejection(turn.run(), TurnLostError)
  })

  for (const idle of [true, false]) {
    test(`W2: a turn that completes while the line is down is not interrupted (thread ${idle ? 'idle' : 'active'})`, async (t) => {
      const ids = { threadId: 't', turnId: 'u' }
      const items = [message]
      const status = { type: idle ? 'idle' : 'active' }
      const provisional = { id: 'u', items: [], status: 'interrupted', completedAt: null, error: null }
      const reads = [provisional, { ...provisional, items, status: 'completed', completedAt: 7 }]
      const peer = await startPeer(t, {
        methods: {
          'thread/start': () => ({ thread: { id: 't' } }),
          'turn/start': (_, { send, socket }) => {
            send({ method: 'turn/started', params: { threadId: 't', turn: { id: 'u' } } })
            send({ method: 'item/agentMessage/delta', params: { ...ids, itemId: 'm', delta: 'All ' } })
            setImmediate(() => socket.destroy())
            return { turn: { id: 'u', status: 'inProgress' } }
          },
          'thread/resume': () => ({ thread: { id: 't', turns: [provisional], status } }),
          'thread/read': ({ includeTurns }) => {
            if (!includeTurns) return { thread: { id: 't' } }
            const turn = reads.length > 1 ? reads.shift() : reads[0]
            return { thread: { id: 't', turns: [turn], status: { type: 'idle' } } }
          },
        },
      })
      const { codex } = connect(t, { url: peer.url })
      const turn = await (await codex.startThread()).turn('go')
      const [texts, events, result] = await Promise.all([collect(turn.text()), collect(turn), turn.run()])
      assert.equal(result.status, 'completed')
      assert.deepEqual([texts.join(''), result.finalResponse], ['All of it.', 'All of it.'])
      assert.deepEqual(
        events.map((event) => event.method),
        ['turn/started', 'item/agentMessage/delta', 'item/completed', 'turn/completed'],
      )
    })
  }
})
