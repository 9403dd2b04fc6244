// Builds the site of the guide into target/site/dist.
//
//   npm run docs
//   npm run docs -- --open    and serves it on http://localhost:4173
//   node site/build.mjs --if-changed    for the tests: only if there is none of the same sources
//
// Its pages are made into target/site/pages: the guide of docs/ with README before it, the reference from the types, the
// methods of the protocol. A link that leads nowhere fails the build.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { writeCharts } from './charts.mjs'
import { guide } from './guide.mjs'
import { dist, pages, root, site } from './places.mjs'

/** What the site is made of. */
const sources = ['*.md', '*.d.ts', 'types', 'docs', 'bench', 'examples', 'site', 'package-lock.json']
const mark = join(root, 'target/site/made-of')

/**
 * Builds it.
 *
 * @param {{ onlyIfChanged?: boolean }} [options] leave what is there if it was made of the same
 */
export async function buildSite({ onlyIfChanged = false } = {}) {
  const hash = await hashOfSources()
  if (onlyIfChanged && (await readFile(mark, 'utf8').catch(() => '')) === hash) return
  // Which take long to load.
  const [{ build }, { protocol }, { reference }] = await Promise.all([
    import('vitepress'),
    import('./protocol.mjs'),
    import('./reference.mjs'),
  ])
  await Promise.all([pages, dist, mark].map((path) => rm(path, { recursive: true, force: true })))
  await mkdir(pages, { recursive: true })
  await guide()
  await reference(join(pages, 'reference'))
  await protocol(join(pages, 'reference/protocol'))
  await build(site)
  await writeFile(mark, hash)
}

async function hashOfSources() {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...sources]
  const { stdout } = await promisify(execFile)('git', list, { cwd: root })
  const hash = createHash('sha256').update(process.env.DOCS_BASE ?? '')
  for (const name of new Set(stdout.split('\0').filter(Boolean))) {
    hash.update(name).update(await readFile(join(root, name)).catch(() => ''))
  }
  return hash.digest('hex')
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) {
  const { values } = parseArgs({ options: { open: { type: 'boolean' }, 'if-changed': { type: 'boolean' } } })
  const onlyIfChanged = values['if-changed'] ?? false
  if (!onlyIfChanged) await writeCharts()
  await buildSite({ onlyIfChanged })
  if (values.open) await (await import('vitepress')).serve({ root: site, port: 4173 })
}
