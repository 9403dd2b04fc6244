// Steps, and turns that are picked up where their reader stood.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { z } from 'zod'
import {
  AbortError,
  CodexError,
  OutputValidationError,
  ServerExitedError,
  TurnInactiveError,
} from '../../index.mjs'
import {
  addFile,
  command,
  createGate,
  deltas,
  functionCall,
  reasoning,
  reply,
  say,
  waitFor,
} from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const ten = { flood: { count: 10, bytes: 16, numbered: true } }

/** @param {any[]} events @returns {string[]} the text of each delta */
function texts(events) {
  return events.filter(({ method }) => method.endsWith('delta')).map(({ params }) => params.delta)
}

describe('steps', { concurrency: true, timeout: 60_000 }, () => {
  test('steps are the completed items, each with its kind and its text', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.when(
      'go',
      reply([reasoning('thinking about it'), command('echo hello', { callId: 'c' })]),
      say('Hello.'),
    )
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('go')
    const steps = await collect(turn.steps())
    const { items } = await turn.run()
    assert.deepEqual(
      steps.map(({ data }) => data),
      items,
    )
    assert.deepEqual(
      steps.map(({ stepType, itemType }) => [stepType, itemType]),
      [
        ['userMessage', 'userMessage'],
        ['thinking', 'reasoning'],
        ['exec', 'commandExecution'],
        ['codex', 'agentMessage'],
      ],
    )
    assert.deepEqual(
      steps.map(({ text }) => text.replace(/^.*'(echo hello)'$/, '$1')),
      ['go', 'thinking about it', 'echo hello', 'Hello.'],
    )
    for (const step of steps) {
      assert.deepEqual([step.threadId, step.turnId, step.itemId], [thread.id, turn.id, step.data.id])
    }
  })
})

describe('steps of other kinds', { timeout: 60_000 }, () => {
  test('tools and file changes are steps of their own kinds, with what a person is shown of them', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.when('go', functionCall('weather', {}), addFile('new.txt', 'text\n'), say('Done.'))
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalMode: 'deny_all',
      tools: [{ name: 'weather', description: 'w', inputSchema: { type: 'object' }, run: () => 'rain' }],
    })
    const steps = await collect((await thread.turn('go')).steps())
    assert.deepEqual(
      steps.map(({ stepType, itemType, text }) => [stepType, itemType, text]),
      [
        ['userMessage', 'userMessage', 'go'],
        ['tool', 'dynamicToolCall', 'weather'],
        ['file', 'fileChange', join(home.workspace, 'new.txt')],
        ['codex', 'agentMessage', 'Done.'],
      ],
    )
  })
})

describe('continuation', { concurrency: true, timeout: 60_000 }, () => {
  test('of a loop that was left is there also when the turn was collected meanwhile', async (t) => {
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'messageStarted', ten, 'messageCompleted', 'turnEnd']] },
    })
    const thread = await codex.startThread()
    let isCollected = false
    const registry = new FinalizationRegistry(() => {
      isCollected = true
    })
    /** @param {number} most how many events are read */
    const leave = async (most) => {
      const turn = await thread.turn('go')
      registry.register(turn, undefined)
      await turn.run()
      const stream = turn.stream()
      for (let read = 0; read < most; read++) await stream.next()
      await stream.return?.()
      return stream
    }
    const stream = await leave(3)
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    while (!isCollected) {
      gc()
      await setImmediate()
    }
    const rest = await collect(await codex.continueTurn(stream.continuation()))
    const whole = await collect(await thread.turn('go'))
    assert.deepEqual(
      rest.map(({ method }) => method),
      whole.slice(3).map(({ method }) => method),
    )
  })

  for (const coalesce of [false, true]) {
    test(`a reader that leaves is picked up where it stood, with coalesce: ${coalesce}`, async (t) => {
      const { codex } = rig(t, {
        on: { 'turn/start': [['turnBegin', 'messageStarted', ten, ten, 'messageCompleted', 'turnEnd']] },
      })
      const thread = await codex.startThread()
      const whole = await collect((await thread.turn('go')).stream({ coalesce: false }))
      for (let read = 0; read < 12; read++) {
        const turn = await thread.turn('go')
        await turn.run()
        const stream = turn.stream({ coalesce })
        const before = []
        for (let i = 0; i < read; i++) {
          const { value, done } = await stream.next()
          if (!done) before.push(value)
        }
        const continuation = JSON.parse(JSON.stringify(turn.continuation()))
        assert.deepEqual(continuation, stream.continuation())
        await stream.return()
        const after = await collect((await codex.continueTurn(continuation)).stream({ coalesce }))
        const all = [...before, ...after]
        // Nothing twice, nothing lost.
        assert.equal(texts(all).join(''), texts(whole).join(''), `after ${read}`)
        if (!coalesce) assert.equal(all.length, whole.length, `after ${read}`)
      }
    })
  }

  test('T9: a turn that went silent is picked up, by whoever read and by whoever waited', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    provider.when('silent', reply([deltas(5, { text: 'ab ' }), waitFor(gate), ' rest']))
    const thread = await codex.startThread()
    const turn = await thread.turn('silent', { inactivityTimeoutMs: 500 })
    /** @type {any[]} */
    const before = []
    const reading = (async () => {
      for await (const event of turn) before.push(event)
    })()
    const stalled = await rejection(reading, TurnInactiveError)
    const waited = await rejection(turn.run(), TurnInactiveError)
    assert.equal(stalled.continuation.mode, 'stream')
    assert.equal(waited.continuation.mode, 'run')
    assert.ok(stalled.idleMs >= 500)
    const again = await codex.continueTurn(stalled.continuation)
    gate.open()
    const after = await collect(again)
    assert.equal(texts([...before, ...after]).join(''), 'ab ab ab ab ab  rest')
    assert.equal(after.at(-1)?.method, 'turn/completed')
    const result = await (await codex.continueTurn(waited.continuation)).run()
    assert.equal(result.status, 'completed')
    assert.equal((await thread.run('and then')).status, 'completed')
  })

  test('T9: a run without a reader is picked up, too', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    provider.when('silent', reply([waitFor(gate), 'the answer']))
    const thread = await codex.startThread()
    const { continuation } = await rejection(
      thread.run('silent', { inactivityTimeoutMs: 500 }),
      TurnInactiveError,
    )
    const turn = await codex.continueTurn(continuation)
    gate.open()
    assert.equal((await turn.run()).finalResponse, 'the answer')
    let text = ''
    for await (const part of turn.text()) text += part
    assert.equal(text, 'the answer')
  })

  for (const [library, outputSchema] of /** @type {const} */ ([
    ['Zod', z.object({ answer: z.number().transform((number) => number + 1) })],
    ['JSON Schema', { type: 'object', properties: { answer: { type: 'number' } } }],
  ])) {
    test(`T9: with the outputSchema given again the message is parsed: ${library}`, async (t) => {
      const { codex, provider } = await real(t)
      const gate = createGate()
      provider.when('silent', reply([waitFor(gate), '{"answer":41}']))
      const thread = await codex.startThread()
      const silent = thread.run('silent', { inactivityTimeoutMs: 500, outputSchema })
      const { continuation } = await rejection(silent, TurnInactiveError)
      const turn = await codex.continueTurn(continuation, { outputSchema })
      const plain = await codex.continueTurn(continuation)
      gate.open()
      const { parsed } = await turn.run()
      assert.deepEqual(parsed, { answer: library === 'Zod' ? 42 : 41 })
      assert.ok(!('parsed' in (await plain.run())))
    })
  }

  test('T9: a message that does not fit the outputSchema given again rejects', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    const outputSchema = z.object({ answer: z.number() })
    provider.when('silent', reply([waitFor(gate), '{"answer":"many"}']))
    const silent = (await codex.startThread()).run('silent', { inactivityTimeoutMs: 500, outputSchema })
    const { continuation } = await rejection(silent, TurnInactiveError)
    const turn = await codex.continueTurn(continuation, { outputSchema })
    gate.open()
    const error = await rejection(turn.run(), OutputValidationError)
    assert.deepEqual([error.text, error.issues[0]?.path], ['{"answer":"many"}', ['answer']])
  })

  test('T9: the signal of a continued turn interrupts it, with the reason as the cause', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('silent', reply([waitFor(createGate()), 'never']))
    const thread = await codex.startThread()
    const silent = thread.run('silent', { inactivityTimeoutMs: 500 })
    const { continuation } = await rejection(silent, TurnInactiveError)
    const controller = new AbortController()
    const turn = await codex.continueTurn(continuation, { signal: controller.signal })
    const run = rejection(turn.run(), AbortError)
    const read = rejection(collect(turn), AbortError)
    controller.abort('enough')
    for (const error of [await run, await read]) {
      assert.deepEqual([error.cause, error.result?.status], ['enough', 'interrupted'])
    }
    assert.equal((await thread.run('next')).status, 'completed')
  })

  test('T9: a signal that was aborted before leaves the turn alone', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    provider.when('silent', reply([waitFor(gate), 'the answer']))
    const silent = (await codex.startThread()).run('silent', { inactivityTimeoutMs: 500 })
    const { continuation } = await rejection(silent, TurnInactiveError)
    const refused = codex.continueTurn(continuation, { signal: AbortSignal.abort('no') })
    assert.equal((await rejection(refused, AbortError)).cause, 'no')
    const turn = await codex.continueTurn(continuation)
    gate.open()
    assert.equal((await turn.run()).finalResponse, 'the answer')
  })

  test('T9: a continued turn has an inactivity timeout of its own', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('silent', reply(['the beginning', waitFor(createGate())]))
    const thread = await codex.startThread()
    const silent = thread.run('silent', { inactivityTimeoutMs: 500 })
    const { continuation } = await rejection(silent, TurnInactiveError)
    const turn = await codex.continueTurn(continuation, { inactivityTimeoutMs: 100 })
    const again = await rejection(turn.run(), TurnInactiveError)
    assert.deepEqual([again.continuation.turnId, again.continuation.mode], [continuation.turnId, 'run'])
    assert.ok(again.idleMs >= 100)
    await codex.cancelTurn(again.continuation)
  })

  test('C9: a turn whose server has died says so when it is continued, and no other server is started', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'agentMessage', { kill: 'SIGKILL' }]] } })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    const stream = turn.stream()
    await stream.next()
    const continuation = stream.continuation()
    await rejection(turn.run(), ServerExitedError)
    const again = await codex.continueTurn(continuation)
    await rejection(again.run(), ServerExitedError)
    await rejection(collect(again), ServerExitedError)
    const { wasCompleted, events } = await codex.cancelTurn(continuation)
    assert.equal(wasCompleted, true)
    assert.ok(events.some(({ method }) => method === 'item/completed'))
    assert.equal(codex.pid, null)
  })

  test('C7: cancelTurn waits for the end for a bounded time, and the thread stays usable', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const { codex } = rig(t, {
      on: {
        'turn/start': [['turnBegin', { waitForFile: gate }, 'threadIdle'], ['default']],
        'turn/interrupt': [['never']],
      },
    })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    const started = performance.now()
    const cancelled = await codex.cancelTurn(turn.continuation())
    assert.deepEqual([cancelled.wasCompleted, cancelled.wasInterrupted], [false, true])
    assert.deepEqual(
      cancelled.events.map(({ method }) => method),
      ['turn/started', 'item/started', 'item/completed'],
    )
    const took = performance.now() - started
    assert.ok(took < 8_000, `it took ${took} ms`)
    writeFileSync(gate, '')
    assert.equal((await thread.run('next')).status, 'completed')
  })

  test('cancelTurn interrupts, gives what was not read, and leaves the thread usable', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('long', reply(['the beginning', waitFor(createGate())]))
    const thread = await codex.startThread()
    const turn = await thread.turn('long')
    const stream = turn.stream({ leaveRunning: true })
    /** @type {any} */
    let event
    do event = (await stream.next()).value
    while (event.method !== 'item/agentMessage/delta')
    const continuation = stream.continuation()
    const { events, steps, wasCompleted, wasInterrupted } = await codex.cancelTurn(continuation)
    assert.deepEqual([wasCompleted, wasInterrupted], [false, true])
    assert.equal(events.at(-1)?.method, 'turn/completed')
    assert.ok(!events.some(({ method }) => method === 'turn/started'), 'it was read before')
    assert.ok(Array.isArray(steps))
    assert.equal((await thread.run('next')).status, 'completed')
    const again = await codex.cancelTurn(continuation)
    assert.deepEqual([again.wasCompleted, again.wasInterrupted], [true, false])
  })

  test('a continuation of another client, thread or turn, or none at all, is refused', async (t) => {
    const { codex } = rig(t)
    const other = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    await turn.run()
    const continuation = turn.continuation()
    for (const [client, wrong, why] of /** @type {const} */ ([
      [other.codex, continuation, /no turn/],
      [codex, { ...continuation, threadId: 'thread-9' }, /not of thread/],
      [codex, { ...continuation, turnId: 'turn-9' }, /no turn/],
      [codex, { ...continuation, cursor: 1e6 }, /no event number/],
      [codex, { ...continuation, mode: 'odd' }, /mode/],
    ])) {
      for (const call of ['continueTurn', 'cancelTurn']) {
        // @ts-expect-error wrong on purpose
        const error = await rejection(client[call](wrong), CodexError)
        assert.equal(error.code, 'CONTINUATION_INVALID')
        assert.match(error.message, why)
      }
    }
    // @ts-expect-error wrong on purpose
    const error = await rejection(codex.continueTurn({ threadId: 5 }), TypeError)
    assert.match(error.message, /^continuation: /)
  })
})
