// Questions that a person answers later.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ask } from '../../index.mjs'
import { command, say } from '../../testing/index.mjs'
import { real } from '../support/real.mjs'

/** A list that can be waited for. */
function events() {
  /** @type {any[]} */
  const all = []
  /** @type {(() => void)[]} */
  const waiting = []
  return {
    all,
    add(/** @type {any} */ event) {
      all.push(event)
      for (const wake of waiting.splice(0)) wake()
    },
    async until(/** @type {number} */ count) {
      while (all.length < count) await new Promise((resolve) => waiting.push(() => resolve(undefined)))
      return all
    },
  }
}

const escalated = () =>
  command('echo hi', { sandbox_permissions: 'require_escalated', justification: 'Because' })
const asked = {
  approvalPolicy: /** @type {const} */ ('on-request'),
  approvalsReviewer: /** @type {const} */ ('user'),
}

describe('ask()', () => {
  test('a question waits for its answer by its id', async (t) => {
    const told = events()
    const questions = ask(told.add)
    const { codex, provider, home } = await real(t, questions.handlers, { sandboxMode: 'read-only' })
    provider.enqueue(escalated(), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5', ...asked })
    const running = thread.run('x')
    await told.until(1)
    const [question] = questions.open
    assert.ok(question?.kind === 'approval' && question.request.kind === 'command')
    assert.match(question.request.command, /echo hi/)
    assert.equal(question.request.reason, 'Because')
    assert.equal(questions.answer('another', 'accept'), false)
    assert.equal(questions.answer(question.id, 'accept'), true)
    assert.equal(questions.answer(question.id, 'accept'), false)
    const { items } = await running
    assert.equal(items.find((item) => item.type === 'commandExecution')?.status, 'completed')
    assert.deepEqual(
      told.all.map(({ type }) => type),
      ['asked', 'answered'],
    )
  })

  test('is withdrawn with its turn', async (t) => {
    const told = events()
    const questions = ask(told.add)
    const { codex, provider, home } = await real(t, questions.handlers, { sandboxMode: 'read-only' })
    provider.enqueue(escalated(), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5', ...asked })
    const turn = await thread.turn('x')
    const result = turn.result()
    await told.until(1)
    await turn.interrupt()
    assert.equal((await result).status, 'interrupted')
    const [first, second] = await told.until(2)
    assert.deepEqual([second.type, second.question.id], ['withdrawn', first.question.id])
    assert.deepEqual([questions.open, questions.answer(first.question.id, 'accept')], [[], false])
  })

  test('a listener that throws is a warning, and the question stands', async (t) => {
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const questions = ask(() => {
      throw new Error('mine')
    })
    const answer = questions.handlers.onApproval(/** @type {any} */ ({}), {
      signal: new AbortController().signal,
      unref() {},
    })
    assert.match(String(await warned), /mine/)
    questions.answer(/** @type {string} */ (questions.open[0]?.id), 'decline')
    assert.equal(await answer, 'decline')
    assert.throws(() => ask(/** @type {any} */ ('x')), { code: 'INVALID_ARGUMENT' })
    t.after(() => {})
  })
})
