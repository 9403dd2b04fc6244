// What calls of the AI SDK leave on a signal, and what their errors say of who called.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { createCodex } from '../../ai-sdk/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig } from '../support/rig.mjs'

const prompt = [{ role: 'user', content: [{ type: 'text', text: 'a' }] }]

test('a signal has one listener for all calls, and none after them', { timeout: 60_000 }, async (t) => {
  const { codex } = rig(t)
  const provider = createCodex(codex)
  t.after(() => provider.close())
  const model = /** @type {any} */ (provider('gpt-5.5'))
  const { signal } = new AbortController()
  const calls = Array.from({ length: 12 }, () => model.doGenerate({ prompt, abortSignal: signal }))
  assert.ok(getEventListeners(signal, 'abort').length <= 1)
  await Promise.all(calls)
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('what is rejected says who called, and so does its cause', async (t) => {
  const provider = createCodex({ codexPath: '/no/such/codex' })
  t.after(() => provider.close())
  const model = /** @type {any} */ (provider('gpt-5.5'))
  for (const call of [() => model.doGenerate({ prompt }), () => model.doStream({ prompt })]) {
    const error = await rejection(call(), Error)
    assert.match(String(error.stack), /callers\.test\.mjs/)
    assert.match(String(/** @type {Error} */ (error.cause).stack), /callers\.test\.mjs/)
  }
})

test('so does the error that a stream gives as a part', { timeout: 60_000 }, async (t) => {
  const { codex } = rig(t, { on: { 'turn/start': [['turnBegin', 'turnFailed']] } })
  const provider = createCodex(codex)
  t.after(() => provider.close())
  const model = /** @type {any} */ (provider('gpt-5.5'))
  function streams() {
    return model.doStream({ prompt })
  }
  const { stream } = await streams()
  const parts = []
  for await (const part of stream) parts.push(part)
  const { error } = parts.find(({ type }) => type === 'error')
  assert.match(error.stack, /at streams /)
  assert.match(error.cause.stack, /at streams /)
})
