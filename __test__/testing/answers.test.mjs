import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  createGate,
  deltas,
  endEarly,
  failed,
  httpError,
  incomplete,
  reasoning,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { answer, ask, events } from './helpers.mjs'

// What waits for ever must fail its test, not the whole run.
describe('answers', { timeout: 10_000 }, () => {
  /** @type {import('../../testing/index.mjs').ScriptedProvider} */
  let provider

  beforeEach(async () => {
    provider = await startScriptedProvider({ fallback: 'fallback' })
  })
  afterEach(async () => {
    await provider.close()
    assert.deepEqual(provider.errors, [])
  })

  test('a message is streamed as codex expects it', async () => {
    provider.enqueue(say('one two', { chunks: 2, phase: 'final_answer' }))
    const response = await ask(provider)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const seen = events(await response.text())
    assert.deepEqual(
      seen.map(({ type }) => type),
      [
        'response.created',
        'response.output_item.added',
        'response.output_text.delta',
        'response.output_text.delta',
        'response.output_item.done',
        'response.completed',
      ],
    )
    assert.deepEqual(
      seen.flatMap(({ delta }) => delta ?? []),
      ['one ', 'two'],
    )
    assert.deepEqual(seen[4]?.item?.content, [{ type: 'output_text', text: 'one two', annotations: [] }])
    assert.equal(seen[4]?.item?.phase, 'final_answer')
  })

  test('no delta has half a surrogate pair', async () => {
    provider.enqueue(say('😀😀😀', { chunks: 6 }))
    const parts = events(await (await ask(provider)).text()).flatMap(({ delta }) => delta ?? [])
    assert.deepEqual(parts, ['😀', '😀', '😀'])
  })

  test('a flood has exactly the deltas that were asked for', async () => {
    provider.enqueue(deltas(5_001, { text: 'ab', batch: 1_000 }))
    const seen = events(await (await ask(provider)).text())
    assert.equal(seen.filter(({ delta }) => delta === 'ab').length, 5_001)
    assert.deepEqual(seen.at(-2)?.item?.content, [
      { type: 'output_text', text: 'ab'.repeat(5_001), annotations: [] },
    ])
  })

  test('reasoning has its summary parts and its raw text', async () => {
    provider.enqueue(reasoning(['first', 'second'], { raw: 'raw', chunks: 1 }))
    const seen = events(await (await ask(provider)).text())
    assert.deepEqual(
      seen.flatMap(({ delta }) => delta ?? []),
      ['first', 'second', 'raw'],
    )
    const { item } = seen.at(-2) ?? {}
    assert.deepEqual(item?.summary, [
      { type: 'summary_text', text: 'first' },
      { type: 'summary_text', text: 'second' },
    ])
    assert.deepEqual(item?.content, [{ type: 'reasoning_text', text: 'raw' }])
  })

  test('usage, headers and the endings', async () => {
    const usage = { inputTokens: 7, cachedInputTokens: 2, outputTokens: 3 }
    provider.enqueue(
      reply(['x'], { usage, headers: { 'X-Extra': 'yes' } }),
      reply(['x'], { usage: null }),
      failed('rate_limit_exceeded', 'slow down'),
      incomplete('max_output_tokens'),
      endEarly('x'),
    )
    const responses = []
    for (let i = 0; i < 5; i += 1) {
      const response = await ask(provider)
      responses.push({ extra: response.headers.get('x-extra'), last: events(await response.text()).at(-1) })
    }
    assert.equal(responses[0]?.extra, 'yes')
    assert.deepEqual(responses[0]?.last?.response?.usage, {
      input_tokens: 7,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens: 3,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 10,
    })
    assert.equal(responses[1]?.last?.response?.usage, null)
    assert.equal(responses[2]?.last?.type, 'response.failed')
    assert.deepEqual(responses[2]?.last?.response?.error, {
      code: 'rate_limit_exceeded',
      message: 'slow down',
    })
    assert.deepEqual(responses[3]?.last?.response?.incomplete_details, { reason: 'max_output_tokens' })
    assert.equal(responses[4]?.last?.type, 'response.output_item.done')
  })

  test('an HTTP failure has the status, headers and body of the script', async () => {
    provider.enqueue(
      httpError(429, { headers: { 'Retry-After': '3' }, body: { error: { code: 'x' } } }),
      httpError(503, { body: 'plain' }),
      httpError(500),
    )
    const first = await ask(provider)
    assert.deepEqual([first.status, first.headers.get('retry-after')], [429, '3'])
    assert.deepEqual(await first.json(), { error: { code: 'x' } })
    const second = await ask(provider)
    assert.deepEqual([second.status, await second.text()], [503, 'plain'])
    assert.match(await (await ask(provider)).text(), /scripted failure 500/)
  })

  test('a gate holds one answer while another goes on', async () => {
    const gate = createGate()
    provider.when('held', reply(['before ', waitFor(gate), 'after']))
    const held = answer(provider, 'held', { thread: 'a' })
    await gate.reached
    assert.equal(gate.isOpen, false)
    assert.equal(await answer(provider, 'free', { thread: 'b' }), 'fallback')
    const first = await Promise.race([held, Promise.resolve('still held')])
    assert.equal(first, 'still held')
    gate.open()
    assert.equal(await held, 'before after')
  })

  test('a gate holds the head of an answer too', async () => {
    const gate = createGate()
    provider.enqueue({ waitFor: gate, http: 418 })
    const held = ask(provider)
    await gate.reached
    gate.open()
    assert.equal((await held).status, 418)
  })
})
