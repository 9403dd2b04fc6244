// A Codex of `codex-node/exec` on the real codex binary, with a scripted model provider on loopback.

import './environment.mjs'
import { Codex } from '../../exec/index.mjs'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'

/**
 * What a turn needs: the workspace of the home is no git repository.
 *
 * @typedef {import('../../exec/index.js').ThreadOptions} ThreadOptions
 */

/**
 * A client of the real codex. `CODEX_PATH` runs the suite against another codex.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../exec/index.js').CodexOptions} [options]
 * @param {Parameters<typeof createCodexHome>[1]} [homeOptions]
 */
export async function realExec(t, options = {}, homeOptions = {}) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access', ...homeOptions })
  // All of it: a given environment replaces the one of this process.
  const env = { .../** @type {Record<string, string>} */ (process.env), ...home.env, ...options.env }
  const codex = new Codex({ ...options, env })
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  /** @type {ThreadOptions} */
  const inWorkspace = { workingDirectory: home.workspace, skipGitRepoCheck: true }
  return { codex, provider, home, env, inWorkspace }
}
