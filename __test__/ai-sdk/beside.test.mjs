// What comes beside the words of a turn: data, approvals of others than commands, limits.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { codexMetadata } from '../../ai-sdk/index.mjs'
import {
  addFile,
  command,
  createGate,
  functionCall,
  mcpCall,
  reply,
  say,
  spawnAgent,
  waitFor,
} from '../../testing/index.mjs'
import { answered, conversation, majors, sdk, shared, unique } from './sdk.mjs'

const rig = shared()
const server = new URL('../support/mcp-server.mjs', import.meta.url).pathname

/** @param {any} result @param {string} type */
const contentOf = (result, type) => result.content.filter((/** @type {any} */ part) => part.type === type)

/** A listener for data, with what it got. */
function listener() {
  /** @type {any[]} */
  const got = []
  return { got, onData: (/** @type {any} */ part) => void got.push(part) }
}

for (const [major, ai] of majors) {
  describe(`beside the words, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('each call of a turn gets the data that came for it', async (t) => {
      const { provider, prompt, home } = rig(t, { approvalPolicy: 'untrusted' })
      // So that the agent tells its plan.
      const config = { tools: { update_plan: { enabled: true } } }
      const plan = (/** @type {string} */ status) =>
        functionCall('update_plan', { plan: [{ step: 'Write', status }] })
      const name = `data-${unique()}.txt`
      const text = prompt(plan('in_progress'), addFile(name, 'hello'), plan('completed'), say('Done.'))
      const [first, second] = [listener(), listener()]
      const { say: tell } = conversation(ai, {})
      const asked = await tell(text, { model: provider('gpt-5.5', { config, onData: first.onData }) })
      const [request] = contentOf(asked, 'tool-approval-request')
      assert.deepEqual(
        first.got.map(({ type }) => type),
        ['data-codex-plan', 'data-codex-approval'],
      )
      assert.deepEqual(first.got[0].data.steps, [{ step: 'Write', status: 'inProgress' }])
      assert.deepEqual(
        [first.got[1].data.kind, first.got[1].data.toolCallId],
        ['fileChange', request.toolCall.toolCallId],
      )
      const model = provider('gpt-5.5', { config, onData: second.onData })
      assert.equal((await tell(answered(request, true), { model })).text, 'Done.')
      assert.ok(existsSync(join(home.workspace, name)))
      assert.equal(first.got.length, 2)
      const diff = second.got.find(({ type }) => type === 'data-codex-diff')
      assert.match(diff.data.diff, /\+hello/)
      const told = second.got.find(({ type }) => type === 'data-codex-plan')
      assert.deepEqual(told.data.steps, [{ step: 'Write', status: 'completed' }])
      // By its id a page puts it in the place of the first.
      assert.equal(told.id, first.got[0].id)
    })

    test('a tool of an MCP server is asked for with its call: yes, and no', async (t) => {
      const { provider, prompt, home, requests } = rig(t, { approvalPolicy: 'on-request' })
      const args = [server, join(home.home, `mcp-${unique()}.json`)]
      const config = { mcp_servers: { probe: { command: process.execPath, args } } }
      for (const [approved, outcomes, told] of /** @type {const} */ ([
        [true, ['tool-result'], /probed/],
        // The AI SDK has the refusal already, and takes no outcome of what was refused.
        [false, [], /rejected/],
      ])) {
        const { got, onData } = listener()
        const { say: tell } = conversation(ai, { model: provider('gpt-5.5', { config, onData }) })
        const first = await tell(prompt(mcpCall('probe', 'probe', { a: 1 }), say('Done.')))
        const [request] = contentOf(first, 'tool-approval-request')
        const { toolCall } = request
        assert.equal(first.finishReason, 'tool-calls')
        assert.deepEqual(
          [toolCall.toolName, toolCall.input, toolCall.dynamic],
          ['mcp__probe__probe', { a: 1 }, true],
        )
        const [{ data }] = got.filter(({ type }) => type === 'data-codex-approval')
        assert.deepEqual(
          [data.kind, data.toolCallId, data.approvalId],
          ['mcpToolCall', toolCall.toolCallId, request.approvalId],
        )
        const second = await tell(answered(request, approved))
        assert.equal(second.text, 'Done.')
        const results = second.content.filter(
          (/** @type {any} */ { type }) => type === 'tool-result' || type === 'tool-error',
        )
        assert.deepEqual(
          results.map((/** @type {any} */ part) => [part.type, part.toolCallId]),
          outcomes.map((type) => [type, toolCall.toolCallId]),
        )
        const { threadId } = codexMetadata(first.steps[0]) ?? {}
        assert.match(JSON.stringify(requests(threadId).at(-1)?.toolOutputs.at(-1)?.output), told)
      }
    })

    test('an agent asks in the turn that it works for, and is told of as data', async (t) => {
      const { provider, prompt, model, home } = rig(t, { approvalPolicy: 'untrusted' })
      const [task, file] = [unique(), `agent-${unique()}`]
      model.when(task, command(`touch ${file}; echo made`), say('Touched.'))
      const gate = createGate()
      t.after(() => gate.open())
      const [first, second] = [listener(), listener()]
      const { say: tell } = conversation(ai, {})
      const asked = await tell(
        prompt(spawnAgent(task), reply([waitFor(gate), say('Done.')]), say('It is over.')),
        {
          model: provider('gpt-5.5', { onData: first.onData }),
        },
      )
      const [request] = contentOf(asked, 'tool-approval-request')
      assert.equal(request.toolCall.toolName, 'bash')
      assert.match(request.toolCall.input.command, /touch agent-/)
      assert.ok(first.got.some(({ type, data }) => type === 'data-codex-agent' && data.status === 'running'))
      const onData = (/** @type {any} */ part) => {
        second.onData(part)
        if (part.data.message === 'Touched.') gate.open()
      }
      const done = await tell(answered(request, true), { model: provider('gpt-5.5', { onData }) })
      assert.match(done.text, /^Done\./)
      assert.ok(existsSync(join(home.workspace, file)))
      // The outcome of what it was allowed, and none of what it did besides.
      const results = contentOf(done, 'tool-result')
      assert.deepEqual(
        results.map((/** @type {any} */ { toolCallId, output }) => [toolCallId, output.output]),
        [[request.toolCall.toolCallId, 'made\n']],
      )
      const ids = [...first.got, ...second.got].flatMap(({ id, type }) =>
        type === 'data-codex-agent' ? [id] : [],
      )
      assert.equal(new Set(ids).size, 1)
    })

    test('a limit of the provider is an APICallError that says when to come again, and is kept to', async (t) => {
      const { provider, prompt, model } = rig(t)
      const limited = reply([], {
        failed: { code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 37ms.' },
      })
      const call = ai.generateText({ model: provider('gpt-5.5'), prompt: prompt(limited), maxRetries: 0 })
      await assert.rejects(call, (/** @type {any} */ error) => {
        assert.ok(ai.APICallError.isInstance(error))
        assert.deepEqual(
          [error.isRetryable, error.responseHeaders, error.statusCode],
          [true, { 'retry-after-ms': '37' }, 429],
        )
        return true
      })
      const text = unique()
      let refused = 0
      model.when((asked) => asked.userText === text && refused++ === 0, limited)
      model.when(text, say('Here again.'))
      const timers = t.mock.method(globalThis, 'setTimeout')
      const again = await ai.generateText({ model: provider('gpt-5.5'), prompt: text, maxRetries: 1 })
      assert.deepEqual([again.text, refused], ['Here again.', 2])
      // Unless it is told, the AI SDK waits for two seconds.
      assert.ok(timers.mock.calls.some(({ arguments: [, ms] }) => ms === 37))
    })

    test('the limits of the account are told with the answer', async (t) => {
      const { provider, prompt } = await sdk(t)
      const headers = {
        'x-codex-primary-used-percent': '42',
        'x-codex-primary-window-minutes': '300',
        'x-codex-primary-reset-at': '1900000000',
      }
      const model = provider('gpt-5.5')
      const { providerMetadata } = await ai.generateText({
        model,
        prompt: prompt(reply([say('One.')], { headers })),
      })
      assert.deepEqual(providerMetadata.codex.rateLimits.primary, {
        usedPercent: 42,
        windowDurationMins: 300,
        resetsAt: 1_900_000_000,
      })
    })
  })
}
