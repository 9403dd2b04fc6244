// What comes to onApproval: one form for all that is asked, tools of MCP servers among it.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, mcpCall, say } from '../../testing/index.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const server = new URL('../support/mcp-server.mjs', import.meta.url).pathname

/**
 * A thread with an MCP server.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').StartThreadOptions} options
 * @param {import('../../index.js').CodexOptions} [client]
 */
async function withServer(t, options, client) {
  const { codex, provider, home } = await real(t, client)
  const args = [server, join(home.home, 'mcp.json')]
  const thread = await codex.startThread({
    cwd: home.workspace,
    approvalPolicy: 'on-request',
    approvalsReviewer: 'user',
    config: { mcp_servers: { probe: { command: process.execPath, args } } },
    ...options,
  })
  /** @param {number} [times] @param {import('../../index.js').TurnOptions<undefined>} [turn] */
  const call = async (times = 1, turn = {}) => {
    const calls = Array.from({ length: times }, () => mcpCall('probe', 'probe', { a: 1 }))
    provider.enqueue(...calls, say('Done.'))
    const { items, status } = await thread.run('probe', turn)
    const of = items.flatMap((item) => (item.type === 'mcpToolCall' ? [item.status] : []))
    return { calls: of, status }
  }
  return { codex, call }
}

describe('a tool of an MCP server', { concurrency: 4, timeout: 60_000 }, () => {
  test('comes to onApproval where there is no onElicitation', async (t) => {
    /** @type {import('../../index.js').ApprovalRequest[]} */
    const asked = []
    const { call } = await withServer(t, {
      onApproval: (request) => {
        asked.push(request)
        return 'accept'
      },
    })
    assert.deepEqual(await call(2), { calls: ['completed', 'completed'], status: 'completed' })
    const [request] = asked
    assert.equal(asked.length, 2)
    assert.ok(request?.kind === 'mcpToolCall')
    assert.deepEqual(
      [request.server, request.tool, request.arguments, request.toolDescription],
      ['probe', 'probe', { a: 1 }, 'Nothing'],
    )
    assert.match(request.reason ?? '', /probe/)
    assert.deepEqual([request.threadId, request.turnId], [request.params.threadId, request.params.turnId])
  })

  test('acceptForSession holds for it, decline and cancel for one call', async (t) => {
    let asked = 0
    /** @type {import('../../index.js').ApprovalDecision} */
    let decision = 'decline'
    const { call } = await withServer(t, {
      onApproval: () => {
        asked++
        return decision
      },
    })
    assert.deepEqual((await call()).calls, ['failed'])
    decision = { acceptWithExecpolicyAmendment: ['probe'] }
    assert.deepEqual((await call()).calls, ['failed'])
    decision = 'acceptForSession'
    assert.deepEqual((await call(2)).calls, ['completed', 'completed'])
    assert.equal(asked, 3)
  })

  test('cancel interrupts nothing else than the call', async (t) => {
    const { call } = await withServer(t, { onApproval: () => 'cancel' })
    const { calls } = await call()
    assert.deepEqual(
      calls.filter((status) => status === 'completed'),
      [],
    )
  })

  test('an onElicitation of any scope goes before', async (t) => {
    /** @type {string[]} */
    const asked = []
    const { call } = await withServer(
      t,
      {
        onApproval: () => {
          asked.push('approval')
          return 'accept'
        },
      },
      {
        onElicitation: ({ kind }) => {
          asked.push(kind)
          return 'accept'
        },
      },
    )
    await call()
    assert.deepEqual(asked, ['mcpToolCall'])
  })

  test('comes to that of the turn before that of the thread', async (t) => {
    const { call } = await withServer(t, { onApproval: () => 'decline' })
    assert.deepEqual((await call(1, { onApproval: () => 'accept' })).calls, ['completed'])
  })
})

describe('the form of an approval', () => {
  test('a command has its line, its folder and its reason', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    provider.enqueue(
      command('touch made', { sandbox_permissions: 'require_escalated', justification: 'to see' }),
      say('Done.'),
    )
    /** @type {import('../../index.js').ApprovalRequest[]} */
    const asked = []
    const thread = await codex.startThread({
      cwd: home.workspace,
      onApproval: (request) => {
        asked.push(request)
        return 'decline'
      },
    })
    const { turnId } = await thread.run('x')
    const [request] = asked
    assert.ok(request?.kind === 'command')
    assert.match(request.command, /touch made/)
    assert.deepEqual(
      [request.threadId, request.turnId, request.reason, request.cwd],
      [thread.id, turnId, 'to see', home.workspace],
    )
    assert.equal(request.itemId, /** @type {any} */ (request.params).itemId)
  })

  test('is the same for what an old codex asks', async (t) => {
    const old = (/** @type {string} */ method, /** @type {object} */ params) => ({
      request: { method, params: { conversationId: '$threadId', callId: 'c', reason: null, ...params } },
      wait: true,
    })
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            { waitFor: 'x/begun' },
            old('execCommandApproval', { command: ['git', 'log', '-n 1'], cwd: '/srv', parsedCmd: [] }),
            old('applyPatchApproval', { fileChanges: { '/a': { type: 'add', content: 'x' } } }),
            'turnEnd',
          ],
        ],
      },
    })
    /** @type {any[]} */
    const asked = []
    const onApproval = (/** @type {any} */ request) => {
      asked.push(request)
      return /** @type {const} */ ('decline')
    }
    const thread = await codex.startThread({ onApproval })
    // They name no turn: whose they are is known when its id is.
    const turn = await thread.turn('x')
    await codex.notify('x/begun')
    const { turnId } = await turn.result()
    assert.deepEqual(
      asked.map(({ id, method, params, ...form }) => form),
      [
        {
          kind: 'command',
          threadId: thread.id,
          turnId,
          itemId: 'c',
          reason: null,
          command: "git log '-n 1'",
          cwd: '/srv',
          proposedExecpolicyAmendment: null,
          network: null,
        },
        {
          kind: 'fileChange',
          threadId: thread.id,
          turnId,
          itemId: 'c',
          reason: null,
          changes: [{ path: '/a', kind: { type: 'add' }, diff: 'x' }],
        },
      ],
    )
  })
})

test('what is declined for want of a handler is a warning with its thread and method', async (t) => {
  /** @type {import('../../index.js').LogRecord[]} */
  const records = []
  const { codex, provider, home } = await real(
    t,
    { logger: (record) => records.push(record), logLevel: 'warn' },
    { sandboxMode: 'read-only' },
  )
  provider.enqueue(command('touch made', { sandbox_permissions: 'require_escalated' }), say('Done.'))
  const thread = await codex.startThread({
    cwd: home.workspace,
    approvalPolicy: 'on-request',
    approvalsReviewer: 'user',
  })
  await thread.run('x')
  await codex.close()
  const [declined] = records.filter(({ message }) => message.includes('no handler'))
  assert.deepEqual(
    [declined?.level, declined?.fields.thread, declined?.fields.method],
    ['warn', thread.id, 'item/commandExecution/requestApproval'],
  )
})
