// A turn of 100,000 deltas from the stand-in app-server, taken by each client in a process of its own.

import { execFile, spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { canTake, clients, isRemote } from './clients/index.mjs'
import { format, median, table } from './table.mjs'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./flood-client.mjs', import.meta.url))

/** How many there are. */
export const DELTAS = 100_000
const WARM_UP = 20_000
/** Prose with an escape now and then, as models write it. */
const TEXT = 'The quick brown fox jumps over the lazy dog.\n'

/** @typedef {import('./measure.mjs').Cost & import('./measure.mjs').Delay} Round */

/**
 * @param {{ addon: string, server: string, rounds: number, sizes: number[], names?: string[] }} options `names` of the
 *   clients, all by default
 * @returns {Promise<string>} Markdown
 */
export async function flood({ addon, server, rounds, sizes, names = Object.keys(clients) }) {
  const parts = []
  for (const bytes of sizes) {
    const those = names.filter((name) => canTake(name, DELTAS * bytes))
    const results = new Map(those.map((name) => [name, /** @type {Round[]} */ ([])]))
    for (let round = 0; round < rounds; round++) {
      // Each client has its turn in each round, so that what else the machine does hits all alike.
      for (const [name, measured] of results) {
        measured.push(await floodOnce(name, bytes, { addon, server }))
        console.error(`${bytes} bytes, round ${round + 1} of ${rounds}: ${name}`)
      }
    }
    parts.push(`### ${DELTAS.toLocaleString('en')} deltas of ${size(bytes)}\n\n${asTable(results)}`)
  }
  return parts.join('\n\n')
}

/**
 * @param {string} name of the client
 * @param {number} bytes of a delta
 * @param {{ addon: string, server: string, root?: string }} paths `root` of another checkout whose package it is
 * @returns {Promise<Round>}
 */
export async function floodOnce(name, bytes, { addon, server, root }) {
  /** @param {number} count */
  const turn = (count) => {
    const events = { count, bytes, numbered: true, text: TEXT }
    return ['turnBegin', 'messageStarted', { flood: events }, 'messageCompleted', 'turnEnd']
  }
  const script = { on: { 'turn/start': [turn(WARM_UP), turn(DELTAS)] } }
  const env = {
    ...process.env,
    CODEX_RIG_SCRIPT: JSON.stringify(script),
    NAPI_RS_NATIVE_LIBRARY_PATH: addon,
    ...(root !== undefined && { CODEX_BENCH_PACKAGE: pathToFileURL(join(root, 'index.mjs')).href }),
  }
  const listening = isRemote(name) ? await listen(server, env) : undefined
  try {
    const args = [child, name, listening?.url ?? server, String(DELTAS * bytes)]
    const { stdout } = await run(process.execPath, args, { env })
    return JSON.parse(stdout)
  } finally {
    await listening?.end()
  }
}

/**
 * A server that listens: outside the process that is measured, like the one that a client starts.
 *
 * @param {string} server
 * @param {NodeJS.ProcessEnv} env
 */
async function listen(server, env) {
  const args = ['app-server', '--listen', 'ws://127.0.0.1:0']
  const listener = spawn(server, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const closed = event(listener, 'close')
  for await (const line of createInterface({ input: listener.stderr })) {
    const url = line.match(/listening on: (.*)/)?.[1]
    if (url === undefined) continue
    const end = async () => {
      listener.kill('SIGKILL')
      await closed
    }
    return { url, end }
  }
  throw new Error(`${server} does not listen`)
}

/** @param {Map<string, Round[]>} results */
function asTable(results) {
  /** @param {string} name @param {(round: Round) => number | null} value */
  const middle = (name, value) => {
    const values = (results.get(name) ?? []).map(value)
    return values.includes(null) ? undefined : median(/** @type {number[]} */ (values))
  }
  const baseline = results.has('readline') ? middle('readline', ({ mainMs }) => mainMs) : undefined
  const rows = [...results].map(([name, rounds]) => {
    const main = middle(name, ({ mainMs }) => mainMs)
    const delays = rounds.map(({ delayMs }) => delayMs)
    const own = rounds.flatMap(({ ownMs }) => ownMs ?? [])
    const ratio = main !== undefined && baseline !== undefined ? main / baseline : undefined
    return [
      `\`${name}\``,
      format(DELTAS / (median(rounds.map(({ wallMs }) => wallMs)) / 1000)),
      format(main, 1000 / DELTAS),
      ratio === undefined ? 'n/a' : `${(ratio * 100).toFixed(1)} %`,
      format(
        middle(name, ({ allMs }) => allMs),
        1000 / DELTAS,
      ),
      `${format(median(delays))} (${format(Math.max(...delays))})`,
      own.length === 0 ? 'n/a' : `${format(median(own))} (${format(Math.max(...own))})`,
      format(middle(name, ({ peakMb }) => peakMb)),
    ]
  })
  return table(
    [
      'client',
      'events/s',
      'main thread, µs/event',
      'of readline',
      'all threads, µs/event',
      'event-loop delay, ms: median (largest)',
      'of that its own',
      'peak memory, MB',
    ],
    rows,
  )
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes >= 10_000 ? `${bytes / 1000} KB` : `${bytes} bytes`
}
