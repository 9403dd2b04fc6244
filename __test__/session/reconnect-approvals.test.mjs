// Row W2 of the failure cases: the line drops while a handler is asked.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { command, say } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { collect } from '../support/outcomes.mjs'
import { checkEvents, itemTypes, reconnecting } from '../support/reconnect.mjs'

const { anotherFile, behindProxy, endedOnServer, scripted, server } = await reconnecting({ after })

describe('approvals', { concurrency: 4, timeout: 60_000 }, () => {
  /**
   * A thread whose turn asks before its command runs.
   *
   * @param {import('node:test').TestContext} t
   */
  async function asking(t) {
    const file = anotherFile('approved')
    const calls = { count: 0, aborted: false }
    /** @type {(decision: 'accept' | 'decline') => void} */
    let decide = () => {}
    const decision = new Promise((resolve) => {
      decide = resolve
    })
    /** @type {() => void} */
    let wasAsked = () => {}
    const asked = new Promise((resolve) => {
      wasAsked = () => resolve(undefined)
    })
    /** @type {() => void} */
    let wasAborted = () => {}
    const aborted = new Promise((resolve) => {
      wasAborted = () => resolve(undefined)
    })
    const { codex, proxy, events } = await behindProxy(t, {
      onApproval: async (_, { signal }) => {
        calls.count += 1
        signal.addEventListener('abort', () => {
          calls.aborted = true
          wasAborted()
        })
        wasAsked()
        return /** @type {any} */ (await decision)
      },
    })
    const thread = await scripted(codex, [command(`echo yes >> '${file}'`), say('done')], {
      approvalPolicy: 'untrusted',
      approvalsReviewer: 'user',
    })
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await asked
    const answers = () =>
      proxy.up.filter(({ method, result }) => method === undefined && result !== undefined)
    return { codex, proxy, events, turn, reader, decide, calls, aborted, file, answers }
  }

  /** @param {Awaited<ReturnType<typeof asking>>} all */
  async function checkRan({ turn, reader, calls, file }) {
    const result = await turn.run()
    assert.deepEqual(itemTypes(result), ['userMessage', 'commandExecution', 'agentMessage'])
    assert.equal(readFileSync(file, 'utf8'), 'yes\n', 'it ran once')
    assert.equal(calls.count, 1)
    checkEvents(await reader, result)
  }

  test('W2: the handler answers after the gap: it was called once, and its answer counts', async (t) => {
    const all = await asking(t)
    all.proxy.cut()
    await all.events.next('resumed')
    assert.equal(all.calls.aborted, false)
    assert.ok(!existsSync(all.file))
    all.decide('accept')
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the handler answers in the gap', async (t) => {
    const all = await asking(t)
    all.proxy.refuse()
    await all.events.next('lost')
    all.decide('accept')
    await all.events.next('connecting')
    all.proxy.accept()
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the answer is lost with the line, and given again', async (t) => {
    const all = await asking(t)
    all.proxy.mute('up')
    all.decide('accept')
    await all.proxy.message('up', ({ method, result }) => method === undefined && result !== undefined)
    all.proxy.cut()
    all.proxy.unmute()
    await checkRan(all)
    assert.equal(all.answers().length, 2)
    assert.deepEqual(all.answers()[0], all.answers()[1])
  })

  test('W2: the answer arrives, and its line drops: it is not given again', async (t) => {
    const all = await asking(t)
    all.proxy.mute('down')
    all.decide('accept')
    await all.proxy.message('down', ({ method }) => method === 'serverRequest/resolved')
    all.proxy.cut()
    all.proxy.unmute()
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the line drops three times while the handler thinks', async (t) => {
    const all = await asking(t)
    for (let count = 0; count < 3; count++) {
      all.proxy.cut()
      await all.events.next('resumed')
    }
    all.decide('accept')
    await checkRan(all)
  })

  test('W2: the turn is over when the line is back: the handler’s signal aborts', async (t) => {
    const all = await asking(t)
    all.proxy.refuse()
    await all.events.next('lost')
    const other = connect(t, { url: server.url })
    await other.codex.request('turn/interrupt', { threadId: all.turn.threadId, turnId: all.turn.id })
    await endedOnServer(t, all.turn.threadId)
    all.proxy.accept()
    assert.equal((await all.turn.run()).status, 'interrupted')
    await all.aborted
    all.decide('accept')
    await all.codex.request('thread/loaded/list', {})
    assert.equal(all.answers().length, 0, 'the late answer is not sent')
  })
})
