// npm run fuzz                                      each target for a minute, guided by coverage
// npm run fuzz -- framing deltas --seconds 600      these
// npm run fuzz -- --runs 1000000                    so many inputs each
// npm run fuzz -- --keep                            and puts what reached more into fuzz/corpus
//
// Needs a C++ compiler for libFuzzer, and no other Rust than the stable one. What was found before is gone on with, from
// target/fuzz. An input that fails is printed as a line for fuzz/corpus, where `cargo test` finds it. Exit 1 if one does.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './setup.mjs'

const folder = join(root, 'target/fuzz')
const committed = join(root, 'fuzz/corpus')
/** So much of a target's inputs is committed, the shortest. */
const MOST_COMMITTED = 24 * 1024
const LIMITS = ['-max_len=4096', '-timeout=10', '-rss_limit_mb=2048']

/** Builds the targets. */
function build() {
  const args = ['build', '--locked', '--manifest-path', 'fuzz/Cargo.toml', '--target-dir', folder]
  const env = { ...process.env, RUSTC_WRAPPER: join(root, 'fuzz/rustc'), CARGO_INCREMENTAL: '0' }
  const { status } = spawnSync('cargo', args, { cwd: root, env, stdio: 'inherit' })
  if (status !== 0) throw new Error('the targets do not build: is there a C++ compiler?')
}

/** The inputs of a file, each a string of JSON with a character for each byte. @param {string} target */
function readCommitted(target) {
  const lines = readFileSync(join(committed, `${target}.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean)
  return lines.map((line) => Buffer.from(JSON.parse(line), 'latin1'))
}

/** @param {Buffer} input */
const asLine = (input) => JSON.stringify(input.toString('latin1'))

/** A folder with the inputs of a target. @param {string} target */
function unpack(target) {
  const place = join(folder, 'corpus', target)
  mkdirSync(place, { recursive: true })
  for (const [at, input] of readCommitted(target).entries())
    writeFileSync(join(place, `committed-${at}`), input)
  return place
}

/**
 * @param {string} target
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, said: string }>}
 */
function fuzzer(target, args) {
  const env = { ...process.env, CODEX_FUZZ_TARGET: target }
  const child = spawn(join(folder, 'debug/codex-fuzz'), args, {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-100_000)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, said }))
  })
}

/**
 * @param {string} target
 * @param {string} bound of time or of inputs
 * @returns {Promise<{ runs: number, passed: boolean }>}
 */
async function fuzz(target, bound) {
  const crashes = join(folder, 'crashes', target)
  rmSync(crashes, { recursive: true, force: true })
  mkdirSync(crashes, { recursive: true })
  const dictionary = `-dict=${join(root, 'fuzz/dictionary.txt')}`
  const args = [
    bound,
    dictionary,
    ...LIMITS,
    `-artifact_prefix=${crashes}/`,
    '-print_final_stats=1',
    unpack(target),
  ]
  const { code, said } = await fuzzer(target, args)
  const runs = Number(/number_of_executed_units: (\d+)/.exec(said)?.[1] ?? 0)
  const speed = Number(/average_exec_per_sec: +(\d+)/.exec(said)?.[1] ?? 0)
  const reached = /.*cov: (\d+)/s.exec(said)?.[1] ?? '?'
  console.log(`${target}: ${runs} inputs, ${speed} a second, ${reached} places reached`)
  if (code === 0) return { runs, passed: true }
  console.log(said.split('\n').slice(-40).join('\n'))
  for (const name of readdirSync(crashes)) {
    console.log(`fuzz/corpus/${target}.jsonl:\n${asLine(readFileSync(join(crashes, name)))}`)
  }
  return { runs, passed: false }
}

/** Commits the shortest inputs that together reach what all do. @param {string} target */
async function keep(target) {
  const least = join(folder, 'least', target)
  rmSync(least, { recursive: true, force: true })
  mkdirSync(least, { recursive: true })
  await fuzzer(target, ['-merge=1', ...LIMITS, least, join(folder, 'corpus', target)])
  const files = readdirSync(least).map((name) => join(least, name))
  files.sort((a, b) => statSync(a).size - statSync(b).size)
  // What was committed stays: it may be there for what it found.
  const lines = new Set(readCommitted(target).map(asLine))
  let bytes = [...lines].join('\n').length
  for (const line of files.map((file) => asLine(readFileSync(file)))) {
    if (lines.has(line)) continue
    bytes += Buffer.byteLength(line) + 1
    if (bytes > MOST_COMMITTED) break
    lines.add(line)
  }
  writeFileSync(join(committed, `${target}.jsonl`), `${[...lines].join('\n')}\n`)
  console.log(`${target}: ${lines.size} inputs committed, of ${files.length}`)
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: 'string' }, runs: { type: 'string' }, keep: { type: 'boolean' } },
    allowPositionals: true,
  })
  const all = readdirSync(committed).map((name) => name.replace(/\.jsonl$/, ''))
  const unknown = positionals.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no target; there are ${all.join(', ')}`)
  const bound = values.runs === undefined ? `-max_total_time=${values.seconds ?? 60}` : `-runs=${values.runs}`
  build()
  let total = 0
  for (const target of positionals.length > 0 ? positionals : all) {
    const { runs, passed } = await fuzz(target, bound)
    total += runs
    if (!passed) process.exitCode = 1
    if (values.keep) await keep(target)
  }
  console.log(`${total} inputs in all`)
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
