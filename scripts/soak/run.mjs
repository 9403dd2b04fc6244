// The turns of one soak, in a process of their own: forked by scripts/soak.mjs, which gets the samples as messages.

import { Lane } from './lane.mjs'
import { marked, measure } from './measure.mjs'

/**
 * @typedef {object} Order
 * @property {'scripted' | 'real'} on
 * @property {string} executable of the server
 * @property {number} turns
 * @property {number} lanes
 * @property {number} samples
 * @property {number} seed
 * @property {number} [minutes] ends after that time, also where there are turns left
 */

const order = /** @type {Order} */ (JSON.parse(process.argv[2] ?? ''))
// So that what was started ends, too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
process.once('disconnect', () => process.exit(1))

const { places, end } = await open(order)
const { signal } = new AbortController()
const lanes = places.map((place, at) => new Lane(place, order.seed * 1000 + at, signal))
await Promise.all(lanes.map((lane) => lane.codex.connect()))

const began = performance.now()
const isOver = () => order.minutes !== undefined && performance.now() - began > order.minutes * 60_000
let done = 0
for (let sample = 1; sample <= order.samples && !isOver(); sample++) {
  const until = Math.round((order.turns * sample) / order.samples)
  let given = done
  // A lane asks before each turn; one that counts for several is made up for.
  const more = (/** @type {number} */ turns) => {
    if (turns > 0) done += turns
    if (turns > 1) given += turns - 1
    if (given >= until) return false
    given += 1
    return true
  }
  await Promise.all(lanes.map((lane) => lane.work(more)))
  // A crash may have been the last: all have their codex again.
  await Promise.all(lanes.map((lane) => lane.codex.connect()))
  process.send?.({ sample: await measure(done, signal), counts: counted() })
}

await Promise.all(lanes.map((lane) => lane.close()))
await end()
process.send?.({ leftBehind: process.platform === 'linux' ? marked().length : 0 })
process.removeAllListeners('disconnect')
process.disconnect?.()

/** @param {Order} order */
async function open({ on, executable, lanes: count }) {
  if (on === 'scripted') {
    const { scriptedPlaces } = await import('./scripted.mjs')
    return { places: await scriptedPlaces(executable, count), end: async () => {} }
  }
  const { realPlaces } = await import('./real.mjs')
  return realPlaces(executable, count)
}

/** How many turns of each kind so far. */
function counted() {
  /** @type {Record<string, number>} */
  const counts = {}
  for (const lane of lanes)
    for (const [kind, turns] of Object.entries(lane.counts)) counts[kind] = (counts[kind] ?? 0) + turns
  return counts
}
