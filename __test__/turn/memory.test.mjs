// What is held outside of V8: V8 knows of it, and so collects the handles that hold it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
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
