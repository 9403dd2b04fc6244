const { equal } = require('node:assert/strict')
const codexNode = require('codex-node')
const { Codex } = require('codex-node/exec')

async function main() {
  /** @type {Record<string, unknown>} */
  const imported = await import('codex-node')
  for (const [name, value] of Object.entries(codexNode)) equal(imported[name], value, name)
  equal((await import('codex-node/exec')).Codex, Codex)
  const { turn } = await import('./checks.mjs')
  await turn()
  console.log('passed')
}
main()
