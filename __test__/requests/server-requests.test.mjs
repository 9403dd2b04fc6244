// Requests from the server: each gets an answer, and without a handler that answer says no.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { addFile, command, functionCall, say } from '../../testing/index.mjs'
import { collect } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

/** @typedef {import('../../protocol.js').ServerRequestMethod} Method */

const at = { threadId: '$threadId', turnId: '$turnId', itemId: 'item-1' }
const command1 = { callId: 'call-1', conversationId: '$threadId' }

/**
 * Every request that the schema of the pinned codex or of the oldest supported one has, which tsc compares with protocol.d.ts: none is left out, and
 * each answer is of its method's shape.
 *
 * @type {{ [M in Method]: {
 *   params: import('../../protocol.js').ServerRequestParams<M>,
 *   answer: import('../../protocol.js').ServerRequestResult<M> | 'error' | 'the time',
 * } }}
 */
const requests = {
  'item/commandExecution/requestApproval': {
    params: {
      ...at,
      startedAtMs: 1,
      command: 'rm -rf /',
      cwd: '/',
      availableDecisions: ['accept', 'cancel'],
    },
    answer: { decision: 'decline' },
  },
  'item/fileChange/requestApproval': {
    params: { ...at, startedAtMs: 1, reason: 'outside the workspace' },
    answer: { decision: 'decline' },
  },
  'item/tool/requestUserInput': {
    params: { ...at, isBlocking: true, questions: [{ id: 'q', header: 'Colour', question: 'Which one?' }] },
    answer: { answers: {} },
  },
  'mcpServer/elicitation/request': {
    params: {
      serverName: 'srv',
      threadId: '$threadId',
      mode: 'form',
      message: 'May I?',
      requestedSchema: { type: 'object', properties: {} },
    },
    answer: { action: 'decline', content: null, _meta: null },
  },
  'item/permissions/requestApproval': {
    params: { ...at, startedAtMs: 1, cwd: '/', permissions: { network: { enabled: true } } },
    answer: { permissions: {}, scope: 'turn' },
  },
  'item/tool/call': {
    params: { threadId: '$threadId', turnId: '$turnId', callId: 'call-1', tool: 'weather', arguments: {} },
    answer: {
      contentItems: [{ type: 'inputText', text: 'declined: this client has no handler for it' }],
      success: false,
    },
  },
  applyPatchApproval: {
    params: { ...command1, fileChanges: { '/etc/hosts': { type: 'add', content: '' } } },
    answer: { decision: { denied: { rejection: 'declined: this client has no handler for it' } } },
  },
  execCommandApproval: {
    params: { ...command1, command: ['rm', '-rf', '/'], cwd: '/', parsedCmd: [] },
    answer: { decision: { denied: { rejection: 'declined: this client has no handler for it' } } },
  },
  // Their answers have no way to say no.
  'account/chatgptAuthTokens/refresh': { params: { reason: 'unauthorized' }, answer: 'error' },
  'attestation/generate': { params: {}, answer: 'error' },
  // Nothing is asked for but the time, by codex before 0.171.
  'currentTime/read': { params: { threadId: '$threadId' }, answer: 'the time' },
}

describe('A1: without a handler', { concurrency: true, timeout: 60_000 }, () => {
  for (const [method, { params, answer }] of Object.entries(requests)) {
    test(`A1: ${method} is answered in its own shape, and never accepted`, async (t) => {
      const { codex, log } = rig(t, {
        on: { 'turn/start': [['turnBegin', { request: { method, params } }, 'agentMessage', 'turnEnd']] },
      })
      const thread = await codex.startThread()
      const before = Math.floor(Date.now() / 1000)
      const { status } = await thread.run('go')
      assert.equal(status, 'completed')

      const answers = answersIn(log)
      assert.equal(answers.length, 1)
      const { id, result, error, ...rest } = answers[0]
      assert.equal(id, 0)
      assert.deepEqual(rest, {})
      if (answer === 'error') {
        assert.equal(result, undefined)
        assert.equal(error.code, -32000)
        assert.match(error.message, /has no handler/)
      } else if (answer === 'the time') {
        assert.deepEqual(Object.keys(result), ['currentTimeAt'])
        assert.ok(Number.isInteger(result.currentTimeAt))
        assert.ok(result.currentTimeAt >= before && result.currentTimeAt <= Date.now() / 1000)
      } else {
        assert.equal(error, undefined)
        assert.deepEqual(result, answer)
      }
    })
  }

  test('A1: all of them at once are each answered once', async (t) => {
    const ask = Object.entries(requests).map(([method, { params }]) => ({
      request: { method, params },
      wait: false,
    }))
    const wait = ask.map((_, id) => ({ waitForReply: id }))
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin', ...ask, ...wait, 'turnEnd']] } })
    await (await codex.startThread()).run('go')
    const ids = answersIn(log).map(({ id }) => id)
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      ask.map((_, id) => id),
    )
  })

  test('A1: an approval for a thread that this client has not opened is declined, too', async (t) => {
    const method = 'item/commandExecution/requestApproval'
    const params = { ...requests[method].params, threadId: 'sub-agent', turnId: 'its-turn' }
    const { codex, log } = rig(t, { on: { 'model/list': [[{ request: { method, params } }, 'default']] } })
    await codex.request('model/list', {})
    assert.deepEqual(answersIn(log), [{ id: 0, result: { decision: 'decline' } }])
  })

  for (const id of ['"a-string"', '-7', '9223372036854775807']) {
    test(`A1: a request of the id ${id} gets it back as it was`, async (t) => {
      const method = 'item/fileChange/requestApproval'
      const line = `{"id":${id},"method":"${method}","params":{}}\n`
      const { codex, log } = rig(t, { on: { 'model/list': [[{ raw: line }, 'default']] } })
      await codex.request('model/list', {})
      await log.find((entry) => entry.in?.result?.decision === 'decline')
      // As text: a number may be more than JavaScript can hold.
      assert.ok(readFileSync(log.file, 'utf8').includes(`"id":${id},"result"`))
    })
  }

  test('A1: a stream of events does not see the requests', async (t) => {
    const { params } = requests['item/fileChange/requestApproval']
    const request = { method: 'item/fileChange/requestApproval', params }
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', { request }, 'agentMessage', 'turnEnd']] },
    })
    const turn = await (await codex.startThread()).turn('go')
    const events = await collect(turn)
    assert.equal(events.at(-1)?.method, 'turn/completed')
    assert.ok(!events.some((event) => event.method === /** @type {string} */ (request.method)))
  })

  test('A5: an unknown request gets a JSON-RPC error at once, and the turn goes on', async (t) => {
    const request = { method: 'item/mind/read', params: { ...at, depth: 7 } }
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', { request }, 'agentMessage', 'turnEnd']] },
    })
    const { status } = await (await codex.startThread()).run('go')
    assert.equal(status, 'completed')
    const error = { code: -32601, message: 'the client does not know the method item/mind/read' }
    assert.deepEqual(answersIn(log), [{ id: 0, error }])
  })

  test('A5: an unknown request without params, too', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'model/list': [[{ line: { id: 'x', method: 'ping' } }, { waitForReply: 'x' }, 'default']] },
    })
    await codex.request('model/list', {})
    assert.equal(answersIn(log)[0].error.code, -32601)
  })

  test('R5: a request is answered while 64 calls are in flight and more wait', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const { codex, log } = rig(t, {
      on: { 'model/list': [[{ waitForFile: go }, 'default']] },
      background: [
        ...Array.from({ length: 64 }, () => ({ waitFor: 'model/list' })),
        { request: { method: 'item/fileChange/requestApproval', params: { ...at } } },
      ],
    })
    const calls = Array.from({ length: 70 }, () => codex.request('model/list', {}))
    await log.find((entry) => entry.in?.result?.decision === 'decline')
    assert.equal(log.messages('model/list').length, 64)
    writeFileSync(go, '')
    await Promise.all(calls)
  })
})

describe('the real codex', { concurrency: true, timeout: 60_000 }, () => {
  test('a command that needs approval is declined, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    const file = join(home.workspace, 'made')
    provider.enqueue(command(`touch '${file}'`, { callId: 'c' }), say('I was not allowed to.'))
    const thread = await codex.startThread({ cwd: home.workspace, approvalPolicy: 'untrusted' })
    const { status, items, finalResponse } = await thread.run('make a file')

    assert.equal(status, 'completed')
    assert.equal(finalResponse, 'I was not allowed to.')
    assert.equal(items.find((item) => item.type === 'commandExecution')?.status, 'declined')
    assert.ok(!existsSync(file))
    const outputs = provider.requests.at(-1)?.toolOutputs ?? []
    assert.deepEqual(
      outputs.map(({ callId }) => callId),
      ['c'],
    )
    assert.match(outputs[0]?.output ?? '', /rejected by user/)
  })

  test('a patch that needs approval is declined, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(addFile('made.txt', 'hello\n'), say('I was not allowed to.'))
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'untrusted',
      sandbox: 'read-only',
    })
    const { status, items, finalResponse } = await thread.run('make a file')

    assert.equal(status, 'completed')
    assert.equal(finalResponse, 'I was not allowed to.')
    assert.equal(items.find((item) => item.type === 'fileChange')?.status, 'declined')
    assert.ok(!existsSync(join(home.workspace, 'made.txt')))
  })

  test('a question to the user is answered with nothing, and the turn goes on', async (t) => {
    const features = { default_mode_request_user_input: true }
    const { codex, provider, home } = await real(t, {}, { features })
    const questions = [
      {
        id: 'colour',
        header: 'Colour',
        question: 'Which one?',
        options: [
          { label: 'Red', description: 'like fire' },
          { label: 'Blue', description: 'like water' },
        ],
      },
    ]
    provider.enqueue(functionCall('request_user_input', { questions }, { callId: 'q' }), say('Then none.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const { finalResponse } = await thread.run('ask me')
    assert.equal(finalResponse, 'Then none.')
    assert.deepEqual(provider.requests.at(-1)?.toolOutputs, [{ callId: 'q', output: '{"answers":{}}' }])
  })

  test('a request for permissions is answered with none, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t, {}, { features: { request_permissions_tool: true } })
    const permissions = { network: { enabled: true } }
    provider.enqueue(
      functionCall('request_permissions', { reason: 'to look', permissions }, { callId: 'p' }),
      say('Without, then.'),
    )
    const thread = await codex.startThread({
      cwd: home.workspace,
      sandbox: 'read-only',
      approvalPolicy: 'on-request',
    })
    const { finalResponse } = await thread.run('look it up')
    assert.equal(finalResponse, 'Without, then.')
    const [output] = provider.requests.at(-1)?.toolOutputs ?? []
    const granted = { permissions: { network: null, file_system: null }, scope: 'turn' }
    assert.deepEqual(JSON.parse(output?.output ?? ''), granted)
  })

  test('a tool of the client that nobody runs fails, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(functionCall('weather', { town: 'Ulm' }, { callId: 'w' }), say('No weather today.'))
    const tool = {
      type: /** @type {const} */ ('function'),
      name: 'weather',
      description: 'The weather of a town',
      inputSchema: { type: 'object', properties: { town: { type: 'string' } } },
    }
    const { thread } = await codex.request('thread/start', { cwd: home.workspace, dynamicTools: [tool] })
    const ends = codex.notifications({ methods: ['turn/completed'] })
    const text = { type: /** @type {const} */ ('text'), text: 'how is it outside?' }
    await codex.request('turn/start', { threadId: thread.id, input: [text] })
    const { value: end } = await ends.next()
    assert.ok(end?.method === 'turn/completed')
    assert.equal(end.params.turn.status, 'completed')
    assert.match(provider.requests.at(-1)?.toolOutputs[0]?.output ?? '', /has no handler/)
  })
})

/**
 * What the client answered to the server.
 *
 * @param {import('../support/rig.mjs').RigLog} log
 */
function answersIn(log) {
  return log.messages().filter((message) => message.method === undefined)
}
