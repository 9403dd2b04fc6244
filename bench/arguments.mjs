// The arguments of the bench.

import { parseArgs } from 'node:util'

/** What the arguments say is no bench: told in a line, without a stack. */
export class UsageError extends Error {}

const OPTIONS = /** @type {const} */ ({
  rounds: { type: 'string', default: '5' },
  sizes: { type: 'string', default: '16,300,20000' },
  turns: { type: 'string', default: '150' },
  crowds: { type: 'string', default: '10' },
  'at-once': { type: 'string', default: '200' },
  loads: { type: 'string', default: '40' },
  clients: { type: 'string' },
  against: { type: 'string' },
  bound: { type: 'string' },
  development: { type: 'boolean', default: false },
  'no-write': { type: 'boolean', default: false },
})

/**
 * @typedef {object} Arguments
 * @property {number} rounds of each flooded turn
 * @property {number[]} sizes bytes of a delta
 * @property {number} turns how often the second turn of a thread is measured
 * @property {number} crowds how often many turns at once are
 * @property {number} atOnce how many they are
 * @property {number} loads how often the package is loaded
 * @property {string[] | undefined} names of the clients
 * @property {string | undefined} against the revision to compare with
 * @property {number} bound how much worse than that one may be, as a fraction
 * @property {boolean} development builds that are not optimised
 * @property {boolean} write whether README.md gets the results
 */

/** @param {string[]} args @returns {Arguments} */
export function argumentsOf(args) {
  const values = parsed(args)
  const { clients, against, bound, development } = values
  if (against === '') throw new UsageError('--against wants a revision, such as main or HEAD~1')
  if (bound !== undefined && against === undefined)
    throw new UsageError('--bound says what is worse than --against REF')
  return {
    rounds: count('rounds', values.rounds, 1),
    sizes: values.sizes
      .split(',')
      .filter(Boolean)
      .map((size) => count('sizes', size, 1)),
    turns: count('turns', values.turns),
    crowds: count('crowds', values.crowds),
    atOnce: count('at-once', values['at-once'], 1),
    loads: count('loads', values.loads),
    names: clients?.split(','),
    against,
    bound: count('bound', bound ?? '10') / 100,
    development,
    write: !values['no-write'] && !development && against === undefined,
  }
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** @param {string} name @param {string} text @param {number} [least] */
function count(name, text, least = 0) {
  const number = Number(text)
  if (text.trim() === '' || !Number.isInteger(number) || number < least)
    throw new UsageError(`--${name} takes whole numbers from ${least}, not "${text}"`)
  return number
}
