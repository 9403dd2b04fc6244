// Numbers that are the same for the same seed (the generator is mulberry32).

/**
 * @param {number} seed
 * @returns {() => number} from 0 to below 1
 */
export function random(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * One of the names, each as often as its weight says.
 *
 * @param {Record<string, number>} weights
 * @param {() => number} next
 */
export function pick(weights, next) {
  const names = Object.entries(weights)
  let at = next() * names.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [name, weight] of names) {
    at -= weight
    if (at < 0) return name
  }
  return /** @type {[string, number]} */ (names.at(-1))[0]
}
