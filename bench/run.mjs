// Builds what is measured, measures it, prints the tables and writes them into README.md and results.json.
//
//   npm run bench
//   npm run bench -- --rounds 5 --sizes 16,300,20000 --turns 150 --crowds 10 --no-write
//   npm run bench -- --clients 'readline,websocket: ws' --turns 0
//   npm run bench -- --development --rounds 1    not optimised, not written: only whether it all works

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { flood } from './flood.mjs'
import { real } from './real.mjs'
import { writeResults } from './results.mjs'

const readme = new URL('./README.md', import.meta.url)
const [BEGIN, END] = ['<!-- results -->', '<!-- end of results -->']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    sizes: { type: 'string', default: '16,300,20000' },
    turns: { type: 'string', default: '150' },
    crowds: { type: 'string', default: '10' },
    clients: { type: 'string' },
    development: { type: 'boolean' },
    'no-write': { type: 'boolean' },
  },
})

const { addon, server } = build({ development: values.development })
process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addon
const sizes = values.sizes.split(',').filter(Boolean).map(Number)
const [rounds, turns, crowds] = [values.rounds, values.turns, values.crowds].map(Number)
const names = values.clients?.split(',')
const parts = [about(), await flood({ addon, server, rounds: rounds ?? 0, sizes, names })]
if (turns) parts.push(await real({ server, turns, rounds: crowds ?? 0 }))
const results = parts.join('\n\n')
console.log(results)
if (!values['no-write'] && !values.development) {
  const text = readFileSync(readme, 'utf8')
  const [before] = text.split(BEGIN)
  const after = text.split(END)[1]
  if (after === undefined) throw new Error('bench/README.md has no place for results')
  writeFileSync(readme, `${before}${BEGIN}\n\n${results}\n\n${END}${after}`)
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url))
  execFileSync(process.execPath, [biome, 'format', '--write', fileURLToPath(readme)], { stdio: 'ignore' })
  writeResults()
}

/** What the numbers belong to. */
function about() {
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
  const builds = values.development ? 'development builds, ' : ''
  return [
    `\`${command}\`, ${builds}${new Date().toISOString().slice(0, 10)}, ${type()} ${process.arch}, ${machine},`,
    `Node ${process.versions.node}, Rust ${rust}, codex ${codex.version}. Medians of ${values.rounds} rounds.`,
  ].join('\n')
}

/** @param {string} word of a command */
function quoted(word) {
  return /^[\w,.=-]+$/.test(word) ? word : `'${word}'`
}
