// Starts the process that runs the turns, and takes what it tells.

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { MARK } from './measure.mjs'

/**
 * @typedef {object} Soaked
 * @property {number} seed
 * @property {number} seconds
 * @property {import('./measure.mjs').Sample[]} samples
 * @property {Record<string, number>} counts turns of each kind
 * @property {number} leftBehind processes that were still there at the end
 */

/**
 * @param {import('./run.mjs').Order} order
 * @param {{ env?: NodeJS.ProcessEnv, tell?: (sample: import('./measure.mjs').Sample, soaked: Soaked) => void }} [options]
 * @returns {Promise<Soaked>}
 */
export async function soak(order, { env = process.env, tell } = {}) {
  const began = performance.now()
  const child = fork(new URL('./run.mjs', import.meta.url), [JSON.stringify(order)], {
    execArgv: ['--expose-gc'],
    env: { ...env, [MARK]: randomUUID() },
  })
  /** @type {Soaked} */
  const soaked = { seed: order.seed, seconds: 0, samples: [], counts: {}, leftBehind: 0 }
  child.on('message', (/** @type {any} */ { sample, ...rest }) => {
    Object.assign(soaked, rest)
    if (sample === undefined) return
    soaked.samples.push(sample)
    tell?.(sample, soaked)
  })
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(undefined)
      else reject(new Error(`the turns ended with ${signal ?? `status ${code}`}: seed ${order.seed}`))
    })
  })
  soaked.seconds = (performance.now() - began) / 1000
  return soaked
}
