// What the library takes from the program that loads it, and what it leaves there.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { CodexError } from '../index.mjs'
import { rig } from './support/rig.mjs'
import { says, scriptedExec } from './support/scripted-exec.mjs'

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
    /** @param {string} who @returns {import('../index.js').Handlers} */
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
  /** @returns {typeof import('../index.js')} another evaluation of the package */
  function again() {
    for (const file of Object.keys(require.cache)) {
      if (!file.includes('node_modules')) delete require.cache[file]
    }
    return require('../index.js')
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

  test('there is one listener for the end of the process', () => {
    const before = process.listenerCount('exit')
    for (let i = 0; i < 5; i++) again()
    assert.equal(process.listenerCount('exit'), before)
  })
})
