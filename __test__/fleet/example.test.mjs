// examples/fleet, by its one command.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'
import { startRedis } from './support/redis.mjs'

const file = fileURLToPath(new URL('../../examples/fleet/start.mjs', import.meta.url))

test('examples/fleet: two workers and a program that submits, by one command', async (t) => {
  // Installs a server where none is; the example starts one of its own.
  await startRedis(t)
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  provider.enqueue('A shop.', 'The till.')
  const env = { ...process.env, ...home.env }
  const options = { cwd: home.workspace, env, timeout: 90_000 }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [file, 'What is it?', 'And what first?'],
    options,
  )
  assert.match(stdout, /> What is it\?\n[\s\S]*A shop\.[\s\S]*> And what first\?\n[\s\S]*The till\./)
  assert.match(stdout, /(one|two): ready as/)
})
