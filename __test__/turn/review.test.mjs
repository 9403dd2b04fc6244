// Reviews: one turn with two ids at the server.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, JsonRpcError, TurnFailedError } from '../../index.mjs'
import { command, createGate, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const findings = JSON.stringify({
  findings: [],
  overall_correctness: 'patch is correct',
  overall_explanation: 'Nothing to complain about.',
  overall_confidence_score: 1,
})

/** @type {import('../../index.js').ReviewTarget} */
const custom = { type: 'custom', instructions: 'Look at everything.' }

const git = (/** @type {string} */ cwd, /** @type {string[]} */ ...words) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...words], { cwd })
    .toString()
    .trim()

/** What the rig says of a review whose answer has id A and whose turn is started as B. */
const begun = [
  {
    reply: {
      turn: { id: 'A', items: [], status: 'inProgress', error: null },
      reviewThreadId: '$params.threadId',
    },
  },
  {
    notify: {
      method: 'turn/started',
      params: { threadId: '$params.threadId', turn: { id: 'B', rootTurnId: 'A' } },
    },
  },
]
const item = (/** @type {string} */ turnId, /** @type {string} */ id) => ({
  notify: {
    method: 'item/completed',
    params: {
      threadId: '$params.threadId',
      turnId,
      item: { type: 'agentMessage', id, text: id, phase: null },
    },
  },
})
const ended = {
  notify: {
    method: 'turn/completed',
    params: {
      threadId: '$params.threadId',
      turn: { id: 'A', rootTurnId: 'A', items: [], status: 'completed', error: null },
    },
  },
}

describe('review', { concurrency: true, timeout: 60_000 }, () => {
  test('each target runs to its end and gives the review', async (t) => {
    const { codex, provider, home } = await real(t)
    const cwd = home.workspace
    git(cwd, 'init', '-q', '-b', 'main')
    git(cwd, 'commit', '-q', '--allow-empty', '-m', 'first')
    const sha = git(cwd, 'rev-parse', 'HEAD')
    writeFileSync(join(cwd, 'new.txt'), 'new\n')
    const thread = await codex.startThread({ cwd })
    /** @type {[import('../../index.js').ReviewTarget, RegExp][]} */
    const targets = [
      [{ type: 'uncommittedChanges' }, /untracked/],
      [{ type: 'baseBranch', branch: 'main' }, /main/],
      [{ type: 'commit', sha, title: 'first' }, new RegExp(sha)],
      [custom, /Look at everything\./],
    ]
    for (const [target, asked] of targets) {
      provider.enqueue(say(findings))
      const turn = await thread.review(target, { delivery: 'inline' })
      const result = await turn.run()
      assert.deepEqual([result.turnId, result.status], [turn.id, 'completed'])
      assert.match(result.finalResponse ?? '', /Nothing to complain about/)
      assert.match(JSON.stringify(provider.requests.at(-1)?.body), asked)
    }
  })

  test('the turn has the id of the answer, and the events of both ids once', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(command('echo hi'), say(findings))
    const turn = await thread.review(custom)
    const [events, again] = await Promise.all([collect(turn.stream()), collect(turn)])
    assert.deepEqual(events, again)
    const of = (/** @type {string} */ method) => events.filter((event) => event.method === method)
    const [started] = of('turn/started')
    const [completed] = of('turn/completed')
    assert.ok(started?.method === 'turn/started' && completed?.method === 'turn/completed')
    assert.deepEqual([of('turn/started').length, of('turn/completed').length], [1, 1])
    assert.equal(completed.params.turn.id, turn.id)
    assert.notEqual(started.params.turn.id, turn.id)
    assert.equal(started.params.turn.rootTurnId, turn.id)
    assert.equal(events.at(-1), completed)
    const { items } = await turn.run()
    assert.deepEqual(
      items.map((item) => item.type),
      ['enteredReviewMode', 'userMessage', 'commandExecution', 'exitedReviewMode', 'agentMessage'],
    )
    assert.equal(new Set(items.map((item) => item.id)).size, items.length)
  })

  test('events under either id, and such as come before the answer, belong to the turn', async (t) => {
    const list = [
      begun[1],
      item('B', 'one'),
      item('A', 'two'),
      begun[0],
      item('B', 'three'),
      item('A', 'four'),
      ended,
    ]
    const { codex } = rig(t, { on: { 'review/start': [list] } })
    const thread = await codex.startThread()
    const turn = await thread.review(custom)
    assert.equal(turn.id, 'A')
    const { items, finalResponse } = await turn.run()
    assert.deepEqual(
      items.map((item) => item.id),
      ['one', 'two', 'three', 'four'],
    )
    assert.equal(finalResponse, 'four')
    assert.equal((await thread.run('next')).finalResponse, 'Hello from the rig.')
  })

  test('interrupt() ends the review, and the thread goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(waitFor(gate))
    const turn = await thread.review(custom)
    const result = turn.run()
    await gate.reached
    await turn.interrupt()
    assert.equal((await result).status, 'interrupted')
    provider.enqueue(say('after'))
    assert.equal((await thread.run('go on')).finalResponse, 'after')
  })

  test('interrupt() names the turn by the id that it was started under', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'review/start': [begun], 'turn/interrupt': [[{ reply: {} }, ended]] },
    })
    const thread = await codex.startThread()
    const turn = await thread.review(custom)
    await turn.interrupt()
    assert.deepEqual((await log.message('turn/interrupt')).params, { threadId: 'thread-1', turnId: 'B' })
  })

  test('an abort interrupts it, with the reason as the cause', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(waitFor(gate))
    const controller = new AbortController()
    const turn = await thread.review(custom, { signal: controller.signal })
    const run = turn.run()
    await gate.reached
    controller.abort('enough')
    assert.equal((await rejection(run, AbortError)).cause, 'enough')
    const aborted = thread.review(custom, { signal: AbortSignal.abort() })
    await rejection(aborted, AbortError)
    assert.equal((await thread.run('go on')).status, 'completed')
  })

  test('it waits for the running turn, and the next turn waits for it', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('first')]), say(findings), say('last'))
    /** @type {string[]} */
    const order = []
    const first = thread.run('one').then(() => order.push('first'))
    const review = thread.review(custom).then(async (turn) => {
      await turn.run()
      order.push('review')
    })
    const last = thread.run('two').then((result) => order.push(String(result.finalResponse)))
    await gate.reached
    gate.open()
    await Promise.all([first, review, last])
    assert.deepEqual(order, ['first', 'review', 'last'])
  })

  test('T11: steering a review is the server’s typed error', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say(findings)]))
    const turn = await thread.review(custom)
    await gate.reached
    await rejection(turn.steer('more'), JsonRpcError)
    gate.open()
    assert.equal((await turn.run()).status, 'completed')
  })

  test('a review that fails rejects, and the thread goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(httpError(500))
    const turn = await thread.review(custom)
    const error = await rejection(turn.run(), TurnFailedError)
    assert.deepEqual([error.turnId, error.codexErrorInfo], [turn.id, 'internalServerError'])
    assert.equal((await thread.run('go on')).status, 'completed')
  })

  test('bad targets and options are refused before anything is sent', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    // The handshake may be noted a moment later.
    await log.message('initialized')
    const sent = log.messages().length
    /** @type {any} */
    const any = thread
    /** @type {[unknown[], RegExp][]} */
    const cases = [
      [[], /^target: is missing; it takes \{type: 'uncommittedChanges'\}/],
      [['uncommittedChanges'], /^target: /],
      [[['uncommittedChanges', {}]], /^target: an array is not accepted; it takes/],
      [[{ type: 'branch', branch: 'x' }], /^target.*unknown variant `branch`.*baseBranch/],
      [[{ type: 'baseBranch' }], /^target.*missing field `branch`/],
      [[{ type: 'baseBranch', branch: ' ' }], /^target\.branch: must not be empty/],
      [[{ type: 'commit', sha: '' }], /^target\.sha: must not be empty/],
      [[{ type: 'custom', instructions: '' }], /^target\.instructions: must not be empty/],
      [[{ type: 'custom', instructions: 'x', branch: 'y' }], /^target.*unknown field `branch`/],
      [[{ type: 'uncommittedChanges', branch: 'y' }], /^target.*unknown field `branch`/],
      [[custom, { delivery: 'detached' }], /options\.delivery: unknown variant `detached`.*inline/],
      [[custom, { model: 'x' }], /unknown field `model`/],
      [[custom, { inactivityTimeoutMs: 0 }], /options\.inactivityTimeoutMs/],
      [[custom, { onApproval: 5 }], /onApproval/],
      [[custom, { signal: 5 }], /options\.signal/],
    ]
    for (const [args, message] of cases) {
      assert.match((await rejection(any.review(...args), TypeError)).message, message)
    }
    assert.equal(log.messages().length, sent)
  })
})

test('what was found is data, in each form that it comes in', async (t) => {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  const finding = (/** @type {object} */ more) => ({
    title: '[P1] Off by one',
    body: 'Two\nlines',
    confidence_score: 0.9,
    code_location: { absolute_file_path: '/srv/a.js', line_range: { start: 3, end: 4 } },
    ...more,
  })
  const whole = {
    overall_correctness: 'patch is incorrect',
    overall_explanation: 'Wrong.',
    overall_confidence_score: 1,
  }
  const review = async (/** @type {string} */ text) => {
    provider.enqueue(say(text))
    return (await (await thread.review(custom)).result()).review
  }
  const found = {
    file: '/srv/a.js',
    lines: { start: 3, end: 4 },
    priority: 1,
    title: 'Off by one',
    body: 'Two\nlines',
  }
  // codex puts it into words where it can read all of it.
  const words = await review(JSON.stringify({ ...whole, findings: [finding({ priority: 1 })] }))
  assert.deepEqual(words?.findings, [{ ...found, confidence: null }])
  assert.equal(words?.explanation, 'Wrong.')
  const json = await review(JSON.stringify({ ...whole, findings: [finding({})] }))
  assert.deepEqual(json?.findings, [{ ...found, confidence: 0.9 }])
  assert.equal(json?.correctness, 'patch is incorrect')
  const plain = await review('All is well.')
  assert.deepEqual([plain?.findings, plain?.text], [null, 'All is well.'])
})
