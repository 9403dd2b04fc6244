// Row T13 of the failure cases: more than a reader takes.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { rig, temporaryFolder } from '../support/rig.mjs'
import { flood, numbered } from '../support/turns.mjs'

// Alone, for what they measure.
describe('T13: 100,000 deltas and a consumer that does not read', { timeout: 60_000 }, () => {
  const count = 100_000

  for (const coalesce of [false, true]) {
    test(`none is lost and the order is kept, coalesce: ${coalesce}`, async (t) => {
      const { codex } = rig(t, { on: { 'turn/start': [flood({ count, flooded: true }), 'default'] } })
      const flooded = codex.notifications({ methods: ['rig/flooded'] })
      const thread = await codex.startThread()
      const other = await codex.startThread()
      const before = nativeBytes()
      const turn = await thread.turn('go')
      const events = turn.stream({ coalesce })
      const first = await events.next()
      assert.equal(first.value?.method, 'turn/started')

      // Everything has come, and is kept for the consumer.
      await flooded.next()
      await turn.run()
      const kept = nativeBytes() - before
      const text = numbered(count).join('')
      // What is on the wire is ten times its text.
      assert.ok(kept < 4 * text.length, `${kept} bytes are kept for ${text.length} of text`)
      // Nobody else had to wait for it.
      assert.equal((await other.run('me too')).finalResponse, 'Hello from the rig.')

      /** @type {string[]} */
      const deltas = []
      /** @type {string[]} */
      const methods = []
      for await (const event of events) {
        if (event.method === 'item/agentMessage/delta') deltas.push(event.params.delta)
        if (event.method !== methods.at(-1)) methods.push(event.method)
      }
      assert.equal(deltas.join(''), text)
      if (coalesce) assert.ok(deltas.length < 100, `${deltas.length} events`)
      else assert.deepEqual(deltas, numbered(count))
      assert.deepEqual(methods, [
        'item/started',
        'item/completed',
        'item/started',
        'item/agentMessage/delta',
        'item/completed',
        'thread/tokenUsage/updated',
        'turn/completed',
      ])
    })
  }

  test('another turn goes on while it floods', async (t) => {
    const go = join(temporaryFolder(t), 'go')
    const endless = {
      flood: { count: 1_000_000_000, numbered: true, bytes: 16, text: 'x', perSecond: 50_000 },
    }
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          ['turnBegin', 'messageStarted', endless],
          [{ waitForFile: go }, 'default'],
        ],
      },
    })
    const [flooding, other] = [await codex.startThread(), await codex.startThread()]
    const turn = await flooding.turn('go')
    const events = turn.stream()
    await events.next()
    const running = other.run('me too')
    writeFileSync(go, '')
    assert.equal((await running).finalResponse, 'Hello from the rig.')
    await turn.interrupt()
    assert.equal((await turn.run()).status, 'interrupted')
  })
})

/** Memory of this process that is not V8's. */
function nativeBytes() {
  const { rss, heapTotal, external } = process.memoryUsage()
  return rss - heapTotal - external
}
