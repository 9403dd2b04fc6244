// Handlers of requests from the server.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex } from '../../index.mjs'
import {
  addFile,
  command,
  createGate,
  functionCall,
  httpError,
  mcpCall,
  reply,
  say,
  waitFor,
} from '../../testing/index.mjs'
import { assertContains } from '../support/contains.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const approval = {
  method: 'item/commandExecution/requestApproval',
  params: { threadId: '$threadId', turnId: '$turnId', itemId: 'i', startedAtMs: 1, command: 'ls' },
}
const asks = { on: { 'turn/start': [['turnBegin', { request: approval }, 'agentMessage', 'turnEnd']] } }

/** @param {import('../support/rig.mjs').RigLog} log @returns {any[]} the answers that the server got */
function answers(log) {
  return log.messages().filter((message) => message.method === undefined)
}

describe('whose handler is asked', { concurrency: true, timeout: 60_000 }, () => {
  test("a turn's handler goes before the thread's, the thread's before the client's", async (t) => {
    /** @type {string[]} */
    const asked = []
    /** @param {string} who @returns {import('../../index.js').Handlers} */
    const by = (who) => ({
      onApproval: () => {
        asked.push(who)
        return 'accept'
      },
    })
    const { codex, log } = rig(t, asks, by('client'))
    const plain = await codex.startThread()
    const own = await codex.startThread(by('thread'))
    await plain.run('a')
    await own.run('b')
    await own.run('c', by('turn'))
    await own.run('d')
    assert.deepEqual(asked, ['client', 'thread', 'turn', 'thread'])
    assert.deepEqual(
      answers(log).map(({ result }) => result),
      Array(4).fill({ decision: 'accept' }),
    )
  })

  test('a handler of another kind is not asked, and onServerRequest takes what is left', async (t) => {
    /** @type {string[]} */
    const methods = []
    const { codex, log } = rig(t, asks, {
      onUserInput: () => assert.fail('it is an approval'),
      onServerRequest: ({ method }) => {
        methods.push(method)
        return { decision: 'cancel' }
      },
    })
    await (await codex.startThread()).run('go')
    assert.deepEqual(methods, ['item/commandExecution/requestApproval'])
    assert.deepEqual(answers(log)[0].result, { decision: 'cancel' })
  })

  test("a request that comes before the turn's id is known reaches the turn's handler", async (t) => {
    const early = { ...approval, params: { ...approval.params, turnId: 'turn-not-known-yet' } }
    const { codex } = rig(t, {
      on: { 'turn/start': [[{ request: early }, 'turnBegin', 'agentMessage', 'turnEnd']] },
    })
    const thread = await codex.startThread()
    let asked = 0
    await thread.run('go', {
      onApproval: () => {
        asked++
        return 'accept'
      },
    })
    assert.equal(asked, 1)
  })

  test('a new thread asks the user where there is an approval handler, of the client or of the thread', async (t) => {
    const { codex, log } = rig(t, {}, {})
    const other = rig(t, {}, { onApproval: () => 'accept' })
    await codex.startThread()
    await codex.startThread({ onApproval: () => 'accept' })
    await codex.startThread({ onApproval: () => 'accept', approvalMode: 'deny_all' })
    await other.codex.startThread()
    const sent = [...log.messages('thread/start'), ...other.log.messages('thread/start')]
    assert.deepEqual(
      sent.map(({ params }) => [params.approvalPolicy, params.approvalsReviewer]),
      [
        ['on-request', 'auto_review'],
        ['on-request', 'user'],
        ['never', undefined],
        ['on-request', 'user'],
      ],
    )
  })
})

describe('what a handler gets and gives', { concurrency: true, timeout: 60_000 }, () => {
  const turn = { threadId: '$threadId', turnId: '$turnId' }
  /** @type {[string, object, import('../../index.js').Handlers, unknown][]} */
  const cases = [
    [
      'item/tool/requestUserInput',
      { ...turn, itemId: 'i', questions: [], isBlocking: true, autoResolutionMs: null },
      { onUserInput: () => ({ q1: 'yes', q2: ['a', 'b'] }) },
      { answers: { q1: { answers: ['yes'] }, q2: { answers: ['a', 'b'] } } },
    ],
    [
      'item/permissions/requestApproval',
      { ...turn, itemId: 'i', permissions: {} },
      { onPermissions: () => ({ permissions: { network: { enabled: true } }, scope: 'session' }) },
      { permissions: { network: { enabled: true } }, scope: 'session' },
    ],
    [
      'mcpServer/elicitation/request',
      { ...turn, serverName: 's', mode: 'form', _meta: null, message: 'm', requestedSchema: {} },
      { onElicitation: ({ kind }) => ({ action: 'accept', content: { kind } }) },
      { action: 'accept', content: { kind: 'form' }, _meta: null },
    ],
    [
      'item/tool/call',
      { ...turn, callId: 'c', namespace: null, tool: 'look', arguments: { a: 1 } },
      {
        onToolCall: ({ params }) => [{ type: 'image', data: new Uint8Array([1, 2]), mimeType: params.tool }],
      },
      { contentItems: [{ type: 'inputImage', imageUrl: 'data:look;base64,AQI=' }], success: true },
    ],
    [
      'account/chatgptAuthTokens/refresh',
      { reason: 'unauthorized' },
      { onAuthTokensRefresh: () => ({ accessToken: 't', chatgptAccountId: 'a' }) },
      { accessToken: 't', chatgptAccountId: 'a', chatgptPlanType: null },
    ],
    [
      'execCommandApproval',
      { conversationId: '$threadId', callId: 'c' },
      { onApproval: () => 'accept' },
      { decision: 'approved' },
    ],
    ['brand/new', { ...turn }, { onServerRequest: ({ method }) => ({ method }) }, { method: 'brand/new' }],
  ]
  for (const [method, params, handlers, answer] of cases) {
    test(`${method} is answered in its own shape`, async (t) => {
      const { codex, log } = rig(
        t,
        { on: { 'turn/start': [['turnBegin', { request: { method, params } }, 'turnEnd']] } },
        handlers,
      )
      await (await codex.startThread()).run('go')
      assert.deepEqual(answers(log)[0].result, answer)
    })
  }

  test('A6: a handler may call the client', async (t) => {
    const { codex, log } = rig(t, asks)
    const thread = await codex.startThread()
    const other = await codex.startThread()
    await thread.run('go', {
      onApproval: async () => {
        await thread.read()
        await codex.request('model/list', {})
        await other.setName('asked')
        return /** @type {const} */ ('accept')
      },
    })
    assert.deepEqual(answers(log)[0].result, { decision: 'accept' })
  })

  test('A2: while a handler takes its time, another turn runs and its own goes on', async (t) => {
    const gate = createGate()
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            { request: approval, wait: false },
            { deltas: { text: 'going on', pieces: 4 } },
            { waitForReply: 0 },
            'turnEnd',
          ],
          ['default'],
        ],
      },
    })
    const thread = await codex.startThread()
    const other = await codex.startThread()
    const turn = await thread.turn('slow', {
      onApproval: async () => {
        await gate.opened
        return /** @type {const} */ ('accept')
      },
    })
    let text = ''
    for await (const part of turn.text({ leaveRunning: true })) {
      text += part
      if (text === 'going on') break
    }
    assert.equal((await other.run('quick')).status, 'completed')
    gate.open()
    assert.equal((await turn.run()).status, 'completed')
  })

  for (const [what, handler] of /** @type {[string, any][]} */ ([
    [
      'throws',
      () => {
        throw new Error('the reason')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('the reason')
      },
    ],
    ['returns nonsense', () => 'the reason'],
    ['returns nothing', () => undefined],
    ['returns what JSON can not hold', () => 10n],
  ])) {
    test(`A3: a handler that ${what} declines, and it is told`, async (t) => {
      /** @type {any[]} */
      const records = []
      const { codex, log } = rig(t, asks, {
        onApproval: handler,
        logger: (record) => records.push(record),
        logLevel: 'warn',
      })
      const watched = codex.serverRequests()
      const next = watched.next()
      await (await codex.startThread()).run('go')
      assert.deepEqual(answers(log)[0].result, { decision: 'decline' })
      const { value } = await next
      assert.equal(value?.answeredBy, 'nobody')
      assert.match(value?.error ?? '', /^onApproval: /)
      await codex.close()
      assert.match(records.map(({ fields }) => fields.error ?? '').join(), /reason|no answer|bigint/)
    })
  }

  test('A4: the end of the turn aborts the signal, and the late answer is not sent', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin', { request: approval }]] } })
    const thread = await codex.startThread()
    const asked = createGate()
    /** @type {Promise<unknown>} */
    let aborted = Promise.resolve()
    const turn = await thread.turn('go', {
      onApproval: (_, { signal }) => {
        aborted = new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))
        asked.open()
        return aborted.then(() => /** @type {const} */ ('accept'))
      },
    })
    const run = turn.run()
    await asked.opened
    await turn.interrupt()
    assert.equal((await run).status, 'interrupted')
    assert.match(String(await aborted), /AbortError/)
    await codex.request('model/list', {})
    assert.deepEqual(answers(log), [])
  })

  test('A4: a request that is resolved elsewhere aborts the signal and is not answered', async (t) => {
    const resolved = { method: 'serverRequest/resolved', params: { threadId: '$threadId', requestId: 0 } }
    const { codex, log, folder } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            { request: approval, wait: false },
            { waitFor: 'model/list' },
            { notify: resolved },
            { waitFor: 'account/read' },
            'turnEnd',
          ],
        ],
        'account/read': [{ reply: {} }],
      },
    })
    assert.ok(folder)
    const watched = codex.serverRequests()
    const record = watched.next()
    const run = (await codex.startThread()).run('go', {
      onApproval: async (_, { signal }) => {
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
        await codex.request('model/list', {})
        await aborted
        return /** @type {const} */ ('accept')
      },
    })
    assert.equal((await record).value?.answeredBy, 'elsewhere')
    await codex.request('account/read', {})
    await run
    assert.deepEqual(answers(log), [])
  })
})

describe('against the real codex', { concurrency: true, timeout: 90_000 }, () => {
  test('an accepted command runs, a declined one does not, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const file = join(home.workspace, 'made')
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    provider.when('make', command(`echo made > '${file}'`, { ...ask, callId: 'c1' }), say('Done.'))
    /** @type {any[]} */
    const seen = []
    const thread = await codex.startThread({
      cwd: home.workspace,
      onApproval: (request) => {
        seen.push(request)
        return seen.length === 1 ? 'decline' : 'accept'
      },
    })
    const declined = await thread.run('make')
    assert.equal(declined.finalResponse, 'Done.')
    assert.equal(existsSync(file), false)
    await thread.run('make')
    assert.equal(existsSync(file), true)
    assert.deepEqual(
      seen.map(({ kind, method }) => [kind, method]),
      Array(2).fill(['command', 'item/commandExecution/requestApproval']),
    )
  })

  test("a turn's own onApproval is asked where the reviewer is the user, not where it is the agent", async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    // Not what the reviewing agent is asked, which has the prompt in it.
    provider.when(/^touch$/, command('touch made', ask), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    let asked = 0
    const onApproval = () => {
      asked++
      return /** @type {const} */ ('accept')
    }
    /** @param {import('../../index.js').TurnOptions<undefined>} options */
    const outcome = async (options) => {
      const { items } = await thread.run('touch', options)
      return [asked, items.find((item) => item.type === 'commandExecution')?.status]
    }
    // The reviewing agent, which says nothing that can be read here, allows nothing.
    assert.deepEqual(await outcome({ onApproval }), [0, 'declined'])
    assert.deepEqual(await outcome({ onApproval, approvalsReviewer: 'user' }), [1, 'completed'])
    assert.equal(thread.defaults.approvalsReviewer, 'user')
    assert.deepEqual(await outcome({ onApproval }), [2, 'completed'])
    await thread.updateDefaults({ approvalsReviewer: 'auto_review' })
    assert.deepEqual(await outcome({ onApproval }), [2, 'declined'])
  })

  test('a thread that is resumed keeps its reviewer, whatever handler it gets', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    // Not what the reviewing agent is asked, which has the prompt in it.
    provider.when(/^touch$/, command('touch made', ask), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('hello')
    await codex.close()
    let asked = 0
    const onApproval = () => {
      asked++
      return /** @type {const} */ ('accept')
    }
    for (const [options, expected] of /** @type {const} */ ([
      [{ onApproval }, 0],
      [{ onApproval, approvalsReviewer: 'user' }, 1],
    ])) {
      // Each loads it anew.
      const other = new Codex({ env: home.env })
      t.after(() => other.close())
      await (await other.resumeThread(thread.id, options)).run('touch')
      await other.close()
      assert.equal(asked, expected)
    }
  })

  test('a file change shows its changes to the handler', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    provider.when('patch', addFile('new.txt', 'text\n'), say('Done.'))
    /** @type {any} */
    let request
    const thread = await codex.startThread({ cwd: home.workspace })
    const result = await thread.run('patch', {
      approvalPolicy: 'untrusted',
      onApproval: (asked) => {
        request = asked
        return 'accept'
      },
    })
    assert.equal(result.status, 'completed')
    assert.equal(request?.kind, 'fileChange')
    assert.equal(request.changes[0].kind.type, 'add')
    assert.equal(existsSync(join(home.workspace, 'new.txt')), true)
  })

  test('an amendment lets the same command pass from then on', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    provider.when('touch', command('touch amended', { ...ask }), say('Done.'))
    let asked = 0
    const thread = await codex.startThread({
      cwd: home.workspace,
      onApproval: (request) => {
        asked++
        assert.equal(request.method, 'item/commandExecution/requestApproval')
        return { acceptWithExecpolicyAmendment: request.params.proposedExecpolicyAmendment ?? [] }
      },
    })
    await thread.run('touch')
    await thread.run('touch')
    assert.equal(asked, 1)
  })

  test('the question of an MCP tool comes as an elicitation of its own kind', async (t) => {
    const server = new URL('../support/mcp-server.mjs', import.meta.url).pathname
    const { codex, provider, home } = await real(t)
    const file = join(home.home, 'mcp.json')
    provider.when('probe', mcpCall('probe', 'probe', {}), say('Probed.'))
    /** @type {string[]} */
    const kinds = []
    const thread = await codex.startThread({
      cwd: home.workspace,
      config: { mcp_servers: { probe: { command: process.execPath, args: [server, file] } } },
      onApproval: () => 'accept',
      onElicitation: ({ kind }) => {
        kinds.push(kind)
        return 'accept'
      },
    })
    const result = await thread.run('probe')
    const call = result.items.find((item) => item.type === 'mcpToolCall')
    assert.deepEqual([kinds, call?.status], [['mcpToolCall'], 'completed'])
  })

  test('a question of an MCP server is answered by its handler, with content', async (t) => {
    const server = new URL('../support/mcp-server.mjs', import.meta.url).pathname
    const { codex, provider, home } = await real(t)
    const file = join(home.home, 'mcp.json')
    provider.when('ask', mcpCall('probe', 'ask', {}), say('Thanks.'))
    const thread = await codex.startThread({
      cwd: home.workspace,
      config: { mcp_servers: { probe: { command: process.execPath, args: [server, file] } } },
      onApproval: () => 'accept',
    })
    /** @type {unknown[]} */
    const asked = []
    const told = () => JSON.stringify(provider.requests.at(-1)?.toolOutputs.at(-1)?.output)
    await thread.run('ask', {
      onElicitation: ({ kind, params }) => {
        asked.push([kind, params.serverName, 'message' in params && params.message])
        return { action: 'accept', content: { colour: 'blue' } }
      },
    })
    assert.deepEqual(asked, [['form', 'probe', 'Which colour?']])
    assert.match(told(), /accept.*colour.*blue/)
    await thread.run('ask', { onElicitation: () => 'decline' })
    assert.match(told(), /decline/)
  })

  test('wider permissions are what its handler grants', async (t) => {
    const { codex, provider, home } = await real(t, {}, { features: { request_permissions_tool: true } })
    const permissions = { network: { enabled: true } }
    const call = functionCall('request_permissions', { reason: 'to look', permissions })
    provider.when('look', call, say('Thanks.'))
    const thread = await codex.startThread({
      cwd: home.workspace,
      sandbox: 'read-only',
      onApproval: () => 'accept',
      onPermissions: ({ params }) => ({ permissions: { network: params.permissions.network ?? undefined } }),
    })
    const told = () =>
      JSON.parse(provider.requests.at(-1)?.toolOutputs.at(-1)?.output ?? '').permissions.network
    await thread.run('look')
    assert.deepEqual(told(), { enabled: true })
    await thread.run('look', { onPermissions: () => 'decline' })
    assert.equal(told(), null)
  })

  test('a provider that refuses a ChatGPT token has the handler asked for a fresh one', async (t) => {
    /** @param {string} name @returns {string} a token of nobody */
    const token = (name) => {
      const account = { chatgpt_account_id: 'account', chatgpt_plan_type: 'plus' }
      const claims = { name, exp: 4_102_444_800, 'https://api.openai.com/auth': account }
      const parts = [{ alg: 'none', typ: 'JWT' }, claims].map((part) => JSON.stringify(part))
      return [...parts.map((part) => Buffer.from(part).toString('base64url')), 'signature'].join('.')
    }
    /** @type {unknown[]} */
    const asked = []
    const { codex, provider, home } = await real(t, {
      // What would leave the machine goes nowhere.
      env: { HTTPS_PROXY: 'http://127.0.0.1:9', ALL_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1' },
      config: { model_providers: { scripted: { requires_openai_auth: true } } },
      onAuthTokensRefresh: ({ params }) => {
        asked.push(params)
        return { accessToken: token('fresh'), chatgptAccountId: 'account' }
      },
    })
    const watched = codex.serverRequests()
    await codex.request('account/login/start', {
      type: 'chatgptAuthTokens',
      accessToken: token('stale'),
      chatgptAccountId: 'account',
      chatgptPlanType: 'plus',
    })
    provider.when('go', httpError(401), httpError(401), httpError(401), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    // With the fresh token codex asks the account's server for more, which is out of reach: the turn fails.
    await thread.run('go').catch(() => {})
    assertContains(asked, [{ reason: 'unauthorized', previousAccountId: 'account' }])
    assert.equal(provider.requests[0]?.headers.authorization, `Bearer ${token('stale')}`)
    const { value } = await watched.next()
    assert.deepEqual([value?.answeredBy, value?.answer], ['client', null], 'a token is nobody else’s to see')
  })

  test('onServerRequest takes what no other handler does, and serverRequests() tells of all', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    provider.when('touch', command('touch made', ask), say('Done.'))
    const watched = codex.serverRequests()
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'on-request',
      approvalsReviewer: 'user',
    })
    await thread.run('touch')
    await thread.run('touch', { onServerRequest: () => ({ decision: 'accept' }) })
    const records = [(await watched.next()).value, (await watched.next()).value]
    const method = 'item/commandExecution/requestApproval'
    assert.deepEqual(
      records.map((record) => [record?.method, record?.answeredBy, record?.answer]),
      [
        [method, 'nobody', null],
        [method, 'turn', { decision: 'accept' }],
      ],
    )
    assert.equal(existsSync(join(home.workspace, 'made')), true)
  })

  test('a question to the user is answered by its handler', async (t) => {
    const { codex, provider, home } = await real(
      t,
      {},
      { model: 'mock-model', features: { default_mode_request_user_input: true } },
    )
    const question = {
      id: 'q',
      header: 'Colour',
      question: 'Which?',
      options: [
        { label: 'red', description: 'r' },
        { label: 'blue', description: 'b' },
      ],
    }
    provider.when(
      'ask',
      functionCall('request_user_input', { questions: [question] }, { callId: 'q1' }),
      say('Thanks.'),
    )
    const thread = await codex.startThread({ cwd: home.workspace })
    const result = await thread.run('ask', { onUserInput: () => ({ q: 'blue' }) })
    assert.equal(result.finalResponse, 'Thanks.')
    const told = provider.requests
      .flatMap(({ toolOutputs }) => toolOutputs)
      .find(({ callId }) => callId === 'q1')
    assert.match(JSON.stringify(told?.output), /blue/)
  })

  test('an interrupt while an approval waits aborts the handler', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const ask = { sandbox_permissions: /** @type {const} */ ('require_escalated'), justification: 'to see' }
    provider.when('wait', command('true', ask), reply([waitFor(createGate()), 'never']))
    const asked = createGate()
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'on-request',
      approvalsReviewer: 'user',
    })
    /** @type {AbortSignal | undefined} */
    let signal
    const turn = await thread.turn('wait', {
      onApproval: (_, context) => {
        signal = context.signal
        asked.open()
        return new Promise((resolve) => context.signal.addEventListener('abort', () => resolve('decline')))
      },
    })
    const run = turn.run()
    await asked.opened
    await turn.interrupt()
    assert.equal((await run).status, 'interrupted')
    if (!signal?.aborted) await once(/** @type {any} */ (signal), 'abort')
  })
})
