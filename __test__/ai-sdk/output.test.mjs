// Structured output, and conversations that go back.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { codexMetadata } from '../../ai-sdk/index.mjs'
import { command, functionCall, reply, say } from '../../testing/index.mjs'
import { conversation, majors, partsOf, shared } from './sdk.mjs'

const rig = shared()

/** @param {any} result */
const threadOf = (result) => codexMetadata(result.steps[0])?.threadId

for (const [major, ai] of majors) {
  const rating = z.object({ score: z.number(), reason: z.string().optional(), more: z.string().nullish() })
  const strict = z.object({ score: z.number(), words: z.array(z.string()) })
  const outputOf = (/** @type {any} */ result) => result.output ?? result.experimental_output

  describe(`structured output, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('goes out as strict mode takes it, and comes back without the nulls that this made', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const answer = JSON.stringify({ score: 3, reason: null, more: null })
      const result = await ai.generateText({
        model: provider('gpt-5.5'),
        prompt: prompt(reply([say('I look', { phase: 'commentary' }), command('true')]), say(answer)),
        output: ai.Output.object({ schema: rating }),
      })
      assert.deepEqual(outputOf(result), { score: 3, more: null })
      assert.equal(result.reasoningText, 'I look')
      const [request] = requests(threadOf(result))
      const { format } = /** @type {any} */ (request).body.text
      assert.equal(format.strict, true)
      assert.deepEqual(format.schema.required, ['score', 'reason', 'more'])
      assert.equal(format.schema.additionalProperties, false)
    })

    test('is streamed while it is written, whatever was said before', async (t) => {
      const { provider, prompt } = rig(t)
      const answer = JSON.stringify({ score: 3, words: ['one', 'two', 'three'] })
      const result = ai.streamText({
        model: provider('gpt-5.5'),
        prompt: prompt(
          reply([say('I look'), command('true')]),
          reply([say(answer, { chunks: 12, chunkDelayMs: 100, phase: 'final_answer' })]),
        ),
        output: ai.Output.object({ schema: strict }),
      })
      const partials = []
      for await (const partial of result.partialOutputStream) partials.push(partial)
      assert.ok(partials.length > 1, JSON.stringify(partials))
      assert.deepEqual(partials.at(-1), { score: 3, words: ['one', 'two', 'three'] })
      assert.deepEqual(await result.output, partials.at(-1))
    })

    test('that may lack properties is streamed whole', async (t) => {
      const { provider, prompt } = rig(t)
      const result = ai.streamText({
        model: provider('gpt-5.5'),
        prompt: prompt(say(JSON.stringify({ score: 3, reason: null, more: 'yes' }), { chunks: 5 })),
        output: ai.Output.object({ schema: rating }),
      })
      await partsOf(result)
      assert.deepEqual(await result.output, { score: 3, more: 'yes' })
    })

    test('arrays and choices, and an answer that is none', async (t) => {
      const { provider, prompt } = rig(t)
      const call = (/** @type {string} */ text, /** @type {any} */ output) =>
        ai.generateText({ model: provider('gpt-5.5'), prompt: prompt(say(text)), output })
      const array = await call(
        '{"elements":[{"town":"Oslo"}]}',
        ai.Output.array({ element: z.object({ town: z.string() }) }),
      )
      assert.deepEqual(outputOf(array), [{ town: 'Oslo' }])
      const choice = await call('{"result":"red"}', ai.Output.choice({ options: ['red', 'blue'] }))
      assert.equal(outputOf(choice), 'red')
      // An error of the call, or of who asks for the output.
      const none = async () => outputOf(await call('No.', ai.Output.object({ schema: strict })))
      await assert.rejects(none, (/** @type {any} */ error) => ai.NoObjectGeneratedError.isInstance(error))
    })

    test('with tools of the caller, in one turn', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const weather = ai.tool({ description: 'x', inputSchema: z.object({}), execute: async () => 'rain' })
      const result = await ai.generateText({
        model: provider('gpt-5.5'),
        prompt: prompt(functionCall('weather', {}), say('{"score":1,"words":[]}')),
        tools: { weather },
        stopWhen: ai.isStepCount?.(5) ?? ai.stepCountIs(5),
        output: ai.Output.object({ schema: strict }),
      })
      assert.deepEqual(outputOf(result), { score: 1, words: [] })
      assert.equal(requests(threadOf(result)).length, 2)
    })
  })

  describe(`conversations that go back, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    for (const onEdit of ['fork', 'revert']) {
      test(`an edit and a regeneration ${onEdit} the thread there`, async (t) => {
        const { provider, prompt, requests, codex } = rig(t, { onEdit })
        const [one, two, three, other] = [prompt('One.'), prompt('Two.'), prompt('Three.'), prompt('Other.')]
        const { say: tell, messages } = conversation(ai, { model: provider('gpt-5.5') })
        const first = await tell(one)
        const [, answer] = messages
        await tell(two)
        await tell(three)
        // The second message of the user is another one now.
        const edited = [messages[0], answer, { role: 'user', content: other }]
        const second = await ai.generateText({ model: provider('gpt-5.5'), messages: edited })
        assert.equal(second.text, 'Other.')
        assert.deepEqual(requests(threadOf(second)).at(-1)?.userMessages, [one, other])
        assert.equal(threadOf(second) === threadOf(first), onEdit === 'revert')
        // The same once more: it goes back to before its own turn.
        const third = await ai.generateText({ model: provider('gpt-5.5'), messages: edited })
        assert.deepEqual(requests(threadOf(third)).at(-1)?.userMessages, [one, other])
        const { thread } = await codex.readThread(threadOf(first) ?? '', { includeTurns: true })
        assert.equal(thread.turns.length, onEdit === 'revert' ? 2 : 3)
      })
    }

    test('an edit while a turn waits gives that up', async (t) => {
      const { provider, prompt, requests, codex } = rig(t, { approvalPolicy: 'untrusted' })
      const [one, two, other] = [prompt('One.'), prompt(command('touch never'), say('x')), prompt('Other.')]
      const { say: tell, messages } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(one)
      await tell(two)
      const edited = [...messages.slice(0, 2), { role: 'user', content: other }]
      const second = await ai.generateText({ model: provider('gpt-5.5'), messages: edited })
      assert.equal(second.text, 'Other.')
      assert.deepEqual(requests(threadOf(second)).at(-1)?.userMessages, [one, other])
      const statuses = []
      const thread = await codex.resumeThread(threadOf(first) ?? '')
      for await (const { status } of thread.turns()) statuses.push(status)
      assert.deepEqual(statuses, ['interrupted', 'completed'])
    })

    test('a compaction in between is no edit', async (t) => {
      const { provider, prompt } = rig(t)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt('One.'))
      const thread = await provider.thread(threadOf(first) ?? '')
      await thread.compact()
      const second = await tell(prompt('Two.'))
      assert.equal(threadOf(second), threadOf(first))
    })

    test('a second call while a turn runs waits for it; other threads do not', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const [one, two, three] = [prompt('One.'), prompt('Two.'), prompt('Three.')]
      const first = await tell(one)
      const threadId = threadOf(first)
      const call = (/** @type {string} */ text, /** @type {any} */ settings) =>
        ai.generateText({ model: provider('gpt-5.5', settings), prompt: text })
      const [second, third, ...others] = await Promise.all([
        call(two, { threadId }),
        call(three, { threadId }),
        ...Array.from({ length: 8 }, () => call(one, {})),
      ])
      assert.deepEqual([second.text, third.text], ['Two.', 'Three.'])
      assert.deepEqual(requests(threadId).at(-1)?.userMessages, [one, two, three])
      assert.equal(new Set(others.map(threadOf)).size, 8)
      assert.ok(others.every(({ text }) => text === 'One.'))
    })
  })
}
