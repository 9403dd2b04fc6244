// What turns and threads may use. The scripted model uses 120 tokens with each answer.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, test } from 'node:test'
import { z } from 'zod'
import {
  AbortError,
  BudgetExceededError,
  CodexError,
  retryOnOverload,
  TurnFailedError,
} from '../../index.mjs'
import {
  command,
  createCodexHome,
  createGate,
  failed,
  functionCall,
  httpError,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { collect } from '../support/outcomes.mjs'
import { places, runProgram } from '../support/program.mjs'
import { real } from '../support/real.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rig } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

/** @param {unknown} error */
function asExceeded(error) {
  assert.ok(error instanceof BudgetExceededError && error instanceof CodexError, String(error))
  assert.equal(error.code, 'BUDGET_EXCEEDED')
  assert.equal(error.retryable, false)
  return error
}

/** @param {Promise<unknown>} promise */
const exceeds = async (promise) =>
  asExceeded(
    await promise.then(
      () => assert.fail('resolved'),
      (error) => error,
    ),
  )

describe('budgets', { concurrency: true, timeout: 60_000 }, () => {
  test('a turn that goes over its tokens is interrupted, with its partial result', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(command('echo one'), command('echo two'), say('Never asked for.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    /** @type {import('../../index.js').BudgetThreshold[]} */
    const told = []
    const budget = { tokens: 200, onThreshold: (/** @type {any} */ threshold) => told.push(threshold) }
    const error = await exceeds(thread.run('go', { budget }))
    assert.equal(error.kind, 'tokens')
    assert.equal(error.used, 240)
    assert.equal(error.limit, 200)
    assert.equal(error.scope, 'turn')
    assert.equal(error.use.tokens, 240)
    assert.equal(error.use.cost, null)
    assert.equal(error.message, 'the budget of the turn is exceeded: 240 of 200 tokens used')
    assert.equal(error.result?.threadId, thread.id)
    assert.ok(error.result?.items.some((item) => item.type === 'commandExecution'))
    assert.deepEqual(
      told.map(({ kind, percent, used, limit, threadId }) => [
        kind,
        percent,
        used,
        limit,
        threadId === thread.id,
      ]),
      [
        ['tokens', 50, 120, 200, true],
        ['tokens', 80, 240, 200, true],
        ['tokens', 95, 240, 200, true],
      ],
    )
    // The thread goes on.
    provider.when('again', say('Hello.'))
    assert.equal((await thread.run('again', { budget: { tokens: 500 } })).finalResponse, 'Hello.')
  })

  test('the last word of a turn may go over, too', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('A long one.'), say('Another.'))
    const thread = await codex.startThread()
    const error = await exceeds(thread.run('go', { budget: { tokens: 119 } }))
    assert.equal(error.result?.finalResponse, 'A long one.')
    assert.equal((await thread.run('go', { budget: { tokens: 120 } })).finalResponse, 'Another.')
  })

  test('turn(): its result and its readers reject', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(command('echo one'), reply([waitFor(createGate()), say('never')]))
    const thread = await codex.startThread()
    const turn = await thread.turn('go', { budget: { tokens: 100 } })
    const [result, again, events] = await Promise.all([
      exceeds(turn.run()),
      exceeds(turn.run()),
      exceeds(collect(turn)),
    ])
    for (const error of [result, again, events]) assert.equal(error.kind, 'tokens')
    assert.equal(result.result?.turnId, turn.id)
  })

  test('what asks again for an answer that does not fit is under the same budget', async (t) => {
    const { codex, provider, home } = await real(t)
    const outputSchema = z.object({ n: z.number().min(3) })
    const asked = { outputSchema, outputRetries: 2 }
    const budget = { tokens: 200 }
    provider.when(/^Count|does not fit/, say('{"n":1}'))
    const thread = await codex.startThread()
    const turn = await thread.turn('Count', { ...asked, budget })
    const ofTurn = await exceeds(turn.result())
    assert.deepEqual([ofTurn.used, ofTurn.scope], [240, 'turn'])
    assert.notEqual(ofTurn.result?.turnId, turn.id)
    assert.equal((await exceeds(thread.run('Count', { ...asked, budget }))).used, 240)
    const alone = { ...asked, budget, cwd: home.workspace }
    assert.equal((await exceeds(codex.run('Count', alone))).used, 240)
    const limited = await codex.startThread({ budget })
    const ofThread = await exceeds((await limited.turn('Count', asked)).result())
    assert.deepEqual([ofThread.used, ofThread.scope], [240, 'thread'])
  })

  test('what goes on with a turn that broke off is under the same budget', async (t) => {
    const { codex, provider, home } = await real(t)
    const overloaded = httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } })
    const soon = { initialDelayMs: 1 }
    provider.enqueue(command('echo one'), overloaded, say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    /** @type {string[]} */
    const models = []
    const cost = (/** @type {unknown} */ _usage, /** @type {string} */ model) => models.push(model)
    const turn = await thread.turn('go', { budget: { tokens: 200 }, cost, model: 'gpt-5.5' })
    const error = await exceeds(retryOnOverload(turn, soon))
    assert.deepEqual([error.used, error.result?.finalResponse], [240, 'Done.'])
    assert.deepEqual(models, ['gpt-5.5', 'gpt-5.5'])
    // Without one of its own it is under that of the thread.
    provider.enqueue(command('echo one'), overloaded, say('Done.'))
    const limited = await codex.startThread({ cwd: home.workspace, budget: { tokens: 200 } })
    assert.equal((await exceeds(retryOnOverload(() => limited.turn('go'), soon))).scope, 'thread')
  })

  test('the signal of a turn ends what asks again for its answer, too', async (t) => {
    const { codex, provider } = await real(t)
    const outputSchema = z.object({ n: z.number().min(3) })
    const gate = createGate()
    provider.enqueue(say('{"n":1}'), reply([waitFor(gate)]))
    const thread = await codex.startThread()
    const controller = new AbortController()
    const { signal } = controller
    const budget = { tokens: 10_000 }
    const turn = await thread.turn('Count', { outputSchema, outputRetries: 2, budget, signal })
    const result = turn.result()
    await gate.reached
    controller.abort(new Error('enough'))
    await assert.rejects(result, AbortError)
  })

  test('commands are counted when they begin', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(command('echo one'), command('echo two'), say('Never.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const error = await exceeds(thread.run('go', { budget: { commands: 1 } }))
    assert.deepEqual([error.kind, error.used, error.limit], ['commands', 2, 1])
    provider.when('none', command('echo three'), say('Never.'))
    assert.equal((await exceeds(thread.run('none', { budget: { commands: 0 } }))).used, 1)
  })

  test('time runs while the turn does, and no longer', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(reply([waitFor(createGate()), say('never')]))
    const thread = await codex.startThread()
    /** @type {number[]} */
    const percents = []
    const budget = { ms: 300, onThreshold: (/** @type {any} */ { percent }) => percents.push(percent) }
    const error = await exceeds(thread.run('go', { budget }))
    assert.equal(error.kind, 'ms')
    assert.ok(error.used >= 300 && error.used < 5_000)
    assert.deepEqual(percents, [50, 80, 95])
    provider.when('quick', say('Done.'))
    assert.equal((await thread.run('quick', { budget: { ms: 60_000 } })).finalResponse, 'Done.')
  })

  test('cost is what the function says, by the model', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(command('true'), command('true'), say('Never.'))
    const thread = await codex.startThread({ model: 'gpt-5.5' })
    /** @type {string[]} */
    const models = []
    const cost = (
      /** @type {import('../../index.js').Protocol.TokenUsageBreakdown} */ usage,
      /** @type {string} */ model,
    ) => {
      models.push(model)
      return usage.inputTokens * 0.001 + usage.outputTokens * 0.01
    }
    const error = await exceeds(thread.run('go', { budget: { cost: 0.5 }, cost }))
    assert.equal(error.kind, 'cost')
    assert.equal(Math.round(error.used * 1000), 600)
    assert.equal(error.use.tokens, 240)
    assert.deepEqual(new Set(models), new Set(['gpt-5.5']))
    for (const wrong of [
      () => Number.NaN,
      () => /** @type {any} */ ('much'),
      () => {
        throw new Error('no price')
      },
    ]) {
      provider.when('wrong', say('Hello.'))
      const unknown = await exceeds(thread.run('wrong', { budget: { cost: 5 }, cost: wrong }))
      assert.match(unknown.message, /its cost could not be told/)
      assert.ok(unknown.cause instanceof Error)
    }
  })

  test('a thread has one budget for all its turns, by whichever handle', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('One.'), say('Two.'), say('Three.'))
    const thread = await codex.startThread({ budget: { tokens: 300 } })
    await thread.run('one')
    const same = await codex.resumeThread(thread.id)
    await same.run('two')
    const error = await exceeds(thread.run('three'))
    assert.deepEqual([error.kind, error.used, error.limit, error.scope], ['tokens', 360, 300, 'thread'])
    assert.equal(error.result?.finalResponse, 'Three.')
    // Nothing is sent for what has no budget left.
    const requests = provider.requests.length
    for (const promise of [thread.run('four'), same.turn('five'), thread.compact()]) {
      assert.equal((await exceeds(promise)).result, null)
    }
    assert.equal(provider.requests.length, requests)
    // Another thread has its own.
    provider.when('six', say('Six.'))
    assert.equal((await (await codex.startThread()).run('six')).finalResponse, 'Six.')
  })

  test('turns that wait end with the budget of their thread', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(command('true'), reply([waitFor(createGate()), say('never')]))
    const thread = await codex.startThread({ budget: { tokens: 100 } })
    const [first, second] = await Promise.all([exceeds(thread.run('one')), exceeds(thread.run('two'))])
    assert.ok(first.result?.items.length)
    assert.equal(second.scope, 'thread')
    assert.ok(provider.requests.every(({ userMessages }) => !userMessages.includes('two')))
  })

  test('usage of turns that fail or are interrupted counts', async (t) => {
    const { codex, provider } = await real(t)
    const thread = await codex.startThread({ budget: { tokens: 300 } })
    provider.enqueue(command('true'), failed('invalid_prompt', 'no'))
    await assert.rejects(thread.run('one'), TurnFailedError)
    const gate = createGate()
    provider.enqueue(command('true'), reply([waitFor(gate), say('never')]))
    const controller = new AbortController()
    const turn = await thread.turn('two', { signal: controller.signal })
    for await (const event of turn.stream({ leaveRunning: true })) {
      if (event.method === 'thread/tokenUsage/updated') break
    }
    controller.abort(new Error('enough'))
    await assert.rejects(turn.run(), (error) => error instanceof AbortError && error.cause instanceof Error)
    gate.open()
    provider.when('three', say('Three.'))
    const error = await exceeds(thread.run('three'))
    assert.equal(error.used, 360)
  })

  test('sub-agents count, and end with the budget', async (t) => {
    const { codex, provider } = await real(t, {}, { model: 'mock-model' })
    provider.when(
      'spawn',
      functionCall('spawn_agent', { message: 'the task of the child' }, { namespace: 'multi_agent_v1' }),
      reply([waitFor(createGate()), say('never')]),
    )
    provider.when('the task of the child', command('true'), reply([waitFor(createGate()), say('never')]))
    const thread = await codex.startThread()
    /** @type {Set<string>} */
    const threads = new Set()
    const budget = { tokens: 200, onThreshold: (/** @type {any} */ { threadId }) => threads.add(threadId) }
    const ends = codex.notifications({ methods: ['turn/completed'] })
    const turn = await thread.turn('spawn', { budget })
    const [error] = await Promise.all([exceeds(turn.run()), childEnds(turn)])
    assert.equal(error.used, 240)
    assert.equal(threads.size, 2)
    await ends.return()
  })

  test('an abort, the end of codex and of the client are what they were', async (t) => {
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', { waitFor: 'turn/interrupt' }, 'turnInterrupted']] },
    })
    const thread = await codex.startThread()
    const budget = { tokens: 1_000, ms: 60_000 }
    const controller = new AbortController()
    const aborted = thread.run('go', { budget, signal: controller.signal })
    controller.abort('reason')
    await assert.rejects(aborted, (error) => error instanceof AbortError && error.cause === 'reason')
    await assert.rejects(thread.run('go', { budget, signal: AbortSignal.abort('before') }), AbortError)
    await codex.close()
    await assert.rejects(thread.run('go', { budget }), { code: 'CLOSED' })
    const dying = rig(t, { on: { 'turn/start': [['turnBegin', { exit: 3 }]] } })
    await assert.rejects((await dying.codex.startThread()).run('go', { budget }), { code: 'SERVER_EXITED' })
  })

  test('onThreshold runs in the context of its call, and what it throws ends nothing', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('Hello.'))
    const storage = new AsyncLocalStorage()
    const thread = await codex.startThread()
    /** @type {unknown[]} */
    const seen = []
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const onThreshold = () => {
      seen.push(storage.getStore())
      throw new Error('mine')
    }
    await storage.run('here', () => thread.run('go', { budget: { tokens: 200, onThreshold } }))
    assert.deepEqual(seen, ['here'])
    assert.match(String(await warned), /onThreshold.*mine/)
  })

  test('codex.run has one, too', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('Hello.'))
    assert.equal((await exceeds(codex.run('go', { budget: { tokens: 1 } }))).result?.finalResponse, 'Hello.')
  })

  test('wrong budgets are refused by name, and nothing is sent', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    const cost = () => 1
    for (const [options, message] of /** @type {[any, RegExp][]} */ ([
      [{ budget: 5 }, /options\.budget: must be an object/],
      [{ budget: {} }, /options\.budget: must have one limit or more/],
      [{ budget: { tokens: 0 } }, /options\.budget\.tokens: must be a number above 0/],
      [{ budget: { tokens: Number.NaN } }, /options\.budget\.tokens/],
      [{ budget: { tokens: '5' } }, /options\.budget\.tokens/],
      [{ budget: { commands: -1 } }, /options\.budget\.commands/],
      [{ budget: { token: 5 } }, /options\.budget\.token: is no field/],
      [{ budget: { cost: 1 } }, /options\.budget\.cost: needs options\.cost/],
      [{ budget: { tokens: 1, onThreshold: 5 } }, /onThreshold: must be a function/],
      [{ cost }, /options\.cost: is of use with options\.budget alone/],
      [{ budget: { cost: 1 }, cost: 5 }, /options\.cost: must be a function/],
    ])) {
      for (const promise of [thread.run('go', options), codex.startThread(options)]) {
        await assert.rejects(
          promise,
          (/** @type {any} */ error) => error instanceof TypeError && message.test(error.message),
        )
      }
    }
    assert.equal(log.messages('turn/start').length, 0)
    assert.equal(log.messages('thread/start').length, 1)
  })

  test('what are no options are refused on a thread with a budget as on any', async (t) => {
    const { codex, log } = rig(t)
    const thread = /** @type {any} */ (await codex.startThread({ budget: { tokens: 5 } }))
    for (const options of [null, [], 5, 'x']) {
      for (const promise of [thread.run('go', options), thread.turn('go', options)]) {
        await assert.rejects(
          promise,
          (/** @type {any} */ error) =>
            error instanceof TypeError &&
            /** @type {any} */ (error).code === 'INVALID_ARGUMENT' &&
            error.message.startsWith('options: '),
        )
      }
    }
    assert.equal(log.messages('turn/start').length, 0)
  })
})

/** @param {import('../../index.js').Turn} turn */
async function childEnds(turn) {
  for await (const event of turn.subAgents()) {
    if (event.method === 'turn/completed') return assert.equal(event.params.turn.status, 'interrupted')
  }
  assert.fail('no agent has ended')
}

describe('budgets of codex exec', { concurrency: true, timeout: 60_000 }, () => {
  test('commands and time end the turn, with a partial result where there is one', async (t) => {
    const { codex, provider, inWorkspace } = await realExec(t)
    provider.when('count', command('true'), command('true'), say('Never.'))
    const error = await exceeds(codex.startThread(inWorkspace).run('count', { budget: { commands: 1 } }))
    assert.deepEqual([error.kind, error.used, error.limit], ['commands', 2, 1])
    provider.when('time', reply([waitFor(createGate()), say('never')]))
    const { events } = await codex.startThread(inWorkspace).runStreamed('time', { budget: { ms: 200 } })
    assert.equal((await exceeds(collect(events))).kind, 'ms')
    provider.when('well', command('true'), say('Well.'))
    const result = await codex.startThread(inWorkspace).run('well', { budget: { commands: 1, ms: 60_000 } })
    assert.equal(result.finalResponse, 'Well.')
    assert.ok(result.turnUsage)
  })

  test('tokens and cost are refused', async (t) => {
    const { codex } = scriptedExec(t, says.turn('Hi'))
    for (const budget of /** @type {any[]} */ ([{ tokens: 5 }, { cost: 5 }, { ms: 0 }])) {
      await assert.rejects(codex.startThread().run('go', { budget }), { code: 'INVALID_ARGUMENT' })
    }
  })
})

for (const place of places) {
  test(`budgets on ${place}`, async (t) => {
    const provider = await startScriptedProvider()
    const home = await createCodexHome(provider)
    provider.enqueue(say('Hello.'), say('Again.'))
    t.after(async () => {
      await provider.close()
      await home.remove()
    })
    const host = runProgram(
      t,
      place,
      `const codex = new Codex({ env: data.env })
      const thread = await codex.startThread({ budget: { tokens: 130 } })
      tell((await thread.run('one')).finalResponse)
      tell(await thread.run('two').catch(({ code, used }) => code + ' ' + used))
      await codex.close()`,
      { env: { .../** @type {Record<string, string>} */ (process.env), ...home.env } },
    )
    assert.equal(await host.told(), 'Hello.')
    assert.equal(await host.told(), 'BUDGET_EXCEEDED 240')
  })
}
