// Tools: those of the caller, which the agent calls, and codex's own, which come as parts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { codexMetadata } from '../../ai-sdk/index.mjs'
import { defineTool } from '../../index.mjs'
import { addFile, command, functionCall, reply, say, webSearch } from '../../testing/index.mjs'
import { conversation, majors, partsOf, png, sdk, shared } from './sdk.mjs'

const rig = shared()

/** @param {any} result */
const threadOf = (result) => codexMetadata(result.steps[0])?.threadId

for (const [major, ai] of majors) {
  const weather = ai.tool({
    description: 'The weather of a town',
    inputSchema: z.object({ town: z.string() }),
    execute: async (/** @type {{ town: string }} */ { town }) => ({ town, rain: true }),
  })
  const stopWhen = ai.isStepCount?.(5) ?? ai.stepCountIs(5)

  describe(`tools, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('a tool with execute runs here, and its result reaches the model in the same turn', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const text = prompt(functionCall('weather', { town: 'Bergen' }), say('Take a coat.'))
      const result = await ai.generateText({
        model: provider('gpt-5.5'),
        prompt: text,
        tools: { weather },
        stopWhen,
      })
      assert.equal(result.text, 'Take a coat.')
      assert.equal(result.steps.length, 2)
      const [call] = result.steps[0].toolCalls
      assert.deepEqual([call.toolName, call.input, call.dynamic], ['weather', { town: 'Bergen' }, undefined])
      assert.deepEqual(result.steps[0].toolResults[0].output, { town: 'Bergen', rain: true })
      assert.deepEqual(codexMetadata(result.steps[0]), codexMetadata(result.steps[1]))
      const [first, second] = requests(threadOf(result))
      const { tools } = /** @type {any} */ (first?.body ?? {})
      const spec = tools.find((/** @type {{ name: string }} */ { name }) => name === 'weather')
      assert.equal(spec.description, 'The weather of a town')
      assert.deepEqual(spec.parameters.required, ['town'])
      assert.match(second?.toolOutputs.at(-1)?.output ?? '', /"rain":true/)
    })

    test('several at once, in a stream', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const calls = reply([
        functionCall('weather', { town: 'Oslo' }),
        functionCall('weather', { town: 'Rome' }),
      ])
      const result = ai.streamText({
        model: provider('gpt-5.5'),
        prompt: prompt(calls, say('Both.')),
        tools: { weather },
        stopWhen,
      })
      const parts = await partsOf(result)
      assert.equal(await result.text, 'Both.')
      const results = parts.filter(({ type }) => type === 'tool-result').map(({ output }) => output.town)
      assert.deepEqual(results.sort(), ['Oslo', 'Rome'])
      // One more where the second call comes after the first has been told.
      const steps = await result.steps
      assert.ok(steps.length === 2 || steps.length === 3)
      const { threadId } = codexMetadata(steps[0]) ?? {}
      assert.equal(requests(threadId).length, 2)
      assert.equal(requests(threadId).at(-1)?.toolOutputs.length, 2)
    })

    test('a tool without execute ends the call; the next one brings its result to the same turn', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const ask = ai.tool({ description: 'Ask the user', inputSchema: z.object({ question: z.string() }) })
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5'), tools: { ask }, stopWhen })
      const first = await tell(prompt(functionCall('ask', { question: 'Which?' }), say('The red one, then.')))
      assert.equal(first.finishReason, 'tool-calls')
      const [{ toolCallId, input }] = first.toolCalls
      assert.deepEqual(input, { question: 'Which?' })
      const output = { type: 'text', value: 'The red one' }
      const second = await tell({
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId, toolName: 'ask', output }],
      })
      assert.equal(second.text, 'The red one, then.')
      assert.deepEqual(codexMetadata(second.steps[0]), codexMetadata(first.steps[0]))
      assert.equal(requests(threadOf(first)).at(-1)?.toolOutputs.at(-1)?.output, 'The red one')
    })

    test('what a tool throws is told the model as its failure', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const broken = ai.tool({
        description: 'Breaks',
        inputSchema: z.object({}),
        execute: async () => {
          throw new Error('no wind today')
        },
      })
      const text = prompt(functionCall('broken', {}), say('A pity.'))
      const result = await ai.generateText({
        model: provider('gpt-5.5'),
        prompt: text,
        tools: { broken },
        stopWhen,
      })
      assert.equal(result.text, 'A pity.')
      assert.match(requests(threadOf(result)).at(-1)?.toolOutputs.at(-1)?.output ?? '', /no wind today/)
    })

    test('an image of a tool reaches the model', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const shot = ai.tool({
        description: 'A picture',
        inputSchema: z.object({}),
        execute: async () => 'png',
        toModelOutput: () => ({
          type: 'content',
          value: [
            { type: 'text', text: 'Here' },
            major === 'AI SDK 7'
              ? { type: 'file', mediaType: 'image/png', data: { type: 'data', data: png } }
              : { type: 'image-data', data: png, mediaType: 'image/png' },
          ],
        }),
      })
      const text = prompt(functionCall('shot', {}), say('I see.'))
      const result = await ai.generateText({
        model: provider('gpt-5.5'),
        prompt: text,
        tools: { shot },
        stopWhen,
      })
      assert.equal(result.text, 'I see.')
      assert.ok(
        JSON.stringify(requests(threadOf(result)).at(-1)?.body).includes(`data:image/png;base64,${png}`),
      )
    })

    test('ToolLoopAgent goes through its steps, and on in its thread', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const agent = new ai.ToolLoopAgent({
        model: provider('gpt-5.5'),
        tools: { weather },
        instructions: 'Be brief',
      })
      const first = await agent.generate({
        prompt: prompt(functionCall('weather', { town: 'Bergen' }), say('Coat.')),
      })
      assert.equal(first.text, 'Coat.')
      const messages = [{ role: 'user', content: 'x' }, ...first.response.messages]
      const stream = await agent.stream({
        messages: [...messages, { role: 'user', content: prompt('And boots.') }],
      })
      await partsOf(stream)
      assert.equal(await stream.text, 'And boots.')
      assert.equal(requests(threadOf(first)).length, 3)
    })

    test('a tool that the thread was not started with is warned of', async (t) => {
      const { provider, prompt } = rig(t)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      await tell(prompt('One.'))
      const second = await tell(prompt('Two.'), { tools: { weather } })
      assert.deepEqual(
        second.steps[0].warnings.map((/** @type {any} */ { feature }) => feature),
        ['tool weather'],
      )
    })

    test('codex’s own tools come as dynamic parts under common names, output while it grows', async (t) => {
      const { provider, prompt } = rig(t, { outputIntervalMs: 0 })
      const name = `file-${major}.txt`
      const text = prompt(
        reply([command('for i in 1 2 3; do echo $i; sleep 0.1; done'), webSearch('codex node')]),
        addFile(name, 'hello'),
        say('Done.'),
      )
      const result = ai.streamText({ model: provider('gpt-5.5'), prompt: text, tools: { weather } })
      const parts = await partsOf(result)
      assert.equal(await result.text, 'Done.')
      assert.deepEqual(
        parts.filter(({ type }) => type === 'error'),
        [],
      )
      const calls = parts.filter(({ type }) => type === 'tool-call')
      assert.deepEqual(calls.map(({ toolName }) => toolName).sort(), ['bash', 'edit', 'webSearch'])
      for (const call of calls) assert.ok(call.dynamic && call.providerExecuted && !call.invalid)
      const outputs = parts
        .filter(({ type, toolName }) => type === 'tool-result' && toolName === 'bash')
        .map(({ output }) => output)
      assert.ok(outputs.length > 1)
      assert.equal(outputs[0].status, 'inProgress')
      for (const [index, { output }] of outputs.entries()) {
        if (index > 0) assert.ok(output.length >= outputs[index - 1].output.length)
      }
      assert.deepEqual([outputs.at(-1).output, outputs.at(-1).exitCode], ['1\n2\n3\n', 0])
      const search = calls.find(({ toolName }) => toolName === 'webSearch')
      assert.equal(search.input.query, 'codex node')
      assert.equal(search.providerMetadata.codex.itemType, 'webSearch')
    })

    test('a command that fails has an exit code, and is no error of the tool', async (t) => {
      const { provider, prompt } = rig(t)
      const text = prompt(command('echo no; exit 3'), say('It failed.'))
      const { content } = await ai.generateText({ model: provider('gpt-5.5'), prompt: text })
      const { output } = content.find((/** @type {any} */ part) => part.type === 'tool-result')
      assert.deepEqual([output.output, output.exitCode], ['no\n', 3])
    })
  })
}

test('tools of this package run beside those of the caller', async (t) => {
  const dice = defineTool({
    name: 'dice',
    description: 'A die',
    inputSchema: z.object({ sides: z.number() }),
    run: ({ sides }) => ({ sides, shows: 4 }),
  })
  const { provider, prompt } = rig(t, { tools: [dice] })
  for (const [, ai] of majors) {
    const text = prompt(functionCall('dice', { sides: 6 }), say('Four.'))
    const result = await ai.generateText({ model: provider('gpt-5.5'), prompt: text })
    assert.equal(result.text, 'Four.')
    assert.equal(result.steps.length, 1)
    const { output, dynamic } = result.content.find((/** @type {any} */ part) => part.type === 'tool-result')
    assert.deepEqual([output, dynamic], ['{"sides":6,"shows":4}', true])
  }
})

test('codex dies while a tool of the caller runs: the call says so', async (t) => {
  const { provider, prompt, codex } = await sdk(t)
  const [, ai] = majors[0] ?? []
  const slow = ai.tool({
    description: 'Slow',
    inputSchema: z.object({}),
    execute: async () => {
      const lost = new Promise((resolve) =>
        codex.on('connection', ({ type }) => type === 'closed' && resolve(undefined)),
      )
      process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
      await lost
      return 'late'
    },
  })
  const text = prompt(functionCall('slow', {}), say('Done.'))
  const result = ai.generateText({
    model: provider('gpt-5.5'),
    prompt: text,
    tools: { slow },
    stopWhen: ai.isStepCount(5),
    maxRetries: 0,
  })
  await assert.rejects(result, (/** @type {any} */ error) => {
    assert.equal(error.name, 'AI_APICallError')
    return true
  })
})
