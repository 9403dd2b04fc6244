// Bundles the extension into dist/, with the addon of this platform beside it: nothing of node_modules is shipped.

import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, 'dist')

rmSync(dist, { recursive: true, force: true })
await build({
  absWorkingDir: here,
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.cjs',
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  external: ['vscode'],
})

// The packages of codex-node's addon lie beside it; npm has installed the one of this platform.
const codexNode = dirname(createRequire(import.meta.url).resolve('codex-node/package.json'))
const beside = dirname(codexNode)
for (const name of readdirSync(beside).filter((name) => name.startsWith('codex-node-'))) {
  for (const file of readdirSync(join(beside, name)).filter((file) => file.endsWith('.node'))) {
    copyFileSync(join(beside, name, file), join(dist, file))
    // Symbols that nobody needs, if there are any.
    if (process.platform === 'linux') spawnSync('strip', ['--strip-all', join(dist, file)])
  }
}
