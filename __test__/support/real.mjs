// A Codex on the real codex binary, with a scripted model provider on loopback.

import './environment.mjs'
import { Codex } from '../../index.mjs'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'

/**
 * A client of the real codex, closed when the test ends. `CODEX_PATH` runs the suite against another codex.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').CodexOptions} [options]
 * @param {Parameters<typeof createCodexHome>[1]} [homeOptions]
 */
export async function real(t, options = {}, homeOptions = {}) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access', ...homeOptions })
  const codex = new Codex({ ...options, env: { ...home.env, ...options.env } })
  t.after(async () => {
    await codex.close()
    await provider.close()
    await home.remove()
  })
  return { codex, provider, home }
}
