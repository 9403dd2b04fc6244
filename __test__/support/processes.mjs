// Which processes are alive.

import { readdirSync, readFileSync } from 'node:fs'

/** @param {number} pid @returns {boolean} whether a process runs (a zombie does not) */
export function isAlive(pid) {
  if (process.platform === 'linux') {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Waits until a process is gone. There is no event for the end of a process that is not a child of this one.
 *
 * @param {number} pid
 * @param {number} [withinMs]
 */
export async function gone(pid, withinMs = 5_000) {
  const deadline = performance.now() + withinMs
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} is still alive after ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/**
 * Stops a process with SIGSTOP, and waits until it stands (Linux): its threads run on until one of them has seen the signal.
 *
 * @param {number} pid
 */
export async function stop(pid) {
  process.kill(pid, 'SIGSTOP')
  const runs = (/** @type {string} */ task) => {
    try {
      return !/^State:\s+[TtZX]/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  while (isAlive(pid) && readdirSync(`/proc/${pid}/task`).some(runs)) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** @param {number} pid a process that the test has started and that may be gone */
export function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error
  }
}

/** @param {string} text @returns {number[]} the processes whose arguments hold a text (Linux) */
export function withArgument(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAlive(pid) && argumentsOf(pid).includes(text))
}

/** @param {number} pid @returns {string} the arguments of a process, as the process list shows them (Linux) */
export function argumentsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
