// Builds what is measured, measures it, prints the tables and writes them into README.md and results.json.
//
//   npm run bench
//   npm run bench -- --rounds 5 --sizes 16,300,20000 --turns 150 --crowds 10 --no-write
//   npm run bench -- --clients 'readline,websocket: ws' --turns 0 --crowds 0
//   npm run bench -- --against main    this checkout beside another revision: exit 1 where it is worse
//   npm run bench -- --development --rounds 1    not optimised, not written: only whether it all works

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { compareWith } from './against.mjs'
import { argumentsOf, UsageError } from './arguments.mjs'
import { build } from './build.mjs'
import { flood } from './flood.mjs'
import { load } from './load.mjs'
import { real } from './real.mjs'
import { writeResults } from './results.mjs'

const readme = new URL('./README.md', import.meta.url)
const [BEGIN, END] = ['<!-- results -->', '<!-- end of results -->']

try {
  const options = argumentsOf(process.argv.slice(2))
  const { against } = options
  if (against === undefined) await measure(options)
  else if (!(await compareWith({ ...options, against }, build, () => about(options)))) process.exitCode = 1
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

/** @param {import('./arguments.mjs').Arguments} options */
async function measure(options) {
  const { addon, server } = build(options)
  process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addon
  const parts = [about(options), await flood({ addon, server, ...options })]
  if (options.loads > 0) parts.push(await load({ addon, times: options.loads }))
  if (options.turns > 0 || options.crowds > 0) parts.push(await real({ server, ...options }))
  const results = parts.join('\n\n')
  console.log(results)
  if (options.write) write(results)
}

/** @param {string} results */
function write(results) {
  const text = readFileSync(readme, 'utf8')
  const [before] = text.split(BEGIN)
  const after = text.split(END)[1]
  if (after === undefined) throw new Error('bench/README.md has no place for results')
  writeFileSync(readme, `${before}${BEGIN}\n\n${results}\n\n${END}${after}`)
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url))
  execFileSync(process.execPath, [biome, 'format', '--write', fileURLToPath(readme)], { stdio: 'ignore' })
  writeResults()
}

/**
 * What the numbers belong to.
 *
 * @param {import('./arguments.mjs').Arguments} options
 */
function about({ development, rounds }) {
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`
  const rust = execFileSync('rustc', ['--version'], { encoding: 'utf8' }).split(' ')[1]
  const codex = JSON.parse(
    readFileSync(new URL('../node_modules/@openai/codex/package.json', import.meta.url), 'utf8'),
  )
  const command = [
    'npm run bench',
    ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2).map(quoted)] : []),
  ].join(' ')
  const builds = development ? 'development builds, ' : ''
  return [
    `\`${command}\`, ${builds}${new Date().toISOString().slice(0, 10)}, ${type()} ${process.arch}, ${machine},`,
    `Node ${process.versions.node}, Rust ${rust}, codex ${codex.version}. Medians of ${rounds} rounds.`,
  ].join('\n')
}

/** @param {string} word of a command */
function quoted(word) {
  return /^[\w,.=-]+$/.test(word) ? word : `'${word}'`
}
