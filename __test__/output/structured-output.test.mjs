// Structured output: the final message by a schema, against the real codex.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { AbortError, OutputValidationError, TurnFailedError } from '../../index.mjs'
import { createGate, failed, functionCall, hang, reply, say, waitFor } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const string = { type: 'string' }
const book = z.object({ title: z.string(), year: z.number().optional() })

/** @param {import('node:test').TestContext} t */
async function open(t) {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  /** The format that the model was last asked for. */
  const format = () => /** @type {any} */ (provider.requests.at(-1)?.body)?.text?.format
  return { codex, provider, home, thread, format }
}

describe('structured output', { concurrency: 4, timeout: 90_000 }, () => {
  const libraries = {
    zod: book,
    valibot: toStandardJsonSchema(v.object({ title: v.string(), year: v.optional(v.number()) })),
    arktype: type({ title: 'string', 'year?': 'number' }),
    'a JSON Schema': {
      type: 'object',
      properties: { title: string, year: { type: 'number' } },
      required: ['title'],
    },
  }
  test('the model is asked for the schema in strict mode, and its answer is parsed', async (t) => {
    const { provider, thread, format } = await open(t)
    for (const [library, outputSchema] of Object.entries(libraries)) {
      await t.test(`by ${library}`, async () => {
        provider.enqueue(say('{"title":"Momo","year":null}'), say('{"title":"Momo","year":1973}'))
        const result = await thread.run('which?', { outputSchema })
        assert.equal(result.finalResponse, '{"title":"Momo","year":null}')
        assert.deepEqual(result.parsed, { title: 'Momo' })
        const { strict, type: kind, schema } = format()
        assert.equal(kind, 'json_schema')
        assert.equal(strict, true)
        assert.deepEqual(schema, {
          type: 'object',
          properties: { title: string, year: { anyOf: [{ type: 'number' }, { type: 'null' }] } },
          required: ['title', 'year'],
          additionalProperties: false,
        })
        const turn = await thread.turn('which?', { outputSchema })
        assert.deepEqual((await turn.run()).parsed, { title: 'Momo', year: 1973 })
      })
    }
  })

  test('the properties come to the model in the order of the schema', async (t) => {
    const { codex, provider, home, thread, format } = await open(t)
    const outputSchema = z.object({ reasoning: z.string(), answer: z.string(), also: z.string() })
    const answer = say('{"reasoning":"r","answer":"a","also":"b"}')
    provider.enqueue(answer, answer)
    await thread.run('why?', { outputSchema })
    assert.equal(Object.keys(format().schema.properties).join(), 'reasoning,answer,also')
    const result = await codex.run('why?', { cwd: home.workspace, outputSchema })
    assert.equal(Object.keys(format().schema.properties).join(), 'reasoning,answer,also')
    assert.deepEqual(result.parsed, { reasoning: 'r', answer: 'a', also: 'b' })
  })

  test('the schema holds for its turn alone', async (t) => {
    const { provider, thread, format } = await open(t)
    provider.enqueue(say('{"title":"Momo","year":null}'), say('A book.'))
    await thread.run('which?', { outputSchema: book })
    const plain = await thread.run('and in words?')
    assert.equal(format(), undefined)
    assert.equal('parsed' in plain, false)
  })

  test('transforms, defaults and validation in its own time make `parsed`', async (t) => {
    const { provider, thread } = await open(t)
    const outputSchema = z.object({
      at: z.iso.date().transform((text) => new Date(text)),
      unit: z.enum(['C', 'F']).default('C'),
      town: z.string().refine(async (town) => town !== 'Atlantis', 'no such town'),
    })
    provider.enqueue(say('{"at":"2031-02-03","unit":null,"town":"Ulm"}'))
    const { parsed } = await thread.run('go', { outputSchema })
    assert.deepEqual(parsed, { at: new Date('2031-02-03'), unit: 'C', town: 'Ulm' })

    provider.enqueue(say('{"at":"2031-02-03","unit":null,"town":"Atlantis"}'))
    const error = await rejection(thread.run('go', { outputSchema }), OutputValidationError)
    assert.deepEqual(
      error.issues.map(({ message, path }) => [message, path]),
      [['no such town', ['town']]],
    )
  })

  test('the branch of a union is the one that validates, where several have the form of the answer', async (t) => {
    const { provider, thread } = await open(t)
    const old = z.object({ id: z.string().startsWith('old-'), note: z.string().optional() })
    const young = z.object({ id: z.string().startsWith('new-'), note: z.string().nullable() })
    const outputSchema = z.object({ list: z.array(z.union([old, young])) })
    const list = [
      { id: 'new-1', note: null },
      { id: 'old-2', note: null },
      { id: 'new-3', note: null },
    ]
    provider.enqueue(say(JSON.stringify({ list })), say('{"list":[{"id":"x","note":null}]}'))
    const { parsed } = await thread.run('go', { outputSchema })
    assert.deepEqual(parsed, { list: [list[0], { id: 'old-2' }, list[2]] })
    const error = await rejection(thread.run('go', { outputSchema }), OutputValidationError)
    assert.deepEqual(error.issues[0]?.path?.slice(0, 2), ['list', 0])
  })

  test('also where unions lie in a branch of another', async (t) => {
    const { provider, thread } = await open(t)
    const one = z.object({ k: z.string().startsWith('b'), note: z.string().optional() })
    const other = z.object({ k: z.string(), note: z.string().nullable() })
    const either = z.object({ list: z.array(z.union([one, other])) })
    const outputSchema = z.object({ in: z.union([either, z.object({ list: z.array(one) })]) })
    const list = [
      { k: 'a', note: null },
      { k: 'b', note: null },
      { k: 'c', note: null },
    ]
    provider.enqueue(say(JSON.stringify({ in: { list } })))
    const { parsed } = await thread.run('go', { outputSchema })
    assert.deepEqual([parsed?.in.list[0], parsed?.in.list[2]], [list[0], list[2]])
  })

  test('an answer that is nested deeper than the stack rejects and stops nothing', async (t) => {
    const { provider, thread } = await open(t)
    const schema = { type: 'object', properties: { a: { $ref: '#' } }, required: [] }
    provider.enqueue(say(`${'{"a":'.repeat(20_000)}null${'}'.repeat(20_000)}`))
    const error = await rejection(thread.run('go', { outputSchema: schema }), OutputValidationError)
    assert.match(error.issues[0]?.message ?? '', /^it can't be read: /)
  })

  test('an answer that does not validate rejects with the text, the issues and the result', async (t) => {
    const { provider, thread } = await open(t)
    const outputSchema = z.object({ lines: z.array(z.object({ price: z.number() })) })
    const text = '{"lines":[{"price":1},{"price":"x"},{},{"price":null},{"price":[]}]}'
    provider.enqueue(say(text), say(text))
    const turn = await thread.turn('go', { outputSchema })
    // All at once, so that none rejects with nobody listening.
    const calls = [turn.run(), turn.run(), thread.run('go', { outputSchema })]
    const errors = await Promise.all(calls.map((call) => rejection(call, OutputValidationError)))
    for (const error of errors) {
      assert.equal(error.name, 'OutputValidationError')
      assert.equal(error.code, 'OUTPUT_VALIDATION')
      assert.equal(error.retryable, false)
      assert.equal(error.text, text)
      assert.equal(error.issues.length, 4)
      assert.deepEqual(error.issues[0]?.path, ['lines', 1, 'price'])
      assert.match(error.message, /does not fit outputSchema: lines\[1\]\.price: .*; and 1 more$/)
      assert.equal(error.result.status, 'completed')
      assert.equal(error.result.finalResponse, text)
      assert.equal(error.result.parsed, undefined)
    }
  })

  test('text that is no JSON rejects, by a JSON Schema too', async (t) => {
    const { provider, thread } = await open(t)
    for (const text of ['I would rather not.', '', '```json\n{"title":\n```']) {
      for (const outputSchema of [book, libraries['a JSON Schema']]) {
        provider.enqueue(say(text))
        const error = await rejection(thread.run('go', { outputSchema }), OutputValidationError)
        assert.equal(error.text, text)
        assert.match(error.issues[0]?.message ?? '', /^it is no JSON: /)
        assert.ok(error.cause instanceof SyntaxError)
      }
    }
  })

  test('a JSON Schema validates nothing here: `parsed` is the JSON that came', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(say('{"name":"not of the schema"}'), say('5'))
    const outputSchema = libraries['a JSON Schema']
    assert.deepEqual((await thread.run('go', { outputSchema })).parsed, { name: 'not of the schema' })
    assert.equal((await thread.run('go', { outputSchema })).parsed, 5)
  })

  test('a schema that throws rejects with what it threw as the cause', async (t) => {
    const { provider, thread } = await open(t)
    const cause = new RangeError('broken schema')
    const outputSchema = z.object({ title: z.string() }).refine(() => {
      throw cause
    })
    provider.enqueue(say('{"title":"Momo"}'))
    const error = await rejection(thread.run('go', { outputSchema }), OutputValidationError)
    assert.equal(error.cause, cause)
    assert.match(error.message, /the schema failed: broken schema/)
  })

  test('earlier messages of the turn are free: the schema speaks about the last alone', async (t) => {
    const { codex, provider, home } = await real(t)
    const tool = {
      name: 'look',
      description: 'Looks',
      inputSchema: { type: 'object', properties: {} },
      run: () => 'a book',
    }
    const thread = await codex.startThread({ cwd: home.workspace, tools: [tool] })
    const final = say('{"title":"Momo","year":null}')
    provider.enqueue(reply([say('Let me look first.'), functionCall('look')]), final)
    const first = await thread.run('which?', { outputSchema: book })
    assert.deepEqual(first.parsed, { title: 'Momo' })
    assert.equal(first.items.filter(({ type }) => type === 'agentMessage').length, 2)
    // Also where the phases say so, in whatever order.
    provider.enqueue(
      reply([
        say('{"title":"Momo","year":1}', { phase: 'final_answer' }),
        say('That was it.', { phase: 'commentary' }),
      ]),
    )
    assert.deepEqual((await thread.run('which?', { outputSchema: book })).parsed, { title: 'Momo', year: 1 })
  })

  test('an interrupted turn is not validated', async (t) => {
    const { provider, thread } = await open(t)
    const gate = createGate()
    provider.enqueue(reply([say('no JSON'), waitFor(gate)]))
    const turn = await thread.turn('go', { outputSchema: book })
    await gate.reached
    await turn.interrupt()
    const result = await turn.run()
    assert.equal(result.status, 'interrupted')
    assert.equal(result.parsed, undefined)
  })

  test('a turn without a final message is not validated', async (t) => {
    const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'turnEnd']] } })
    const result = await (await codex.startThread()).run('go', { outputSchema: book })
    assert.equal(result.finalResponse, null)
    assert.equal(result.status, 'completed')
    assert.equal(result.parsed, undefined)
  })

  test('a failed turn rejects as it always does', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(failed('context_length_exceeded', 'too long'))
    await rejection(thread.run('go', { outputSchema: book }), TurnFailedError)
  })

  test('an aborted signal rejects, while the turn runs and while its output is validated', async (t) => {
    const { provider, thread } = await open(t)
    const reason = new Error('changed my mind')
    const running = new AbortController()
    const asked = provider.nextRequest()
    provider.enqueue(hang())
    const run = thread.run('go', { outputSchema: book, signal: running.signal })
    await asked
    running.abort(reason)
    assert.equal((await rejection(run, AbortError)).cause, reason)

    const validating = new AbortController()
    const outputSchema = z.object({
      title: z.string().refine(() => {
        validating.abort(reason)
        return new Promise(() => {})
      }),
    })
    const { signal } = validating
    provider.enqueue(say('{"title":"Momo"}'))
    const error = await rejection(thread.run('go', { outputSchema, signal }), AbortError)
    assert.equal(error.cause, reason)
    assert.equal(error.result?.finalResponse, '{"title":"Momo"}')
  })
})

describe('a schema that cannot be is refused by its path, and nothing is sent', () => {
  /** @type {[string, any, RegExp][]} */
  const wrong = [
    ['null', null, /^options\.outputSchema: must be a JSON Schema, which is an object, or a Standard Schema/],
    ['text', '{}', /^options\.outputSchema: must be a JSON Schema/],
    [
      'an open record',
      z.object({ a: z.object({ b: z.record(z.string(), z.number()) }) }),
      /^options\.outputSchema: a\.b is an open record/,
    ],
    ['no object', z.array(z.string()), /^options\.outputSchema: must describe an object/],
    ['without JSON Schema', v.object({}), /^options\.outputSchema: .* toStandardJsonSchema\(\) of @valibot/],
    ['a date', z.object({ at: z.date() }), /^options\.outputSchema: it can't be said in JSON Schema/],
  ]
  for (const [what, outputSchema, message] of wrong) {
    test(what, async (t) => {
      const { codex } = rig(t)
      const thread = await codex.startThread()
      /** @type {Promise<unknown>[]} */
      const calls = [
        thread.run('go', { outputSchema }),
        thread.turn('go', { outputSchema }),
        codex.run('go', { outputSchema }),
      ]
      for (const error of await Promise.all(calls.map((call) => rejection(call, TypeError)))) {
        assert.match(error.message, message)
        assert.equal(Reflect.get(error, 'code'), 'INVALID_ARGUMENT')
      }
    })
  }

  test('a thread takes none', async (t) => {
    const { codex } = rig(t)
    const options = /** @type {any} */ ({ outputSchema: book })
    assert.match((await rejection(codex.startThread(options), TypeError)).message, /outputSchema/)
  })
})
