// What errors say, and what a logged one shows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { AbortError, ServerExitedError, TurnFailedError } from '../../index.mjs'
import { hang, httpError, say } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

test('a logged error does not show its whole result', async (t) => {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  provider.enqueue(httpError(400, { body: 'no' }))
  const error = await rejection(thread.run('a very long prompt'), TurnFailedError)
  assert.equal(error.result.items[0]?.type, 'userMessage')
  assert.doesNotMatch(inspect(error, { depth: 9 }), /a very long prompt/)
  assert.doesNotMatch(JSON.stringify(error), /a very long prompt/)
  assert.match(inspect(error), /TURN_FAILED/)
})

for (const [name, reason, message] of /** @type {const} */ ([
  ['an error', new Error('the user left'), 'the operation was aborted: the user left'],
  ['a text', 'shutting down', 'the operation was aborted: shutting down'],
  ['nothing', undefined, 'the operation was aborted'],
  ['an object', { code: 7 }, 'the operation was aborted'],
  [
    'a timeout',
    new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
    'The operation was aborted due to timeout',
  ],
])) {
  test(`an AbortError names its reason: ${name}`, async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.enqueue(hang(say('x')))
    const controller = new AbortController()
    const turn = await thread.turn('x', { signal: controller.signal })
    controller.abort(reason)
    const error = await rejection(turn.result(), AbortError)
    assert.equal(error.message, message)
    assert.ok(error.stack?.startsWith(`AbortError: ${message}`), error.stack)
    const before = await rejection(thread.run('x', { signal: controller.signal }), AbortError)
    assert.equal(before.message, message)
  })
}

test('a ServerExitedError has no colours and no harmless warnings in its message', async (t) => {
  const harmless = 'WARNING: proceeding, even though we could not create PATH aliases: no'
  const { codex } = rig(t, {
    on: {
      'turn/start': [
        [
          'turnBegin',
          { stderr: `${harmless}\n` },
          { stderr: '\u001b[31mERROR\u001b[0m it broke' },
          { exit: 3 },
        ],
      ],
    },
  })
  const thread = await codex.startThread()
  const error = await rejection(thread.run('x'), ServerExitedError)
  assert.match(error.message, /exited with code 3; .*\nERROR it broke$/)
  assert.match(error.stderr, /PATH aliases/)
})

test('an unknown option says what was meant, or whose it is, and lists what the call takes', async (t) => {
  const { codex } = rig(t)
  const any = /** @type {any} */ (codex)
  const thread = await codex.startThread()
  const cases = /** @type {[() => Promise<unknown>, RegExp][]} */ ([
    [() => any.startThread({ modle: 'x' }), /^options\.modle: unknown field `modle`; did you mean `model`\?/],
    [() => any.startThread({ working_directory: 'x' }), /^options\.working_directory: unknown field/],
    [() => any.startThread({ approval_policy: 'never' }), /did you mean `approvalPolicy`\?/],
    [() => any.startThread({ onAproval() {} }), /onApproval/],
    [
      () => /** @type {any} */ (thread).run('x', { developerInstructions: 'x' }),
      /that is an option of `startThread`/,
    ],
    [() => any.startThread({ graceMs: 1 }), /that is an option of `close`/],
  ])
  for (const [call, message] of cases) await assert.rejects(call(), { code: 'INVALID_ARGUMENT', message })
  const refusal = async (/** @type {Promise<unknown>} */ call) => (await rejection(call, TypeError)).message
  assert.doesNotMatch(await refusal(any.startThread({ zzz: 1 })), /`lastTurnId`|`includeTurns`|`history`/)
  assert.match(await refusal(any.forkThread('x', { zzz: 1 })), /`lastTurnId`/)
  assert.doesNotMatch(await refusal(any.resumeThread('x', { zzz: 1 })), /`ephemeral`/)
})
