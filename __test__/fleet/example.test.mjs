// examples/fleet, by its one command.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  createCodexHome,
  createGate,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { startRedis } from './support/redis.mjs'

const file = fileURLToPath(new URL('../../examples/fleet/start.mjs', import.meta.url))

/** Whether what the page needs is installed; the example does without, and says what is missing. */
function hasBoard() {
  try {
    createRequire(file).resolve('@bull-board/express')
    return true
  } catch {
    return false
  }
}

test('examples/fleet: two workers, a page of the queues and a program that submits, by one command', {
  timeout: 120_000,
}, async (t) => {
  // Installs a server where none is; the example starts one of its own.
  await startRedis(t)
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  const gate = createGate()
  provider.when('What is it?', say('A shop.'))
  provider.when('And what first?', reply([say('The till.'), waitFor(gate)]))
  const env = { ...process.env, ...home.env }
  const child = spawn(process.execPath, [file, 'What is it?', 'And what first?'], {
    cwd: home.workspace,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  const exited = once(child, 'exit')
  try {
    await gate.reached
    if (hasBoard()) {
      const url = /^the queues: (http:\S+)$/m.exec(stdout)?.[1]
      assert.match(await (await fetch(`${url}`)).text(), /<title>Bull Dashboard/)
      // It looks who is there every two seconds.
      /** @type {string[]} */
      let names = []
      while (!['turns-one', 'turns-two'].every((name) => names.some((one) => one.startsWith(name)))) {
        const { queues } = /** @type {any} */ (await (await fetch(`${url}api/queues`)).json())
        names = queues.map((/** @type {{ name: string }} */ { name }) => name)
      }
      assert.ok(names.includes('entry'))
    } else assert.match(stdout, /^no page of the queues without: npm install express/m)
  } finally {
    gate.open()
  }
  assert.deepEqual(await exited, [0, null])
  assert.match(stdout, /> What is it\?\n[\s\S]*A shop\.[\s\S]*> And what first\?\n[\s\S]*The till\./)
  assert.match(stdout, /(one|two): ready as/)
})
