// Turns that fail for a while: what is asked anew, what is gone on with, and what has become of an input.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex, isRetryableError, retryOnOverload, TurnFailedError } from '../../index.mjs'
import { command, createGate, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const overloaded = httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } })
const soon = { initialDelayMs: 1, maxDelayMs: 1 }

/** @param {import('../../testing/index.js').ScriptedProvider} provider */
const lastInput = (provider) => /** @type {any} */ (provider.requests.at(-1)?.body)?.input ?? []

/** A server that is too busy for the first review. @param {import('node:test').TestContext} t @param {string} second how the next ends */
const reviewedAnew = (t, second) => {
  const busy = { play: 'turnFailed', with: { message: 'busy', codexErrorInfo: 'serverOverloaded' } }
  const begun = ['turnReply', 'turnStarted']
  return rig(t, {
    on: {
      'review/start': [
        [...begun, busy],
        [...begun, second],
      ],
    },
  })
}

describe('a turn that an overloaded provider broke off', () => {
  test('is retryable only where it has had no effect', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    provider.enqueue(overloaded)
    const before = await rejection(thread.run('Do it'), TurnFailedError)
    assert.deepEqual([before.transient, before.retryable, isRetryableError(before)], [true, true, true])
    provider.enqueue(command('echo once'), overloaded)
    const after = await rejection(thread.run('Do it'), TurnFailedError)
    assert.deepEqual([after.transient, after.retryable, isRetryableError(after)], [true, false, false])
  })

  test('is gone on with: no command runs twice, and nothing is said anew', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    provider.enqueue(command('echo once >> log.txt'), overloaded, overloaded, say('Done.'))
    /** @type {any[]} */
    const retries = []
    /** @type {string[]} */
    const turns = []
    const result = await retryOnOverload(() => thread.turn('Do it'), {
      ...soon,
      onRetry: (retry) => retries.push(retry),
      onTurn: (turn) => turns.push(turn.id),
    })
    assert.equal(result.finalResponse, 'Done.')
    assert.equal(await readFile(join(home.workspace, 'log.txt'), 'utf8'), 'once\n')
    const said = lastInput(provider).filter((/** @type {any} */ item) =>
      JSON.stringify(item).includes('Do it'),
    )
    assert.equal(said.length, 1)
    assert.deepEqual(
      retries.map(({ attempt, error, delayMs }) => [attempt, error.code, delayMs <= 2]),
      [
        [1, 'TURN_FAILED', true],
        [2, 'TURN_FAILED', true],
      ],
    )
    assert.equal(new Set(turns).size, 3)
    assert.equal(turns.at(-1), result.turnId)
  })

  test('that was a review is begun anew, for the same target', async (t) => {
    const { codex, log } = reviewedAnew(t, 'turnEnd')
    const thread = await codex.startThread()
    const target = { type: 'custom', instructions: 'Look' }
    const result = await retryOnOverload(() => thread.review(/** @type {any} */ (target)), soon)
    assert.equal(result.status, 'completed')
    const asked = log.messages('review/start').map(({ params }) => params.target)
    assert.deepEqual(asked, [target, target])
    assert.equal(log.messages('turn/start').length, 0)
  })

  test('that was a review under a budget is aborted by its signal when it is begun anew', async (t) => {
    const { codex, log } = reviewedAnew(t, 'never')
    const thread = await codex.startThread()
    const controller = new AbortController()
    const options = { signal: controller.signal, budget: { tokens: 1_000_000 } }
    const target = /** @type {any} */ ({ type: 'custom', instructions: 'Look' })
    const reviewed = retryOnOverload(() => thread.review(target, options), soon)
    await log.find(() => log.messages('review/start').length === 2)
    controller.abort(new Error('enough'))
    await assert.rejects(reviewed, { name: 'AbortError', message: /enough/ })
    await log.message('turn/interrupt')
  })

  test('keeps its handlers, its schema and its signal where it is gone on with', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
    provider.enqueue(overloaded, say('{"n":1}'))
    const turn = await thread.turn('Count', { outputSchema })
    const result = await retryOnOverload(turn, soon)
    assert.deepEqual(result.parsed, { n: 1 })

    const controller = new AbortController()
    provider.enqueue(overloaded)
    const aborted = retryOnOverload(() => thread.turn('Count', { signal: controller.signal }), {
      initialDelayMs: 1,
      onRetry: () => controller.abort(new Error('enough')),
    })
    await assert.rejects(aborted, { name: 'AbortError', message: 'the operation was aborted: enough' })
  })

  test('is given up after so many attempts, and at once where the failure lasts', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(overloaded, overloaded)
    const twice = retryOnOverload(() => thread.turn('x'), { ...soon, maxAttempts: 2 })
    await rejection(twice, TurnFailedError)
    const asked = provider.requests.length
    provider.enqueue(httpError(400, { body: 'no' }))
    const lasting = await rejection(
      retryOnOverload(() => thread.turn('x'), soon),
      TurnFailedError,
    )
    assert.deepEqual([lasting.transient, provider.requests.length], [false, asked + 1])
  })

  test('an operation that is no turn is asked anew only where nothing took effect', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    let calls = 0
    const run = () => {
      calls++
      return thread.run('Do it')
    }
    provider.enqueue(overloaded, say('Done.'))
    assert.equal((await retryOnOverload(run, soon)).finalResponse, 'Done.')
    assert.equal(calls, 2)
    provider.enqueue(command('true'), overloaded)
    await rejection(retryOnOverload(run, soon), TurnFailedError)
    assert.equal(calls, 3)
  })

  test('proceed() goes on by hand', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    provider.enqueue(command('echo once'), overloaded, say('Done.'))
    await rejection(thread.run('Do it'), TurnFailedError)
    const turn = await thread.proceed()
    assert.equal((await turn.result()).finalResponse, 'Done.')
    assert.equal(lastInput(provider).at(-1).type, 'function_call_output')
  })

  for (const [type, status, retryable] of /** @type {const} */ ([
    ['commandExecution', 'declined', true],
    ['commandExecution', 'inProgress', false],
    ['fileChange', 'failed', false],
    ['mcpToolCall', 'completed', false],
    ['ofTomorrow', 'completed', false],
    ['webSearch', undefined, true],
    ['reasoning', undefined, true],
  ])) {
    test(`${type} ${status ?? ''} is ${retryable ? 'no effect' : 'an effect'}`, async (t) => {
      const item = { type, id: 'i', status }
      const ids = { threadId: '$threadId', turnId: '$turnId' }
      const done = status === 'inProgress' ? 'item/started' : 'item/completed'
      const events = ['item/started', done].map((method) => ({
        notify: { method, params: { ...ids, item } },
      }))
      const end = { play: 'turnFailed', with: { message: 'busy', codexErrorInfo: 'serverOverloaded' } }
      const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', ...events, end]] } })
      const thread = await codex.startThread()
      const failed = await rejection(thread.run('x'), TurnFailedError)
      assert.deepEqual([failed.transient, failed.retryable], [true, retryable])
    })
  }
})

describe('retryAfterMs', () => {
  test('is what the provider says, and is waited for', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const limited = reply([], {
      failed: { code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 30ms.' },
    })
    provider.enqueue(limited, say('Done.'))
    /** @type {number[]} */
    const delays = []
    const onRetry = (/** @type {{ delayMs: number, error: any }} */ { delayMs, error }) =>
      delays.push(delayMs, error.retryAfterMs)
    const result = await retryOnOverload(() => thread.turn('x'), { ...soon, onRetry })
    assert.deepEqual([result.finalResponse, ...delays], ['Done.', 30, 30])
  })

  test('beyond maxRetryAfterMs nobody waits', async () => {
    const error = Object.assign(new TurnFailedError('x'), { retryable: true, retryAfterMs: 5000 })
    let calls = 0
    const operation = async () => {
      calls++
      throw error
    }
    await assert.rejects(retryOnOverload(operation, { maxRetryAfterMs: 4999 }), (thrown) => thrown === error)
    assert.equal(calls, 1)
  })
})

describe('outcomeOf()', () => {
  test('tells what has become of an input by its name', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.deepEqual(await thread.outcomeOf('a'), { status: 'notBegun' })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('Done.')]))
    const turn = await thread.turn('Do it', { clientUserMessageId: 'a' })
    assert.deepEqual(await thread.outcomeOf('a'), { status: 'running', turnId: turn.id })
    gate.open()
    const { items } = await turn.result()
    const message = items.find((item) => item.type === 'userMessage')
    assert.equal(message?.type === 'userMessage' && message.clientId, 'a')
    const outcome = await thread.outcomeOf('a')
    assert.ok(outcome.status === 'completed')
    assert.deepEqual([outcome.turnId, outcome.turn.items.at(-1)?.type], [turn.id, 'agentMessage'])
    assert.deepEqual(await thread.outcomeOf('b'), { status: 'notBegun' })
  })

  test('of what is queued here, or sent and not answered', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [[{ waitFor: 'x/go' }, 'default'], ['default']],
        'thread/turns/list': { reply: { data: [], nextCursor: null, backwardsCursor: null } },
        'x/go': { reply: {} },
      },
    })
    const thread = await codex.startThread()
    const controller = new AbortController()
    const sent = thread.run('one', { clientUserMessageId: 'sent' })
    const waiting = thread.run('two', { clientUserMessageId: 'waiting', signal: controller.signal })
    await log.message('turn/start')
    for (const name of ['sent', 'waiting'])
      assert.deepEqual(await thread.outcomeOf(name), { status: 'queued' })
    controller.abort()
    await assert.rejects(waiting, { name: 'AbortError' })
    assert.deepEqual(await thread.outcomeOf('waiting'), { status: 'notBegun' })
    await codex.request('x/go', {})
    await sent
  })

  test('of a turn that failed, and of one that was interrupted', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(overloaded, reply([waitFor(gate)]))
    await rejection(thread.run('x', { clientUserMessageId: 'failed' }), TurnFailedError)
    const turn = await thread.turn('x', { clientUserMessageId: 'left' })
    const result = turn.result()
    await gate.reached
    await turn.interrupt()
    assert.equal((await result).status, 'interrupted')
    assert.equal((await thread.outcomeOf('failed')).status, 'failed')
    assert.equal((await thread.outcomeOf('left')).status, 'interrupted')
  })

  test('input to a running turn has its own name', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('One')]), say('Two'))
    const turn = await thread.turn('x')
    await turn.steer('and this', { clientUserMessageId: 'more' })
    assert.deepEqual(await thread.outcomeOf('more'), { status: 'running', turnId: turn.id })
    gate.open()
    await turn.result()
    const outcome = await thread.outcomeOf('more')
    assert.deepEqual([outcome.status, 'turnId' in outcome && outcome.turnId], ['completed', turn.id])
  })

  test('a batch that was killed in a turn does nothing twice', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    const gate = createGate()
    provider.enqueue(command('echo once >> log.txt'), reply([waitFor(gate)]), say('Done.'))
    const turn = await thread.turn('Do it', { clientUserMessageId: 'job 1' })
    const lost = turn.result().catch((error) => error.code)
    await gate.reached
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    assert.equal(await lost, 'SERVER_EXITED')

    const next = new Codex({ env: home.env })
    t.after(() => next.close())
    const resumed = await next.resumeThread(thread.id)
    const { status } = await resumed.outcomeOf('job 1')
    assert.equal(status, 'interrupted')
    const { finalResponse } = await (await resumed.proceed()).result()
    assert.equal(finalResponse, 'Done.')
    assert.equal(await readFile(join(home.workspace, 'log.txt'), 'utf8'), 'once\n')
  })

  test('an empty name is refused', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    await assert.rejects(thread.outcomeOf(''), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(thread.run('x', { clientUserMessageId: '' }), /options.clientUserMessageId/)
    assert.equal((await collect((await thread.turn('x')).text())).length > 0, true)
  })
})
