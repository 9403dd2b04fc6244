// npm run test:faults                every fault in every state: docs/faults.md
// npm run test:faults -- NAMES       those whose name has one of these in it
// npm run test:faults -- --write     writes the tables of docs/faults.md
//
// Some want to be root, or user namespaces and a cgroup that can be written.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './setup.mjs'
import { command } from './test/steps.mjs'

const names = process.argv.slice(2)
const page = join(root, 'docs/faults.md')
if (names.includes('--write')) {
  const { withTables } = await import('../__test__/faults/table.mjs')
  writeFileSync(page, withTables(readFileSync(page, 'utf8')))
} else {
  const passed = await command(process.execPath, [
    `--import=${pathToFileURL(join(root, '__test__/support/environment.mjs'))}`,
    '--test',
    '--test-reporter=spec',
    ...names.map((name) => `--test-name-pattern=${name}`),
    '__test__/faults/whole.mjs',
  ])()
  process.exitCode = passed ? 0 : 1
}
