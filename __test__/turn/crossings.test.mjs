// How often native code calls into JavaScript while a turn begins: each crossing costs, and turns are many.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startHost } from '../support/host.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'

const index = fileURLToPath(new URL('../../index.js', import.meta.url))

/** What a call may bring that has to be looked at in JavaScript. */
const all = `{
  signal: new AbortController().signal,
  outputSchema: { type: 'object', properties: {} },
  onApproval: () => 'decline',
}`
const calls = [
  `thread.run('hi')`,
  `thread.turn('hi')`,
  'thread.proceed()',
  `codex.run('hi')`,
  `thread.run('hi', ${all})`,
  `thread.turn('hi', ${all})`,
  `codex.run('hi', ${all})`,
]

/** Tells which functions native code calls. They are those that the package makes known to it. */
const program = `
  import { createRequire } from 'node:module'
  const require = createRequire(${JSON.stringify(index)})
  const native = require('./glue/native.js')
  const crossed = []
  const { initialize } = native
  const counted = ([name, it]) => [
    name,
    typeof it === 'function' ? (...args) => (crossed.push(name), it(...args)) : it,
  ]
  native.initialize = (hooks) => {
    // The native side does not hold them.
    globalThis.hooks = Object.fromEntries(Object.entries(hooks).map(counted))
    return initialize(globalThis.hooks)
  }
  // The package anew, as a hot reload does it.
  for (const file of Object.keys(require.cache)) delete require.cache[file]
  const library = require('./index.js')
  const codex = new library.Codex({ codexPath: data.rigPath, env: data.env })
  const thread = await codex.startThread()
  for (const call of [${calls.map((call) => `() => ${call}`)}]) {
    crossed.length = 0
    await call()
    tell([...crossed])
  }
  await codex.close()`

describe('native code calls into JavaScript for the arguments and for the outcome alone', () => {
  test('of a call that begins a turn', async (t) => {
    const answer = { play: 'agentMessage', with: { text: '{}' } }
    const { env } = rigEnvironment(t, { on: { 'turn/start': [['turnBegin', answer, 'turnEnd']] } })
    const { told } = startHost(t, program, { rigPath, env })
    for (const call of calls) assert.deepEqual(await told(), ['takeArguments', 'settle'], call)
  })
})
