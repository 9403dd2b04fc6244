// What text() gives of a message, whatever of it was lost on the way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../support/connection.mjs'
import { collect } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'

const ids = { threadId: 't', turnId: 'u' }
/** @param {string} text */
const delta = (text) => ({
  method: 'item/agentMessage/delta',
  params: { ...ids, itemId: 'm', delta: text },
})
const started = {
  method: 'item/started',
  params: { ...ids, item: { id: 'm', type: 'agentMessage', text: '' } },
}
/** @param {string} text */
const completed = (text) => ({
  method: 'item/completed',
  params: { ...ids, item: { id: 'm', type: 'agentMessage', text, phase: null } },
})
const ended = { method: 'turn/completed', params: { threadId: 't', turn: { id: 'u', status: 'completed' } } }

/**
 * A turn that tells this, drops its line, and tells that once it is back.
 *
 * @param {import('node:test').TestContext} t
 * @param {object[]} before
 * @param {object[]} [after]
 */
async function turnOf(t, before, after) {
  const running = { id: 'u', status: 'inProgress', items: [] }
  const peer = await startPeer(t, {
    methods: {
      'thread/start': () => ({ thread: { id: 't' } }),
      'turn/start': (_, { send, socket }) => {
        const tell = () => {
          send({ method: 'turn/started', params: { threadId: 't', turn: running } })
          before.forEach(send)
          if (after !== undefined) socket.end()
        }
        setImmediate(tell)
        return { turn: running }
      },
      'thread/resume': () => ({ thread: { id: 't', turns: [running], status: { type: 'active' } } }),
      'thread/read': (_, { send }) => {
        setImmediate(() => after?.forEach(send))
        return { thread: { id: 't' } }
      },
    },
  })
  const { codex } = connect(t, { url: peer.url })
  return (await codex.startThread()).turn('go')
}

test('W2: what comes after a gap in a message waits for the complete message', async (t) => {
  const turn = await turnOf(
    t,
    [started, delta('The quick '), delta('brown ')],
    // `fox jumps ` was lost.
    [delta('over '), delta('the dog'), completed('The quick brown fox jumps over the dog.'), ended],
  )
  const [texts, events, result] = await Promise.all([collect(turn.text()), collect(turn), turn.run()])
  assert.equal(texts.join(''), 'The quick brown fox jumps over the dog.')
  assert.equal(result.finalResponse, texts.join(''))
  const deltas = events.flatMap((event) =>
    event.method === 'item/agentMessage/delta' ? [event.params.delta] : [],
  )
  assert.equal(deltas.join(''), 'The quick brown over the dog', 'events come as they are')
})

test('W2: a message that begins after the gap is given as it comes', async (t) => {
  const turn = await turnOf(t, [], [started, delta('All '), delta('of '), completed('All of it'), ended])
  const texts = await collect(turn.text())
  assert.equal(texts.join(''), 'All of it')
})

test('a message that is completed with another text than it was told with is not repeated', async (t) => {
  const turn = await turnOf(t, [started, delta('Hello '), delta('wor'), completed('Howdy, world'), ended])
  const [texts, result] = await Promise.all([collect(turn.text()), turn.run()])
  assert.equal(texts.join(''), 'Hello wor')
  assert.equal(result.finalResponse, 'Howdy, world')
})

for (const kind of /** @type {const} */ (['text', 'stream'])) {
  test(`a continuation of ${kind}() from a message that still grows goes on in it`, async (t) => {
    /** @type {(value?: unknown) => void} */
    let goOn = () => {}
    const gone = new Promise((resolve) => {
      goOn = resolve
    })
    const peer = await startPeer(t, {
      methods: {
        'thread/start': () => ({ thread: { id: 't' } }),
        'turn/start': (_, { send }) => {
          setImmediate(() => [started, delta('one '), delta('two ')].forEach(send))
          void gone.then(() =>
            [delta('three '), delta('four'), completed('one two three four'), ended].forEach(send),
          )
          return { turn: { id: 'u', status: 'inProgress' } }
        },
      },
    })
    const { codex } = connect(t, { url: peer.url })
    const turn = await (await codex.startThread()).turn('go')
    let text = ''
    const take = (/** @type {any} */ value) => {
      text += typeof value === 'string' ? value : (value.params.delta ?? '')
      return text.includes('two ')
    }
    const reader = turn[kind]({ leaveRunning: true })
    for await (const value of reader) if (take(value)) break
    const next = await codex.continueTurn(JSON.parse(JSON.stringify(reader.continuation())))
    goOn()
    for await (const value of next[kind]()) take(value)
    assert.equal(text, 'one two three four')
  })
}
