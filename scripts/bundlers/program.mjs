import assert from 'node:assert/strict'
import { BinaryNotFoundError, Codex, CodexError } from 'codex-node'
import { exec, turn } from './checks.mjs'

// Without await at the top, so that it can be bundled to CommonJS, too.
async function main() {
  // One set of classes, whichever entry they come from.
  const codex = new Codex({ codexPath: '/no/such/codex' })
  await assert.rejects(
    codex.connect(),
    (error) => error instanceof BinaryNotFoundError && error instanceof CodexError,
  )
  await turn()
  await exec()
  console.log('passed')
}
main()
