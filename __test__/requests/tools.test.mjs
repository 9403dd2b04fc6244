// Tools: JavaScript functions that the agent calls, against the real codex.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { Codex, defineTool, ServerExitedError } from '../../index.mjs'
import { createGate, functionCall, reply, say, waitFor } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** One pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const noInput = { type: 'object', properties: {} }

/**
 * A thread of the real codex with tools, and a function that has the agent call one of them: it gives what the model
 * was told, and the item of the call.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').Tool[]} tools
 * @param {import('../../index.js').CodexOptions} [options]
 */
async function threadWith(t, tools, options) {
  const { codex, provider, home } = await real(t, options)
  const thread = await codex.startThread({ cwd: home.workspace, tools })
  /** @param {string} name @param {unknown} [args] @param {import('../../index.js').TurnOptions} [turn] */
  const call = async (name, args = {}, turn = {}) => {
    provider.enqueue(functionCall(name, args), say('It is done.'))
    const result = await thread.run('go', turn)
    assert.equal(result.finalResponse, 'It is done.')
    return { ...called(result), ...told(provider), result }
  }
  return { codex, provider, home, thread, call }
}

/** @param {import('../../index.js').TurnResult} result */
function called(result) {
  const item = result.items.find(({ type }) => type === 'dynamicToolCall')
  assert.ok(item?.type === 'dynamicToolCall')
  return { item, success: item.success }
}

/** @param {import('../../testing/index.js').ScriptedProvider} provider */
function told(provider) {
  const request = provider.requests.at(-1)
  const raw = /** @type {any} */ (request?.body)?.input.at(-1)
  assert.equal(raw.type, 'function_call_output')
  return { text: request?.toolOutputs.at(-1)?.output ?? '', raw: raw.output }
}

/** @param {import('../../testing/index.js').ScriptedProvider} provider @param {string} name */
function specOf(provider, name) {
  const body = /** @type {any} */ (provider.requests.at(-1)?.body)
  return body?.tools.find((/** @type {any} */ tool) => tool.name === name)
}

describe('tools', { concurrency: 4, timeout: 90_000 }, () => {
  const libraries = {
    json_schema: {
      type: 'object',
      properties: { town: { type: 'string', description: 'Its name' }, days: { type: 'number' } },
      required: ['town'],
    },
    zod: z.object({ town: z.string().describe('Its name'), days: z.number().optional() }),
    valibot: toStandardJsonSchema(
      v.object({ town: v.pipe(v.string(), v.description('Its name')), days: v.optional(v.number()) }),
    ),
    arktype: type({ town: type.string.describe('Its name'), 'days?': 'number' }),
  }
  test('the model is told of a tool, and its arguments come to the function', async (t) => {
    /** @type {unknown[]} */
    const calls = []
    const tools = Object.entries(libraries).map(([name, inputSchema]) => ({
      name,
      description: `The weather by ${name}`,
      inputSchema,
      run: (/** @type {any} */ args) => {
        calls.push(args)
        return `${args.town}: rain`
      },
    }))
    const { provider, call } = await threadWith(t, tools)
    for (const library of Object.keys(libraries)) {
      await t.test(`its schema is of ${library}`, async () => {
        const { text, success } = await call(library, { town: 'Ulm' })
        assert.equal(text, 'Ulm: rain')
        assert.equal(success, true)
        assert.deepEqual(calls.splice(0), [{ town: 'Ulm' }])
        const { description, parameters } = specOf(provider, library)
        assert.equal(description, `The weather by ${library}`)
        assert.deepEqual(parameters.required, ['town'])
        assert.deepEqual(parameters.properties.days, { type: 'number' })
        assert.equal(parameters.properties.town.type, 'string')
        assert.equal(parameters.properties.town.description, 'Its name')
      })
    }
  })

  test('the function knows where it was called', async (t) => {
    /** @type {import('../../index.js').ToolContext | undefined} */
    let context
    const where = defineTool({
      name: 'where',
      description: 'Nothing',
      inputSchema: noInput,
      run(_, given) {
        context = given
        assert.equal(this, where)
        return ''
      },
    })
    const { thread, call } = await threadWith(t, [where])
    const { item, success, result } = await call('where')
    assert.equal(success, true)
    assert.ok(context?.signal instanceof AbortSignal)
    assert.equal(context.signal.aborted, false)
    const { signal: _, ...ids } = context
    assert.deepEqual(ids, { threadId: thread.id, turnId: result.turnId, callId: item.id })
  })

  test('a Standard Schema makes of the arguments what the function gets, also in its own time', async (t) => {
    const inputSchema = z.object({
      when: z.iso.date().transform((text) => new Date(text)),
      unit: z.enum(['C', 'F']).default('C'),
      town: z.string().refine(async (town) => town !== 'Atlantis', 'no such town'),
    })
    /** @type {unknown} */
    let got
    const tool = defineTool({
      name: 'weather',
      description: 'The weather of a town',
      inputSchema,
      run: (args) => {
        got = args
        return args.when.getUTCFullYear()
      },
    })
    const { call } = await threadWith(t, [tool])
    assert.equal((await call('weather', { town: 'Ulm', when: '2031-02-03' })).text, '2031')
    assert.deepEqual(got, { town: 'Ulm', when: new Date('2031-02-03'), unit: 'C' })

    got = undefined
    const wrong = await call('weather', { town: 'Atlantis', when: '2031-02-03' })
    assert.match(wrong.text, /the tool weather failed: its arguments are not valid: town: no such town/)
    assert.equal(wrong.success, false)
    assert.equal(got, undefined)
  })

  test('wrong arguments are told the model with their places, and the function is not called', async (t) => {
    let calls = 0
    const inputSchema = z.object({ lines: z.array(z.object({ price: z.number() })), name: z.string() })
    const tool = { name: 'sum', description: 'Adds up', inputSchema, run: () => ++calls }
    const { call } = await threadWith(t, [tool])
    const { text, success } = await call('sum', { lines: [{ price: 1 }, { price: 'x' }] })
    assert.match(text, /^the tool sum failed: its arguments are not valid: lines\[1\]\.price: .*; name: /)
    assert.equal(success, false)
    assert.equal(calls, 0)
  })

  /** @type {Record<string, [unknown, unknown]>} */
  const results = {
    text: ['It rains.', 'It rains.'],
    nothing: [undefined, ''],
    'an object': [{ town: 'Ulm', days: [1, null] }, '{"town":"Ulm","days":[1,null]}'],
    'an array': [[1, 'two'], '[1,"two"]'],
    'a number': [1.5, '1.5'],
    false: [false, 'false'],
    'a content item': [{ type: 'text', text: 'one' }, 'one'],
    'an image of bytes': [
      [
        { type: 'text', text: 'a pixel' },
        { type: 'image', data: new Uint8Array(png), mimeType: 'image/png' },
      ],
      [
        { type: 'input_text', text: 'a pixel' },
        { type: 'input_image', image_url: `data:image/png;base64,${png.toString('base64')}` },
      ],
    ],
    'words and an image': [
      ['a pixel', { type: 'image', data: new Uint8Array(png), mimeType: 'image/png' }, { of: 'data' }, 5],
      [
        { type: 'input_text', text: 'a pixel' },
        { type: 'input_image', image_url: `data:image/png;base64,${png.toString('base64')}` },
        { type: 'input_text', text: '{"of":"data"}' },
        { type: 'input_text', text: '5' },
      ],
    ],
    'words and a content item': [
      ['one', { type: 'text', text: 'two' }],
      [
        { type: 'input_text', text: 'one' },
        { type: 'input_text', text: 'two' },
      ],
    ],
    'an array of data that looks like content': [
      [
        { type: 'text', text: 'a' },
        { type: 'row', n: 1 },
      ],
      '[{"type":"text","text":"a"},{"type":"row","n":1}]',
    ],
    'an image by its URL': [
      { type: 'image', url: new URL(`data:image/png;base64,${png.toString('base64')}`) },
      [
        {
          type: 'input_image',
          image_url: `data:image/png;base64,${png.toString('base64')}`,
        },
      ],
    ],
  }
  test('A7: a result may be of any of these', async (t) => {
    /** @type {any} */
    let result
    const run = async () => result
    const { call } = await threadWith(t, [{ name: 'give', description: 'Gives', inputSchema: noInput, run }])
    for (const [what, [given, expected]] of Object.entries(results)) {
      await t.test(what, async () => {
        result = given
        const { raw, success } = await call('give')
        // How closely the model looks is codex's choice.
        const parts = Array.isArray(raw) ? raw.map(({ detail: _, ...part }) => part) : raw
        assert.deepEqual(parts, expected)
        assert.equal(success, true)
      })
    }
  })

  test('a tool may say itself that it failed', async (t) => {
    const failure = {
      contentItems: [{ type: /** @type {const} */ ('inputText'), text: 'closed today' }],
      success: false,
    }
    const { call } = await threadWith(t, [
      { name: 'shop', description: 'Buys', inputSchema: noInput, run: () => failure },
    ])
    const { text, success } = await call('shop')
    assert.equal(text, 'closed today')
    assert.equal(success, false)
  })

  /** @type {Record<string, [() => any, RegExp]>} */
  const failures = {
    throws: [
      () => {
        throw new Error('no umbrella')
      },
      /^the tool fail failed: no umbrella$/,
    ],
    rejects: [() => Promise.reject(new RangeError('too wet')), /^the tool fail failed: too wet$/],
    'throws no error': [
      () => {
        throw Object.assign(Object.create(null), { wet: true })
      },
      /^the tool fail failed: .*wet: true/,
    ],
    'throws an error without a message': [() => Promise.reject(new RangeError()), /failed: RangeError$/],
    'returns what has no JSON': [() => ({ size: 3n }), /a bigint is not accepted/],
    'returns bytes without a type': [() => new Uint8Array(3), /bytes need a type/],
    'returns an image without a type': [
      () => ({ type: 'image', data: new Uint8Array(3) }),
      /bytes need a type/,
    ],
    'never returns': [() => new Promise(() => {}), /^the tool fail failed: it gave no result within 200 ms$/],
  }
  test('A7: a tool that fails tells the model in words, and the turn goes on', async (t) => {
    /** @type {() => any} */
    let run
    const tool = {
      name: 'fail',
      description: 'Fails',
      inputSchema: noInput,
      timeoutMs: 200,
      run: () => run(),
    }
    const { codex, call } = await threadWith(t, [tool])
    const watched = codex.serverRequests()
    for (const [what, [failing, message]] of Object.entries(failures)) {
      await t.test(`it ${what}`, async () => {
        run = failing
        const { text, success, result } = await call('fail')
        assert.match(text, message)
        assert.equal(success, false)
        assert.equal(result.status, 'completed')
        // And whoever watches sees why.
        const { value } = await watched.next()
        assert.equal(value?.answeredBy, 'thread')
        assert.match(value?.error ?? '', message)
      })
    }
  })

  test('A7: the time limit aborts the signal, and what comes later is not sent', async (t) => {
    /** @type {AbortSignal | undefined} */
    let signal
    const late = createGate()
    /** @type {import('../../index.js').Tool} */
    const tool = {
      name: 'slow',
      description: 'Takes long',
      inputSchema: noInput,
      timeoutMs: 100,
      run: async (_, context) => {
        signal = context.signal
        await late.opened
        throw new Error('too late')
      },
    }
    const { provider, call } = await threadWith(t, [tool])
    assert.match((await call('slow')).text, /no result within 100 ms/)
    assert.equal(signal?.reason.name, 'TimeoutError')
    late.open()
    // The next turn still has the first answer alone.
    const { text } = await call('slow')
    assert.match(text, /too late/)
    assert.match(provider.requests.at(-1)?.toolOutputs[0]?.output ?? '', /no result within/)
    assert.equal(provider.requests.at(-1)?.toolOutputs.length, 2)
  })

  test('a validation counts into the time limit', async (t) => {
    const inputSchema = z.object({ a: z.string().refine(() => new Promise(() => {})) })
    const tool = { name: 'slow', description: 'Never', inputSchema, timeoutMs: 100, run: () => '' }
    const { call } = await threadWith(t, [tool])
    assert.match((await call('slow', { a: 'x' })).text, /no result within 100 ms/)
  })

  test('A4: an interrupted turn aborts the signal of its tool', async (t) => {
    const begun = createGate()
    /** @type {Promise<unknown> | undefined} */
    let aborted
    /** @type {import('../../index.js').Tool} */
    const tool = {
      name: 'wait',
      description: 'Waits',
      inputSchema: noInput,
      timeoutMs: Number.POSITIVE_INFINITY,
      run: (_, { signal }) => {
        aborted = new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))
        begun.open()
        return new Promise(() => {})
      },
    }
    const { provider, thread, call } = await threadWith(t, [tool])
    provider.enqueue(functionCall('wait'))
    const turn = await thread.turn('go')
    await begun.opened
    await turn.interrupt()
    assert.equal((await turn.run()).status, 'interrupted')
    assert.match(String(await aborted), /AbortError/)
    // The thread is as it was.
    provider.enqueue(say('again'))
    assert.equal((await thread.run('again')).finalResponse, 'again')
    assert.ok(call)
  })

  test('A6: a tool may call the client', async (t) => {
    const { codex, provider, home } = await real(t)
    /** @type {import('../../index.js').Tool} */
    const tool = {
      name: 'ask',
      description: 'Asks another agent',
      inputSchema: { type: 'object', properties: { question: { type: 'string' } } },
      run: async (/** @type {any} */ { question }) =>
        (await codex.run(question, { cwd: home.workspace })).finalResponse,
    }
    provider.when('the outer question', functionCall('ask', { question: 'the inner one' }), say('both said'))
    provider.when('the inner one', say('from within'))
    const result = await codex.run('the outer question', { cwd: home.workspace, tools: [tool] })
    assert.equal(result.finalResponse, 'both said')
    assert.equal(told(provider).text, 'from within')
  })

  test('several calls of one answer are each answered', async (t) => {
    const inputSchema = z.object({ n: z.number() })
    const tool = defineTool({ name: 'double', description: 'Doubles', inputSchema, run: ({ n }) => n * 2 })
    const { provider, thread } = await threadWith(t, [tool])
    const calls = [1, 2, 3].map((n) => functionCall('double', { n }, { callId: `call-${n}` }))
    provider.enqueue(reply(calls), say('6 in all'))
    await thread.run('go')
    const outputs = provider.requests.at(-1)?.toolOutputs.map(({ callId, output }) => `${callId}: ${output}`)
    assert.deepEqual(outputs, ['call-1: 2', 'call-2: 4', 'call-3: 6'])
  })

  test('tools of one name belong to their threads', async (t) => {
    const { codex, provider, home } = await real(t)
    const tool = (/** @type {string} */ text) => ({
      name: 'same',
      description: 'Says',
      inputSchema: noInput,
      run: () => text,
    })
    const one = await codex.startThread({ cwd: home.workspace, tools: [tool('first')] })
    const two = await codex.startThread({ cwd: home.workspace, tools: [tool('second')] })
    provider.when('go', functionCall('same'), say('ok'))
    await Promise.all([one.run('go'), two.run('go')])
    const said = Object.fromEntries(
      provider.requests.flatMap(({ threadId, toolOutputs }) =>
        toolOutputs.map((out) => [threadId, out.output]),
      ),
    )
    assert.deepEqual(said, { [one.id]: 'first', [two.id]: 'second' })
  })

  test('calls of two threads may have one id, and each has its own end', async (t) => {
    const { codex, provider, home } = await real(t)
    const begin = async (/** @type {string} */ name) => {
      const [called, answer] = [new EventEmitter(), new EventEmitter()]
      const isCalled = once(called, 'call')
      const run = async (
        /** @type {unknown} */ _,
        /** @type {import('../../index.js').ToolContext} */ context,
      ) => {
        called.emit('call')
        await once(answer, 'answer', { signal: context.signal })
        return `for ${name}`
      }
      const tools = [{ name: 'held', description: 'Waits', inputSchema: noInput, run }]
      const thread = await codex.startThread({ cwd: home.workspace, tools })
      provider.when(name, functionCall('held', {}, { callId: 'call_0' }), say('ok'))
      const running = thread.run(name)
      await isCalled
      return { running, give: () => answer.emit('answer') }
    }
    const [one, two] = [await begin('one'), await begin('two')]
    one.give()
    assert.equal((await one.running).finalResponse, 'ok')
    two.give()
    assert.equal((await two.running).finalResponse, 'ok')
    assert.deepEqual(
      provider.requests.flatMap(({ toolOutputs }) => toolOutputs.map(({ output }) => output)),
      ['for one', 'for two'],
    )
  })

  test('tools go before onToolCall, which gets the calls of other names', async (t) => {
    const { codex, provider, home } = await real(t, { onToolCall: ({ params }) => `client: ${params.tool}` })
    const spec = { type: /** @type {const} */ ('function'), description: 'Says', inputSchema: noInput }
    const dynamicTools = ['own', 'other'].map((name) => ({ ...spec, name }))
    const { thread: started } = await codex.request('thread/start', { cwd: home.workspace, dynamicTools })
    // What was never used cannot be resumed.
    const ends = codex.notifications({ methods: ['turn/completed'] })
    await codex.request('turn/start', { threadId: started.id, input: [{ type: 'text', text: 'begin' }] })
    await ends.next()
    const thread = await codex.resumeThread(started.id, {
      tools: [{ name: 'own', description: 'Says', inputSchema: noInput, run: () => 'own' }],
    })
    const calls = reply([
      functionCall('own', {}, { callId: 'a' }),
      functionCall('other', {}, { callId: 'b' }),
    ])
    const outputs = () =>
      provider.requests
        .at(-1)
        ?.toolOutputs.slice(-2)
        .map(({ callId, output }) => `${callId} ${output}`)
    provider.enqueue(calls, say('ok'), calls, say('ok'))
    await thread.run('go')
    assert.deepEqual(outputs(), ['a own', 'b client: other'])
    await thread.run('go', { onToolCall: ({ params }) => `turn: ${params.tool}` })
    assert.deepEqual(outputs(), ['a own', 'b turn: other'])
  })

  test('a thread keeps its tools; whoever resumes or forks it brings the functions', async (t) => {
    const { codex, provider, home } = await real(t)
    /** @param {string} name @param {string} text */
    const tool = (name, text) => ({ name, description: 'Says', inputSchema: noInput, run: () => text })
    const thread = await codex.startThread({ cwd: home.workspace, tools: [tool('say', 'started')] })
    provider.enqueue(functionCall('say'), say('ok'))
    await thread.run('go')
    assert.equal(told(provider).text, 'started')

    const fork = await codex.forkThread(thread.id, { tools: [tool('say', 'forked'), tool('more', 'none')] })
    provider.enqueue(functionCall('say'), say('ok'))
    await fork.run('go')
    assert.equal(told(provider).text, 'forked')
    // What it was not started with it does not have.
    assert.ok(specOf(provider, 'say'))
    assert.equal(specOf(provider, 'more'), undefined)

    await codex.close()
    const other = new Codex({ env: home.env })
    t.after(() => other.close())
    const resumed = await other.resumeThread(thread.id, { tools: [tool('say', 'resumed')] })
    provider.enqueue(functionCall('say'), say('ok'))
    await resumed.run('go')
    assert.equal(told(provider).text, 'resumed')
    const without = await other.resumeThread(fork.id)
    provider.enqueue(functionCall('say'), say('ok'))
    await without.run('go')
    assert.match(told(provider).text, /has no handler/)
  })

  test('C9: a thread has its tools again after the server was killed', async (t) => {
    const tool = { name: 'say', description: 'Says', inputSchema: noInput, run: () => 'said' }
    const { codex, provider, thread, call } = await threadWith(t, [tool])
    const hanging = createGate()
    provider.enqueue(say('ok'), reply([waitFor(hanging)]))
    await thread.run('go')
    const lost = thread.run('go')
    await hanging.reached
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    await rejection(lost, ServerExitedError)
    assert.equal((await call('say')).text, 'said')
  })

  test('A4: a call that is resolved elsewhere aborts the signal and is not answered', async (t) => {
    const params = { threadId: '$threadId', turnId: '$turnId', callId: 'c', tool: 'wait', arguments: {} }
    const resolved = { method: 'serverRequest/resolved', params: { threadId: '$threadId', requestId: 0 } }
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            { request: { method: 'item/tool/call', params }, wait: false },
            { waitFor: 'model/list' },
            { notify: resolved },
            { waitFor: 'account/read' },
            'turnEnd',
          ],
        ],
        'account/read': [{ reply: {} }],
      },
    })
    const aborted = createGate()
    const thread = await codex.startThread({
      tools: [
        {
          name: 'wait',
          description: 'Waits',
          inputSchema: noInput,
          run: async (_, { signal }) => {
            signal.addEventListener('abort', () => aborted.open())
            await codex.request('model/list', {})
            await aborted.opened
            return 'late'
          },
        },
      ],
    })
    const run = thread.run('go')
    await aborted.opened
    await codex.request('account/read', {})
    await run
    assert.deepEqual(
      log.messages().filter((message) => message.method === undefined),
      [],
    )
  })

  test('the server gets what the protocol has for tools, and the functions stay here', async (t) => {
    const { codex, log } = rig(t)
    const tool = { name: 'a', description: 'b', inputSchema: z.object({ c: z.string() }), run: () => '' }
    await codex.startThread({ tools: [tool] })
    const { params } = await log.message('thread/start')
    const properties = { c: { type: 'string' } }
    const inputSchema = { type: 'object', properties, required: ['c'] }
    assert.deepEqual(params.dynamicTools, [{ type: 'function', name: 'a', description: 'b', inputSchema }])
    assert.equal(params.tools, undefined)
    // A thread has its own already.
    await codex.resumeThread('t', { tools: [tool] })
    const resumed = (await log.message('thread/resume')).params
    assert.deepEqual([resumed.dynamicTools, resumed.tools], [undefined, undefined])
  })
})

describe('wrong tools are refused by name, and nothing is sent', () => {
  const run = () => ''
  const tool = { name: 'a', description: 'b', inputSchema: noInput, run }
  const pair = { type: 'array', prefixItems: [{}, {}] }
  /** @type {[string, any, RegExp][]} */
  const wrong = [
    ['no array', {}, /^options\.tools: must be an array/],
    ['null', null, /^options\.tools: must be an array/],
    [
      'a function',
      [tool, run],
      /^options\.tools\[1\]: must be an object with name, description, inputSchema and run/,
    ],
    [
      'no name',
      [{ ...tool, name: undefined }],
      /^options\.tools\[0\]\.name: undefined is not accepted; give letters, digits/,
    ],
    [
      'a name with a space',
      [tool, { ...tool, name: 'we ather' }],
      /^options\.tools\[1\]\.name: "we ather" is not accepted/,
    ],
    ['an empty name', [{ ...tool, name: '' }], /^options\.tools\[0\]\.name: "" is not accepted/],
    ['a name twice', [tool, tool], /^options\.tools\[1\]\.name: "a" is the name of another tool/],
    ['no description', [{ ...tool, description: undefined }], /^options\.tools\[0\]\.description: must say/],
    ['an empty description', [{ ...tool, description: ' ' }], /^options\.tools\[0\]\.description: must say/],
    ['no function', [{ ...tool, run: undefined }], /^options\.tools\[0\]\.run: must be a function/],
    [
      'a function by another name',
      [{ ...tool, execute: run }],
      /^options\.tools\[0\]\.execute: is no field of a tool; it takes name, /,
    ],
    [
      'no schema',
      [{ ...tool, inputSchema: undefined }],
      /^options\.tools\[0\]\.inputSchema: must be a JSON Schema/,
    ],
    [
      'a tuple, wherever it stands',
      [{ ...tool, inputSchema: z.object({ a: z.array(z.object({ at: z.tuple([z.number()]) })) }) }],
      /^options\.tools\[0\]\.inputSchema\.properties\.a\.items\.properties\.at: is a tuple/,
    ],
    ...['dependentSchemas', 'dependencies', '$defs'].map(
      (keyword) =>
        /** @type {[string, unknown[], RegExp]} */ ([
          `a tuple in ${keyword}`,
          [{ ...tool, inputSchema: { type: 'object', [keyword]: { a: { properties: { b: pair } } } } }],
          new RegExp(`inputSchema\\.${keyword.replace('$', '\\$')}\\.a\\.properties\\.b: is a tuple`),
        ]),
    ),
    ...[
      ...[
        'unevaluatedProperties',
        'additionalProperties',
        'propertyNames',
        'unevaluatedItems',
        'additionalItems',
      ],
      ...['items', 'contains', 'not', 'if', 'then', 'else', 'contentSchema'],
    ].map(
      (keyword) =>
        /** @type {[string, unknown[], RegExp]} */ ([
          `a tuple in ${keyword}`,
          [{ ...tool, inputSchema: { type: 'object', [keyword]: pair } }],
          new RegExp(`inputSchema\\.${keyword}: is a tuple`),
        ]),
    ),
    [
      'a tuple of an older dialect',
      [{ ...tool, inputSchema: { type: 'object', anyOf: [{ properties: { a: { items: [{}] } } }] } }],
      /^options\.tools\[0\]\.inputSchema\.anyOf\[0\]\.properties\.a: is a tuple/,
    ],
    [
      'a schema of no object',
      [{ ...tool, inputSchema: { type: 'string' } }],
      /^options\.tools\[0\]\.inputSchema: must describe an object/,
    ],
    [
      'a union',
      [{ ...tool, inputSchema: z.union([z.object({}), z.null()]) }],
      /inputSchema: must describe an object/,
    ],
    [
      'a schema with a function',
      [{ ...tool, inputSchema: { ...noInput, x: run } }],
      /^options\.tools\[0\]\.inputSchema\.x: a function/,
    ],
    [
      'a schema that gives no JSON Schema',
      [{ ...tool, inputSchema: v.object({}) }],
      /inputSchema: .*toStandardJsonSchema/,
    ],
    ['no time', [{ ...tool, timeoutMs: 0 }], /^options\.tools\[0\]\.timeoutMs: must be a number from 1 to/],
    ['a time that is none', [{ ...tool, timeoutMs: '3' }], /^options\.tools\[0\]\.timeoutMs: must be/],
    ['a time beyond a timer', [{ ...tool, timeoutMs: 2 ** 31 }], /^options\.tools\[0\]\.timeoutMs: must be/],
  ]
  for (const [what, tools, message] of wrong) {
    test(what, async (t) => {
      const { codex } = rig(t)
      for (const start of [
        codex.startThread({ tools }),
        codex.resumeThread('t', { tools }),
        codex.run('go', { tools }),
      ]) {
        const error = await rejection(start, TypeError)
        assert.match(error.message, message)
        assert.equal(Reflect.get(error, 'code'), 'INVALID_ARGUMENT')
      }
      assert.equal(codex.pid, null)
    })
  }

  test('a turn and the client take none', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    const options = /** @type {any} */ ({ tools: [tool] })
    assert.match((await rejection(thread.run('go', options), TypeError)).message, /tools/)
    assert.throws(() => new Codex(options), { name: 'TypeError', message: /tools/ })
  })

  test('defineTool gives the tool as it is, or says what is wrong with it', () => {
    assert.equal(defineTool(tool), tool)
    assert.throws(() => defineTool({ ...tool, name: 'a b' }), {
      name: 'TypeError',
      code: 'INVALID_ARGUMENT',
      message: /^tool\.name: "a b" is not accepted/,
    })
  })
})
