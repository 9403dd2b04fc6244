import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  addFile,
  command,
  createCodexHome,
  createGate,
  cut,
  failed,
  hang,
  httpError,
  patch,
  reasoning,
  reply,
  say,
  startScriptedProvider,
  waitFor,
  webSearch,
} from '../../testing/index.mjs'
import { runCodex, startCodex } from './helpers.mjs'

/** @typedef {{ type: string, item?: { type: string, [key: string]: unknown }, [key: string]: unknown }} ExecEvent */

// A codex that never ends must fail the test, not the whole run.
describe('the real codex', { timeout: 120_000 }, () => {
  /** @type {import('../../testing/index.mjs').ScriptedProvider} */
  let provider
  /** @type {import('../../testing/index.mjs').CodexHome} */
  let home

  beforeEach(async () => {
    provider = await startScriptedProvider()
    home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  })
  afterEach(async () => {
    await provider.close()
    await home.remove()
    assert.deepEqual(provider.errors, [])
  })

  test('say: the message, the usage, and nothing but the one request', async () => {
    provider.when('Say it', reply(['Said.'], { usage: { inputTokens: 11, outputTokens: 4 } }))
    const { code, events } = await runCodex(home, 'Say it')
    assert.equal(code, 0)
    assert.deepEqual(completed(events), [{ id: 'item_0', type: 'agent_message', text: 'Said.' }])
    assert.equal(events.at(-1).type, 'turn.completed')
    assert.equal(events.at(-1).usage.input_tokens, 11)
    assert.equal(events.at(-1).usage.output_tokens, 4)

    assert.equal(provider.requests.length, 1)
    const request = await provider.nextRequest()
    assert.equal(request.path, '/v1/responses')
    assert.equal(request.userText, 'Say it')
    assert.deepEqual(request.userMessages, ['Say it'])
    assert.equal(request.threadId, events[0].thread_id)
    assert.match(request.turnId ?? '', /^[0-9a-f-]{36}$/)
  })

  test('command: it runs, and its output comes back in the next request', async () => {
    const cmd = 'echo made > made.txt && echo the output'
    provider.when('Make it', command(cmd, { callId: 'call_make' }), say('Made.'))
    const { code, events } = await runCodex(home, 'Make it')
    assert.equal(code, 0)
    assert.equal(await readFile(join(home.workspace, 'made.txt'), 'utf8'), 'made\n')
    const [run, message] = completed(events)
    assert.equal(run?.type, 'command_execution')
    assert.equal(run?.exit_code, 0)
    assert.equal(run?.aggregated_output, 'the output\n')
    assert.equal(message?.text, 'Made.')
    const [output] = provider.requests[1]?.toolOutputs ?? []
    assert.equal(output?.callId, 'call_make')
    assert.match(output?.output ?? '', /the output/)
  })

  test('patch: files are added and changed', async () => {
    const change = '*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+uno\n two\n*** End Patch\n'
    provider.enqueue(addFile('a.txt', 'one\ntwo\n'), patch(change, { chunks: 4 }), 'Patched.')
    const { code, events } = await runCodex(home, 'Patch it')
    assert.equal(code, 0)
    assert.equal(await readFile(join(home.workspace, 'a.txt'), 'utf8'), 'uno\ntwo\n')
    const changes = completed(events).filter(({ type }) => type === 'file_change')
    assert.deepEqual(
      changes.map(({ changes }) => changes),
      ['add', 'update'].map((kind) => [{ path: join(home.workspace, 'a.txt'), kind }]),
    )
  })

  test('reasoning, web search and message in one response', async () => {
    provider.enqueue(reply([reasoning('I think', { raw: 'deeply' }), webSearch('cats'), say('Found.')]))
    const { code, events } = await runCodex(home, 'Think')
    assert.equal(code, 0)
    const [thought, search, message] = completed(events)
    assert.deepEqual([thought?.type, thought?.text], ['reasoning', 'I think'])
    assert.deepEqual([search?.type, search?.query], ['web_search', 'cats'])
    assert.deepEqual([message?.type, message?.text], ['agent_message', 'Found.'])
  })

  test('an HTTP failure fails the turn', async () => {
    provider.enqueue(httpError(500, { body: { error: { message: 'the script says no' } } }))
    const { code, events } = await runCodex(home, 'Fail')
    assert.equal(code, 1)
    assert.equal(events.at(-1).type, 'turn.failed')
    assert.equal(provider.requests.length, 1, 'no retries by default')
  })

  test('response.failed fails the turn', async () => {
    provider.enqueue(failed('context_length_exceeded', 'too long'))
    const { code, events } = await runCodex(home, 'Fail')
    assert.equal(code, 1)
    assert.match(events.at(-1).error.message, /context window/)
  })

  test('a cut connection fails the turn, or is tried again', async () => {
    provider.enqueue(cut('half'))
    const first = await runCodex(home, 'Break')
    assert.equal(first.code, 1)
    assert.match(first.events.at(-1).error.message, /stream disconnected before completion/)

    const patient = await createCodexHome(provider, { streamMaxRetries: 1 })
    provider.enqueue(cut('half'), 'whole')
    const second = await runCodex(patient, 'Break')
    await patient.remove()
    assert.equal(second.code, 0)
    assert.equal(completed(second.events).at(-1)?.text, 'whole')
  })

  test('a hang lasts until codex gives up', async () => {
    const impatient = await createCodexHome(provider, { streamIdleTimeoutMs: 250 })
    provider.enqueue(hang('waiting'))
    const { code, events } = await runCodex(impatient, 'Hang')
    await impatient.remove()
    assert.equal(code, 1)
    assert.match(events.at(-1).error.message, /idle timeout/)
  })

  test('a codex that is killed in a hang leaves nothing behind', async () => {
    const gate = createGate()
    provider.enqueue(hang('waiting', waitFor(gate)))
    const { child, finished } = startCodex(home, 'Hang')
    await gate.reached
    gate.open()
    child.kill('SIGKILL')
    const { events } = await finished
    assert(!events.some(({ type }) => type === 'turn.completed'))
  })

  test('parallel threads each get their own steps', async () => {
    const gate = createGate()
    provider.when('Task A', { say: 'A first', waitFor: gate, phase: 'commentary' })
    provider.when('Task B', command('echo b > b.txt'), 'B done')
    const a = runCodex(home, 'Task A')
    await gate.reached
    const b = await runCodex(home, 'Task B')
    gate.open()
    assert.equal(completed(b.events).at(-1)?.text, 'B done')
    assert.equal(completed((await a).events).at(-1)?.text, 'A first')
  })
})

/** @param {ExecEvent[]} events */
function completed(events) {
  return events.flatMap(({ type, item }) => (type === 'item.completed' && item ? [item] : []))
}
