// Threads and what they are asked: how options and input look on the wire, and what the real codex makes of them.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Codex, InvalidRequestError } from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/**
 * @typedef {import('../../index.js').StartThreadOptions} StartThreadOptions
 * @typedef {import('../../index.js').ResumeThreadOptions} ResumeThreadOptions
 * @typedef {import('../../index.js').TurnOptions} TurnOptions
 * @typedef {import('../../index.js').Input} Input
 */

/** One red pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
)

const granular = {
  granular: {
    sandbox_approval: true,
    rules: false,
    skill_approval: false,
    request_permissions: true,
    mcp_elicitations: false,
  },
}

/**
 * Options of a thread that start and resume have in common, and what they are on the wire.
 *
 * @type {[ResumeThreadOptions & StartThreadOptions, Record<string, unknown>][]}
 */
const threadOptions = [
  [{ model: 'gpt-5.5' }, { model: 'gpt-5.5' }],
  [{ modelProvider: 'mock' }, { modelProvider: 'mock' }],
  [{ cwd: '/a b/ö' }, { cwd: '/a b/ö' }],
  [{ sandbox: 'read-only' }, { sandbox: 'read-only' }],
  [{ sandbox: 'workspace-write' }, { sandbox: 'workspace-write' }],
  [{ sandbox: 'danger-full-access' }, { sandbox: 'danger-full-access' }],
  [{ baseInstructions: 'Be brief.' }, { baseInstructions: 'Be brief.' }],
  [{ developerInstructions: '' }, { developerInstructions: '' }],
  [{ personality: 'pragmatic' }, { personality: 'pragmatic' }],
  [{ serviceTier: 'flex' }, { serviceTier: 'flex' }],
  [{ config: { 'a.b': 1, c: { d: [true, 'x'] } } }, { config: { 'a.b': 1, c: { d: [true, 'x'] } } }],
  // What the wire has no field for is configuration.
  [{ effort: 'high' }, { config: { model_reasoning_effort: 'high' } }],
  [
    { additionalDirectories: ['/x', '/y'] },
    { config: { 'sandbox_workspace_write.writable_roots': ['/x', '/y'] } },
  ],
  [{ networkAccess: false }, { config: { 'sandbox_workspace_write.network_access': false } }],
  [{ webSearch: 'live' }, { config: { web_search: 'live' } }],
  [
    { effort: 'low', webSearch: 'cached', config: { web_search: 'disabled', x: 1 } },
    { config: { model_reasoning_effort: 'low', web_search: 'disabled', x: 1 } },
  ],
  // Null is sent, undefined is not.
  [
    { model: null, modelProvider: null, cwd: null, sandbox: null, baseInstructions: null, config: null },
    { model: null, modelProvider: null, cwd: null, sandbox: null, baseInstructions: null, config: null },
  ],
  [
    { developerInstructions: null, personality: null, serviceTier: null },
    { developerInstructions: null, personality: null, serviceTier: null },
  ],
  [{ model: undefined, cwd: undefined, config: undefined, effort: undefined, approvalMode: undefined }, {}],
  [{ effort: 'low', config: null }, { config: { model_reasoning_effort: 'low' } }],
]

/**
 * Who decides about approvals.
 *
 * @type {[ResumeThreadOptions & StartThreadOptions, Record<string, unknown>][]}
 */
const approvals = [
  [{ approvalMode: 'auto_review' }, { approvalPolicy: 'on-request', approvalsReviewer: 'auto_review' }],
  [{ approvalMode: 'deny_all' }, { approvalPolicy: 'never' }],
  [{ approvalPolicy: 'untrusted' }, { approvalPolicy: 'untrusted' }],
  [{ approvalPolicy: 'on-request' }, { approvalPolicy: 'on-request' }],
  [{ approvalPolicy: 'never' }, { approvalPolicy: 'never' }],
  [{ approvalPolicy: granular }, { approvalPolicy: granular }],
  [{ approvalPolicy: null }, { approvalPolicy: null }],
  [{ approvalsReviewer: 'user' }, { approvalsReviewer: 'user' }],
  [{ approvalsReviewer: 'auto_review' }, { approvalsReviewer: 'auto_review' }],
  [{ approvalsReviewer: 'guardian_subagent' }, { approvalsReviewer: 'guardian_subagent' }],
  [{ approvalsReviewer: null }, { approvalsReviewer: null }],
  [
    { approvalPolicy: 'on-request', approvalsReviewer: 'user' },
    { approvalPolicy: 'on-request', approvalsReviewer: 'user' },
  ],
]

/** Turns whose final message fits it. */
const fitting = {
  on: { 'turn/start': [['turnBegin', { play: 'agentMessage', with: { text: '{"a":"b"}' } }, 'turnEnd']] },
}

/** What the strict mode of the API takes as it is. */
const outputSchema = {
  type: 'object',
  properties: { a: { type: 'string' } },
  required: ['a'],
  additionalProperties: false,
}

describe('startThread', () => {
  const decider = { approvalPolicy: 'on-request', approvalsReviewer: 'auto_review' }
  /** @type {[StartThreadOptions | undefined, Record<string, unknown>][]} */
  const cases = [
    [undefined, decider],
    [{}, decider],
    ...threadOptions.map(
      ([options, wire]) =>
        /** @type {[StartThreadOptions, Record<string, unknown>]} */ ([options, { ...wire, ...decider }]),
    ),
    ...approvals,
    [{ ephemeral: true }, { ephemeral: true, ...decider }],
    [{ ephemeral: null }, { ephemeral: null, ...decider }],
    [{ serviceName: 'shop' }, { serviceName: 'shop', ...decider }],
    [{ serviceName: null }, { serviceName: null, ...decider }],
  ]

  test('each option is on the wire as it was given, and nothing else', async (t) => {
    const { codex, log } = rig(t)
    for (const [options] of cases) await codex.startThread(options)
    const sent = log.messages('thread/start').map((message) => message.params)
    assert.deepEqual(sent, wires(cases))
  })

  test('gives the thread of the answer', async (t) => {
    const { codex } = rig(t)
    const [first, second] = [await codex.startThread(), await codex.startThread()]
    assert.deepEqual([first.id, second.id], ['thread-1', 'thread-2'])
    assert.deepEqual([first.usage, second.usage], [null, null])
  })
})

describe('resumeThread', () => {
  test('each option is on the wire as it was given; what is not given stays as the thread has it', async (t) => {
    /** @type {[ResumeThreadOptions | undefined, Record<string, unknown>][]} */
    const cases = [
      [undefined, {}],
      ...threadOptions,
      ...approvals,
      [{ includeTurns: true }, { excludeTurns: false }],
      [{ includeTurns: false }, {}],
    ]
    const { codex, log } = rig(t)
    for (const [options] of cases) assert.equal((await codex.resumeThread('some-id', options)).id, 'some-id')
    const sent = log.messages('thread/resume').map((message) => message.params)
    assert.deepEqual(
      sent,
      wires(cases).map((wire) => ({ threadId: 'some-id', excludeTurns: true, ...wire })),
    )
  })

  test('of a thread that the server does not know rejects', async (t) => {
    const { codex } = await real(t)
    const id = '01a1fc4d-0000-7000-8000-000000000000'
    const error = await rejection(codex.resumeThread(id), InvalidRequestError)
    assert.equal(error.method, 'thread/resume')
    assert.match(error.message, new RegExp(id))
  })
})

describe('the options of a turn', () => {
  /** @type {[TurnOptions | undefined, Record<string, unknown>][]} */
  const cases = [
    [undefined, {}],
    [{}, {}],
    [
      { model: 'm', effort: 'high', summary: 'detailed' },
      { model: 'm', effort: 'high', summary: 'detailed' },
    ],
    [
      { model: null, effort: null, summary: null },
      { model: null, effort: null, summary: null },
    ],
    [{ cwd: '/tmp' }, { cwd: '/tmp' }],
    [{ cwd: null }, { cwd: null }],
    [{ sandbox: 'danger-full-access' }, { sandboxPolicy: { type: 'dangerFullAccess' } }],
    [{ sandbox: 'read-only' }, { sandboxPolicy: { type: 'readOnly', networkAccess: false } }],
    [
      { sandbox: 'workspace-write' },
      {
        sandboxPolicy: {
          type: 'workspaceWrite',
          writableRoots: ['/x'],
          networkAccess: true,
          excludeTmpdirEnvVar: false,
          excludeSlashTmp: false,
        },
      },
    ],
    [{ sandboxPolicy: { type: 'readOnly' } }, { sandboxPolicy: { type: 'readOnly' } }],
    [
      { sandboxPolicy: { type: 'externalSandbox', networkAccess: 'enabled' } },
      { sandboxPolicy: { type: 'externalSandbox', networkAccess: 'enabled' } },
    ],
    [
      { sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/z'], excludeSlashTmp: true } },
      { sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/z'], excludeSlashTmp: true } },
    ],
    [{ sandboxPolicy: null }, { sandboxPolicy: null }],
    [{ approvalMode: 'auto_review' }, { approvalPolicy: 'on-request', approvalsReviewer: 'auto_review' }],
    [{ approvalMode: 'deny_all' }, { approvalPolicy: 'never' }],
    [{ approvalPolicy: granular }, { approvalPolicy: granular }],
    [{ approvalPolicy: null }, { approvalPolicy: null }],
    [
      { approvalPolicy: 'untrusted', approvalsReviewer: 'user' },
      { approvalPolicy: 'untrusted', approvalsReviewer: 'user' },
    ],
    [{ approvalsReviewer: null }, { approvalsReviewer: null }],
    [{ personality: 'none' }, { personality: 'none' }],
    [{ personality: null }, { personality: null }],
    [
      { serviceTier: 'flex', serviceTierForTurn: null },
      { serviceTier: 'flex', serviceTierForTurn: null },
    ],
    [
      { serviceTier: null, serviceTierForTurn: 'default' },
      { serviceTier: null, serviceTierForTurn: 'default' },
    ],
    [{ outputSchema }, { outputSchema }],
    [{ source: 'cron' }, { turnTrigger: 'cron' }],
    [{ source: null }, { turnTrigger: null }],
    // These stay here.
    [{ inactivityTimeoutMs: 60_000, signal: new AbortController().signal }, {}],
    [{ model: undefined, sandbox: undefined, outputSchema: undefined, signal: undefined }, {}],
  ]
  const input = [{ type: 'text', text: 'go', text_elements: [] }]

  test('are on the wire as they were given, and nothing else', async (t) => {
    const { codex, log } = rig(t, fitting)
    const thread = await codex.startThread({ additionalDirectories: ['/x'], networkAccess: true })
    for (const [options] of cases) await thread.run('go', options)
    for (const [options] of cases) await (await thread.turn('go', options)).run()
    const sent = log.messages('turn/start').map((message) => message.params)
    const expected = wires(cases).map((wire) => ({ threadId: thread.id, input, ...wire }))
    assert.deepEqual(sent, [...expected, ...expected])
  })

  test('and those of a fresh thread are told apart by run()', async (t) => {
    const { codex, log } = rig(t, fitting)
    const { threadId } = await codex.run('go', {
      model: 'm',
      sandbox: 'read-only',
      effort: 'low',
      summary: 'concise',
      serviceTierForTurn: 'flex',
      outputSchema,
      source: 'cron',
    })
    assert.deepEqual(log.messages('thread/start')[0].params, {
      model: 'm',
      sandbox: 'read-only',
      config: { model_reasoning_effort: 'low' },
      approvalPolicy: 'on-request',
      approvalsReviewer: 'auto_review',
    })
    assert.deepEqual(log.messages('turn/start')[0].params, {
      threadId,
      input,
      summary: 'concise',
      serviceTierForTurn: 'flex',
      outputSchema,
      turnTrigger: 'cron',
    })
    assert.deepEqual((await log.message('thread/unsubscribe')).params, { threadId })
  })
})

describe('input', () => {
  /** One that is there. */
  const file = fileURLToPath(import.meta.url)
  const text = (/** @type {string} */ text) => ({ type: 'text', text, text_elements: [] })
  /** @type {[Input, unknown[]][]} */
  const cases = [
    ['go', [text('go')]],
    ['', [text('')]],
    [{ type: 'text', text: 'é\n"😀' }, [text('é\n"😀')]],
    [
      [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
      [text('a'), text('b')],
    ],
    [{ type: 'image', url: 'https://a.example/b.png' }, [{ type: 'image', url: 'https://a.example/b.png' }]],
    [
      { type: 'image', data: new Uint8Array([0, 255, 16]), mimeType: 'image/png' },
      [{ type: 'image', url: 'data:image/png;base64,AP8Q' }],
    ],
    [
      // A view on part of a buffer, as Node's own pool gives them.
      { type: 'image', data: Buffer.from([1, 2, 3, 4]).subarray(1, 3), mimeType: 'image/gif' },
      [{ type: 'image', url: 'data:image/gif;base64,AgM=' }],
    ],
    [{ type: 'localImage', path: file }, [{ type: 'localImage', path: file }]],
    [{ type: 'audio', url: 'https://a.example/b.mp3' }, [{ type: 'audio', url: 'https://a.example/b.mp3' }]],
    [{ type: 'localAudio', path: file }, [{ type: 'localAudio', path: file }]],
    [
      { type: 'skill', name: 's', path: '/skills/s/SKILL.md' },
      [{ type: 'skill', name: 's', path: '/skills/s/SKILL.md' }],
    ],
    [{ type: 'mention', name: 'm', path: 'app://m' }, [{ type: 'mention', name: 'm', path: 'app://m' }]],
    [
      [
        { type: 'text', text: 'look' },
        { type: 'localImage', path: file },
        { type: 'mention', name: 'm', path: 'app://m' },
      ],
      [text('look'), { type: 'localImage', path: file }, { type: 'mention', name: 'm', path: 'app://m' }],
    ],
  ]

  test('of every kind is on the wire as the protocol has it', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    for (const [input] of cases) await thread.run(input)
    assert.deepEqual(
      log.messages('turn/start').map((message) => message.params),
      cases.map(([, input]) => ({ threadId: thread.id, input })),
    )
  })

  test('from outside goes as the output of a tool', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    const content = [{ type: /** @type {const} */ ('input_text'), text: 'hi' }]
    await thread.run({ type: 'external', toolName: 'mail', content: 'You have mail.' })
    await thread.run([{ type: 'external', toolName: 'mail', namespace: 'inbox', content }])
    assert.deepEqual(
      log.messages('turn/start').map(({ params }) => params),
      [
        {
          threadId: thread.id,
          input: [],
          toolOutput: { name: 'mail', namespace: null, output: 'You have mail.' },
        },
        { threadId: thread.id, input: [], toolOutput: { name: 'mail', namespace: 'inbox', output: content } },
      ],
    )
  })
})

describe('the real codex', { concurrency: true, timeout: 60_000 }, () => {
  test('a thread that codex has loaded already keeps its settings when it is resumed', async (t) => {
    const { codex, provider, home } = await real(t)
    /** The effort that the model was asked for last. @returns {unknown} */
    const asked = () => /** @type {any} */ (provider.requests.at(-1)?.body)?.reasoning.effort
    const thread = await codex.startThread({ effort: 'low' })
    await thread.run('one')
    const again = await codex.resumeThread(thread.id, { effort: 'high' })
    await again.run('two')
    assert.equal(asked(), 'low')
    // They are changed by this, and by whoever loads it anew.
    await again.updateDefaults({ effort: 'medium' })
    await again.run('three')
    assert.equal(asked(), 'medium')
    await codex.close()
    const other = new Codex({ env: home.env })
    t.after(() => other.close())
    await (await other.resumeThread(thread.id, { effort: 'high' })).run('four')
    assert.equal(asked(), 'high')
  })

  test('a loaded thread that was resumed is loaded as it was when codex is started anew', async (t) => {
    const runs = [{ on: { 'turn/start': [['turnBegin', { kill: 'SIGKILL' }]] } }, {}]
    const { codex, log } = rig(t, { runs })
    const thread = await codex.startThread({ model: 'first' })
    const again = await codex.resumeThread(thread.id, { model: 'second' })
    await assert.rejects(again.run('go'))
    await again.run('go')
    assert.deepEqual(
      log.messages('thread/resume').map(({ params }) => params.model),
      ['second', 'first'],
    )
  })

  test('another process resumes the thread and goes on with the conversation', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('One.'), say('Two.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.equal((await thread.run('first')).finalResponse, 'One.')
    await codex.close()

    const other = new Codex({ env: home.env })
    t.after(() => other.close())
    const resumed = await other.resumeThread(thread.id)
    assert.equal(resumed.id, thread.id)
    const { finalResponse, threadId } = await resumed.run('second')
    assert.equal(finalResponse, 'Two.')
    assert.equal(threadId, thread.id)
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['first', 'second'])
    assert.match(JSON.stringify(provider.requests.at(-1)?.body), /One\./)
  })

  test('run() is one turn on a fresh thread, from which resumeThread goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('One.'), say('Two.'))
    const { threadId, turnId, status, finalResponse } = await codex.run('first', { cwd: home.workspace })
    assert.equal(status, 'completed')
    assert.equal(finalResponse, 'One.')
    assert.equal(provider.requests[0]?.turnId, turnId)
    const thread = await codex.resumeThread(threadId)
    assert.equal((await thread.run('second')).finalResponse, 'Two.')
    assert.deepEqual(provider.requests[1]?.userMessages, ['first', 'second'])
  })

  test('read, setName and usage', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.equal(thread.usage, null)
    provider.enqueue(
      { say: 'One.', usage: { inputTokens: 10, outputTokens: 2 } },
      { say: 'Two.', usage: { inputTokens: 20, outputTokens: 3 } },
    )
    const first = await thread.run('first')
    const second = await thread.run('second')
    assert.equal(first.usage?.total.totalTokens, 12)
    assert.equal(second.usage?.total.totalTokens, 35)
    assert.equal(second.usage?.last.totalTokens, 23)
    assert.deepEqual(thread.usage, second.usage)

    assert.equal(await thread.setName('Größe'), undefined)
    const read = await thread.read()
    assert.equal(read.thread.id, thread.id)
    assert.equal(read.thread.name, 'Größe')
    assert.deepEqual(read.thread.turns, [])
    const withTurns = await thread.read({ includeTurns: true })
    assert.deepEqual(
      withTurns.thread.turns.map((turn) => turn.id),
      [first.turnId, second.turnId],
    )
  })

  test('model, effort and instructions of the thread reach the provider', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({
      cwd: home.workspace,
      model: 'gpt-5.4',
      effort: 'high',
      baseInstructions: 'You are a test.',
      developerInstructions: 'Say little.',
    })
    await thread.run('go')
    const body = /** @type {any} */ (provider.requests[0]?.body)
    assert.equal(body.model, 'gpt-5.4')
    assert.equal(body.reasoning.effort, 'high')
    const developer = body.input.filter((/** @type {any} */ item) => item.role === 'developer')
    assert.match(JSON.stringify(developer), /You are a test\..*Say little\./)
  })

  test('model and effort of a turn reach the provider, and hold for later turns', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('first', { model: 'gpt-5.4', effort: 'low' })
    await thread.run('second')
    const asked = provider.requests.map((request) => /** @type {any} */ (request.body))
    assert.deepEqual(
      asked.map((body) => [body.model, body.reasoning.effort]),
      [
        ['gpt-5.4', 'low'],
        ['gpt-5.4', 'low'],
      ],
    )
  })

  test('approvalMode makes the policy and the reviewer of the thread', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('go')
    const resumed = await codex.request('thread/resume', { threadId: thread.id, excludeTurns: true })
    assert.equal(resumed.approvalPolicy, 'on-request')
    assert.equal(resumed.approvalsReviewer, 'auto_review')

    const denying = await codex.startThread({ cwd: home.workspace, approvalMode: 'deny_all' })
    await denying.run('go')
    const again = await codex.request('thread/resume', { threadId: denying.id, excludeTurns: true })
    assert.equal(again.approvalPolicy, 'never')
  })

  test('outputSchema reaches the provider, for its turn alone', async (t) => {
    const { codex, provider, home } = await real(t)
    const schema = {
      type: 'object',
      properties: { answer: { type: 'number' } },
      required: ['answer'],
      additionalProperties: false,
    }
    provider.enqueue(say('{"answer":42}'), say('Anything.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const { finalResponse } = await thread.run('how much?', { outputSchema: schema })
    assert.equal(finalResponse, '{"answer":42}')
    await thread.run('and now?')
    const formats = provider.requests.map((request) => /** @type {any} */ (request.body).text?.format)
    assert.deepEqual(formats[0], {
      type: 'json_schema',
      strict: true,
      name: 'codex_output_schema',
      schema,
    })
    assert.equal(formats[1], undefined)
  })

  test('images reach the model, from a file and from memory, in the order of the input', async (t) => {
    const { codex, provider, home } = await real(t)
    const path = join(home.workspace, 'pixel.png')
    writeFileSync(path, png)
    const thread = await codex.startThread({ cwd: home.workspace })
    const { items } = await thread.run([
      { type: 'text', text: 'before' },
      { type: 'localImage', path },
      { type: 'image', data: png, mimeType: 'image/png' },
      { type: 'text', text: 'after' },
    ])
    const url = `data:image/png;base64,${png.toString('base64')}`
    const asked = items.find((item) => item.type === 'userMessage')
    assert.deepEqual(
      asked?.content.map((item) => item.type),
      ['text', 'localImage', 'image', 'text'],
    )
    const content = contentOf(provider.requests[0])
    assert.equal(content.filter((part) => part.image_url === url).length, 2)
    const texts = content.flatMap((part) => (part.type === 'input_text' ? [part.text] : []))
    assert.ok(texts.indexOf('before') !== -1 && texts.indexOf('before') < texts.indexOf('after'))
  })

  test('a text with every kind of character reaches the model as it is', async (t) => {
    const { codex, provider, home } = await real(t)
    const text = '\u0000\t\r\n"\\/<>&\u2028é€😀\u{10ffff}'
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run(text)
    assert.equal(provider.requests[0]?.userText, text)
  })

  test('content from outside reaches the model as the output of a tool', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue(say('Ready.'), say('Read.'))
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('wait for mail')
    const { finalResponse } = await thread.run({
      type: 'external',
      toolName: 'mail',
      content: 'You have mail.',
    })
    assert.equal(finalResponse, 'Read.')
    assert.match(JSON.stringify(provider.requests[1]?.body), /You have mail\./)
    assert.deepEqual(provider.requests[1]?.userMessages, ['wait for mail'])
  })
})

/**
 * @param {[unknown, Record<string, unknown>][]} cases
 */
function wires(cases) {
  return cases.map(([, wire]) => wire)
}

/**
 * All parts of the messages of the user.
 *
 * @param {import('../../testing/index.js').RecordedRequest | undefined} request
 * @returns {any[]}
 */
function contentOf(request) {
  const body = /** @type {any} */ (request?.body)
  return body.input.flatMap((/** @type {any} */ item) => (item.role === 'user' ? item.content : []))
}
