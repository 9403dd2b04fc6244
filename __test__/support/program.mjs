// A program that uses this package, on the main thread of a process of its own or in a worker of it.

import { startHost } from './host.mjs'

const index = new URL('../../index.mjs', import.meta.url).href
const exec = new URL('../../exec/index.mjs', import.meta.url).href

/** Where a program runs. */
export const places = /** @type {const} */ (['the main thread', 'a worker'])

/**
 * Runs a program: the body of an async function that has `Codex`, `serve`, `ExecCodex`, `data`, and `tell(value)` to say
 * something to the test.
 *
 * @param {import('node:test').TestContext} t
 * @param {typeof places[number]} place
 * @param {string} body
 * @param {{ env?: Record<string, string> } & Record<string, unknown>} data `env` is what a worker has; it shares none
 */
export function runProgram(t, place, body, data) {
  const program = `(async (data, tell) => {
    const { Codex, serve } = await import(${JSON.stringify(index)})
    const { Codex: ExecCodex } = await import(${JSON.stringify(exec)})
    ${body}
  })`
  if (place === 'the main thread') return startHost(t, `await ${program}(data, tell)`, data)
  const worker = `
    const { parentPort, workerData } = require('node:worker_threads');
    ${program}(workerData, (value) => parentPort.postMessage(value))`
  return startHost(
    t,
    `const { Worker } = await import('node:worker_threads')
    const options = { eval: true, execArgv: [], workerData: data, env: data.env ?? process.env }
    new Worker(${JSON.stringify(worker)}, options).on('message', tell)`,
    data,
  )
}
