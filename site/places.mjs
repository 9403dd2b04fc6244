// Where things are.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** This folder. */
export const site = fileURLToPath(new URL('.', import.meta.url)).replace(/[\\/]$/, '')
/** The package. */
export const root = join(site, '..')
/** The Markdown that the site is made of. */
export const pages = join(root, 'target/site/pages')
/** The site. */
export const dist = join(root, 'target/site/dist')

/** The entries of the package by their types, as pages of the reference. @type {Record<string, string>} */
export const entries = {
  'index.d.ts': 'codex-node',
  'exec/index.d.ts': 'codex-node/exec',
  'ai-sdk/index.d.ts': 'codex-node/ai-sdk',
  'testing/index.d.ts': 'codex-node/testing',
  'fleet/index.d.ts': 'codex-node/fleet',
  'web/index.d.ts': 'codex-node/web',
  'web/client.d.ts': 'codex-node/web/client',
  'otel/index.d.ts': 'codex-node/otel',
  'policy/index.d.ts': 'codex-node/policy',
}
