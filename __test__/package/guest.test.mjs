// What the library takes from the program that loads it, and what it leaves there.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { CodexError } from '../../index.mjs'
import { startScriptedProvider } from '../../testing/index.mjs'
import { turnEvents } from '../../web/client.mjs'
import { turnResponse } from '../../web/index.mjs'
import { startHost } from '../support/host.mjs'
import { rig, rigEnvironment, rigPath } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

const require = createRequire(import.meta.url)

const approval = {
  method: 'item/commandExecution/requestApproval',
  params: { threadId: '$threadId', turnId: '$turnId', itemId: 'i', startedAtMs: 1, command: 'ls' },
}
const asks = { on: { 'turn/start': [['turnBegin', { request: approval }, 'agentMessage', 'turnEnd']] } }
const toolCall = {
  method: 'item/tool/call',
  params: { threadId: '$threadId', turnId: '$turnId', callId: 'c', tool: 'who', arguments: {} },
}

describe('the context of the call', { concurrency: true, timeout: 60_000 }, () => {
  /** @type {AsyncLocalStorage<string>} */
  const user = new AsyncLocalStorage()

  test("handlers of client, thread and turn run in that of the turn's own call", async (t) => {
    /** @type {[string, string | undefined][]} */
    const seen = []
    /** @param {string} who @returns {import('../../index.js').Handlers} */
    const by = (who) => ({
      onApproval: async () => {
        await null
        seen.push([who, user.getStore()])
        return /** @type {const} */ ('accept')
      },
    })
    const { codex } = rig(
      t,
      asks,
      user.run('maker', () => by('client')),
    )
    const plain = await user.run('maker', () => codex.startThread())
    const own = await user.run('maker', () => codex.startThread(by('thread')))
    await Promise.all([
      user.run('ada', () => plain.run('a')),
      user.run('bob', () => own.run('b')),
      user.run('eve', async () => (await codex.startThread()).run('c', by('turn'))),
    ])
    await user.run('dan', async () => (await plain.turn('d')).run())
    await user.run('fay', () => codex.run('e'))
    assert.deepEqual(Object.fromEntries(seen.slice(0, 3)), { client: 'ada', thread: 'bob', turn: 'eve' })
    assert.deepEqual(seen.slice(3), [
      ['client', 'dan'],
      ['client', 'fay'],
    ])
  })

  test("tools run in that of the turn's own call", async (t) => {
    /** @type {(string | undefined)[]} */
    const seen = []
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', { request: toolCall }, 'agentMessage', 'turnEnd']] },
    })
    const tool = {
      name: 'who',
      description: 'who asks',
      inputSchema: { type: 'object' },
      run: async () => seen.push(user.getStore()),
    }
    const thread = await user.run('maker', () => codex.startThread({ tools: [tool] }))
    await Promise.all(['ada', 'bob'].map((name) => user.run(name, () => thread.run('go'))))
    assert.deepEqual(seen, ['ada', 'bob'])
  })

  test('a review has its own, and who goes on with a turn has his', async (t) => {
    /** @type {(string | undefined)[]} */
    const seen = []
    const onApproval = () => {
      seen.push(user.getStore())
      return /** @type {const} */ ('accept')
    }
    const go = { waitFor: 'test/go' }
    const { codex } = rig(
      t,
      {
        on: {
          'turn/start': [['turnBegin', go, { request: approval }, 'agentMessage', 'turnEnd']],
          'review/start': [
            [
              {
                reply: {
                  turn: { id: 'turn-r', status: 'inProgress', items: [] },
                  reviewThreadId: '$threadId',
                },
              },
              { set: { turnId: 'turn-r' } },
              'turnStarted',
              { request: approval },
              'agentMessage',
              'turnEnd',
            ],
          ],
        },
      },
      { onApproval },
    )
    const thread = await codex.startThread()
    const turn = await user.run('ada', () => thread.turn('a'))
    const again = await user.run('bob', () => codex.continueTurn(turn.continuation()))
    await codex.notify(/** @type {any} */ ('test/go'))
    await again.run()
    const review = await user.run('eve', () => thread.review({ type: 'uncommittedChanges' }))
    await review.run()
    assert.deepEqual(seen, ['bob', 'eve'])
  })

  test('what belongs to no turn is asked where the handlers were given', async (t) => {
    /** @type {(string | undefined)[]} */
    const seen = []
    const refresh = { method: 'account/chatgptAuthTokens/refresh', params: { reason: 'unauthorized' } }
    const { codex, log } = await user.run('maker', async () =>
      rig(
        t,
        { on: { 'thread/start': [['default', { request: refresh, wait: false }]] } },
        {
          onAuthTokensRefresh: () => {
            seen.push(user.getStore())
            return { accessToken: 'a', chatgptAccountId: 'b' }
          },
        },
      ),
    )
    await user.run('ada', () => codex.startThread())
    await log.find((entry) => entry.in?.result?.accessToken === 'a')
    assert.deepEqual(seen, ['maker'])
  })
})

describe('who called', { concurrency: true, timeout: 60_000 }, () => {
  /** @param {unknown} error @param {string} name */
  function isFrom(error, name) {
    assert.ok(error instanceof Error)
    const [head, first] = String(error.stack).split('\n    at ')
    assert.equal(head, `${error.name}: ${error.message}`)
    assert.match(String(first), new RegExp(name))
    assert.match(String(error.stack), /guest\.test\.mjs/)
    return true
  }

  test('a rejection of any call names the caller', async (t) => {
    const { codex } = rig(t, { on: { '*': { error: { code: -32603, message: 'no' } } } })
    const account = codex.account
    async function inUserCode() {
      await codex.startThread()
    }
    async function inOtherCode() {
      await account.read()
    }
    await assert.rejects(inUserCode, (error) => isFrom(error, 'inUserCode'))
    await assert.rejects(inOtherCode, (error) => isFrom(error, 'inOtherCode'))
    function badInput() {
      return codex.request('thread/read', /** @type {any} */ ({ threadId: 1n }))
    }
    await assert.rejects(badInput, (error) => isFrom(error, 'badInput'))
  })

  test('so does a loop, by where its reader was made', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [['turnBegin', 'turnFailed']],
        'thread/list': { error: { code: -32603, message: 'no' } },
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    async function readsText() {
      for await (const _ of turn.text());
    }
    async function lists() {
      for await (const _ of codex.threads());
    }
    await assert.rejects(readsText, (error) => isFrom(error, 'readsText'))
    await assert.rejects(turn.run(), (error) => isFrom(error, 'TestContext|guest'))
    await assert.rejects(lists, (error) => isFrom(error, 'lists'))
  })

  test('codex-node/exec: run, the events and their result', async (t) => {
    const { codex } = scriptedExec(t, [...says.begin(), { exit: 3 }])
    const thread = codex.startThread()
    async function runs() {
      await thread.run('go')
    }
    await assert.rejects(runs, (error) => isFrom(error, 'runs'))
    async function streams() {
      const { events } = await thread.runStreamed('go')
      for await (const _ of events);
    }
    await assert.rejects(streams, (error) => isFrom(error, 'streams'))
  })
})

describe('evaluated twice', { timeout: 60_000 }, () => {
  /** @returns {typeof import('../../index.js')} another evaluation of the package */
  function again() {
    for (const file of Object.keys(require.cache)) {
      if (!file.includes('node_modules')) delete require.cache[file]
    }
    return require('../../index.js')
  }

  test('errors and objects are of the copy that made the client', async (t) => {
    const first = again()
    const { codex: ours, folder } = rig(t, {
      on: { 'thread/name/set': { error: { code: -32603, message: 'no' } } },
    })
    const options = { codexPath: process.execPath, cwd: folder }
    const one = new first.Codex(options)
    const second = again()
    const two = new second.Codex(options)
    assert.notEqual(first.CodexError, second.CodexError)
    await assert.rejects(one.connect(), (error) => error instanceof first.CodexError)
    await assert.rejects(two.connect(), (error) => error instanceof second.CodexError)
    await assert.rejects(new first.Codex(options).connect(), (error) => error instanceof first.CodexError)
    assert.ok(one instanceof first.Codex && two instanceof second.Codex)
    // What came of a client, too.
    const thread = await ours.startThread()
    assert.ok(thread instanceof first.Thread)
    await assert.rejects(thread.setName('x'), (error) => error instanceof CodexError)
    const turn = await thread.turn('go')
    assert.ok(turn instanceof first.Turn)
    const { status } = await turn.run()
    assert.equal(status, 'completed')
    await assert.rejects(
      first.serve({ codexPath: process.execPath }),
      (error) => error instanceof first.CodexError,
    )
  })

  test('budgets and corrections of a client hold when the package is evaluated again', async (t) => {
    const { env, log } = rigEnvironment(t)
    const first = again()
    const codex = new first.Codex({ codexPath: rigPath, env })
    t.after(() => codex.close())
    // Each turn of the scripted app-server uses 120 tokens, and gives no JSON.
    const thread = await codex.startThread({ budget: { tokens: 150 } })
    const other = await codex.startThread()
    again()
    const outputSchema = { type: 'object', properties: {}, additionalProperties: false }
    await assert.rejects(
      other.run('go', { outputSchema, outputRetries: 1 }),
      (error) => error instanceof first.OutputValidationError,
    )
    assert.equal(log.messages('turn/start').length, 2)
    assert.equal((await thread.run('go')).status, 'completed')
    await assert.rejects(thread.run('go'), (error) => error instanceof first.BudgetExceededError)
    await assert.rejects(thread.export({ maxBytes: -1 }), { code: 'INVALID_ARGUMENT' })
  })

  test('there is one listener for the end of the process', () => {
    const before = process.listenerCount('exit')
    for (let i = 0; i < 5; i++) again()
    assert.equal(process.listenerCount('exit'), before)
  })
})

describe('signals', { concurrency: true, timeout: 60_000 }, () => {
  const count = (/** @type {AbortSignal} */ signal) => getEventListeners(signal, 'abort').length

  test('thirty runs at once have one listener, and none when they are over', async (t) => {
    const { codex } = rig(t)
    const { signal } = new AbortController()
    const warned = t.mock.method(process, 'emitWarning')
    const threads = await Promise.all(Array.from({ length: 30 }, () => codex.startThread({ signal })))
    const runs = threads.map((thread) => thread.run('go', { signal }))
    assert.equal(count(signal), 1)
    await Promise.all(runs)
    assert.equal(count(signal), 0)
    const turns = await Promise.all(threads.map((thread) => thread.turn('go', { signal })))
    assert.ok(count(signal) <= 1)
    for (const turn of turns) for await (const _ of turn);
    assert.equal(count(signal), 0)
    assert.equal(warned.mock.callCount(), 0)
  })

  test('turns one after another leave none, whether they are read, left or failed', async (t) => {
    const { codex } = rig(t, {
      on: { 'turn/start': ['default', 'default', [['turnBegin', 'turnFailed']].flat(), 'default'] },
    })
    const { signal } = new AbortController()
    const thread = await codex.startThread()
    await (await thread.turn('read', { signal })).run()
    for await (const _ of await thread.turn('left', { signal })) break
    const failed = await thread.turn('fails', { signal })
    await assert.rejects(failed.run())
    for (let i = 0; i < 50; i++) await (await thread.turn('again', { signal })).run()
    // The last word of those that nobody waited for comes by a queue of its own.
    while (count(signal) > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('an abort reaches all who wait', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const controller = new AbortController()
    const { signal } = controller
    const threads = await Promise.all([1, 2, 3].map(() => codex.startThread()))
    const turns = await Promise.all(threads.map((thread) => thread.turn('go', { signal })))
    const runs = turns.map((turn) => turn.run())
    const isAborted = (/** @type {any} */ error) =>
      error.name === 'AbortError' && error.cause.message === 'enough'
    // All at once: one that rejects before anybody waits for it is an unhandled rejection.
    const rejected = runs.map((run) => assert.rejects(run, isAborted))
    controller.abort(new Error('enough'))
    await Promise.all(rejected)
    assert.equal(count(signal), 0)
  })

  test('codex-node/exec shares the listener, too', async (t) => {
    const { codex } = scriptedExec(t, [...says.turn()])
    const { signal } = new AbortController()
    const runs = [1, 2, 3].map(() => codex.startThread().run('go', { signal }))
    assert.equal(count(signal), 1)
    await Promise.all(runs)
    const { events } = await codex.startThread().runStreamed('go', { signal })
    for await (const _ of events);
    assert.equal(count(signal), 0)
  })

  test('and so do the other entries', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = await (await codex.startThread()).turn('go')
    const provider = await startScriptedProvider()
    t.after(() => provider.close())
    const never = (/** @type {unknown} */ _, /** @type {{ signal: AbortSignal }} */ { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', reject))
    const calls = {
      turnEvents: (/** @type {AbortSignal} */ signal) =>
        turnEvents('http://x', { signal, fetch: /** @type {any} */ (never) }).next(),
      turnResponse: (/** @type {AbortSignal} */ signal) => {
        // Those of Node have a signal of their own, which follows the one that they are made with.
        const request = /** @type {any} */ ({
          url: 'http://x',
          method: 'GET',
          headers: new Headers(),
          signal,
        })
        return turnResponse(turn, request).text()
      },
      nextRequest: (/** @type {AbortSignal} */ signal) => provider.nextRequest(undefined, { signal }),
    }
    for (const [name, call] of Object.entries(calls)) {
      const controller = new AbortController()
      const { signal } = controller
      const all = Array.from({ length: 12 }, () => call(signal).catch(() => {}))
      assert.equal(count(signal), 1, name)
      controller.abort()
      await Promise.all(all)
      assert.equal(count(signal), 0, name)
    }
  })
})

describe('staying alive', { concurrency: true, timeout: 60_000 }, () => {
  test('a loop in the background lets the program end', async (t) => {
    const { env } = rigEnvironment(t, {
      on: { 'thread/start': [['default', { request: { method: 'a', params: {} }, wait: false }]] },
    })
    const host = startHost(
      t,
      `
      const codex = new Codex({ codexPath: data.path, env: data.env })
      const loop = async (reader) => { for await (const { method } of reader) tell(method) }
      loop(codex.notifications({ keepAlive: false, methods: ['thread/started'] }))
      loop(codex.serverRequests({ keepAlive: false }))
      setTimeout(() => {}, 60_000).unref()
      await codex.startThread()
      `,
      { path: rigPath, env },
    )
    assert.equal((await host.exited).code, 0)
  })

  test('it hears what comes, and its end', async (t) => {
    const { codex } = rig(t)
    /** @type {string[]} */
    const heard = []
    const reader = codex.notifications({ keepAlive: false })
    const loop = (async () => {
      for await (const { method } of reader) heard.push(method)
    })()
    await (await codex.startThread()).run('go')
    await codex.close()
    await loop
    assert.ok(heard.includes('thread/started'))
    assert.equal(reader.dropped, 0)
    assert.throws(() => codex.notifications({ keepAlive: /** @type {any} */ (1) }))
  })

  test('leaving settles a next() that waits, in the background and not', async (t) => {
    const { codex } = rig(t)
    await codex.connect()
    for (const keepAlive of [true, false]) {
      const reader = codex.notifications({ keepAlive, methods: ['none'] })
      const next = reader.next()
      await reader.return?.()
      assert.deepEqual(await next, { value: undefined, done: true })
    }
  })

  test('leaving the output of a command settles a next() that waits', async (t) => {
    const { codex } = rig(t, { on: { 'command/exec': 'never', 'command/exec/terminate': { reply: {} } } })
    const command = await codex.execCommand(['x'], { stream: true })
    const output = command[Symbol.asyncIterator]()
    const next = output.next()
    await output.return?.()
    assert.deepEqual(await next, { value: undefined, done: true })
    command.exit.catch(() => {})
  })

  test('a loop goes on where the program let go of its client', async (t) => {
    const { env } = rigEnvironment(t, {
      background: [{ waitFor: 'thread/start' }, { sleepMs: 300 }, { notify: { method: 'late', params: {} } }],
    })
    const host = startHost(
      t,
      `
      const { setFlagsFromString } = await import('node:v8')
      const { runInNewContext } = await import('node:vm')
      setFlagsFromString('--expose_gc')
      const gc = runInNewContext('gc')
      async function begin() {
        const codex = new Codex({ codexPath: data.path, env: data.env })
        const reader = codex.notifications({ methods: ['late'] })
        await codex.startThread()
        return reader
      }
      const reader = await begin()
      const collecting = setInterval(gc, 20)
      for await (const { method } of reader) { tell(method); break }
      clearInterval(collecting)
      `,
      { path: rigPath, env },
    )
    assert.equal(await host.told(), 'late')
    assert.equal((await host.exited).code, 0)
  })

  test('what a worker alone has started ends with the process, also if it ignores the end of its input', async (t) => {
    const { env, log } = rigEnvironment(t, { onEof: 'ignore', onSigterm: 'ignore' })
    const host = startHost(
      t,
      `
      const { Worker } = await import('node:worker_threads')
      process.channel.ref()
      const worker = new Worker(
        \`import { Codex } from \${JSON.stringify(data.index)}
         import { parentPort, workerData } from 'node:worker_threads'
         const codex = new Codex({ codexPath: workerData.path, env: workerData.env })
         await codex.connect()
         parentPort.postMessage(codex.pid)
         setInterval(() => {}, 1000)\`,
        { eval: true, workerData: data },
      )
      worker.once('message', (pid) => { tell(pid); setImmediate(() => process.exit(0)) })
      `.replaceAll('\\`', '`'),
      { path: rigPath, env, index: new URL('../../index.mjs', import.meta.url).href },
    )
    const pid = await host.told()
    await host.exited
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    assert.ok(log.entries().length > 0)
  })
})

describe('what JSON bends', { concurrency: true, timeout: 60_000 }, () => {
  /** @param {import('node:test').TestContext} t @param {() => unknown} result */
  async function answerOf(t, result) {
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', { request: toolCall }, 'agentMessage', 'turnEnd']] },
    })
    const tool = {
      name: 'who',
      description: 'who',
      inputSchema: { type: 'object' },
      run: /** @type {any} */ (result),
    }
    await (await codex.startThread({ tools: [tool] })).run('go')
    const { result: answer } = log.messages().find((message) => message.result?.contentItems !== undefined)
    return { ...answer, text: answer.contentItems[0]?.text }
  }

  test('a tool that returns what has no JSON has failed, and the model hears why', async (t) => {
    class Point {
      x = 1
    }
    for (const [value, name] of /** @type {[unknown, string][]} */ ([
      [new Response('x'), 'a Response'],
      [new Blob(['x']), 'a Blob'],
      [/x/, 'a RegExp'],
      [new Headers(), 'a Headers'],
      [(function* () {})(), 'a Generator'],
      [new Point(), 'a Point'],
      [Object.create({ x: 1 }), 'an Object'],
      [{ async *[Symbol.asyncIterator]() {} }, 'an Object, which is iterable'],
      [Object(Symbol('x')), 'a Symbol'],
      [{ deep: [new Map()] }, 'a Map'],
    ])) {
      const { success, text } = await answerOf(t, () => value)
      assert.equal(success, false)
      assert.match(text, new RegExp(`the tool who failed: its result.*: ${name}`))
    }
  })

  test('a returned error is a failure', async (t) => {
    const { success, text } = await answerOf(t, () => new RangeError('too far'))
    assert.deepEqual([success, text], [false, 'the tool who failed: too far'])
  })

  test('what has toJSON, and the result of an MCP tool', async (t) => {
    assert.equal((await answerOf(t, () => ({ at: new Date(0) }))).text, '{"at":"1970-01-01T00:00:00.000Z"}')
    const mcp = await answerOf(t, () => ({ content: [{ type: 'text', text: 'no' }], isError: true }))
    assert.deepEqual([mcp.success, mcp.text], [false, 'no'])
  })

  test('options and parameters have the same rule', async (t) => {
    const { codex } = rig(t)
    const config = { a: new Headers() }
    await assert.rejects(codex.startThread({ config: /** @type {any} */ (config) }), {
      name: 'TypeError',
      message: /options\.config\.a: a Headers is not accepted/,
    })
    await assert.rejects(
      codex.request('thread/list', /** @type {any} */ ({ cwd: /x/ })),
      /params\.cwd: a RegExp/,
    )
  })

  test('a lone surrogate or a deep nesting loses no step and no text', async (t) => {
    const deep = '['.repeat(500) + ']'.repeat(500)
    const items = [
      '{"type":"agentMessage","id":"m","text":"a\\ud800b"}',
      `{"type":"mcpToolCall","id":"c","server":"s","tool":"t","result":${deep}}`,
    ]
    const lines = items.map((item) => ({
      raw: `{"method":"item/completed","params":{"threadId":"$threadId","turnId":"$turnId","item":${item}}}\n`,
    }))
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', ...lines, 'turnEnd']] } })
    const turn = await (await codex.startThread()).turn('go')
    /** @type {string[]} */
    const steps = []
    for await (const step of turn.steps()) steps.push(step.text)
    let text = ''
    for await (const piece of turn.text()) text += piece
    const { items: all } = await turn.run()
    assert.deepEqual([steps, text, all.length], [['go', 'a\ufffdb', 's.t'], 'a\ufffdb', 3])
  })

  test('what is nested deeper than codex reads is refused by name', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnBegin', { request: toolCall }, 'agentMessage', 'turnEnd']] },
    })
    const nested = (/** @type {number} */ depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    const refused = { code: 'INVALID_ARGUMENT', message: /nested more than 120 levels/ }
    for (const deep of [nested(121), nested(5_000)]) {
      await assert.rejects(codex.request('thread/read', /** @type {any} */ (deep)), refused)
      await assert.rejects(codex.config.write('a', deep), refused)
    }
    const tool = { name: 'who', description: 'x', inputSchema: { type: 'object' }, run: () => nested(121) }
    await (await codex.startThread({ tools: [tool] })).run('go')
    const { in: answer } = await log.find((entry) => entry.in?.result?.contentItems !== undefined)
    assert.equal(answer.result.success, false)
    assert.match(answer.result.contentItems[0].text, /its result: is nested more than 120 levels/)
  })
})

describe('clocks', { timeout: 60_000 }, () => {
  test('with timers faked nothing hangs', async (t) => {
    const { codex } = rig(t, asks)
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] })
    const thread = await codex.startThread({ onApproval: async () => /** @type {const} */ ('accept') })
    const turn = await thread.turn('go')
    for await (const _ of turn);
    let tries = 0
    const fetch = async () => {
      if (tries++ === 0) throw new Error('away')
      return turnResponse(turn, new Request('http://x'))
    }
    for await (const _ of turnEvents('http://x', { initialDelayMs: 1, fetch }));
    assert.equal(tries, 2)
    await codex.close()
    t.mock.timers.reset()
  })
})
