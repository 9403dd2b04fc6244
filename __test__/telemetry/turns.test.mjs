// What the channel of turns says of the end of one that a program has.

import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { describe, test } from 'node:test'
import { rig } from '../support/rig.mjs'

const turns = tracingChannel('codex-node:turn')
const requests = tracingChannel('codex-node:request')

/** @param {import('node:test').TestContext} t @returns {any[]} the messages of turns that have ended */
function ends(t) {
  /** @type {any[]} */
  const ended = []
  const heard = { asyncEnd: (/** @type {any} */ message) => void ended.push(message) }
  turns.subscribe(/** @type {any} */ (heard))
  t.after(() => turns.unsubscribe(/** @type {any} */ (heard)))
  return ended
}

const stop = new AbortController()

describe('the end of a turn that was handed out', { timeout: 40_000 }, () => {
  for (const [
    how,
    code,
    on,
    options,
    end,
  ] of /** @type {[string, string | undefined, any[], () => any, ((codex: any, turn: any) => any)?][]} */ ([
    ['fails', 'TURN_FAILED', ['turnBegin', 'turnFailed'], () => ({})],
    ['loses its codex', 'SERVER_EXITED', ['turnBegin', { exit: 3 }], () => ({})],
    ['goes over its budget', 'BUDGET_EXCEEDED', ['turnBegin'], () => ({ budget: { ms: 1000 } })],
    [
      'goes over its budget with its last word',
      'BUDGET_EXCEEDED',
      ['turnBegin', 'agentMessage', 'turnEnd'],
      () => ({ budget: { tokens: 100 } }),
    ],
    ['is aborted', 'ABORT_ERR', ['turnBegin'], () => ({ signal: stop.signal }), () => stop.abort()],
    ['is closed', 'CLOSED', ['turnBegin'], () => ({}), (codex) => codex.close()],
    ['is interrupted', undefined, ['turnBegin'], () => ({}), (_, turn) => turn.interrupt()],
    ['completes', undefined, ['turnBegin', 'agentMessage', 'turnEnd'], () => ({})],
  ])) {
    test(`one that ${how}`, async (t) => {
      const { codex } = rig(t, { on: { 'turn/start': [on] } })
      const thread = await codex.startThread()
      /** @type {string[]} */
      const calls = []
      const heard = { start: (/** @type {any} */ { call }) => void calls.push(call) }
      requests.subscribe(/** @type {any} */ (heard))
      t.after(() => requests.unsubscribe(/** @type {any} */ (heard)))
      const ended = ends(t)
      const turn = await thread.turn('go', options())
      await end?.(codex, turn)
      const outcome = turn.run().catch((/** @type {any} */ error) => error)
      const { code: own } = /** @type {any} */ (await outcome)
      // Telling keeps no program alive.
      while (ended.length === 0) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual([own, ended[0].error?.code], [code, code])
      // What is asked for it is no call of the program's.
      assert.ok(!calls.includes('result'))
    })
  }
})
