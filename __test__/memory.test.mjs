// What is held outside of V8: V8 knows of it, and what nobody can read any more is let go.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { collect } from './support/outcomes.mjs'
import { rig } from './support/rig.mjs'

setFlagsFromString('--expose-gc')
const gc = /** @type {() => void} */ (runInNewContext('gc'))
const MIB = 1024 * 1024

/** A turn that says so many bytes. @param {number} bytes */
const saying = (bytes) => ({
  on: { 'turn/start': [['turnBegin', 'messageStarted', { flood: { count: bytes / 16_384, bytes: 16_384 } }, 'turnEnd']] },
})

/** Waits until the collector has given back what it can. @param {() => boolean} done */
async function collected(done) {
  for (let tries = 0; tries < 100 && !done(); tries++) {
    gc()
    await setImmediate()
  }
  assert.ok(done(), `${process.memoryUsage().external} bytes are external`)
}

test('V8 is told what the turns hold whose handles it holds', async (t) => {
  const { codex } = rig(t, saying(8 * MIB))
  const thread = await codex.startThread()
  const external = () => process.memoryUsage().external
  const before = external()
  let turn = /** @type {import('../index.js').Turn | undefined} */ (await thread.turn('go'))
  await turn?.run()
  await thread.read()
  assert.ok(external() - before > 7 * MIB, `${external() - before} bytes`)
  turn = undefined
  await collected(() => external() - before < MIB)
})

test('turns that nobody has any more are let go while a program goes on', async (t) => {
  const { codex } = rig(t, saying(4 * MIB))
  const thread = await codex.startThread()
  const turn = await thread.turn('go')
  await turn.run()
  const before = process.memoryUsage().rss
  for (let count = 0; count < 80; count++) {
    const turn = await thread.turn('go')
    const [texts] = await Promise.all([collect(turn.text()), turn.run()])
    assert.equal(texts.join('').length, 4 * MIB)
  }
  const grown = process.memoryUsage().rss - before
  assert.ok(grown < 200 * MIB, `${grown / MIB} MiB more for 320 MiB of text`)
})
