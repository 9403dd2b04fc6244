// npm run demo                   one turn of the real codex, shown live
// npm run demo -- "my prompt"    with a prompt of yours
//
// Installs and builds what is missing first. With an account (codex is logged in, or OPENAI_API_KEY is set) the
// real model answers; without one a scripted model does, offline. Codex works in a temporary folder.

import { buildAddon } from './build.mjs'
import { SetupError, setUp } from './setup.mjs'

try {
  await setUp()
  await buildAddon()
  // Only now: it loads the addon.
  const { demo } = await import('./demo/run.mjs')
  process.exitCode = await demo(process.argv.slice(2).join(' '))
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
