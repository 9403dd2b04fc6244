// Runs turns of all kinds for long, and looks at whether what the process holds stays as it is. Exit 1 where it does not,
// where a turn does not end as it has to, or where a process is left behind.
//
//   npm run soak                                       1,000,000 turns on the scripted server, 2,000 on the real codex
//   npm run soak -- --turns 100000 --real 300 --seed 7
//   npm run soak -- --minutes 30                       each part ends after that time, with the turns that it has made
//   npm run soak -- --write                            bench/soak.json and docs/long-running.md; node site/charts.mjs
//                                                      draws the charts
//   npm run soak -- --development                      builds that are not optimised

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from '../bench/build.mjs'
import { findCodex } from './protocol/codex.mjs'
import { judge } from './soak/flat.mjs'
import { parts, report, writePage } from './soak/page.mjs'
import { soak } from './soak/start.mjs'

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '1000000' },
    real: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '8' },
    samples: { type: 'string', default: '100' },
    minutes: { type: 'string' },
    write: { type: 'boolean' },
    development: { type: 'boolean' },
  },
})
const results = new URL('../bench/soak.json', import.meta.url)
const { addon, server } = build({ development: values.development })
const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon }
const executables = { scripted: server, real: process.env.CODEX_PATH ?? (await findCodex()) }
const counts = { scripted: Number(values.turns), real: Number(values.real) }

/** @type {import('./soak/page.mjs').Results} */
const soaked = {}
for (const on of /** @type {const} */ (['scripted', 'real'])) {
  if (counts[on] === 0) continue
  const order = {
    on,
    executable: executables[on],
    turns: counts[on],
    lanes: Number(values.lanes),
    samples: Math.min(counts[on], Number(values.samples)),
    seed: Number(values.seed),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  }
  try {
    const done = await soak(order, { env, tell: (sample) => progress(on, sample) })
    soaked[on] = { about: about(), ...done }
    console.log(`${report(on, done)}\n`)
    if (done.leftBehind > 0 || judge(done.samples).some(({ flat }) => !flat)) process.exitCode = 1
  } catch (error) {
    process.exitCode = 1
    console.error(error)
  }
}
if (values.write && process.exitCode === undefined) {
  const all = { ...JSON.parse(readFileSync(results, 'utf8')), ...soaked }
  writeFileSync(results, JSON.stringify(all))
  writePage(all)
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url))
  const page = fileURLToPath(new URL('../docs/long-running.md', import.meta.url))
  execFileSync(process.execPath, [biome, 'format', '--write', fileURLToPath(results), page], {
    stdio: 'ignore',
  })
}

/** @param {string} on @param {import('./soak/measure.mjs').Sample} sample */
function progress(on, { turns, rss, heapUsed }) {
  const [all, heap] = [rss, heapUsed].map((bytes) => (bytes / 1e6).toFixed(1))
  console.error(`${turns} turns on ${parts[on]}: ${all} MB, of which V8 uses ${heap}`)
}

/** What the figures belong to. */
function about() {
  const [cpu] = cpus()
  const manifest = new URL('../node_modules/@openai/codex/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  const processor = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}`
  const given = process.argv.slice(2)
  return {
    command: ['npm run soak', ...(given.length > 0 ? ['--', ...given] : [])].join(' '),
    day: new Date().toISOString().slice(0, 10),
    system: `${type()} ${process.arch}`,
    machine: `${processor}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.versions.node,
    codex: version,
  }
}
