// Builds the page into dist/.

import { fileURLToPath } from 'node:url'
import { build as vite } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

/** @param {string} [outDir] */
export async function build(outDir = `${here}dist`) {
  await vite({
    root: here,
    configFile: `${here}vite.config.mjs`,
    logLevel: 'error',
    build: { outDir, emptyOutDir: true },
  })
}
