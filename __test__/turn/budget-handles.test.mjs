// How long the budget of a thread is there: as long as somebody may run a turn under it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BudgetExceededError } from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { watchConnection } from '../support/connection.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

/** @param {WeakRef<object>} ref */
async function isCollected(ref) {
  // Looked at it would live on until the next round.
  for (let round = 0; round < 5; round++) {
    await setImmediate()
    gc()
  }
  return ref.deref() === undefined
}

/**
 * A thread with a budget, and a reference to what that calls.
 *
 * @param {import('../../index.js').Codex} codex
 */
async function limited(codex, tokens = 1_000) {
  const onThreshold = () => {}
  const thread = await codex.startThread({ budget: { tokens, onThreshold } })
  return { thread, called: new WeakRef(onThreshold) }
}

/** The ways in which a thread ends. @type {Record<string, (codex: import('../../index.js').Codex, thread: import('../../index.js').Thread) => Promise<void>>} */
const ways = {
  'thread.close()': (_, thread) => thread.close(),
  'await using': (_, thread) => thread[Symbol.asyncDispose](),
  'thread.delete()': (_, thread) => thread.delete(),
  'codex.deleteThread()': (codex, thread) => codex.deleteThread(thread.id),
}

for (const [way, end] of Object.entries(ways)) {
  test(`is let go of with the thread: ${way}`, { timeout: 60_000 }, async (t) => {
    const { codex } = rig(t, { on: { 'thread/delete': { reply: {} } } })
    const ended = async () => {
      const { thread, called } = await limited(codex)
      await thread.run('go')
      await end(codex, thread)
      return called
    }
    const called = await ended()
    // The last turns of a client are remembered, with whoever hears of them.
    const other = await codex.startThread()
    for (let turns = 0; turns < 20; turns++) await other.run('go')
    assert.ok(await isCollected(called))
  })
}

test('stays while another handle of the thread is open', { timeout: 60_000 }, async (t) => {
  const { codex } = rig(t)
  const { thread, called } = await limited(codex, 200)
  const other = await codex.resumeThread(thread.id)
  await thread.run('go')
  await thread.close()
  assert.ok(!(await isCollected(called)))
  await assert.rejects(other.run('go'), BudgetExceededError)
  await other.close()
})

test('goes on where one more handle is opened with it, and begins anew behind the last', {
  timeout: 60_000,
}, async (t) => {
  const { codex, provider, home } = await real(t)
  const budget = { tokens: 200 }
  provider.when('go', say('Gone.'))
  const thread = await codex.startThread({ cwd: home.workspace, budget })
  await thread.run('go')
  const other = await codex.resumeThread(thread.id, { budget })
  await assert.rejects(other.run('go'), BudgetExceededError)
  await assert.rejects(thread.run('go'), BudgetExceededError)
  // Another limit is another budget.
  const more = await codex.resumeThread(thread.id, { budget: { tokens: 10_000 } })
  await more.run('go')
  for (const handle of [thread, other, more]) await handle.close()
  const late = await codex.resumeThread(thread.id, { budget })
  await late.run('go')
  await late.close()
})

test('stays with a thread that codex has lost, and that begins under another id', {
  timeout: 60_000,
}, async (t) => {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace, budget: { tokens: 200 } })
  const { id } = thread
  const events = watchConnection(codex)
  process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
  await events.next('closed')
  provider.when('go', say('done'))
  await thread.run('go')
  assert.notEqual(thread.id, id)
  await assert.rejects(thread.run('go'), BudgetExceededError)
})
