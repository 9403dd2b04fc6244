// The tables of README.md as data, for the charts of the guide: results.json.
//
//   node bench/results.mjs    writes it anew; the bench does so itself

import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const readme = new URL('./README.md', import.meta.url)
const file = new URL('./results.json', import.meta.url)

/**
 * @typedef {object} Row
 * @property {string} client
 * @property {number} eventsPerSecond
 * @property {number} mainThreadMicros for each event
 * @property {number} allThreadsMicros for each event
 * @property {number} delayMs the median of the event loop's delay
 * @property {number} peakMb
 * @typedef {{ about: string, floods: { deltas: string, rows: Row[] }[] }} Results
 */

/**
 * @param {string} markdown
 * @returns {Results}
 */
export function resultsOf(markdown) {
  const [, text = ''] = markdown.split(/<!-- (?:end of )?results -->/)
  const about = (text.trim().split('\n\n')[0] ?? '').replace(/\n/g, ' ')
  const floods = [...text.matchAll(/^### [\d,]+ deltas of (.+)\n\n((?:\|.*\n)+)/gm)].map(
    ([, deltas = '', table = '']) => ({ deltas, rows: table.trim().split('\n').slice(2).map(row) }),
  )
  if (floods.length === 0) throw new Error('bench/README.md has no tables')
  return { about, floods }
}

/** @param {string} line @returns {Row} */
function row(line) {
  const cells = line.split('|').map((cell) => cell.trim())
  const [, client = '', events, main, , all, delay] = cells
  const peak = cells.at(-2)
  const [eventsPerSecond, mainThreadMicros, allThreadsMicros, delayMs, peakMb] = [
    events,
    main,
    all,
    delay,
    peak,
  ].map((cell) => Number.parseFloat((cell ?? '').replaceAll(',', '')))
  const found = { eventsPerSecond, mainThreadMicros, allThreadsMicros, delayMs, peakMb }
  const missing = Object.entries(found).find(([, value]) => value === undefined || Number.isNaN(value))
  if (missing !== undefined) throw new Error(`bench/README.md: no ${missing[0]} in ${line}`)
  return /** @type {Row} */ ({ client: client.replaceAll('`', ''), ...found })
}

/** Writes results.json from the tables as they stand. */
export function writeResults() {
  writeFileSync(file, `${JSON.stringify(resultsOf(readFileSync(readme, 'utf8')), null, 2)}\n`)
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) writeResults()
