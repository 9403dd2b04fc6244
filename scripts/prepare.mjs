// Run by npm after `npm install` in a checkout or for a git dependency, and before `npm pack` and `npm publish`:
// builds the addon as it is shipped. With CODEX_NODE_SKIP_BUILD it does nothing.

import { buildRelease } from './build.mjs'

if (!process.env.CODEX_NODE_SKIP_BUILD) {
  try {
    await buildRelease()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error('codex-node could not build its addon. It needs Rust 1.88 or later: https://rustup.rs')
    process.exitCode = 1
  }
}
