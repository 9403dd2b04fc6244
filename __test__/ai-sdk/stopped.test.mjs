// Calls of the AI SDK that are stopped before their turn runs, and threads that several calls use, on a scripted
// app-server. The model is called as the AI SDK does, by both of its versions.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createCodex, resumeTurnResponse } from '../../ai-sdk/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const user = (/** @type {string} */ text) => ({ role: 'user', content: [{ type: 'text', text }] })
/** @param {string} threadId @param {string} turnId */
const answer = (threadId, turnId) => ({
  role: 'assistant',
  content: [{ type: 'text', text: 'said', providerOptions: { codex: { threadId, turnId } } }],
})
/** @param {string} id */
const stored = (id) => ({
  id,
  items: [{ type: 'agentMessage', id: 'm', text: 'said', phase: null }],
  status: 'completed',
  error: null,
})
/** @param {...string} ids of the turns of a thread, the latest first */
const turns = (...ids) => [{ reply: { data: ids.map(stored), nextCursor: null, backwardsCursor: null } }]

/**
 * @param {import('node:test').TestContext} t
 * @param {Record<string, any>} on
 * @param {Record<string, any>} [settings]
 */
function provided(t, on, settings) {
  // The deadline of a request is no way out of these tests.
  const { codex, log } = rig(t, { on }, { requestTimeoutMs: 600_000 })
  const provider = createCodex(codex, settings)
  t.after(() => provider.close())
  return { log, provider, model: /** @type {any} */ (provider('gpt-5.5')) }
}

/** @param {{ stream: ReadableStream<any> }} call */
async function partsOf({ stream }) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

describe('calls that are stopped', { concurrency: true, timeout: 90_000 }, () => {
  for (const [method, on] of /** @type {[string, Record<string, any>][]} */ ([
    ['thread/resume', {}],
    ['thread/turns/list', {}],
    ['thread/fork', { 'thread/turns/list': turns('u2', 'u1') }],
    ['thread/inject_items', {}],
  ])) {
    test(`while ${method} is not answered`, async (t) => {
      const { model, log } = provided(t, { ...on, [method]: 'never' })
      const controller = new AbortController()
      const abortSignal = controller.signal
      const other = { role: 'assistant', content: [{ type: 'text', text: 'of another model' }] }
      const prompt =
        method === 'thread/inject_items'
          ? [user('a'), other, user('b')]
          : [user('a'), answer('thread-9', 'u1'), user('b')]
      const reason = new Error('enough')
      const rejects = rejection(model.doStream({ prompt, abortSignal }), Error)
      await log.message(method)
      controller.abort(reason)
      assert.equal(await rejects, reason)
      assert.deepEqual(log.messages('turn/start'), [])
    })
  }

  for (const [method, ask] of /** @type {const} */ ([
    ['thread/start', [user('a')]],
    ['thread/resume', [user('a'), answer('thread-9', 'u1'), user('b')]],
  ])) {
    test(`by the end of the provider while ${method} is not answered`, async (t) => {
      const { provider, model, log } = provided(t, { [method]: 'never' })
      const rejects = rejection(model.doStream({ prompt: ask }), Error)
      await log.message(method)
      await provider.close()
      assert.equal(/** @type {any} */ (await rejects).cause.code, 'CLOSED')
      const later = rejection(model.doStream({ prompt: ask }), Error)
      assert.equal(/** @type {any} */ (await later).cause.code, 'CLOSED')
      assert.equal(log.messages(method).length, 1)
    })
  }

  test('a page that comes back while its thread is found', async (t) => {
    const { provider, log } = provided(t, { 'thread/resume': 'never' })
    const controller = new AbortController()
    const rejects = rejection(resumeTurnResponse(provider, 'thread-9', { signal: controller.signal }), Error)
    await log.message('thread/resume')
    const reason = new Error('enough')
    controller.abort(reason)
    assert.equal(await rejects, reason)
  })

  test('what a function of the caller throws ends its turn, too', async (t) => {
    const thrown = new Error('mine')
    const params = { threadId: '$threadId', turnId: '$turnId', explanation: null, plan: [] }
    const plan = { notify: { method: 'turn/plan/updated', params } }
    const fail = () => {
      throw thrown
    }
    for (const settings of [{ onTurn: fail }, { onTurn: async () => fail() }, { onData: fail }]) {
      const { model, log } = provided(t, { 'turn/start': [['turnBegin', plan]] }, settings)
      const call = model.doStream({ prompt: [user('a')] })
      if (settings.onTurn === fail)
        assert.equal(/** @type {any} */ (await rejection(call, Error)).cause ?? thrown, thrown)
      await log.message('turn/interrupt')
    }
  })
})

describe('a thread of several calls', { concurrency: true, timeout: 90_000 }, () => {
  test('the tools of a call stay its own while another waits behind it', async (t) => {
    const item = {
      ...{ type: 'dynamicToolCall', id: 'c', tool: 'A', arguments: {}, status: 'inProgress' },
      ...{ contentItems: null, success: null },
    }
    const of = { threadId: '$threadId', turnId: '$turnId' }
    const go = join(temporaryFolder(t), 'go')
    const { model, log } = provided(t, {
      'turn/start': [
        [
          'turnBegin',
          { waitForFile: go },
          { notify: { method: 'item/started', params: { ...of, item, startedAtMs: 1 } } },
          { request: { method: 'item/tool/call', params: { ...of, callId: 'c', tool: 'A', arguments: {} } } },
          'turnEnd',
        ],
        ['default'],
      ],
    })
    const tools = [{ type: 'function', name: 'A', description: 'a', inputSchema: { type: 'object' } }]
    const reading = partsOf(await model.doStream({ prompt: [user('a')], tools }))
    const { threadId } = (await log.message('turn/start')).params
    const behind = model.doStream({ prompt: [user('b')], providerOptions: { codex: { threadId } } })
    behind.catch(() => {})
    writeFileSync(go, '')
    const parts = await reading
    const call = parts.find(({ type }) => type === 'tool-call')
    assert.deepEqual([call?.toolName, call?.providerExecuted], ['A', undefined])
    assert.equal(parts.at(-1).finishReason.unified, 'tool-calls')
  })

  test('what is asked for at once is asked for together', async (t) => {
    const of = { threadId: '$threadId', turnId: '$turnId' }
    const ask = ['one', 'two'].flatMap((id) => [
      {
        notify: {
          method: 'item/started',
          params: {
            ...of,
            item: { type: 'commandExecution', id, command: id, status: 'inProgress' },
            startedAtMs: 1,
          },
        },
      },
      {
        request: {
          method: 'item/commandExecution/requestApproval',
          params: { ...of, itemId: id, command: id, startedAtMs: 1 },
        },
        wait: false,
      },
    ])
    const { model } = provided(t, { 'turn/start': [['turnBegin', ...ask]] })
    const parts = await partsOf(await model.doStream({ prompt: [user('a')] }))
    const asked = parts.map(({ type, toolCallId }) => `${type} ${toolCallId}`)
    assert.deepEqual(asked.filter((part) => part.startsWith('tool-')).sort(), [
      'tool-approval-request one',
      'tool-approval-request two',
      'tool-call one',
      'tool-call two',
    ])
  })

  for (const [how, list] of /** @type {[string, string[]][]} */ ([
    ['let go of meanwhile', ['u1']],
    ['edited', ['u2', 'u1']],
  ])) {
    test(`the budget of one that was ${how} goes on`, async (t) => {
      // Each turn of the scripted app-server uses 120 tokens.
      const on = { 'thread/turns/list': turns(...list) }
      const { model, log } = provided(t, on, { budget: { tokens: 200 }, idleTimeoutMs: 1 })
      const first = await partsOf(await model.doStream({ prompt: [user('a')] }))
      assert.equal(first.at(-1).finishReason.unified, 'stop')
      const { threadId } = (await log.message('turn/start')).params
      await log.message('thread/unsubscribe')
      const second = await model.doStream({ prompt: [user('a'), answer(threadId, 'u1'), user('b')] })
      const { error } = (await partsOf(second)).find(({ type }) => type === 'error') ?? {}
      assert.equal(error?.cause?.code, 'BUDGET_EXCEEDED')
    })
  }
})
