// The first program of docs/fleet.md, as it stands.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCodexHome, say, startScriptedProvider } from '../../testing/index.mjs'
import { startRedis } from './support/redis.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the first program of docs/fleet.md runs as it stands', async (t) => {
  const redis = await startRedis(t)
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  // Inside the package, so that it can import it by name.
  mkdirSync(join(root, 'target'), { recursive: true })
  const folder = mkdtempSync(join(root, 'target/docs-'))
  t.after(async () => {
    await provider.close()
    await home.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  // By what is asked: whatever else codex asks, or asks again on a busy machine, takes no answer away.
  provider.when('What does this project do?', say('A shop.'))
  const file = join(folder, 'first.mjs')
  const page = readFileSync(join(root, 'docs/fleet.md'), 'utf8')
  writeFileSync(file, /^```js\n(.*?)^```$/ms.exec(page)?.[1] ?? '')
  const env = { ...process.env, ...home.env, REDIS_URL: redis.url }
  const options = { cwd: home.workspace, env, timeout: 120_000 }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], options)
  assert.match(stdout, /^A shop\.\ncompleted on thread [0-9a-f-]+\n$/)
  assert.equal(stderr, '')
})
