// `codex-node/exec`: turns, against the real codex.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { Codex } from '../../exec/index.mjs'
import { OutputValidationError, TurnFailedError } from '../../index.mjs'
import {
  addFile,
  command,
  createGate,
  failed,
  httpError,
  mcpCall,
  reasoning,
  reply,
  say,
  waitFor,
  webSearch,
} from '../../testing/index.mjs'
import { assertContains } from '../support/contains.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { temporaryFolder } from '../support/rig.mjs'

const mcpServer = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url))

/** What the scripted provider counts for each answer. */
const once = {
  input_tokens: 100,
  cached_input_tokens: 40,
  cache_write_input_tokens: 0,
  output_tokens: 20,
  reasoning_output_tokens: 5,
}
const twice = Object.fromEntries(Object.entries(once).map(([name, tokens]) => [name, 2 * tokens]))

/** One pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/**
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof realExec>[2]} [homeOptions]
 */
async function open(t, homeOptions) {
  const rig = await realExec(t, {}, homeOptions)
  const { codex, provider, inWorkspace } = rig
  /** The body of the last request to the model. @returns {any} */
  const body = () => provider.requests.at(-1)?.body
  return {
    ...rig,
    thread: codex.startThread(inWorkspace),
    body,
    /** The image inputs of the last request, as data URLs. @returns {string[]} */
    images: () => {
      const content = body().input.flatMap((/** @type {any} */ item) => item.content ?? [])
      return content.flatMap((/** @type {any} */ part) => part.image_url ?? [])
    },
  }
}

/**
 * The types of events and, of items, theirs.
 *
 * @param {import('../../exec/index.js').ThreadEvent[]} events
 */
const outline = (events) =>
  events.map((event) => ('item' in event ? `${event.type} ${event.item.type}` : event.type))

// A codex takes some 150 MB and a core for a moment.
describe('turns of codex exec', { concurrency: 4, timeout: 120_000 }, () => {
  test('a run gives the last word, the items and the tokens', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(reply([reasoning('I think'), say('First.'), say('Last.')]))
    assertContains(await thread.run('Say two things'), {
      items: [
        { id: 'item_0', type: 'reasoning', text: 'I think' },
        { id: 'item_1', type: 'agent_message', text: 'First.' },
        { id: 'item_2', type: 'agent_message', text: 'Last.' },
      ],
      finalResponse: 'Last.',
      usage: once,
      turnUsage: once,
    })
    assert.equal(provider.requests.at(-1)?.userText, 'Say two things')
  })

  test('the events come in order, the result is that of the same turn', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue('Hello.')
    const { events, result } = await thread.runStreamed('Hi')
    const all = await collect(events)
    assertContains(all, [
      { type: 'thread.started', thread_id: thread.id },
      { type: 'turn.started' },
      { type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text: 'Hello.' } },
      { type: 'turn.completed', usage: once },
    ])
    const items = [{ id: 'item_0', type: 'agent_message', text: 'Hello.' }]
    assertContains(await result(), { items, finalResponse: 'Hello.', usage: once, turnUsage: once })
  })

  test('a thread has no id until thread.started', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue('Hello.')
    assert.equal(thread.id, null)
    const { events } = await thread.runStreamed('Hi')
    assert.equal(thread.id, null, 'nothing runs before the first event is asked for')
    assert.equal(provider.requests.length, 0)
    const first = await events.next()
    assertContains(first.value, { type: 'thread.started', thread_id: thread.id })
    assert.match(String(thread.id), /^[0-9a-f-]{36}$/)
    await collect(events)
  })

  test('a command that the agent runs', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(command('echo out; exit 3'), say('It failed.'))
    const { events, result } = await thread.runStreamed('Run it')
    assert.deepEqual(outline(await collect(events)), [
      'thread.started',
      'turn.started',
      'item.started command_execution',
      'item.completed command_execution',
      'item.completed agent_message',
      'turn.completed',
    ])
    const [item] = (await result()).items
    assert.ok(item?.type === 'command_execution')
    assert.match(item.command, /echo out; exit 3/)
    assert.equal(item.aggregated_output, 'out\n')
    assert.equal(item.exit_code, 3)
    assert.equal(item.status, 'failed')
  })

  test('a change of a file', async (t) => {
    const { provider, thread, home } = await open(t)
    provider.enqueue(addFile('new.txt', 'content\n'), say('Added.'))
    const { items } = await thread.run('Add it')
    const path = join(home.workspace, 'new.txt')
    const change = {
      id: 'item_0',
      type: 'file_change',
      changes: [{ path, kind: 'add' }],
      status: 'completed',
    }
    assertContains(items[0], change)
    assert.equal(readFileSync(path, 'utf8'), 'content\n')
  })

  test('a call of an MCP tool', async (t) => {
    const args = [mcpServer, join(temporaryFolder(t), 'mcp.json')]
    const probe = { command: process.execPath, args }
    const { provider, thread } = await open(t, { extra: { mcp_servers: { probe } } })
    provider.enqueue(mcpCall('probe', 'probe', { a: [1] }), say('Called.'))
    const [item] = (await thread.run('Call it')).items
    assert.ok(item?.type === 'mcp_tool_call')
    assert.deepEqual(
      [item.server, item.tool, item.arguments, item.status],
      ['probe', 'probe', { a: [1] }, 'completed'],
    )
    assertContains(item.result?.content, [{ type: 'text', text: 'probed' }])
  })

  test('E2: a web search, which codex prints with a key twice', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(reply([webSearch('what it is'), say('Found.')]))
    const { items, finalResponse } = await thread.run('Search')
    assert.ok(items[0]?.type === 'web_search')
    assert.equal(items[0].query, 'what it is')
    assert.equal(finalResponse, 'Found.')
  })

  test('a turn that fails rejects with what had come of it, and the thread goes on', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(command('echo before'), httpError(500))
    const error = await rejection(thread.run('Too much'), TurnFailedError)
    assert.match(error.message, /high demand/)
    assert.equal(error.code, 'TURN_FAILED')
    assert.equal(/** @type {any} */ (error).threadId, thread.id)
    const [item] = /** @type {any} */ (error).result.items
    assert.equal(item.aggregated_output, 'before\n')
    provider.enqueue('Better.')
    const { finalResponse, turnUsage } = await thread.run('Less')
    assert.equal(finalResponse, 'Better.')
    assert.equal(turnUsage, null, 'what the failed turn used is not known')
  })

  test('the events of a turn that fails end with turn.failed, then the iteration throws', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue(failed('context_length_exceeded', 'too long'))
    const { events, result } = await thread.runStreamed('Too much')
    /** @type {import('../../exec/index.js').ThreadEvent[]} */
    const seen = []
    const reading = (async () => {
      for await (const event of events) seen.push(event)
    })()
    const error = await rejection(reading, TurnFailedError)
    assert.deepEqual(outline(seen).at(-1), 'turn.failed')
    assertContains(seen.at(-1), { type: 'turn.failed', error: { message: error.message } })
    assert.equal((await rejection(result(), TurnFailedError)).message, error.message)
    assert.deepEqual(await events.next(), { value: undefined, done: true })
  })

  test('a second run goes on with the thread, in the same object and in a new one', async (t) => {
    const { codex, provider, thread, inWorkspace, env } = await open(t)
    provider.enqueue('One.', 'Two.', 'Three.')
    await thread.run('first')
    const id = /** @type {string} */ (thread.id)
    await thread.run('second')
    assert.equal(thread.id, id)
    const resumed = new Codex({ env }).resumeThread(id, inWorkspace)
    assert.equal(resumed.id, id)
    const { finalResponse, usage, turnUsage } = await resumed.run('third')
    assert.equal(finalResponse, 'Three.')
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['first', 'second', 'third'])
    assert.equal(usage?.input_tokens, 300)
    assert.equal(turnUsage, null, 'what came before is not known')
    provider.enqueue('Four.')
    assertContains((await resumed.run('fourth')).turnUsage, once)
    // Another object of the same client knows as little as one of another client.
    provider.enqueue('Five.')
    assert.equal((await codex.resumeThread(id, inWorkspace).run('fifth')).turnUsage, null)
  })

  test('usage is of the whole thread, turnUsage of the turn', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue('One.', 'Two.')
    const first = await thread.run('first')
    const second = await thread.run('second')
    assertContains([first.usage, first.turnUsage], [once, once])
    assertContains([second.usage, second.turnUsage], [twice, once])
  })

  test('two runs at once are one after the other', async (t) => {
    const { provider, thread } = await open(t)
    const gate = createGate()
    provider.enqueue(reply([say('One.'), waitFor(gate)]), 'Two.')
    const both = [thread.run('first'), thread.run('second')]
    await gate.reached
    assert.equal(provider.requests.length, 1)
    gate.open()
    const results = await Promise.all(both)
    assert.deepEqual(
      results.map((result) => result.finalResponse),
      ['One.', 'Two.'],
    )
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['first', 'second'], 'one thread')
  })

  test('the texts of an input are joined by a blank line', async (t) => {
    const { provider, thread } = await open(t)
    const text = (/** @type {string} */ text) => ({ type: /** @type {const} */ ('text'), text })
    await thread.run([text('one'), text('two\nlines'), text('three')])
    assert.equal(provider.requests.at(-1)?.userText, 'one\n\ntwo\nlines\n\nthree')
  })

  test('F5: a lone surrogate in a prompt becomes U+FFFD', async (t) => {
    const { provider, thread } = await open(t)
    await thread.run('a \ud800 b 🙂')
    assert.equal(provider.requests.at(-1)?.userText, 'a \ufffd b 🙂')
  })

  test('images come to the model, several, with text and without, also when a thread goes on', async (t) => {
    const { thread, home, images } = await open(t)
    const image = (/** @type {string} */ name) => {
      writeFileSync(join(home.workspace, name), png)
      return { type: /** @type {const} */ ('local_image'), path: join(home.workspace, name) }
    }
    const url = `data:image/png;base64,${png.toString('base64')}`
    await thread.run([{ type: 'text', text: 'look' }, image('a.png'), image('with space.png')])
    assert.deepEqual(images(), [url, url])
    await thread.run([image('b.png'), { type: 'text', text: 'and this' }])
    assert.deepEqual(images(), [url, url, url])
  })

  test('an image with a comma in its path, where codex ends a path', async (t) => {
    const { thread, home, images } = await open(t)
    const path = join(home.workspace, 'a, b.png')
    writeFileSync(path, png)
    await thread.run([
      { type: 'text', text: 'look' },
      { type: 'local_image', path },
    ])
    assert.deepEqual(images(), [`data:image/png;base64,${png.toString('base64')}`])
    const missing = thread.run([{ type: 'local_image', path: `${path},missing` }])
    assert.match((await rejection(missing, TypeError)).message, /^input\[0\]\.path: .*a, b\.png,missing/)
  })
})

describe('structured output of codex exec', { concurrency: 4, timeout: 120_000 }, () => {
  const shape = {
    type: 'object',
    properties: { title: { type: 'string' }, year: { type: 'number' } },
    required: ['title', 'year'],
    additionalProperties: false,
  }
  const book = z.object({ title: z.string(), year: z.number().transform((year) => `${year}`) })

  test('a JSON Schema goes to the model as it is, for that turn alone', async (t) => {
    const { provider, thread, body } = await open(t)
    provider.enqueue('{"title":"Momo","year":1973}', 'A book.')
    const result = await thread.run('Which?', { outputSchema: shape })
    assert.deepEqual(body().text.format.schema, shape)
    assert.equal(result.finalResponse, '{"title":"Momo","year":1973}')
    assert.equal('structuredResponse' in result, false)
    await thread.run('In words?')
    assert.equal(body().text?.format, undefined)
  })

  test('a Standard Schema gives what it makes of the answer', async (t) => {
    const { provider, thread, body } = await open(t)
    provider.enqueue('{"title":"Momo","year":1973}', '{"title":"Jim Knopf","year":1960}')
    const { structuredResponse, finalResponse } = await thread.run('Which?', { outputSchema: book })
    assert.deepEqual(structuredResponse, { title: 'Momo', year: '1973' })
    assert.equal(finalResponse, '{"title":"Momo","year":1973}')
    assert.deepEqual(body().text.format.schema, shape)
    const { events, result } = await thread.runStreamed('Another?', { outputSchema: book })
    await collect(events)
    assert.deepEqual((await result()).structuredResponse, { title: 'Jim Knopf', year: '1960' })
  })

  test('an answer that does not fit rejects with its text and the issues', async (t) => {
    const { provider, thread } = await open(t)
    provider.enqueue('{"title":7,"year":1973}', 'no JSON')
    const wrong = await rejection(thread.run('Which?', { outputSchema: book }), OutputValidationError)
    assert.equal(wrong.text, '{"title":7,"year":1973}')
    assert.deepEqual(wrong.issues[0]?.path, ['title'])
    const { events, result } = await thread.runStreamed('Which?', { outputSchema: book })
    assert.equal((await collect(events)).length, 4, 'events are not validated')
    const none = await rejection(result(), OutputValidationError)
    assert.equal(none.text, 'no JSON')
    assert.match(none.message, /no JSON/)
  })
})
