// What a call of the AI SDK sends to codex, and what it gets: words, usage, metadata.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { codexMetadata, createCodex } from '../../ai-sdk/index.mjs'
import { reasoning, reply, say } from '../../testing/index.mjs'
import { conversation, majors, partsOf, png, sdk, shared } from './sdk.mjs'

/** @param {any} request */
const inputOf = (request) => request.body.input.filter((/** @type {any} */ item) => item.type === 'message')
/** @param {any} result */
const threadOf = (result) => codexMetadata(result.steps[0])?.threadId

const rig = shared()

for (const [major, ai] of majors) {
  describe(`words, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('generateText gives the text, the reasoning, the usage with its cache, and where it belongs', async (t) => {
      const { provider, prompt } = rig(t)
      const usage = { inputTokens: 100, cachedInputTokens: 30, outputTokens: 20, reasoningOutputTokens: 5 }
      const steps = reply([reasoning(['First', 'Then'], { raw: 'raw' }), say('Hello.')], { usage })
      const result = await ai.generateText({ model: provider('gpt-5.5'), prompt: prompt(steps) })
      assert.equal(result.text, 'Hello.')
      assert.equal(result.reasoningText, 'First\n\nThen')
      assert.equal(result.finishReason, 'stop')
      const { inputTokens, outputTokens, totalTokens, inputTokenDetails, outputTokenDetails } = result.usage
      assert.deepEqual([inputTokens, outputTokens, totalTokens], [100, 20, 120])
      assert.deepEqual(inputTokenDetails, { noCacheTokens: 70, cacheReadTokens: 30, cacheWriteTokens: 0 })
      assert.deepEqual(outputTokenDetails, { textTokens: 15, reasoningTokens: 5 })
      assert.equal(result.usage.raw.cachedInputTokens, 30)
      const { threadId, turnId } = codexMetadata(result.steps[0]) ?? {}
      assert.ok(threadId && turnId)
      assert.equal(result.response.id, turnId)
      assert.equal(result.response.modelId, 'gpt-5.5')
      for (const { type, providerMetadata } of result.content) {
        assert.equal(providerMetadata.codex.threadId, threadId, type)
        assert.equal(providerMetadata.codex.turnId, turnId, type)
      }
    })

    test('streamText gives text and reasoning as blocks, which say where they belong', async (t) => {
      const { provider, prompt } = rig(t)
      const text = '0123456789'.repeat(20)
      const steps = reply([reasoning('Look first', { chunks: 4 }), say(text, { chunks: 200 })])
      const parts = await partsOf(ai.streamText({ model: provider(), prompt: prompt(steps) }))
      const edges = parts.filter(({ type }) => /^(text|reasoning)-(start|end)$/.test(type))
      assert.deepEqual(
        edges.map(({ type }) => type),
        ['reasoning-start', 'reasoning-end', 'text-start', 'text-end'],
      )
      for (const { providerMetadata } of edges) assert.ok(providerMetadata.codex.threadId)
      const texts = (/** @type {string} */ type) =>
        parts.filter((part) => part.type === type).map((part) => part.text)
      assert.equal(texts('text-delta').join(''), text)
      assert.equal(texts('reasoning-delta').join(''), 'Look first')
    })

    test('a conversation goes on in its thread, and only what is new is sent', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const [one, two, three] = [prompt('One.'), prompt('Two.'), prompt('Three.')]
      const { say } = conversation(ai, { model: provider('gpt-5.5') })
      await say(one)
      await say(two)
      const last = await say(three)
      assert.equal(last.text, 'Three.')
      const sent = requests(threadOf(last))
      assert.equal(sent.length, 3)
      assert.deepEqual(sent.at(-1)?.userMessages, [one, two, three])
      // As answers, and not as what a user has told of them.
      const texts = inputOf(sent.at(-1)).map((/** @type {any} */ item) => item.content[0].text)
      assert.ok(texts.includes('One.') && texts.includes('Two.'))
    })

    test('what other models said before is history, not words of the user', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const twice = prompt('Eight.')
      const messages = [
        { role: 'user', content: 'What is 2 + 2?' },
        { role: 'assistant', content: 'Four.' },
        { role: 'user', content: twice },
      ]
      const result = await ai.generateText({ model: provider('gpt-5.5'), messages })
      const roles = inputOf(requests(threadOf(result))[0])
        .filter((/** @type {any} */ { content }) =>
          [/2 \+ 2/, /Four/, twice].some((said) => JSON.stringify(content).match(said)),
        )
        .map((/** @type {any} */ { role }) => role)
      assert.deepEqual(roles, ['user', 'assistant', 'user'])
    })

    test('a thread may be named, and instructions and effort reach the model', async (t) => {
      const { provider, codex, home, prompt, requests } = rig(t)
      const [before, go] = [prompt('One.'), prompt('Two.')]
      const thread = await codex.startThread({ cwd: home.workspace })
      await thread.run(before)
      const [high, french] =
        major === 'AI SDK 7'
          ? [{ reasoning: 'high' }, { instructions: 'Speak French' }]
          : [{ providerOptions: { codex: { effort: 'high' } } }, { system: 'Speak French' }]
      await ai.generateText({ model: provider('gpt-5.5', { threadId: thread.id }), prompt: go, ...high })
      const [, request] = requests(thread.id)
      assert.deepEqual(request?.userMessages, [before, go])
      assert.match(JSON.stringify(request?.body), /"effort":"high"/)
      const result = await ai.generateText({ model: provider('gpt-5.5'), prompt: go, ...french })
      assert.match(JSON.stringify(inputOf(requests(threadOf(result))[0])), /Speak French/)
    })

    test('the effort of one call is not that of the next', async (t) => {
      const { provider, prompt, requests } = rig(t, { effort: 'low' })
      const { say } = conversation(ai, { model: provider('gpt-5.5') })
      await say(prompt('One.'), { providerOptions: { codex: { effort: 'high' } } })
      const result = await say(prompt('Two.'))
      const efforts = requests(threadOf(result)).map(
        ({ body }) => /** @type {any} */ (body).reasoning?.effort,
      )
      assert.deepEqual(efforts, ['high', 'low'])
    })

    test('nor is it where the thread has none, and each call has that of its model', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const { say } = conversation(ai, { model: provider('gpt-5.5') })
      await say(prompt('One.'))
      await say(prompt('Two.'), { providerOptions: { codex: { effort: 'high' } } })
      await say(prompt('Three.'))
      await say(prompt('Four.'), { model: provider('gpt-5.5', { effort: 'low' }) })
      const result = await say(prompt('Five.'))
      const [own, ...efforts] = requests(threadOf(result)).map(
        ({ body }) => /** @type {any} */ (body).reasoning?.effort,
      )
      assert.ok(own !== 'high' && own !== 'low')
      assert.deepEqual(efforts, ['high', own, 'low', own])
    })

    test('images go along without files, text files as text, and what codex cannot read is told', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const image = { type: 'image', image: Buffer.from(png, 'base64') }
      const url = { type: 'image', image: `data:image/png;base64,${png}` }
      const file = { type: 'file', data: Buffer.from('a,b'), mediaType: 'text/csv', filename: 'table.csv' }
      const pdf = { type: 'file', data: Buffer.from('%PDF'), mediaType: 'application/pdf', filename: 'x.pdf' }
      const content = [{ type: 'text', text: prompt('I see.') }, image, url, file, pdf]
      const messages = [{ role: 'user', content }]
      const result = await ai.generateText({ model: provider('gpt-5.5'), messages, temperature: 1 })
      const sent = inputOf(requests(threadOf(result))[0]).at(-1).content
      const urls = sent.flatMap((/** @type {any} */ part) =>
        part.type === 'input_image' ? [part.image_url] : [],
      )
      assert.deepEqual(urls, [`data:image/png;base64,${png}`, `data:image/png;base64,${png}`])
      assert.match(JSON.stringify(sent), /table\.csv:\\na,b/)
      const told = result.steps[0].warnings.map((/** @type {any} */ { feature }) => feature)
      assert.deepEqual(told.sort(), ['file of type application/pdf', 'temperature'])
    })

    test('raw events come along where they are asked for', async (t) => {
      const { provider, prompt } = rig(t)
      const raw = major === 'AI SDK 7' ? { include: { rawChunks: true } } : { includeRawChunks: true }
      const parts = await partsOf(ai.streamText({ model: provider(), prompt: prompt('Hello.'), ...raw }))
      const methods = parts.filter(({ type }) => type === 'raw').map(({ rawValue }) => rawValue.method)
      assert.equal(methods[0], 'turn/started')
      assert.equal(methods.at(-1), 'turn/completed')
    })

    test('a model is of the version of the AI SDK that uses it, or of what its settings say', async (t) => {
      const { provider, prompt } = rig(t)
      const hi = prompt('Hello.')
      const call = (/** @type {any} */ settings) =>
        ai.generateText({ model: provider('gpt-5.5', settings), prompt: hi })
      assert.equal((await call({})).text, 'Hello.')
      assert.equal((await call({ specificationVersion: 'v3' })).text, 'Hello.')
      const four = call({ specificationVersion: 'v4' })
      if (major === 'AI SDK 7') assert.equal((await four).text, 'Hello.')
      else await assert.rejects(four, { name: 'AI_UnsupportedModelVersionError' })
    })

    test('registries and middleware take it', async (t) => {
      const { provider, prompt } = rig(t)
      const model = ai.createProviderRegistry({ codex: provider }).languageModel('codex:gpt-5.5')
      const wrapped = ai.wrapLanguageModel({ model, middleware: [] })
      assert.equal((await ai.generateText({ model: wrapped, prompt: prompt('Hello.') })).text, 'Hello.')
    })
  })
}

describe('the provider', { timeout: 180_000 }, () => {
  test('require() and import give the same functions', () => {
    const required = createRequire(import.meta.url)('codex-node/ai-sdk')
    assert.equal(required.createCodex, createCodex)
    assert.equal(required.codexMetadata, codexMetadata)
  })

  test('wrong settings are refused by their names', async (t) => {
    const { provider } = rig(t)
    assert.throws(() => createCodex({}, /** @type {any} */ ({ onEdit: 'none' })), {
      name: 'TypeError',
      code: 'INVALID_ARGUMENT',
      message: "settings.onEdit: must be 'fork' or 'revert'",
    })
    assert.throws(
      () => provider('gpt-5.5', /** @type {any} */ ({ onData: 1 })),
      /settings\.onData: must be a function/,
    )
    assert.throws(() => createCodex(/** @type {any} */ ({ nonsense: 1 })), /nonsense/)
    const unawaited = /** @type {any} */ (Promise.resolve({ sandbox: 'read-only' }))
    assert.throws(() => createCodex({}, unawaited), /settings: a promise, which was not awaited/)
    assert.throws(() => provider('gpt-5.5', unawaited), /settings: a promise/)
    assert.throws(() => provider.imageModel('x'), { name: 'AI_NoSuchModelError', modelId: 'x' })
    for (const [, ai] of majors) {
      const call = (/** @type {any} */ codex) =>
        ai.generateText({ model: provider(), prompt: 'Hi', providerOptions: { codex }, maxRetries: 0 })
      await assert.rejects(
        call({ answerTimeoutMs: 0 }),
        /providerOptions\.codex\.answerTimeoutMs: must be milliseconds/,
      )
      await assert.rejects(call({ efort: 'low' }), /efort/)
    }
  })

  test('models, threads, and a client that stays its maker’s to close', async (t) => {
    const { provider, codex, prompt } = rig(t)
    assert.equal(provider.codex, codex)
    assert.ok((await provider.models()).some(({ id }) => id === 'gpt-5.5'))
    const { say } = conversation(majors[0]?.[1], { model: provider('gpt-5.5') })
    const thread = await provider.thread(threadOf(await say(prompt('One.'))) ?? '')
    assert.equal((await thread.read({ includeTurns: true })).thread.turns.length, 1)
    await provider.close()
    assert.ok(await codex.request('thread/loaded/list', {}))
  })

  test('another process goes on where the conversation says', async (t) => {
    const { provider, home, prompt, requests } = await sdk(t)
    const other = createCodex({ env: home.env }, { cwd: home.workspace })
    t.after(() => other.close())
    const [one, two] = [prompt('One.'), prompt('Two.')]
    const { say } = conversation(majors[0]?.[1], { model: provider('gpt-5.5') })
    const first = await say(one)
    await provider.codex.close()
    const second = await say(two, { model: other('gpt-5.5') })
    assert.equal(second.text, 'Two.')
    assert.equal(threadOf(second), threadOf(first))
    assert.deepEqual(requests(threadOf(first)).at(-1)?.userMessages, [one, two])
  })
})
