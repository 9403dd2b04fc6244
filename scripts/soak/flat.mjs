// Whether what a process holds stays as it is: the second tenth of a run beside its last.

import { median, table } from '../../bench/table.mjs'

/** @typedef {import('./measure.mjs').Sample} Sample */
/** @typedef {{ name: string, unit: 'MB' | '', second: number, last: number, allowed: number, flat: boolean }} Series */

const MB = 1e6

/**
 * How much more the last tenth may hold. What is counted may not grow at all, but for threads: the runtime of the addon
 * starts up to four more while there is work that blocks, and ends them when there is none.
 *
 * Memory of V8 is known to the byte after a collection: 0.5 MB is what its code and caches still come to. The resident set
 * holds what the allocators have not given back, and goes up and down with it by 8 MB and more. In a run of a million turns
 * that is less than what they would add that leave 32 bytes each, the least that an allocator gives.
 *
 * @type {Record<string, (second: number) => number>}
 */
const allowance = {
  rss: (second) => 8 * MB + 0.02 * second,
  heapUsed: () => 0.5 * MB,
  external: () => 0.25 * MB,
  listeners: () => 0,
  resources: () => 0,
  descriptors: () => 0,
  threads: () => 4,
  processes: () => 0,
}

/**
 * @param {readonly Sample[]} samples
 * @returns {Series[]}
 */
export function judge(samples) {
  return Object.entries(allowance).flatMap(([name, allow]) => {
    const values = samples.map((sample) => /** @type {Record<string, number | undefined>} */ (sample)[name])
    if (values.some((value) => value === undefined)) return []
    const known = /** @type {number[]} */ (values)
    const tenth = Math.max(1, Math.floor(known.length / 10))
    const second = median(known.slice(tenth, 2 * tenth))
    const last = median(known.slice(-tenth))
    const allowed = allow(second)
    const unit = ['rss', 'heapUsed', 'external'].includes(name) ? 'MB' : ''
    return [{ name, unit, second, last, allowed, flat: last - second <= allowed }]
  })
}

/** @param {readonly Series[]} series @returns {string} Markdown */
export function seriesTable(series) {
  const rows = series.map(({ name, unit, second, last, allowed, flat }) => {
    const show = (/** @type {number} */ value) =>
      unit === 'MB' ? `${(value / MB).toFixed(2).replace('-0.00', '0.00')} MB` : String(value)
    return [name, ...[second, last, last - second, allowed].map(show), flat ? 'flat' : 'NOT FLAT']
  })
  return table(['', 'second tenth', 'last tenth', 'grown by', 'allowed', ''], rows)
}
