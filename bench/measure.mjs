// What a client costs, measured inside its own process.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * @typedef {object} Cost
 * @property {number} wallMs
 * @property {number | null} mainMs CPU of the main thread; null where the system does not tell (all but Linux)
 * @property {number} allMs CPU of all threads of the process
 * @property {number} peakMb the largest resident set of the process so far
 */

/** @param {() => Promise<unknown>} work @returns {Promise<Cost>} */
export async function costOf(work) {
  const main = mainThreadMs()
  const all = process.cpuUsage()
  const began = performance.now()
  await work()
  const wallMs = performance.now() - began
  const { user, system } = process.cpuUsage(all)
  const mainMs = main === null ? null : /** @type {number} */ (mainThreadMs()) - main
  const peakMb = process.resourceUsage().maxRSS / 1024
  return { wallMs, mainMs, allMs: (user + system) / 1000, peakMb }
}

/** The timer that measures the delay of the event loop, in milliseconds: it is late by that and by itself. */
const INTERVAL_MS = 1

/**
 * @typedef {object} Delay
 * @property {number} delayMs the largest delay of the event loop
 * @property {number | null} ownMs the largest, without the time in which the main thread could run but others had the
 *   processors; null where the system does not tell
 */

/**
 * The delay of the event loop. Apart from the cost: the timers wake an idle loop.
 *
 * @param {() => Promise<unknown>} work
 * @returns {Promise<Delay>}
 */
export async function delayOf(work) {
  const delay = monitorEventLoopDelay({ resolution: INTERVAL_MS })
  const own = ownDelay()
  delay.enable()
  await work()
  // What the last of the work caused is written down only when the loop has turned again.
  await new Promise((resolve) => setTimeout(resolve, 20))
  delay.disable()
  return { delayMs: Math.max(0, delay.max / 1e6 - INTERVAL_MS), ownMs: own() }
}

/**
 * Measures until it is called: how late a timer is, without what the main thread waited for a processor.
 *
 * @returns {() => number | null}
 */
function ownDelay() {
  if (process.platform !== 'linux') return () => null
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  const bytes = Buffer.alloc(100)
  const waitedMs = () => {
    const count = readSync(file, bytes, 0, bytes.length, 0)
    return Number(bytes.toString('latin1', 0, count).split(' ')[1]) / 1e6
  }
  let most = 0
  let [last, waited] = [performance.now(), waitedMs()]
  let timer = setTimeout(tick, INTERVAL_MS)
  function tick() {
    const [now, waits] = [performance.now(), waitedMs()]
    most = Math.max(most, now - last - INTERVAL_MS - (waits - waited))
    last = now
    waited = waits
    timer = setTimeout(tick, INTERVAL_MS)
  }
  return () => {
    clearTimeout(timer)
    closeSync(file)
    return most
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
