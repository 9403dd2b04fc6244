// Rows C1, C2, C5, C6 and C7 of the failure cases: calls and turns that are given up, at every point of their way.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, Codex, InternalRpcError } from '../../index.mjs'
import { hang, say } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'

/** A turn that runs until it is interrupted. */
const endless = ['turnBegin', 'messageStarted', { deltas: { text: 'working', pieces: 1 } }]

/** What an abort gives: the error of this package, with the reason that the caller gave. */
const reason = new Error('changed my mind')

/**
 * The promise rejects as a call does that its signal ended.
 *
 * @param {Promise<unknown>} promise
 */
async function assertAborted(promise) {
  const error = await rejection(promise, AbortError)
  assert.equal(error.name, 'AbortError')
  assert.equal(error.code, 'ABORT_ERR')
  assert.equal(error.retryable, false)
  assert.equal(error.cause, reason)
  return error
}

/** A signal and its abort with a reason. */
function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(reason) }
}

/** Every call of a client that takes a signal. @type {[string, (codex: Codex, signal: AbortSignal) => Promise<unknown>][]} */
const clientCalls = [
  ['startThread', (codex, signal) => codex.startThread({ signal })],
  ['resumeThread', (codex, signal) => codex.resumeThread('thread-1', { signal })],
  ['run', (codex, signal) => codex.run('go', { signal })],
  ['request', (codex, signal) => codex.request('model/list', {}, { signal })],
]

describe('cancelling', { concurrency: true }, () => {
  for (const [name, call] of clientCalls) {
    test(`C1: ${name} with a signal that was aborted before starts and sends nothing`, async (t) => {
      const { codex, log } = rig(t)
      await assertAborted(call(codex, AbortSignal.abort(reason)))
      assert.equal(codex.pid, null)
      assert.deepEqual(log.entries(), [], 'nothing was spawned')

      await codex.connect()
      await assertAborted(call(codex, AbortSignal.abort(reason)))
      // Requests go out in the order of their calls, so whatever was sent is in the log before this one.
      await codex.request('thread/loaded/list', {})
      assert.deepEqual(
        log.messages().map((message) => message.method),
        ['initialize', 'initialized', 'thread/loaded/list'],
      )
    })
  }

  for (const method of /** @type {const} */ (['run', 'turn'])) {
    test(`C1: Thread.${method} with a signal that was aborted before sends nothing, and leaves the thread usable`, async (t) => {
      const { codex, log } = rig(t)
      const thread = await codex.startThread()
      await assertAborted(thread[method]('never', { signal: AbortSignal.abort(reason) }))
      assert.equal((await thread.run('go')).status, 'completed')
      assert.deepEqual(
        log.messages('turn/start').map((message) => message.params.input[0].text),
        ['go'],
      )
    })
  }

  test('C1: the error of a signal without a reason is an AbortError all the same', async (t) => {
    const { codex } = rig(t, { on: { 'x/never': [['never']] } })
    const error = await rejection(codex.startThread({ signal: AbortSignal.abort() }), AbortError)
    assert.equal(/** @type {DOMException} */ (error.cause).name, 'AbortError')
    const timeout = AbortSignal.timeout(1)
    const late = await rejection(codex.request('x/never', {}, { signal: timeout }), AbortError)
    assert.equal(/** @type {DOMException} */ (late.cause).name, 'TimeoutError')
  })

  // C2. What is under way when the abort comes is known by what the server was sent.
  for (const [name, call] of clientCalls) {
    test(`C2: ${name} aborted during spawn`, async (t) => {
      // Nothing is done before the abort, however long this process has to wait for its turn.
      const gate = join(temporaryFolder(t), 'gate')
      const { codex, log } = rig(t, { on: { initialize: [[{ waitForFile: gate }, 'default']] } })
      const { signal, abort } = abortable()
      const calling = call(codex, signal)
      abort()
      await assertAborted(calling)
      writeFileSync(gate, '')
      assert.equal((await codex.run('go')).status, 'completed')
      assert.equal(log.messages('turn/start').length, 1, 'of the second call alone')
    })

    test(`C2: ${name} aborted during the handshake`, async (t) => {
      const gate = join(temporaryFolder(t), 'gate')
      const { codex, log } = rig(t, { on: { initialize: [[{ waitForFile: gate }, 'default']] } })
      const { signal, abort } = abortable()
      const calling = call(codex, signal)
      await log.message('initialize')
      abort()
      await assertAborted(calling)
      writeFileSync(gate, '')
      assert.equal((await codex.run('go')).status, 'completed')
      assert.deepEqual(threadsAndTurns(log), ['thread/start', 'turn/start'], 'of the second call alone')
    })
  }

  for (const method of /** @type {const} */ (['startThread', 'run'])) {
    test(`C2: ${method} aborted during thread/start`, async (t) => {
      const gate = join(temporaryFolder(t), 'gate')
      const first = [{ waitForFile: gate }, 'default']
      const { codex, log } = rig(t, { on: { 'thread/start': [first, ['default']] } })
      const { signal, abort } = abortable()
      const calling = method === 'run' ? codex.run('never', { signal }) : codex.startThread({ signal })
      await log.message('thread/start')
      abort()
      await assertAborted(calling)
      writeFileSync(gate, '')
      assert.equal((await codex.run('go')).status, 'completed')
      assert.deepEqual(
        log.messages('turn/start').map((message) => message.params.input[0].text),
        ['go'],
      )
    })
  }

  // A thread that one client opened and another resumes is loaded there with the first turn.
  test('C2: Thread.run aborted while the thread is loaded anew', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const { codex, log } = rig(t, {
      runs: [
        { on: { 'thread/name/set': [[{ kill: 'SIGKILL' }]] } },
        { on: { 'thread/resume': [[{ waitForFile: gate }, 'default']] } },
      ],
    })
    const thread = await codex.startThread()
    await assert.rejects(thread.setName('the end'))
    const { signal, abort } = abortable()
    const running = thread.run('never', { signal })
    await log.message('thread/resume')
    abort()
    await assertAborted(running)
    writeFileSync(gate, '')
    await thread.run('go')
    assert.deepEqual(
      log.messages('turn/start').map((message) => message.params.input[0].text),
      ['go'],
    )
  })

  for (const method of /** @type {const} */ (['Thread.run', 'Thread.turn', 'Codex.run'])) {
    test(`C2: ${method} aborted between turn/start and its answer leaves no turn running`, async (t) => {
      const gate = join(temporaryFolder(t), 'gate')
      const first = [{ waitForFile: gate }, ...endless]
      const { codex, log } = rig(t, { on: { 'turn/start': [first, ['default']] } })
      const thread = await codex.startThread()
      const { signal, abort } = abortable()
      const running =
        method === 'Codex.run'
          ? codex.run('never', { signal })
          : method === 'Thread.run'
            ? thread.run('never', { signal })
            : thread.turn('never', { signal })
      const { params } = await log.message('turn/start')
      abort()
      // The server answers only after the rejection: it is not waited for.
      await assertAborted(running)
      writeFileSync(gate, '')
      assert.deepEqual((await log.message('turn/interrupt')).params, {
        threadId: params.threadId,
        turnId: 'turn-1',
      })
      const again = method === 'Codex.run' ? codex.run('go') : thread.run('go')
      assert.equal((await again).status, 'completed')
    })
  }

  test('C2: a call aborted while it waits for its place on the wire is never sent', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const { codex, log } = rig(
      t,
      { on: { 'model/list': [[{ waitForFile: gate }, 'default'], ['default']], 'x/waiting': [['never']] } },
      { maxInFlight: 1 },
    )
    const first = codex.request('model/list', {})
    await log.message('model/list')
    const { signal, abort } = abortable()
    const waiting = codex.request('x/waiting', {}, { signal })
    abort()
    await assertAborted(waiting)
    writeFileSync(gate, '')
    await first
    await codex.request('model/list', {})
    assert.deepEqual(log.messages('x/waiting'), [])
  })

  test('C2: a turn aborted while it waits behind another is never started', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const first = ['turnBegin', { waitForFile: gate }, 'agentMessage', 'turnEnd']
    const { codex, log } = rig(t, { on: { 'turn/start': [first, ['default']] } })
    const thread = await codex.startThread()
    const running = thread.run('first')
    await log.message('turn/start')
    const { signal, abort } = abortable()
    const waiting = thread.run('second', { signal })
    const third = thread.run('third')
    abort()
    await assertAborted(waiting)
    writeFileSync(gate, '')
    await Promise.all([running, third])
    assert.deepEqual(
      log.messages('turn/start').map((message) => message.params.input[0].text),
      ['first', 'third'],
    )
  })

  test('C2: a running turn that is aborted is interrupted, and the error has what was collected', async (t) => {
    const list = ['turnBegin', 'agentMessage', 'messageStarted', { deltas: { text: 'more', pieces: 1 } }]
    const { codex } = rig(t, { on: { 'turn/start': [list] } })
    const { signal, abort } = abortable()
    const turn = await (await codex.startThread()).turn('go', { signal })
    const result = assertAborted(turn.run())
    const text = turn.text()
    assert.match((await text.next()).value ?? '', /^Hello/)
    abort()
    const error = await result
    assert.equal(error.result?.status, 'interrupted')
    assert.equal(error.result?.turnId, turn.id)
    assert.deepEqual(
      error.result?.items.map((item) => item.type),
      ['userMessage', 'agentMessage'],
    )
    await assertAborted(collect(text))
    await assertAborted(turn.run())
  })

  test('C2: real: aborted at once, no turn is left running, and the thread goes on', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('never', hang(say('working')))
    provider.when('go', say('here I am'))
    const thread = await codex.startThread()
    // Whether turn/start is on the wire by then or not: each time a little later.
    for (const turns of [0, 1, 2, 5, 20]) {
      const { signal, abort } = abortable()
      const running = assertAborted(thread.run('never', { signal }))
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      abort()
      await running
    }
    assert.equal((await thread.run('go')).finalResponse, 'here I am')
    const { thread: stored } = await thread.read({ includeTurns: true })
    assert.equal(stored.status.type, 'idle')
    assert.equal(stored.turns.at(-1)?.status, 'completed')
    for (const turn of stored.turns.slice(0, -1)) assert.equal(turn.status, 'interrupted')
  })

  test('C5: break interrupts the turn; an abort after it does nothing', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [endless, ['default']] } })
    const thread = await codex.startThread()
    const { signal, abort } = abortable()
    const turn = await thread.turn('go', { signal })
    for await (const event of turn) if (event.method === 'item/agentMessage/delta') break
    assert.equal(log.messages('turn/interrupt').length, 1)
    abort()
    // An exception that nobody catches would fail this test.
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await turn.run()).status, 'interrupted', 'it had ended before the abort')
    assert.equal((await thread.run('again')).status, 'completed')
    assert.equal(log.messages('turn/interrupt').length, 1)
  })

  test('C5: abort and break at once settle both', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [endless, ['default']] } })
    const thread = await codex.startThread()
    const { signal, abort } = abortable()
    const turn = await thread.turn('go', { signal })
    for await (const event of turn) {
      if (event.method !== 'item/agentMessage/delta') continue
      abort()
      break
    }
    assert.equal((await thread.run('again')).status, 'completed')
  })

  test('C5: a reader that is waiting when the signal is aborted ends with the error', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [endless] } })
    const { signal, abort } = abortable()
    const turn = await (await codex.startThread()).turn('go', { signal })
    /** @type {string[]} */
    const seen = []
    const reading = (async () => {
      for await (const event of turn) {
        seen.push(event.method)
        if (event.method === 'item/agentMessage/delta') setImmediate(abort)
      }
    })()
    await assertAborted(reading)
    assert.ok(seen.includes('item/agentMessage/delta'))
  })

  test('C5: break with leaveRunning leaves the turn alone, and its signal still counts', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [endless] } })
    const { signal, abort } = abortable()
    const turn = await (await codex.startThread()).turn('go', { signal })
    for await (const event of turn.stream({ leaveRunning: true })) {
      if (event.method === 'item/agentMessage/delta') break
    }
    await codex.request('thread/loaded/list', {})
    assert.deepEqual(log.messages('turn/interrupt'), [])
    const running = turn.run()
    abort()
    await assertAborted(running)
    assert.equal(log.messages('turn/interrupt').length, 1)
  })

  test('C5: break leaves a turn alone that somebody else reads or waits for', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const list = [...endless, { waitForFile: gate }, 'messageCompleted', 'turnEnd']
    const { codex, log } = rig(t, { on: { 'turn/start': [list] } })
    const turn = await (await codex.startThread()).turn('go')
    const [result, other] = [turn.run(), collect(turn.stream())]
    for await (const event of turn) if (event.method === 'item/agentMessage/delta') break
    writeFileSync(gate, '')
    assert.equal((await result).status, 'completed')
    assert.equal((await other).at(-1)?.method, 'turn/completed')
    assert.deepEqual(log.messages('turn/interrupt'), [])
  })

  test('C5: break after the end of the turn interrupts nothing', async (t) => {
    const { codex, log } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    for await (const event of turn) if (event.method === 'turn/completed') break
    for await (const _ of turn) break
    await codex.request('thread/loaded/list', {})
    assert.deepEqual(log.messages('turn/interrupt'), [])
  })

  test('C5: an exception in the loop leaves it as break does', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [endless] } })
    const turn = await (await codex.startThread()).turn('go')
    const reading = (async () => {
      for await (const _ of turn.text()) throw reason
    })()
    await assert.rejects(reading, reason)
    assert.equal(log.messages('turn/interrupt').length, 1)
  })

  test('C6: an interrupt that the server refuses until the turn has started', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const refusal = { error: { code: -32600, message: 'no active turn to interrupt' } }
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [['turnReply', { waitForFile: gate }, 'turnStarted']],
        'turn/interrupt': [[refusal], [refusal], ['default']],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    const interrupted = turn.interrupt()
    writeFileSync(gate, '')
    await interrupted
    assert.equal((await turn.run()).status, 'interrupted')
    assert.equal(log.messages('turn/interrupt').length, 3)
  })

  test('C6: real: an interrupt straight after turn/start', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('never', hang(say('working')))
    provider.when('go', say('here I am'))
    const thread = await codex.startThread()
    for (let round = 0; round < 5; round++) {
      const turn = await thread.turn('never')
      await turn.interrupt()
      assert.equal((await turn.run()).status, 'interrupted')
    }
    assert.equal((await thread.run('go')).finalResponse, 'here I am')
  })

  for (const how of /** @type {const} */ (['interrupt()', 'abort', 'break'])) {
    test(`C7: a turn/interrupt that is never answered settles by itself: ${how}`, async (t) => {
      const { codex } = rig(t, {
        on: { 'turn/start': [endless, ['default']], 'turn/interrupt': [['never']] },
      })
      const { signal, abort } = abortable()
      const turn = await (await codex.startThread()).turn('go', { signal })
      const started = performance.now()
      if (how === 'interrupt()') {
        const result = turn.run()
        await turn.interrupt()
        assert.equal((await result).status, 'interrupted')
      } else if (how === 'abort') {
        const result = turn.run()
        abort()
        assert.equal((await assertAborted(result)).result?.status, 'interrupted')
      } else {
        for await (const event of turn) if (event.method === 'item/agentMessage/delta') break
        assert.equal((await turn.run()).status, 'interrupted')
      }
      const took = performance.now() - started
      assert.ok(took < 8_000, `it took ${took} ms`)
      assert.equal((await codex.run('another thread')).status, 'completed')
    })
  }

  test('C7: an aborted turn that the server will not interrupt is given up', async (t) => {
    const refusal = { error: { code: -32603, message: 'not today' } }
    /** @type {import('../../index.js').LogRecord[]} */
    const records = []
    const { codex } = rig(
      t,
      { on: { 'turn/start': [endless], 'turn/interrupt': [[refusal]] } },
      { logger: (record) => records.push(record), logLevel: 'warn' },
    )
    const { signal, abort } = abortable()
    const turn = await (await codex.startThread()).turn('go', { signal })
    const result = turn.run()
    abort()
    assert.equal((await assertAborted(result)).result?.status, 'interrupted')
    await codex.close()
    assert.deepEqual(
      records.map(({ message, fields }) => [message, fields.turn, /not today/.test(String(fields.error))]),
      [['codex did not interrupt the turn', turn.id, true]],
    )
  })

  test('C7: interrupt() of a turn that the server will not interrupt tells why', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const refusal = { error: { code: -32603, message: 'not today' } }
    const list = [...endless, { waitForFile: gate }, 'messageCompleted', 'turnEnd']
    const { codex } = rig(t, { on: { 'turn/start': [list], 'turn/interrupt': [[refusal]] } })
    const turn = await (await codex.startThread()).turn('go')
    const error = await rejection(turn.interrupt(), InternalRpcError)
    assert.match(error.message, /not today/)
    writeFileSync(gate, '')
    assert.equal((await turn.run()).status, 'completed')
  })

  test('C7: the next turn of the thread begins when the server is done with the one that was given up', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const list = [...endless, { waitForFile: gate }, 'threadIdle']
    const { codex, log } = rig(t, {
      on: { 'turn/start': [list, ['default']], 'turn/interrupt': [['never']] },
    })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await turn.interrupt()
    const next = thread.run('again')
    await codex.request('thread/loaded/list', {})
    assert.equal(log.messages('turn/start').length, 1, 'the server would merge the two')
    // It says so without the turn/completed that would belong to it.
    writeFileSync(gate, '')
    assert.equal((await next).status, 'completed')
  })

  test('C7: a turn/interrupt that is answered without an end of the turn settles by itself', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [endless], 'turn/interrupt': [['reply']] } })
    const turn = await (await codex.startThread()).turn('go')
    await turn.interrupt()
    assert.equal((await turn.run()).status, 'interrupted')
  })

  test('a signal that outlives its calls keeps no listener of theirs', async (t) => {
    const { env } = rigEnvironment(t)
    const codex = new Codex({ codexPath: rigPath, env })
    t.after(() => codex.close())
    const { signal } = new AbortController()
    const thread = await codex.startThread({ signal })
    await thread.run('go', { signal })
    await codex.run('go', { signal })
    await codex.request('model/list', {}, { signal })
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})

/**
 * The methods of what the server was sent about threads and turns.
 *
 * @param {import('../support/rig.mjs').RigLog} log
 */
function threadsAndTurns(log) {
  return log
    .messages()
    .map((message) => message.method)
    .filter((method) => ['thread/start', 'thread/resume', 'turn/start', 'model/list'].includes(method))
}
