// What a client costs, measured inside its own process.

import { readFileSync } from 'node:fs'
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'

/**
 * @typedef {object} Measured
 * @property {number} wallMs
 * @property {number | null} mainMs CPU of the main thread; null where the system does not tell (all but Linux)
 * @property {number} allMs CPU of all threads of the process
 * @property {number} delayMs the largest delay of the event loop, the timer's own interval of 1 ms taken off
 * @property {number} peakMb the largest resident set of the process so far
 * @property {number} collectMs the longest garbage collection, which no client can interrupt
 */

/** Begins to measure. @returns {() => Promise<Measured>} ends it */
export function measure() {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let collectMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const minor = /** @type {any} */ (entry).detail?.kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL
      if (!minor) collectMs = Math.max(collectMs, entry.duration)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  delay.enable()
  const main = mainThreadMs()
  const all = process.cpuUsage()
  const began = performance.now()
  return async () => {
    const wallMs = performance.now() - began
    const { user, system } = process.cpuUsage(all)
    const mainMs = main === null ? null : /** @type {number} */ (mainThreadMs()) - main
    // The delay that the last work caused is written down only when the loop has turned again.
    await new Promise((resolve) => setTimeout(resolve, 20))
    delay.disable()
    observer.disconnect()
    return {
      wallMs,
      mainMs,
      allMs: (user + system) / 1000,
      delayMs: Math.max(0, delay.max / 1e6 - 1),
      peakMb: process.resourceUsage().maxRSS / 1024,
      collectMs,
    }
  }
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** CPU that the main thread has used, in milliseconds. */
function mainThreadMs() {
  if (process.platform !== 'linux') return null
  // The kernel brings the figure up to date when it takes the thread off the processor.
  Atomics.wait(never, 0, 0, 1)
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')
  return Number(nanoseconds) / 1e6
}
