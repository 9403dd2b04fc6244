// The programs of examples/, as a user runs them: each a process of its own, which only its environment leads to the
// scripted provider.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'

/** Where they are. */
export const examples = fileURLToPath(new URL('../../examples/', import.meta.url))

/**
 * A scripted provider, and a function that runs an example against it.
 *
 * @param {import('node:test').TestContext} t
 */
export async function stage(t) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  t.after(async () => {
    await provider.close()
    await home.remove()
    assert.deepEqual(provider.errors, [])
  })
  /** @param {string} name @param {string[]} args */
  const run = async (name, ...args) => {
    const child = spawn(process.execPath, [`${examples}${name}.mjs`, ...args], {
      cwd: home.workspace,
      env: { ...process.env, ...home.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // One that hangs fails its test with what it said until then.
      timeout: 30_000,
      killSignal: 'SIGKILL',
    })
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    return { code, stdout, stderr }
  }
  return { provider, run }
}
