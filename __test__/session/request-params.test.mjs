// Requests of which nothing has to be said but the method.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const read = (/** @type {string} */ path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The methods that want an object, which may be empty: src says so to the core, as the types say it to programs. */
const empty = [...read('client/src/rpc/empty_params.rs').matchAll(/^ +"(.+)",$/gm)].map(
  (match) => `${match[1]}`,
)
/** The methods that want nothing, or take null for it. */
const none = [
  ...read('protocol.d.ts').matchAll(/^ {2}'?([\w/]+)'?: \{\s+params: (?:\w+ \| null \| )?undefined;?\s/gm),
].map((match) => `${match[1]}`)
/** What changes the account, the machine or the network. */
const isHarmful = (/** @type {string} */ method) =>
  /^(account\/|accountSession|remoteControl|userVerification|marketplace|plugin|memory\/reset|rollout)/.test(
    method,
  )

test('a method whose params are all optional is called without any', { timeout: 60_000 }, async (t) => {
  assert.ok(empty.length > 20 && none.length > 10, `${empty.length}, ${none.length}`)
  const methods = [...empty, ...none]
  const { codex, log } = rig(t, {
    on: Object.fromEntries(methods.map((method) => [method, { reply: {} }])),
  })
  await Promise.all(methods.map((method) => codex.request(/** @type {any} */ (method))))
  for (const method of methods) {
    const sent = log.messages(method)
    assert.deepEqual(
      sent.map(({ params }) => params),
      [empty.includes(method) ? {} : undefined],
      method,
    )
  }
})

test('the real codex takes each of them', { timeout: 60_000 }, async (t) => {
  const { codex } = await real(t)
  const methods = [...empty, ...none].filter((method) => !isHarmful(method))
  const refused = await Promise.all(
    methods.map(async (method) => {
      const error = await codex.request(/** @type {any} */ (method)).catch((error) => error)
      return /missing field|invalid type|unknown variant/.test(error?.message ?? '')
        ? [[method, error.message]]
        : []
    }),
  )
  assert.deepEqual(refused.flat(), [])
})
