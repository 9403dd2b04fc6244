// This checkout beside another revision of it: both are built, measured in turns in one run, and judged.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from './arguments.mjs'
import { buildAddon } from './build.mjs'
import { clients } from './clients/index.mjs'
import { floodOnce, size } from './flood.mjs'
import { asTable, judge } from './judge.mjs'
import { loadOf, packedBytes, published } from './load.mjs'
import { realOf } from './real.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, 'target/against')
const tree = join(folder, 'tree')

/** Ours: what other clients cost is the same in both. */
const OURS = /^(websocket: )?(stream|text|run)\(/

/** @typedef {import('./judge.mjs').Measured} Measured */
/** @typedef {import('./real.mjs').Build} Build */

/**
 * The commit that a revision names.
 *
 * @param {string} ref
 */
export function commitOf(ref) {
  try {
    // After the options: a revision may begin as one does.
    return git('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`)
  } catch {
    throw new UsageError(`--against ${ref}: there is no such revision here`)
  }
}

/**
 * Checks the commit out in target/ and builds its addon.
 *
 * @param {string} commit
 * @param {boolean} development
 * @returns {Build}
 */
function buildOf(commit, development) {
  if (existsSync(tree)) git('-C', tree, 'checkout', '--quiet', '--force', '--detach', commit)
  else {
    mkdirSync(folder, { recursive: true })
    // Of a worktree whose folder was deleted git still knows.
    git('worktree', 'prune')
    git('worktree', 'add', '--quiet', '--detach', tree, commit)
  }
  return { root: tree, addon: buildAddon({ tree, development, name: 'codex-node-against' }) }
}

/** @param {string[]} args */
function git(...args) {
  return execFileSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

/**
 * @param {import('./arguments.mjs').Arguments & { against: string }} options
 * @param {(builds: { development: boolean }) => { addon: string, server: string }} build of this checkout
 * @param {() => string} about what the figures belong to
 * @returns {Promise<boolean>} whether nothing is worse
 */
export async function compareWith({ against, ...options }, build, about) {
  const commit = commitOf(against)
  const before = buildOf(commit, options.development)
  // Built last, as both leave their files in the same place.
  const { addon, server } = build(options)
  const builds = /** @type {[Build, Build]} */ ([before, { root, addon }])
  const all = [
    ...(await loads(builds, options.loads)),
    ...(await floods(builds, server, options)),
    ...(await turns(builds, options)),
  ]
  const rows = all.map((measured) => judge(measured, options.bound))
  const worse = rows.filter(({ verdict }) => verdict === 'worse')
  const percent = Math.round(options.bound * 100)
  const text = [
    about(),
    `Before is ${against} (${commit.slice(0, 12)}), after this checkout.\n\n${asTable(rows)}`,
    worse.length === 0
      ? `Nothing is worse by more than ${percent} %.`
      : `Worse by more than ${percent} %: ${worse.map(({ name, measure }) => `${name}, ${measure}`).join('; ')}.`,
  ].join('\n\n')
  console.log(text)
  const stored = { before: commit, ref: against, about: about(), bound: options.bound, rows }
  writeFileSync(join(folder, `${commit.slice(0, 12)}.json`), `${JSON.stringify(stored, null, 2)}\n`)
  writeFileSync(join(folder, `${commit.slice(0, 12)}.md`), `${text}\n`)
  return worse.length === 0
}

/**
 * @param {[Build, Build]} builds
 * @param {number} times
 * @returns {Promise<Measured[]>}
 */
async function loads(builds, times) {
  if (times === 0) return []
  const copies = /** @type {[Build, Build]} */ ([await published(builds[0]), await published(builds[1])])
  const pairs = await inTurns(times, copies, loadOf)
  for (const copy of copies) rmSync(copy.root, { recursive: true })
  const name = "require('codex-node')"
  return [
    { name, measure: 'ms', floor: 1, pairs: each(pairs, ({ wallMs }) => wallMs) },
    { name, measure: 'processor, ms', floor: 1, pairs: each(pairs, ({ cpuMs }) => cpuMs) },
    {
      name: 'the addon',
      measure: 'packed, KiB',
      floor: 10,
      pairs: [[packedBytes(builds[0].addon) / 1024, packedBytes(builds[1].addon) / 1024]],
    },
  ]
}

/**
 * @param {[Build, Build]} builds
 * @param {string} server
 * @param {{ rounds: number, sizes: number[], names: string[] | undefined }} options
 * @returns {Promise<Measured[]>}
 */
async function floods(builds, server, { rounds, sizes, names }) {
  const all = []
  for (const bytes of sizes) {
    for (const name of names ?? Object.keys(clients).filter((client) => OURS.test(client))) {
      const pairs = await inTurns(rounds, builds, (build) => floodOnce(name, bytes, { ...build, server }))
      console.error(`${bytes} bytes: ${name}`)
      const what = `${name}, ${size(bytes)}`
      const main = each(pairs, ({ mainMs }) => mainMs ?? Number.NaN)
      const own = each(pairs, ({ ownMs, delayMs }) => ownMs ?? delayMs)
      all.push(
        // Not all systems tell.
        ...(main.flat().some(Number.isNaN)
          ? []
          : [{ name: what, measure: 'main thread, ms', floor: 5, pairs: main }]),
        { name: what, measure: 'all threads, ms', floor: 10, pairs: each(pairs, ({ allMs }) => allMs) },
        { name: what, measure: 'own delay, ms', floor: 3, pairs: own },
        { name: what, measure: 'peak memory, MB', floor: 5, pairs: each(pairs, ({ peakMb }) => peakMb) },
      )
    }
  }
  return all
}

/**
 * @param {[Build, Build]} builds
 * @param {import('./real.mjs').Times} times
 * @returns {Promise<Measured[]>}
 */
async function turns(builds, times) {
  if (times.turns === 0 && times.crowds === 0) return []
  const { second, crowd } = await realOf({ builds, ...times })
  /** @param {Map<unknown, number[]>} measured @returns {[number, number][]} */
  const pairs = (measured) => {
    const [before = [], after = []] = measured.values()
    return before.map((ms, index) => [ms, after[index] ?? Number.NaN])
  }
  const all = [
    { name: 'the second turn', measure: 'ms', floor: 1, pairs: pairs(second) },
    { name: `${times.atOnce} turns at once`, measure: 'ms', floor: 50, pairs: pairs(crowd) },
  ]
  return all.filter(({ pairs }) => pairs.length > 0)
}

/**
 * Both in each round, each of them the first as often as the other.
 *
 * @template T
 * @param {number} rounds
 * @param {[Build, Build]} builds
 * @param {(build: Build) => Promise<T>} measure
 * @returns {Promise<[T, T][]>}
 */
export async function inTurns(rounds, [before, after], measure) {
  /** @type {[T, T][]} */
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await measure(before)
      pairs.push([first, await measure(after)])
    } else {
      const first = await measure(after)
      pairs.push([await measure(before), first])
    }
  }
  return pairs
}

/**
 * @template T
 * @param {[T, T][]} pairs
 * @param {(one: T) => number} value
 * @returns {[number, number][]}
 */
function each(pairs, value) {
  return pairs.map(([before, after]) => [value(before), value(after)])
}
