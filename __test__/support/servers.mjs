// Servers of the tests of processes: what they play, and which there are.

import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'

/** A turn that runs until it is interrupted. */
export const endless = ['turnBegin', 'messageStarted', { deltas: { text: 'working', pieces: 1 } }]

/** A server that neither the end of its input nor SIGTERM ends. */
export const stubborn = { onEof: 'ignore', onSigterm: 'ignore' }

/** @param {import('./rig.mjs').RigLog} log @returns {number[]} */
export const servers = (log) => log.entries().flatMap((entry) => (entry.run === undefined ? [] : entry.pid))

/**
 * A home and a provider for a codex that another process starts.
 *
 * @param {import('node:test').TestContext} t
 */
export async function withoutClient(t) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  return { provider, home }
}
