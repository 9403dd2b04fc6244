// Two builds beside each other: what was measured of both in pairs, and whether that is worse.

import { format, median, table } from './table.mjs'

/**
 * @typedef {object} Measured
 * @property {string} name what was done
 * @property {string} measure what was measured of it: the less, the better
 * @property {number} floor how large a difference must be to mean anything, in the unit of the measure
 * @property {[before: number, after: number][]} pairs each measured right after the other
 *
 * @typedef {object} Judged
 * @property {string} name
 * @property {string} measure
 * @property {number} before the median
 * @property {number} after the median
 * @property {number} ratio the median of the ratios of the pairs, after to before
 * @property {[low: number, high: number]} middleHalf where half of the ratios lie
 * @property {number} pairs how many there were
 * @property {'worse' | 'better' | ''} verdict
 */

/**
 * Worse is what is so by more than the bound and the floor, and in three of four pairs at all: a machine that does other
 * things as well makes single pairs of anything.
 *
 * @param {Measured} measured
 * @param {number} bound as a fraction
 * @returns {Judged}
 */
export function judge({ name, measure, floor, pairs }, bound) {
  const before = median(pairs.map(([one]) => one))
  const after = median(pairs.map(([, other]) => other))
  const ratios = pairs.map(([one, other]) => (one === other ? 1 : other / one)).sort((a, b) => a - b)
  const ratio = median(ratios)
  const half = Math.floor(ratios.length / 2)
  const low = median(ratios.slice(0, Math.max(1, half)))
  const high = median(ratios.slice(-Math.max(1, half)))
  const difference = median(pairs.map(([one, other]) => other - one))
  const worse = ratio > 1 + bound && low > 1 && difference > floor
  const better = ratio < 1 / (1 + bound) && high < 1 && -difference > floor
  return {
    name,
    measure,
    before,
    after,
    ratio,
    middleHalf: [low, high],
    pairs: pairs.length,
    verdict: worse ? 'worse' : better ? 'better' : '',
  }
}

/** @param {Judged[]} rows @returns {string} Markdown */
export function asTable(rows) {
  return table(
    ['what', 'measure', 'before', 'after', 'ratio', 'the middle half', ''],
    rows.map(({ name, measure, before, after, ratio, middleHalf: [low, high], verdict }) => [
      name,
      measure,
      format(before),
      format(after),
      ratio.toFixed(2),
      `${low.toFixed(2)} to ${high.toFixed(2)}`,
      verdict,
    ]),
  )
}
