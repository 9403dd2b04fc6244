// What runs: steer or start, the current turn, the turns of a client, and how a client ends well.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Codex } from '../../index.mjs'
import { createGate, hang, reply, say, waitFor } from '../../testing/index.mjs'
import { collect } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

describe('send()', () => {
  test('begins a turn where none runs, and adds to the one that does', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('One')]), say('Two'))
    const first = await thread.send('Begin')
    assert.deepEqual([first.steered, first.turn.status], [false, 'inProgress'])
    const second = await thread.send('And this', { clientUserMessageId: 'more', model: 'm' })
    assert.deepEqual([second.steered, second.turn === first.turn], [true, true])
    gate.open()
    const { items } = await first.turn.result()
    const said = items.flatMap((item) => (item.type === 'userMessage' ? [item.clientId] : []))
    assert.deepEqual(said, [null, 'more'])
    provider.enqueue(say('Three'))
    const third = await thread.send('Later')
    assert.equal(third.steered, false)
    assert.equal((await third.turn.result()).finalResponse, 'Three')
  })

  test('what is sent at once comes in its order, in one turn', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('One')]), say('Two'))
    const sent = await Promise.all(['a', 'b', 'c'].map((text) => thread.send(text)))
    gate.open()
    assert.deepEqual(
      sent.map(({ steered }) => steered),
      [false, true, true],
    )
    const { items } = await /** @type {any} */ (sent[0]).turn.result()
    const texts = items.flatMap((/** @type {any} */ item) =>
      item.type === 'userMessage' ? item.content.map((/** @type {any} */ part) => part.text) : [],
    )
    assert.deepEqual(texts, ['a', 'b', 'c'])
  })

  test('begins a turn where the one that ran ends in between', async (t) => {
    const gone = { error: { code: -32600, message: 'no active turn to steer' } }
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnReply', 'turnStarted', { waitFor: 'turn/steer' }, 'turnEnd'], ['default']],
        'turn/steer': [[gone]],
      },
    })
    const thread = await codex.startThread()
    const turn = await thread.turn('x')
    const sent = await thread.send('y')
    assert.deepEqual([sent.steered, sent.turn.id === turn.id], [false, false])
    await sent.turn.result()
    assert.equal(log.entries().filter((entry) => entry.in?.method === 'turn/start').length, 2)
  })

  test('waits for a review, which takes no input', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('Fine.')]), say('Done.'))
    const review = await thread.review({ type: 'custom', instructions: 'Look' })
    const reviewed = review.result()
    await gate.reached
    const sent = thread.send('Then this')
    gate.open()
    const { steered, turn } = await sent
    assert.deepEqual([steered, (await turn.result()).finalResponse], [false, 'Done.'])
    assert.equal((await reviewed).finalResponse, 'Fine.')
  })

  test('adds to the turn of another client of the server', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(hang(say('x')))
    const turn = await thread.turn('x', { signal: AbortSignal.timeout(30_000) })
    const own = await thread.runningTurn()
    assert.equal(own?.id, turn.id)
    await turn.interrupt()
  })

  test('an abort ends it in every state: while it is sent, and while it waits for one before it', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnReply', 'turnStarted', { waitFor: 'x/end' }, 'turnEnd']],
        'turn/steer': [['never']],
        'x/end': { reply: {} },
      },
    })
    const thread = await codex.startThread()
    const turn = await thread.turn('x')
    const one = new AbortController()
    const two = new AbortController()
    const sent = thread.send('y', { signal: one.signal })
    await log.message('turn/steer')
    const waiting = thread.send('z', { signal: two.signal })
    two.abort(new Error('second'))
    await assert.rejects(waiting, { name: 'AbortError', message: /second/ })
    one.abort(new Error('first'))
    await assert.rejects(sent, { name: 'AbortError', message: /first/ })
    await assert.rejects(thread.send('w', { signal: AbortSignal.abort() }), { name: 'AbortError' })
    await assert.rejects(thread.send('w', /** @type {any} */ ({ signal: 'now' })), /options\.signal/)
    await codex.request('x/end', {})
    await turn.result()
    assert.equal(log.messages('turn/steer').length, 1)
  })

  test('wrong input is refused before anything is sent, and an error is none of the next', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    await assert.rejects(thread.send(/** @type {any} */ ([])), { code: 'INVALID_ARGUMENT' })
    const { turn } = await thread.send('x')
    assert.equal((await turn.result()).status, 'completed')
  })
})

describe('what runs', () => {
  test('currentTurn is the turn that was begun, as long as it runs', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.equal(thread.currentTurn, null)
    provider.enqueue(hang(say('x')))
    const turn = await thread.turn('x')
    assert.equal(thread.currentTurn, turn)
    assert.deepEqual(codex.turns(), [turn])
    assert.equal(turn.status, 'inProgress')
    await turn.interrupt()
    assert.deepEqual([thread.currentTurn, codex.turns(), turn.status], [null, [], 'interrupted'])
  })

  test('that of run() can be followed, too', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('Done.')]))
    const run = thread.run('x')
    await gate.reached
    const turn = thread.currentTurn
    assert.equal(turn, thread.currentTurn)
    gate.open()
    assert.deepEqual(await turn?.result(), await run)
    assert.equal(turn?.status, 'completed')
  })

  test('a failed turn and a lost one say so', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          ['turnBegin', { play: 'turnFailed', with: { message: 'x', codexErrorInfo: 'other' } }],
        ],
      },
    })
    const failed = await (await codex.startThread()).turn('x')
    await assert.rejects(failed.result(), { code: 'TURN_FAILED' })
    assert.equal(failed.status, 'failed')
    const dying = rig(t, { on: { 'turn/start': [['turnBegin', { kill: 'SIGKILL' }]] } })
    const lost = await (await dying.codex.startThread()).turn('x')
    await assert.rejects(lost.result(), { code: 'SERVER_EXITED' })
    assert.equal(lost.status, 'lost')
  })
})

describe('close()', () => {
  test('lets the turns that run end within graceMs, and begins no other', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('Done.')]))
    const turn = await thread.turn('x')
    const waiting = thread.turn('behind it').catch((error) => error.code)
    await gate.reached
    const closed = codex.close({ graceMs: 30_000 })
    const refused = (
      await codex
        .startThread({ cwd: home.workspace })
        .then((other) => other.run('y'))
        .catch((error) => error)
    ).code
    gate.open()
    assert.equal((await turn.result()).finalResponse, 'Done.')
    assert.deepEqual([refused, await waiting], ['CLOSED', 'CLOSED'])
    await closed
  })

  test('interrupts what still runs then', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(hang(say('Half')))
    const turn = await thread.turn('x')
    for await (const text of turn.text({ leaveRunning: true })) if (text !== '') break
    const begun = performance.now()
    await codex.close({ graceMs: 50, interrupt: true })
    assert.ok(performance.now() - begun >= 50)
    assert.equal((await turn.result()).status, 'interrupted')

    const next = new Codex({ env: home.env })
    t.after(() => next.close())
    const stored = await collect((await next.resumeThread(thread.id)).turns())
    assert.equal(stored[0]?.status, 'interrupted')
    assert.notEqual(stored[0]?.completedAt, null)
  })

  test('without either the turns reject', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(hang(say('Half')))
    const turn = await thread.turn('x')
    await codex.close({ graceMs: 20 })
    await assert.rejects(turn.result(), { code: 'CLOSED' })
  })

  test('a second close() does not wait for the grace of the first', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(hang(say('Half')))
    const turn = await thread.turn('x')
    const patient = codex.close({ graceMs: 600_000 })
    await codex.close()
    await assert.rejects(turn.result(), { code: 'CLOSED' })
    await patient
  })

  test('a wrong option is refused, and nothing ends', async (t) => {
    const { codex } = rig(t)
    await codex.connect()
    await assert.rejects(codex.close(/** @type {any} */ ({ grace: 5 })), /did you mean `graceMs`/)
    assert.equal((await codex.run('x')).status, 'completed')
  })
})
