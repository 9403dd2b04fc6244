// A turn of 100,000 deltas from the stand-in app-server, taken by each client in a process of its own.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { clients } from './clients/index.mjs'
import { format, median, table } from './table.mjs'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./flood-client.mjs', import.meta.url))

const DELTAS = 100_000
const WARM_UP = 20_000
/** Prose with an escape now and then, as models write it. */
const TEXT = 'The quick brown fox jumps over the lazy dog.\n'

/** @typedef {import('./measure.mjs').Cost & { delayMs: number }} Round */

/**
 * @param {{ addon: string, server: string, rounds: number, sizes: number[] }} options
 * @returns {Promise<string>} Markdown
 */
export async function flood({ addon, server, rounds, sizes }) {
  const parts = []
  for (const bytes of sizes) {
    const results = new Map(Object.keys(clients).map((name) => [name, /** @type {Round[]} */ ([])]))
    for (let round = 0; round < rounds; round++) {
      // Each client has its turn in each round, so that what else the machine does hits all alike.
      for (const [name, measured] of results) {
        measured.push(await once(name, bytes, { addon, server }))
        console.error(`${bytes} bytes, round ${round + 1} of ${rounds}: ${name}`)
      }
    }
    parts.push(`### ${DELTAS.toLocaleString('en')} deltas of ${size(bytes)}\n\n${asTable(results)}`)
  }
  return parts.join('\n\n')
}

/**
 * @param {string} name
 * @param {number} bytes
 * @param {{ addon: string, server: string }} paths
 * @returns {Promise<Round>}
 */
async function once(name, bytes, { addon, server }) {
  /** @param {number} count */
  const turn = (count) => {
    const events = { count, bytes, numbered: true, text: TEXT }
    return ['turnBegin', 'messageStarted', { flood: events }, 'messageCompleted', 'turnEnd']
  }
  const script = { on: { 'turn/start': [turn(WARM_UP), turn(DELTAS)] } }
  const { stdout } = await run(process.execPath, [child, name, server, String(DELTAS * bytes)], {
    env: {
      ...process.env,
      CODEX_RIG_SCRIPT: JSON.stringify(script),
      NAPI_RS_NATIVE_LIBRARY_PATH: addon,
    },
  })
  return JSON.parse(stdout)
}

/** @param {Map<string, Round[]>} results */
function asTable(results) {
  /** @param {string} name @param {(round: Round) => number | null} value */
  const middle = (name, value) => {
    const values = (results.get(name) ?? []).map(value)
    return values.includes(null) ? undefined : median(/** @type {number[]} */ (values))
  }
  const baseline = middle('readline', ({ mainMs }) => mainMs)
  const rows = [...results].map(([name, rounds]) => {
    const main = middle(name, ({ mainMs }) => mainMs)
    const delays = rounds.map(({ delayMs }) => delayMs)
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
      'peak memory, MB',
    ],
    rows,
  )
}

/** @param {number} bytes */
function size(bytes) {
  return bytes >= 10_000 ? `${bytes / 1000} KB` : `${bytes} bytes`
}
