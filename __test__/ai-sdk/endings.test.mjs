// How calls end that do not end well: stopped, failed, without codex, without a program.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codexMetadata, createCodex } from '../../ai-sdk/index.mjs'
import { BinaryNotFoundError, ServerExitedError, TurnFailedError } from '../../index.mjs'
import { command, createGate, failed, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { startHost } from '../support/host.mjs'
import { listening } from '../support/listening.mjs'
import { startProxy } from '../support/proxy.mjs'
import { real } from '../support/real.mjs'
import { answered, conversation, majors, partsOf, sdk, shared } from './sdk.mjs'

const rig = shared()
const entry = new URL('../../ai-sdk/index.mjs', import.meta.url).href

/** @param {any} codex @param {string | undefined} threadId */
async function statusOf(codex, threadId) {
  const thread = await codex.resumeThread(threadId)
  for await (const { status } of thread.turns()) return status
}

for (const [major, ai] of majors) {
  describe(`endings, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('an aborted stream interrupts its turn', async (t) => {
      const { provider, prompt, codex } = rig(t)
      const gate = createGate()
      t.after(() => gate.open())
      const controller = new AbortController()
      const result = ai.streamText({
        model: provider('gpt-5.5'),
        prompt: prompt(reply([say('I begin'), waitFor(gate)])),
        abortSignal: controller.signal,
      })
      const parts = []
      for await (const part of result.stream ?? result.fullStream) {
        parts.push(part)
        if (part.type === 'text-delta') controller.abort()
      }
      assert.equal(parts.at(-1).type, 'abort')
      const { threadId } = codexMetadata({ parts }) ?? {}
      // The AI SDK ends the stream at once; the turn ends when codex has heard of it.
      let status = await statusOf(codex, threadId)
      const latest = Date.now() + 20_000
      while (status === 'inProgress' && Date.now() < latest) status = await statusOf(codex, threadId)
      assert.equal(status, 'interrupted')
    })

    test('a call that was aborted before sends nothing', async (t) => {
      const { provider, model } = rig(t)
      const before = model.requests.length
      const abortSignal = AbortSignal.abort()
      await assert.rejects(ai.generateText({ model: provider('gpt-5.5'), prompt: 'Hi', abortSignal }), {
        name: 'AbortError',
      })
      assert.equal(model.requests.length, before)
    })

    test('a stream that is cancelled interrupts its turn, unless it is to go on', async (t) => {
      for (const leaveRunning of [false, true]) {
        const { provider, prompt, codex } = rig(t, { leaveRunning })
        const gate = createGate()
        t.after(() => gate.open())
        const model = provider('gpt-5.5', { specificationVersion: 'v3' })
        const text = prompt(reply([say('I begin'), waitFor(gate)]))
        const { stream } = await model.doStream({
          prompt: [{ role: 'user', content: [{ type: 'text', text }] }],
        })
        const reader = stream.getReader()
        let threadId
        while (threadId === undefined) {
          const { value } = await reader.read()
          threadId = value?.providerMetadata?.codex.threadId
        }
        await reader.cancel()
        if (leaveRunning) {
          const turn = await (await codex.resumeThread(threadId)).runningTurn()
          gate.open()
          assert.equal((await turn?.run())?.status, 'completed')
        } else assert.equal(await statusOf(codex, threadId), 'interrupted')
      }
    })

    test('a turn that fails is an APICallError with its cause, repeated where that may help', async (t) => {
      const { provider, prompt } = rig(t)
      for (const [step, statusCode, isRetryable] of /** @type {const} */ ([
        [httpError(429), 429, true],
        [failed('context_length_exceeded'), 400, false],
        [httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } }), 503, true],
      ])) {
        const call = ai.generateText({ model: provider('gpt-5.5'), prompt: prompt(step), maxRetries: 0 })
        await assert.rejects(call, (/** @type {any} */ error) => {
          assert.ok(ai.APICallError.isInstance(error))
          assert.ok(error.cause instanceof TurnFailedError)
          assert.equal(error.statusCode, statusCode, error.message)
          assert.equal(error.isRetryable, isRetryable, error.message)
          return true
        })
      }
      const overloaded = httpError(503, {
        body: { error: { code: 'server_is_overloaded', message: 'busy' } },
      })
      const didIt = ai.generateText({
        model: provider('gpt-5.5'),
        prompt: prompt(command('true'), overloaded),
        maxRetries: 0,
      })
      await assert.rejects(didIt, { isRetryable: false })
    })

    test('a stream that fails tells the error and ends, its calls closed', async (t) => {
      const { provider, prompt } = rig(t)
      const result = ai.streamText({
        model: provider('gpt-5.5'),
        prompt: prompt(reply([say('I begin')], { failed: { code: 'insufficient_quota' } })),
        onError: () => {},
      })
      const parts = await partsOf(result)
      const { error } = parts.find(({ type }) => type === 'error')
      assert.ok(ai.APICallError.isInstance(error))
      assert.equal(error.statusCode, 429)
      assert.equal(await result.finishReason, 'error')
      assert.ok(parts.some(({ type }) => type === 'text-end'))
    })

    test('no codex is an error that says where it was looked for', async () => {
      const provider = createCodex({ codexPath: '/nowhere/codex' })
      const call = ai.generateText({ model: provider('gpt-5.5'), prompt: 'Hi', maxRetries: 0 })
      await assert.rejects(call, (/** @type {any} */ error) => {
        assert.ok(ai.APICallError.isInstance(error))
        assert.ok(error.cause instanceof BinaryNotFoundError)
        return true
      })
      await provider.close()
    })
  })
}

test('codex dies in the middle of a stream: the error says so, open calls are closed, the next call works', async (t) => {
  const { provider, prompt, codex, model } = await sdk(t)
  const [, ai] = majors[0] ?? []
  const result = ai.streamText({
    model: provider('gpt-5.5'),
    prompt: prompt(reply([say('I begin'), command('echo begun; sleep 60')])),
    onError: () => {},
  })
  const parts = []
  for await (const part of result.stream) {
    parts.push(part)
    if (part.type === 'tool-call') process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
  }
  const { error } = parts.find(({ type }) => type === 'error')
  assert.ok(error.cause instanceof ServerExitedError)
  assert.equal(parts.filter(({ type }) => type === 'tool-error').length, 1)
  model.enqueue('Here again.')
  assert.equal((await ai.generateText({ model: provider('gpt-5.5'), prompt: 'again' })).text, 'Here again.')
})

test('the line to a server drops while an approval waits, and in the middle of a stream: nothing comes twice', async (t) => {
  const { provider: model, home, url } = await listening(t)
  const proxy = await startProxy(t, url)
  const { codex, events } = connect(t, { url: proxy.url })
  const provider = createCodex(codex, { cwd: home.workspace, approvalPolicy: 'untrusted' })
  t.after(() => provider.close())
  const gate = createGate()
  model.enqueue(command('touch made; echo made'), reply([say('One.'), waitFor(gate), say('Two.')]))
  const [, ai] = majors[0] ?? []
  const { say: tell, messages } = conversation(ai, { model: provider('gpt-5.5'), maxRetries: 0 })
  const first = await tell('go')
  const request = first.content.find((/** @type {any} */ part) => part.type === 'tool-approval-request')
  proxy.cut()
  await events.were(['connecting', 'connected', 'lost', 'connecting', 'resumed'])
  messages.push(answered(request, true))
  const second = ai.streamText({ model: provider('gpt-5.5'), messages })
  const parts = []
  for await (const part of second.stream) {
    parts.push(part)
    if (part.type !== 'text-delta' || gate.isOpen) continue
    proxy.cut()
    gate.open()
  }
  assert.equal(await second.text, 'One.Two.')
  assert.equal(parts.filter(({ type, preliminary }) => type === 'tool-result' && !preliminary).length, 1)
  assert.equal(parts.filter(({ type }) => type === 'text-start').length, 2)
})

test('a turn that waits for an answer keeps no program alive', async (t) => {
  const { provider: model, home, codex } = await real(t)
  await codex.close()
  model.enqueue(command('touch never'), say('Done.'))
  const host = startHost(
    t,
    `
    const { createCodex } = await import(data.entry)
    const provider = createCodex({ env: data.env }, { cwd: data.cwd, approvalPolicy: 'untrusted' })
    const prompt = [{ role: 'user', content: [{ type: 'text', text: 'go' }] }]
    const { content } = await provider('gpt-5.5').doGenerate({ prompt })
    tell(content.map(({ type }) => type))
    `,
    { entry, env: home.env, cwd: home.workspace },
  )
  assert.deepEqual(await host.told(), ['tool-call', 'tool-approval-request'])
  const { code } = await host.exited
  assert.equal(code, 0)
})
