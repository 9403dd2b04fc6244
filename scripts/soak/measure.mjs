// What this process holds, at a moment when nothing runs.

import { getEventListeners } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

/** Variable in the environment of every process that a soak starts. */
export const MARK = 'CODEX_SOAK'

/**
 * @typedef {object} Sample
 * @property {number} turns so far
 * @property {number} rss bytes, after garbage collection, as all memory here
 * @property {number} heapUsed
 * @property {number} external
 * @property {number} listeners of `process`, and of the signal that turns share
 * @property {number} resources what Node's loop knows of: sockets, timers, pipes
 * @property {number} [descriptors] on Linux alone, as all that follows
 * @property {number} [threads]
 * @property {number} [processes] below this one, also those that have left it
 */

/**
 * @param {number} turns
 * @param {AbortSignal} signal
 * @returns {Promise<Sample>}
 */
export async function measure(turns, signal) {
  // What finalizers let go is collected by the next.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  return {
    turns,
    rss,
    heapUsed,
    external,
    listeners: listeners + getEventListeners(signal, 'abort').length,
    resources: process.getActiveResourcesInfo().length,
    ...(process.platform === 'linux' ? ofLinux() : {}),
  }
}

function ofLinux() {
  return {
    // One is that of the folder itself.
    descriptors: readdirSync('/proc/self/fd').length - 1,
    threads: readdirSync('/proc/self/task').length,
    processes: marked().length,
  }
}

/** The processes that this soak has started and that are there, whoever is their parent now. */
export function marked() {
  const mark = `${MARK}=${process.env[MARK]}`
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)
    } catch {
      return false
    }
  })
}
