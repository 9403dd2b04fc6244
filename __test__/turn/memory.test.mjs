// What is held outside of V8: V8 knows of it, and so collects the handles that hold it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { rig } from '../support/rig.mjs'

const MIB = 1024 * 1024

test('turns that nobody has any more are let go while a program goes on', { timeout: 120_000 }, async (t) => {
  const { codex } = rig(t, {
    on: { 'turn/start': [['turnBegin', 'messageStarted', { flood: { count: 8, bytes: MIB } }, 'turnEnd']] },
  })
  const thread = await codex.startThread()
  let collected = 0
  const registry = new FinalizationRegistry(() => collected++)
  let turns = 0
  // Of itself V8 collects none of them: its own heap stays as it is.
  for (; collected === 0 && turns < 14; turns++) {
    const turn = await thread.turn('go')
    registry.register(turn, undefined)
    await turn.run()
    await setImmediate()
  }
  assert.ok(collected > 0, `none of ${turns} turns of 8 MiB`)
})

test('threads that nobody has any more are let go, also under handlers: the last 64 are followed', async (t) => {
  const { codex, log } = rig(t, {}, { onApproval: () => 'accept' })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let count = 0; count < 80; count++) await codex.startThread()
  const left = () => log.messages('thread/unsubscribe').length
  // Handles are collected when V8 likes.
  while (left() < 10) {
    collect()
    await setImmediate()
    await codex.request('thread/loaded/list', {})
  }
  await codex.close()
  assert.ok(left() <= 80 - 64, `${left()} of 80`)
})
