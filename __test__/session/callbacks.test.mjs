// Callbacks of the program that throw, or whose promise rejects: a warning, and nothing else.

import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { describe, test } from 'node:test'
import { ask, BudgetExceededError, Codex, retryOnOverload } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig } from '../support/rig.mjs'

const usage = (/** @type {number} */ tokens) => {
  const all = {
    totalTokens: tokens,
    inputTokens: tokens,
    cachedInputTokens: 0,
    outputTokens: 0,
    reasoningOutputTokens: 0,
  }
  return {
    notify: {
      method: 'thread/tokenUsage/updated',
      params: {
        threadId: '$threadId',
        turnId: '$turnId',
        tokenUsage: { total: all, last: all, modelContextWindow: null },
      },
    },
  }
}
const spending = { 'turn/start': [['turnBegin', usage(60), 'agentMessage', 'turnEnd']] }
const broken = async () => {
  throw new Error('no luck')
}

/** The next warning that says this. @param {string} what */
async function warning(what) {
  for (;;) {
    const [{ message }] = await once(process, 'warning')
    if (message.includes(what)) return message
  }
}

describe('a callback whose promise rejects ends nothing', { timeout: 60_000 }, () => {
  test('the logger', async (t) => {
    const warned = warning('the logger given to codex-node threw: Error: no luck')
    const { codex } = rig(t, {}, { logger: broken })
    assert.equal((await codex.run('x')).status, 'completed')
    await warned
  })

  test("a listener of 'connection'", async (t) => {
    const warned = warning("a listener of 'connection' given to codex-node threw")
    const { codex } = rig(t)
    codex.on('connection', broken)
    await codex.connect()
    await warned
  })

  test('onThreshold, and cost that gives a promise', async (t) => {
    const warned = warning('onThreshold of a budget given to codex-node threw')
    const { codex } = rig(t, { on: spending })
    assert.equal((await codex.run('x', { budget: { tokens: 200, onThreshold: broken } })).status, 'completed')
    await warned
    const cost = /** @type {any} */ (broken)
    const error = await rejection(codex.run('x', { budget: { cost: 1 }, cost }), BudgetExceededError)
    assert.match(String(error.cause), /no number/)
  })

  test('the listener of ask()', async () => {
    const warned = warning('the listener of ask() given to codex-node threw')
    const questions = ask(broken)
    const controller = new AbortController()
    const asked = questions.handlers.onApproval?.(/** @type {any} */ ({}), {
      signal: controller.signal,
      unref() {},
    })
    await warned
    controller.abort()
    await assert.rejects(Promise.resolve(asked), { name: 'AbortError' })
  })

  test('a question that nobody was asked is not withdrawn', async () => {
    /** @type {string[]} */
    const told = []
    const questions = ask(({ type }) => told.push(type))
    const asked = questions.handlers.onApproval?.(/** @type {any} */ ({}), {
      signal: AbortSignal.abort(),
      unref() {},
    })
    await assert.rejects(Promise.resolve(asked), { name: 'AbortError' })
    assert.deepEqual(told, [])
  })

  test('onRetry and onTurn reject what they are given to', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    await assert.rejects(
      retryOnOverload(() => thread.turn('x'), { onTurn: broken }),
      /no luck/,
    )
  })
})

test('a cost below nothing is none', async (t) => {
  const { codex } = rig(t, { on: spending })
  const options = { budget: { cost: 1 }, cost: () => -1 }
  const error = await rejection(codex.run('x', options), BudgetExceededError)
  assert.match(String(error.cause), /it gave -1/)
})

test('a signal is let go of by each turn under a budget', async (t) => {
  const { codex } = rig(t)
  const { signal } = new AbortController()
  await codex.run('x', { signal, budget: { tokens: 1_000_000 } })
  const thread = await codex.startThread()
  await thread.run('x', { signal, budget: { tokens: 1_000_000 } })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('a transport that ends says so in words', async (t) => {
  const { PassThrough } = await import('node:stream')
  const [readable, writable] = [new PassThrough(), new PassThrough()]
  const codex = new Codex({ transport: { readable, writable } })
  t.after(() => codex.close())
  const connecting = codex.connect()
  readable.end()
  await assert.rejects(connecting, (/** @type {Error} */ error) => {
    assert.doesNotMatch(error.message, /out of range/)
    return true
  })
})
