// The scripted model provider in a process of its own: what it holds is not the client's.

import { startScriptedProvider } from '../../testing/index.mjs'
import { respond } from './script.mjs'

const provider = await startScriptedProvider({ keepAlive: true, record: false, respond })
process.send?.(provider.url)
process.once('disconnect', () => provider.close())
