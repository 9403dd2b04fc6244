// Which calls are no requests, whoever watches those.

import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { rig } from '../support/rig.mjs'

test('what asks nothing of codex, or ends, is not told of: loops and disposal among it', async (t) => {
  const channel = tracingChannel('codex-node:request')
  /** @type {string[]} */
  const calls = []
  const hears = {
    start: (/** @type {any} */ { call }) => void calls.push(call),
    end() {},
    asyncStart() {},
    asyncEnd() {},
    error() {},
  }
  channel.subscribe(hears)
  t.after(() => channel.unsubscribe(hears))
  const { codex } = rig(t)
  const thread = await codex.startThread()
  for await (const _ of await thread.turn('go'));
  await thread[Symbol.asyncDispose]()
  await codex[Symbol.asyncDispose]()
  assert.deepEqual(calls, ['startThread'])
})
