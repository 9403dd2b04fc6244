// What is known of a thread after anything that can happen: whether it is busy, stored, followed, let go.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  AbortError,
  ClosedError,
  IndeterminateError,
  InvalidRequestError,
  ThreadBusyError,
  ThreadNotFoundError,
  TimeoutError,
  TurnLostError,
} from '../../index.mjs'
import { createGate, hang, reply, say, waitFor } from '../../testing/index.mjs'
import { connect, watchConnection } from '../support/connection.mjs'
import { listening } from '../support/listening.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startProxy } from '../support/proxy.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** Kills codex, and waits until its client knows. @param {import('../../index.js').Codex} codex */
async function crash(codex) {
  const events = watchConnection(codex)
  process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
  await events.next('closed')
}

describe('a turn that the server never ends', { concurrency: true, timeout: 60_000 }, () => {
  /** The server begins the first turn and never ends it, whatever it says about an interrupt. */
  const endless = { 'turn/start': [['turnBegin', 'never'], ['default']], 'turn/interrupt': [['reply']] }
  const read = (/** @type {string} */ type) => ({
    'thread/read': [{ reply: { thread: { id: 'thread-1', status: { type }, turns: [] } } }],
  })

  test('keeps nobody waiting: those behind it are told which it is', async (t) => {
    const { codex } = rig(t, { on: { ...endless, ...read('active') } })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await turn.interrupt()
    for (const call of [() => thread.run('again'), () => thread.rollback(1), () => thread.compact()]) {
      const busy = await rejection(call(), ThreadBusyError)
      assert.deepEqual([busy.threadId, busy.turnId, busy.code], [thread.id, turn.id, 'THREAD_BUSY'])
    }
  })

  test('after an abort as well', async (t) => {
    const { codex } = rig(t, { on: { ...endless, ...read('active') } })
    const thread = await codex.startThread()
    const controller = new AbortController()
    const turn = await thread.turn('go', { signal: controller.signal })
    controller.abort()
    await rejection(turn.run(), AbortError)
    assert.equal((await rejection(thread.run('again'), ThreadBusyError)).turnId, turn.id)
  })

  test('is over when the server says so on being asked', async (t) => {
    const { codex } = rig(t, { on: { ...endless, ...read('idle') } })
    const thread = await codex.startThread()
    await (await thread.turn('go')).interrupt()
    assert.equal((await thread.run('again')).status, 'completed')
  })

  test('and whose start is heard of only after its deadline is not reverted behind its back', async (t) => {
    const { codex, log } = rig(
      t,
      {
        on: {
          'turn/start': [[{ waitFor: 'x/go' }, 'turnStarted', 'never']],
          'x/go': { reply: {} },
          ...read('active'),
        },
      },
      { requestTimeoutMs: 1_000 },
    )
    const thread = await codex.startThread()
    await rejection(thread.run('go'), IndeterminateError)
    const [busy] = await Promise.all([
      rejection(thread.rollback(1), ThreadBusyError),
      codex.request('x/go', {}),
    ])
    assert.equal(busy.threadId, thread.id)
    assert.equal(log.messages('thread/revert').length, 0)
  })

  test('of another client is waited for as long as it goes on, and no longer', async (t) => {
    const resumed = {
      'thread/resume': [{ reply: { thread: { id: 'thread-1', status: { type: 'active' }, turns: [] } } }],
    }
    const { codex, log } = rig(t, { on: { ...resumed, ...read('idle') } })
    await codex.startThread()
    const thread = await codex.resumeThread('thread-1')
    // Its end goes untold.
    assert.equal((await thread.run('go')).status, 'completed')
    assert.equal(log.messages('thread/read').length, 1)
  })
})

describe('a turn of this client', { concurrency: true, timeout: 60_000 }, () => {
  test('whose end goes untold keeps nobody waiting who asks behind it', async (t) => {
    const turns = [{ id: 'turn-1', status: 'completed', items: [], completedAt: 2 }]
    const idle = { thread: { id: 'thread-1', status: { type: 'idle' }, turns } }
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnBegin', 'agentMessage', 'never'], ['default']],
        'thread/read': [{ reply: idle }],
      },
    })
    const thread = await codex.startThread()
    const [first, second] = await Promise.all([thread.run('go'), thread.run('again')])
    assert.deepEqual([first.status, second.status], ['completed', 'completed'])
    assert.equal(log.messages('turn/start').length, 2)
  })

  test('is read by runningTurn() from its beginning, also where run() alone waits for it', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnBegin', 'agentMessage', { waitFor: 'x/go' }, 'agentMessage', 'turnEnd']],
        'x/go': { reply: {} },
      },
    })
    const thread = await codex.startThread()
    const run = thread.run('go')
    await log.message('turn/start')
    let turn = await thread.runningTurn()
    while (turn === null) turn = await thread.runningTurn()
    const events = collect(turn.stream())
    await codex.request('x/go', {})
    const result = await run
    const told = (await events).map(({ method }) => method)
    assert.equal(told[0], 'turn/started')
    assert.equal(told.filter((method) => method === 'item/completed').length, result.items.length)
    assert.equal(told.at(-1), 'turn/completed')
  })

  test('is asked once for what the server asks twice over one line', async (t) => {
    const ask = {
      request: {
        id: 7,
        method: 'item/commandExecution/requestApproval',
        params: { threadId: '$threadId', turnId: '$turnId', itemId: 'c' },
      },
      wait: false,
    }
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', ask, { waitForReply: 7 }, ask, { waitFor: 'x/go' }, 'turnEnd']] },
    })
    let asked = 0
    const thread = await codex.startThread({
      onApproval: () => {
        asked += 1
        return 'accept'
      },
    })
    const run = thread.run('go')
    await log.find(() => log.messages().some(({ id, method }) => id === 7 && method === undefined))
    await codex.request('thread/read', { threadId: thread.id })
    await codex.request('x/go', {}).catch(() => {})
    await run
    assert.equal(asked, 1)
    assert.equal(log.messages().filter(({ id, method }) => id === 7 && method === undefined).length, 1)
  })
})

describe('the real codex', { concurrency: 4, timeout: 120_000 }, () => {
  test('after a reconnect a thread that another client works on is not taken for idle', async (t) => {
    const server = await listening(t)
    const { provider, home } = server
    const proxy = await startProxy(t, server.url)
    const { codex, events } = connect(t, { url: proxy.url })
    const other = connect(t, { url: server.url }).codex
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.when('one', say('one'))
    await thread.run('one')
    const theirs = await other.resumeThread(thread.id)
    proxy.refuse()
    const gate = createGate()
    provider.when('theirs', reply([waitFor(gate), say('their answer')]))
    provider.when('ours', say('our answer'))
    const turn = await theirs.turn('theirs')
    await gate.reached
    proxy.accept()
    await events.next('resumed')
    const busy = await rejection(thread.rollback(1), ThreadBusyError)
    assert.equal(busy.turnId, turn.id)
    const ours = thread.run('ours')
    gate.open()
    const [mine, their] = await Promise.all([ours, turn.run()])
    assert.notEqual(mine.turnId, their.turnId)
    assert.deepEqual([mine.finalResponse, their.finalResponse], ['our answer', 'their answer'])
  })

  test('what a fresh thread holds is nothing, and no error', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.deepEqual(await collect(thread.turns()), [])
    assert.deepEqual(await collect(thread.items()), [])
    assert.equal(await thread.runningTurn(), null)
    const { thread: stored } = await thread.read({ includeTurns: true })
    assert.deepEqual([stored.id, stored.turns], [thread.id, []])
    const again = await codex.startThread({ cwd: home.workspace })
    assert.deepEqual((await codex.readThread(again.id, { includeTurns: true })).thread.turns, [])
    // Of an ephemeral one it is not known.
    const ephemeral = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    await assert.rejects(collect(ephemeral.items()), { code: 'METHOD_NOT_FOUND' })
  })

  test('a thread without turns outlives its codex', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({
      cwd: home.workspace,
      sandbox: 'read-only',
      developerInstructions: 'Be brief.',
    })
    const { id } = thread
    await thread.updateDefaults({ effort: 'low' })
    await crash(codex)
    provider.when('go', say('done'))
    const result = await thread.run('go')
    assert.equal(result.finalResponse, 'done')
    assert.equal(result.threadId, thread.id)
    assert.notEqual(thread.id, id)
    assert.equal(thread.defaults.sandboxPolicy?.type, 'readOnly')
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.equal(body.reasoning.effort, 'low')
    assert.match(JSON.stringify(body), /Be brief\./)
    // From now on it is stored.
    await crash(codex)
    await thread.run('go')
    assert.equal(thread.id, result.threadId)
  })

  test('a thread without turns outlives a server that is restarted', async (t) => {
    const server = await listening(t)
    const { provider, home } = server
    const { codex, events } = connect(t, { url: server.url })
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.when('go', say('done'))
    await server.kill()
    await server.restart()
    await events.next('resumed')
    const [one, two] = await Promise.all([thread.run('go'), thread.run('go')])
    assert.deepEqual([one.finalResponse, two.finalResponse], ['done', 'done'])
    assert.equal(one.threadId, two.threadId)
  })

  test('an ephemeral thread does not', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    provider.when('go', say('done'))
    await thread.run('go')
    await crash(codex)
    const lost = await rejection(thread.run('go'), ThreadNotFoundError)
    assert.deepEqual([lost.code, lost.threadId], ['THREAD_NOT_FOUND', thread.id])
  })

  test('nor does it outlive the line', async (t) => {
    const server = await listening(t)
    const { provider, home } = server
    const proxy = await startProxy(t, server.url)
    const { codex, events } = connect(t, { url: proxy.url })
    const thread = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    provider.when('go', say('done'))
    await thread.run('go')
    proxy.cut()
    await events.next('resumed')
    await rejection(thread.run('go'), ThreadNotFoundError)
  })

  test('a thread that was deleted is not started anew', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.when('go', say('done'))
    await thread.run('go')
    await codex.request('thread/delete', { threadId: thread.id })
    await rejection(thread.run('go'), InvalidRequestError)
  })

  test('after a raw thread/unsubscribe the next turn follows the thread again', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.when('go', say('done'))
    await thread.run('go')
    await codex.request('thread/unsubscribe', { threadId: thread.id })
    assert.equal((await thread.run('go')).finalResponse, 'done')
    provider.when('never', hang(say('working')))
    const turn = await thread.turn('never')
    await codex.request('thread/unsubscribe', { threadId: thread.id })
    await rejection(turn.run(), TurnLostError)
  })
})

describe('a thread is let go', { concurrency: true, timeout: 60_000 }, () => {
  test('close() tells the server once, with the last handle', async (t) => {
    const { codex, log } = rig(t)
    const one = await codex.startThread()
    const two = await codex.resumeThread(one.id)
    await one.close()
    await one.close()
    assert.equal(log.messages('thread/unsubscribe').length, 0)
    await rejection(one.run('go'), ClosedError)
    await rejection(one.updateDefaults({ effort: 'low' }), ClosedError)
    await two.run('go')
    await two.close()
    assert.deepEqual(
      log.messages('thread/unsubscribe').map(({ params }) => params),
      [{ threadId: one.id }],
    )
    const three = await codex.resumeThread(one.id)
    assert.equal((await three.run('go')).status, 'completed')
  })

  test('await using closes it', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    await thread[Symbol.asyncDispose]()
    assert.equal(log.messages('thread/unsubscribe').length, 1)
  })

  test('a turn that runs goes on to its end first', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnBegin', { waitFor: 'x/go' }, 'agentMessage', 'turnEnd']],
        'x/go': { reply: {} },
      },
    })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await thread.close()
    assert.equal(log.messages('thread/unsubscribe').length, 0)
    await codex.request('x/go', {})
    assert.equal((await turn.run()).status, 'completed')
    await log.message('thread/unsubscribe')
  })

  test('codex.run() lets go of its own, also under load and after an abort', async (t) => {
    const { codex, log } = rig(t, {}, { maxInFlight: 4 })
    const controller = new AbortController()
    const runs = Array.from({ length: 60 }, (_, at) =>
      codex.run('go', at % 3 === 0 ? { signal: controller.signal } : {}).catch(() => {}),
    )
    await log.message('thread/start')
    controller.abort()
    await Promise.all(runs)
    const count = (/** @type {string} */ method) => log.messages(method).length
    await log.find(() => count('thread/unsubscribe') === count('thread/start'))
    const ids = new Set(log.messages('thread/unsubscribe').map(({ params }) => params.threadId))
    assert.equal(ids.size, count('thread/start'))
  })

  test('a thread whose resume nobody heard answered is let go: at its opening, by its next turn', async (t) => {
    const silent = { 'thread/resume': [['never'], ['default'], ['never']] }
    const { codex, log } = rig(t, { on: silent }, { requestTimeoutMs: 1_000 })
    await rejection(codex.resumeThread('thread-1'), TimeoutError)
    await log.message('thread/unsubscribe')
    const thread = await codex.resumeThread('thread-1')
    // The server has it no more, as far as this client knows.
    await codex.request('thread/unsubscribe', { threadId: thread.id })
    await rejection(thread.run('go'), TimeoutError)
    await thread.close()
    assert.equal(log.messages('thread/unsubscribe').length, 3)
  })

  test('a thread whose start was aborted is let go', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'thread/start': [[{ waitFor: 'x/go' }, 'default']], 'x/go': { reply: {} } },
    })
    const controller = new AbortController()
    const started = rejection(codex.startThread({ signal: controller.signal }), AbortError)
    await log.message('thread/start')
    controller.abort()
    await started
    await codex.request('x/go', {})
    await log.message('thread/unsubscribe')
  })
})
