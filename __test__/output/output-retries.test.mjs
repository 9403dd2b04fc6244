// Structured answers that do not fit: asked for again, and read where they stand in a code fence.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { OutputValidationError } from '../../index.mjs'
import { command, functionCall, say } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const outputSchema = z.object({ n: z.number().min(3) })
const [wrong, right] = [say('{"n":1}'), say('{"n":5}')]

/** @param {import('node:test').TestContext} t */
async function open(t) {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  const asked = () => JSON.stringify(/** @type {any} */ (provider.requests.at(-1)?.body)?.input.at(-1))
  return { codex, provider, home, thread, asked }
}

describe('outputRetries', { concurrency: 4 }, () => {
  test('run() asks again with what is wrong', async (t) => {
    const { provider, thread, asked } = await open(t)
    provider.enqueue(wrong, say('no JSON'), right)
    const result = await thread.run('Count', { outputSchema, outputRetries: 2 })
    assert.deepEqual(result.parsed, { n: 5 })
    assert.match(asked(), /does not fit the schema.*it is no JSON/)
    const format = /** @type {any} */ (provider.requests.at(-1)?.body)?.text.format
    assert.equal(format.type, 'json_schema')
  })

  test('gives up with the last error', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(wrong, say('{"n":2}'))
    const error = await rejection(
      thread.run('Count', { outputSchema, outputRetries: 1 }),
      OutputValidationError,
    )
    assert.equal(error.text, '{"n":2}')
    provider.enqueue(wrong)
    await rejection(thread.run('Count', { outputSchema }), OutputValidationError)
  })

  test('the result of a turn asks once, however many wait for it', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(wrong, right)
    const turn = await thread.turn('Count', { outputSchema, outputRetries: 1 })
    const [one, other] = await Promise.all([turn.result(), turn.run()])
    assert.deepEqual([one.parsed, other], [{ n: 5 }, one])
    assert.equal(provider.requests.length, 2)
  })

  test('codex.run() goes on in its thread', async (t) => {
    const { codex, provider, home, asked } = await open(t)
    provider.enqueue(wrong, right)
    const result = await codex.run('Count', { cwd: home.workspace, outputSchema, outputRetries: 3 })
    assert.deepEqual(result.parsed, { n: 5 })
    assert.match(asked(), /does not fit/)
  })

  test('codex.run() goes on in an ephemeral thread', async (t) => {
    const { codex, provider, home } = await open(t)
    provider.enqueue(wrong, right)
    const options = { cwd: home.workspace, ephemeral: true, outputSchema, outputRetries: 1 }
    assert.deepEqual((await codex.run('Count', options)).parsed, { n: 5 })
  })

  test('codex.run() keeps its thread until an answer fits, and lets go of it once', async (t) => {
    const { codex, log } = rig(t)
    await rejection(codex.run('Count', { outputSchema, outputRetries: 2 }), OutputValidationError)
    await log.message('thread/unsubscribe')
    await codex.request('thread/loaded/list', {})
    const count = (/** @type {string} */ method) => log.messages(method).length
    assert.deepEqual(
      ['thread/start', 'turn/start', 'thread/resume', 'thread/unsubscribe'].map(count),
      [1, 3, 0, 1],
    )
  })

  test('codex.run() keeps its tools and handlers where it asks again', async (t) => {
    const { codex, provider, home } = await open(t)
    provider.enqueue(wrong, functionCall('count'), command('touch made'), right)
    /** @type {string[]} */
    const called = []
    const result = await codex.run('Count', {
      cwd: home.workspace,
      approvalPolicy: 'untrusted',
      outputSchema,
      outputRetries: 1,
      tools: [
        {
          name: 'count',
          description: 'Counts',
          inputSchema: { type: 'object' },
          run: () => called.push('tool'),
        },
      ],
      onApproval: ({ kind }) => {
        called.push(kind)
        return 'accept'
      },
    })
    assert.deepEqual([result.parsed, called], [{ n: 5 }, ['tool', 'command']])
  })

  test('is a number, and for a schema', async (t) => {
    const { thread } = await open(t)
    const any = /** @type {any} */ (thread)
    for (const outputRetries of [-1, 1.5, 11, '2']) {
      await assert.rejects(any.run('x', { outputSchema, outputRetries }), /options\.outputRetries: must be/)
    }
    await assert.rejects(
      any.turn('x', { outputRetries: 1 }),
      /options\.outputRetries: there is no outputSchema/,
    )
  })
})

describe('an answer in a code fence', () => {
  for (const [name, text] of /** @type {const} */ ([
    ['alone', '```json\n{"n":5}\n```'],
    ['without a language', '```\n{"n":5}\n```\n'],
    ['within words', 'Here it is:\n\n```json\r\n{"n":5}\r\n```\nGood luck.'],
  ])) {
    test(`is read: ${name}`, async (t) => {
      const { provider, thread } = await open(t)
      provider.enqueue(say(text))
      assert.deepEqual((await thread.run('Count', { outputSchema })).parsed, { n: 5 })
    })
  }

  test('of two nobody can say which is meant', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(say('```\n{"n":5}\n```\n```\n{"n":6}\n```'))
    await rejection(thread.run('Count', { outputSchema }), OutputValidationError)
  })
})
