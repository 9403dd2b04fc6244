// What the channels publish is what docs/telemetry.md says, and no content is told of where none was asked for.

import assert from 'node:assert/strict'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { instrument } from '../../otel/index.mjs'
import { addFile, command, failed, functionCall, say } from '../../testing/index.mjs'
import { real } from '../support/real.mjs'
import { telemetry } from '../support/telemetry.mjs'

const docs = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8')

/** The fields of a channel by its row in the table. @param {string} name */
function documented(name) {
  const row = docs.split('\n').find((line) => line.startsWith(`| \`${name}\``))
  assert.ok(row, name)
  const [, , message = ''] = row.split('|')
  // What a phase may be is no field.
  return [...message.replace(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, field]) => field).sort()
}

test('messages of the channels have the fields that the docs list', { timeout: 60_000 }, async (t) => {
  /** @type {Record<string, Set<string>>} */
  const published = {}
  const names = [
    'codex-node:turn',
    'codex-node:tool',
    'codex-node:handler',
    'codex-node:request',
    'codex-node:connection',
  ]
  for (const name of names) {
    const fields = new Set()
    published[name] = fields
    const hear = (/** @type {any} */ message) => {
      for (const field of Object.keys(message)) fields.add(field)
    }
    if (/:(tool|connection)$/.test(name)) {
      channel(name).subscribe(hear)
      t.after(() => channel(name).unsubscribe(hear))
    } else {
      const all = { start() {}, end() {}, asyncStart() {}, asyncEnd: hear, error: hear }
      tracingChannel(name).subscribe(all)
      t.after(() => tracingChannel(name).unsubscribe(all))
    }
  }
  const { codex, provider, home } = await real(t, { onApproval: () => ({ decision: 'accept', rule: 'all' }) })
  const fails = () => {
    throw new Error('it fails')
  }
  const tools = [
    { name: 'fails', description: 'Fails', inputSchema: { type: 'object', properties: {} }, run: fails },
  ]
  const thread = await codex.startThread({ cwd: home.workspace, approvalPolicy: 'untrusted', tools })
  provider.enqueue(
    addFile('a.txt', 'a'),
    functionCall('fails'),
    say('Done.'),
    failed('context_length_exceeded'),
  )
  await thread.run('go')
  await assert.rejects(thread.run('go'))
  await assert.rejects(codex.request('thread/read', { threadId: 'none' }))
  await codex.models()
  for (const name of names) assert.deepEqual([...(published[name] ?? [])].sort(), documented(name), name)
})

test('no content is in spans where none was asked for, also of what fails', {
  timeout: 60_000,
}, async (t) => {
  const own = telemetry()
  const { tracerProvider, meterProvider } = own
  const instrumentation = instrument({ tracerProvider, meterProvider })
  t.after(() => instrumentation.disable())
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  const outputSchema = {
    type: 'object',
    properties: { a: { type: 'string', enum: ['x'] } },
    required: ['a'],
    additionalProperties: false,
  }
  provider.enqueue(command('echo private-1; false'), say('private-2'), say('{"a":"private-3"}'))
  await assert.rejects(thread.run('private-4', { outputSchema }), /private-2/)
  const standard = {
    '~standard': {
      version: /** @type {const} */ (1),
      vendor: 'test',
      jsonSchema: { input: () => outputSchema },
      validate: (/** @type {any} */ { a }) => ({ issues: [{ message: `not ${a}` }] }),
    },
  }
  const turn = await thread.turn('private-5', { outputSchema: standard })
  await assert.rejects(turn.result(), /private-3/)
  await thread.close()
  const spans = own
    .spans()
    .map(({ name, attributes, status, events }) => ({ name, attributes, status, events }))
  assert.ok(spans.some(({ attributes }) => attributes['error.type'] === 'OUTPUT_VALIDATION'))
  assert.doesNotMatch(JSON.stringify(spans), /private/)
})
