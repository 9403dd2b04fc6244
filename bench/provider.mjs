// The scripted model provider in a process of its own: what it costs is not the client's.

import { startScriptedProvider } from '../testing/index.mjs'

/** What a prompt begins with that is answered in many deltas. */
const DELTAS = 200

const provider = await startScriptedProvider({
  keepAlive: true,
  record: false,
  respond: ({ userText }) => (userText?.startsWith('many') ? { deltas: DELTAS, text: 'tok ' } : undefined),
})
process.send?.(provider.url)
process.once('disconnect', () => provider.close())
