// text(): messages apart, by their phase, and at most so often.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { command, createGate, deltas, reply, say, waitFor } from '../../testing/index.mjs'
import { collect } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'

/** @param {import('node:test').TestContext} t */
async function open(t) {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
  return { provider, thread }
}

describe('text()', () => {
  const steps = () => [
    reply([say('I look.', { phase: 'commentary' }), command('true')]),
    reply([say('I look again.', { phase: 'commentary' }), command('true')]),
    reply([say('Part one.', { phase: 'final_answer' }), say('Part two.', { phase: 'final_answer' })]),
  ]

  test('messages are separated by a blank line, for whoever reads when', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(...steps())
    const turn = await thread.turn('x')
    const whole = 'I look.\n\nI look again.\n\nPart one.\n\nPart two.'
    assert.equal((await collect(turn.text())).join(''), whole)
    assert.equal((await collect(turn.text())).join(''), whole)
  })

  test('by phase', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(...steps())
    const turn = await thread.turn('x')
    const text = async (/** @type {import('../../index.js').TextOptions} */ options) =>
      (await collect(turn.text(options))).join('')
    assert.equal(await text({ phase: 'final_answer' }), 'Part one.\n\nPart two.')
    assert.equal(await text({ phase: 'commentary' }), 'I look.\n\nI look again.')
    provider.enqueue(say('Without a phase.'))
    const other = await thread.turn('x')
    assert.deepEqual(
      await collect(other.text({ phase: 'final_answer' })).then((all) => all.join('')),
      'Without a phase.',
    )
    assert.deepEqual(await collect(other.text({ phase: 'commentary' })), [])
  })

  test('at most so often, and the last piece for certain', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(deltas(200, { text: 'abc ', batch: 5, chunkDelayMs: 4 }))
    const turn = await thread.turn('x')
    /** @type {number[]} */
    const times = []
    let text = ''
    const begun = performance.now()
    for await (const piece of turn.text({ everyMs: 40 })) {
      times.push(performance.now())
      text += piece
    }
    assert.equal(text, 'abc '.repeat(200))
    // A loop that comes late has the next piece sooner after that, and the rest comes with the end.
    const most = ((times.at(-1) ?? 0) - begun) / 40 + 2
    assert.ok(times.length > 1 && times.length <= most, `${times.length} pieces, at most ${most}`)
  })

  test('the end of the turn and an abort wait for no next piece', async (t) => {
    const { provider, thread } = await open(t)
    const slow = { everyMs: 600_000, leaveRunning: true }
    const gate = createGate()
    provider.enqueue(reply([say('One'), waitFor(gate), say('Two')]))
    const reader = (await thread.turn('x')).text(slow)
    const first = await reader.next()
    const rest = collect(reader)
    gate.open()
    assert.equal([first.value, ...(await rest)].join(''), 'One\n\nTwo')

    const controller = new AbortController()
    const forEver = createGate()
    provider.enqueue(reply([say('One'), waitFor(forEver)]))
    const turn = await thread.turn('x', { signal: controller.signal })
    const aborted = turn.text(slow)
    assert.equal((await aborted.next()).done, false)
    const next = aborted.next()
    controller.abort(new Error('enough'))
    // What was left of the text may come first.
    const end = async () => {
      for (let read = await next; !read.done; ) read = await aborted.next()
    }
    await assert.rejects(end, { name: 'AbortError', message: /enough/ })
    forEver.open()
  })

  test('leaving does not wait for the next piece', async (t) => {
    const { provider, thread } = await open(t)
    const gate = createGate()
    provider.enqueue(reply([say('One'), waitFor(gate)]))
    const turn = await thread.turn('x')
    const reader = turn.text({ everyMs: 600_000, leaveRunning: true })
    // The first comes at once, whatever of it is there.
    assert.equal((await reader.next()).done, false)
    const next = reader.next()
    await reader.return()
    assert.deepEqual(await next, { value: undefined, done: true })
    gate.open()
    await turn.result()
  })

  test('a wrong option is refused', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(say('x'))
    const turn = /** @type {any} */ (await thread.turn('x'))
    assert.throws(() => turn.text({ everyMs: -1 }), /options\.everyMs/)
    assert.throws(() => turn.text({ phase: 'final' }), /options\.phase.*final_answer/)
    assert.throws(() => turn.text({ coalesce: true }), /options\.coalesce.*`stream\(\)`/)
    await turn.result()
  })
})
