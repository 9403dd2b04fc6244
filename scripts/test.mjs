// npm test                                          everything
// npm test -- __test__/turn/turns.test.mjs               these JavaScript tests alone, files or folders
// npm test -- --codex 0.165.0 [files]               the JavaScript tests on another codex from npm; `oldest` is the oldest
//                                                   supported one, `latest` the newest
//
// Installs and builds what is missing first. Every step runs, also after one that failed; the exit code is 1 if any
// did. `--codex` keeps what it downloads in .cache/ and hands it to the tests in CODEX_PATH.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AS_TESTED } from './build.mjs'
import { resolveVersion } from './codex/versions.mjs'
import { root, SetupError, setUp } from './setup.mjs'
import { installCodex } from './test/codex.mjs'
import { findTests, runTests } from './test/javascript.mjs'
import { command, node, Steps } from './test/steps.mjs'

/** @param {string} name @param {string[]} args */
const cargo = (name, ...args) => command('cargo', [name, '--target-dir', 'target', ...args])
/** @param {string} name @param {string[]} args */
const tool = (name, ...args) => node(join(root, 'node_modules', name), ...args)

/** What needs no build, and so runs beside it and the tests. */
const lint = {
  format: command('cargo', ['fmt', '--all', '--check']),
  biome: tool('@biomejs/biome/bin/biome', 'ci', '--colors=off'),
  types: tool('typescript/bin/tsc', '-p', '.'),
  'types of examples/web': tool('typescript/bin/tsc', '-p', 'examples/web'),
  'protocol.d.ts': node('scripts/generate-protocol.mjs', '--check'),
  package: tool('publint/src/cli.js', 'run', '--strict', '--pack', 'false', '.'),
}

const build = {
  addon: node('scripts/build.mjs', '--check'),
  rig: cargo('build', '--locked', '--package', 'codex-rig'),
}

// In the test of the site it would take as long as a test that hangs.
const site = { site: node('site/build.mjs', '--if-changed') }

// A link that leads nowhere fails.
const DOC = ['--no-deps', '--document-private-items', '--config', 'build.rustdocflags=["--deny", "warnings"]']

// Several at once: a target has one thread.
const FUZZ = [
  ...['--target-dir', 'target', '--locked', '--workspace', '--lib', 'fuzzing::'],
  ...['--', '--test-threads=4', '--nocapture'],
]

const rust = {
  clippy: cargo('clippy', '--locked', '--workspace', '--all-targets', '--', '--deny', 'warnings'),
  'cargo doc': cargo('doc', '--locked', '--workspace', ...AS_TESTED, ...DOC),
  'cargo test': cargo('test', '--locked', '--workspace'),
  // What they have built, each target of fuzzing for ten seconds.
  fuzz: command('cargo', ['test', ...FUZZ], { ...process.env, CODEX_FUZZ_SECONDS: '10' }),
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { codex: { type: 'string' } },
    allowPositionals: true,
  })
  const files = await findTests(positionals)
  await setUp()
  const codex =
    values.codex === undefined ? undefined : await installCodex(await resolveVersion(values.codex))
  const everything = codex === undefined && positionals.length === 0

  const steps = new Steps()
  const aside = async () => {
    await steps.run(lint, { aside: true })
    await compiled
    // While the tests of JavaScript wait.
    await steps.run(rust, { aside: true })
  }
  const readsSite = files.includes(join('__test__', 'page', 'site.test.mjs'))
  const compiled = steps.run(build)
  // It gives way to nobody: the tests wait for it.
  const built = compiled.then(() => (readsSite ? steps.run(site) : undefined))
  const javascript = built.then(() => steps.run({ 'node --test': runTests(files, codex) }))
  await Promise.all([javascript, everything && aside()])
  const passed = steps.summary()
  if (!everything) console.log('This was a part of the tests; `npm test` runs them all.')
  process.exitCode = passed ? 0 : 1
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
