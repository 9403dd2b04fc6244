import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

export default defineConfig({
  // An installed package needs no such line: this folder lies within it.
  resolve: {
    alias: { 'codex-node/web/client': fileURLToPath(new URL('../../web/client.mjs', import.meta.url)) },
  },
  build: { chunkSizeWarningLimit: 2_000 },
})
