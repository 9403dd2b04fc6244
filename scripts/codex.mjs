// npm run codex -- 0.172.0                  move to this codex, and say what that means
// npm run codex -- latest                   to the newest on npm
// npm run codex -- latest FILES             with these tests alone
// npm run codex -- latest --report FILE     where the report goes, by default target/codex.md
// npm run codex -- latest --from 0.169.0    compared with this codex instead of the one that HEAD pins
//
// Installs it, generates what comes from its schema, compares that with the codex that HEAD pins, and runs the tests on the
// oldest supported codex, on the one that HEAD pins and on the new one. Exit 1 where something is left to do.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { generate, testOn } from './codex/checks.mjs'
import { readSources } from './codex/names.mjs'
import { placesOf } from './codex/places.mjs'
import { reportOf } from './codex/report.mjs'
import { nameVersion, oldestVersion, pinnedVersion, resolveVersion } from './codex/versions.mjs'
import { nativeCodex, printProtocol } from './protocol/codex.mjs'
import { npm, root, SetupError, setUp } from './setup.mjs'
import { installCodex } from './test/codex.mjs'

async function main() {
  const { values, positionals } = parseArgs({
    options: { from: { type: 'string' }, report: { type: 'string', default: join(root, 'target/codex.md') } },
    allowPositionals: true,
  })
  const [wanted, ...files] = positionals
  if (wanted === undefined) throw new SetupError('npm run codex -- VERSION, or latest')
  await setUp()
  const to = await resolveVersion(wanted)
  const from = values.from ?? (await pinnedVersion())
  const oldest = await oldestVersion()
  console.log(`codex ${from} to ${to}; the oldest supported one is ${oldest}`)

  const protocols = new Map()
  for (const version of new Set([oldest, from, to])) {
    const path = await nativeCodex(await installCodex(version))
    protocols.set(version, { path, places: placesOf((await printProtocol(path)).schema) })
  }
  npm([
    'install',
    '--save-dev',
    '--save-exact',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `@openai/codex@${to}`,
  ])
  await nameVersion(from, to)

  const checks = [...(await generate(protocols.get(oldest).path))]
  for (const version of new Set([oldest, from, to])) {
    checks.push(await testOn(version, version === to, files))
  }
  const { text, left } = reportOf({
    from,
    to,
    before: protocols.get(from).places,
    after: protocols.get(to).places,
    oldest: protocols.get(oldest).places,
    sources: await readSources(),
    checks,
  })
  const report = resolve(values.report)
  await mkdir(dirname(report), { recursive: true })
  await writeFile(report, text)
  console.log(`\n${text}\n${report}; left to do: ${left.length || 'nothing'}`)
  process.exitCode = left.length === 0 ? 0 : 1
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
