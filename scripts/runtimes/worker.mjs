// Two threads that run turns at once, each with an addon and a codex of its own; the process then ends by itself.

import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { turn } from './checks.mjs'

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)))
  const said = await Promise.all(workers.map((worker) => once(worker, 'message')))
  if (said.some(([message]) => message !== 'done')) throw new Error(String(said))
  await turn()
  console.log('passed')
} else {
  await turn()
  parentPort?.postMessage('done')
}
