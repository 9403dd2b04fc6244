// All of a fleet on one machine: Redis (one of its own where REDIS_URL names none), two workers, the page of the queues,
// and a program that submits. It ends when that has its answers; with --stay it goes on.
//
//   node examples/fleet/start.mjs [--stay] ["prompt" ...]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { board } from './board.mjs'

const prompts = process.argv.slice(2).filter((word) => word !== '--stay')
const ends = /** @type {(() => Promise<unknown>)[]} */ ([])
const url = process.env.REDIS_URL ?? (await startRedis())
const env = { ...process.env, REDIS_URL: url }

/** @param {string} name @param {string[]} args */
function program(name, ...args) {
  const file = fileURLToPath(new URL(name, import.meta.url))
  return spawn(process.execPath, [file, ...args], { env, stdio: 'inherit' })
}

try {
  const closeBoard = await board(url)
  if (closeBoard !== undefined) ends.push(closeBoard)
  for (const name of ['one', 'two']) {
    const worker = program('worker.mjs', name)
    ends.push(async () => {
      if (worker.exitCode !== null || worker.signalCode !== null) return
      worker.kill('SIGTERM')
      await once(worker, 'exit')
    })
  }
  const submit = program('submit.mjs', ...prompts)
  const [code] = await once(submit, 'exit')
  process.exitCode = code ?? 1
  if (process.argv.includes('--stay')) {
    console.log('Ctrl-C ends it')
    await once(process, 'SIGINT')
  }
} finally {
  for (const end of ends.reverse()) await end()
}

/** A Redis for this run alone. @returns {Promise<string>} its address */
async function startRedis() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (listener.address())
  listener.close()
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-fleet-'))
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const server = spawn('redis-server', args, { stdio: 'ignore', detached: true })
  server.once('error', (error) => {
    console.error(`redis-server is not installed, and REDIS_URL names none: ${error.message}`)
    process.exit(1)
  })
  ends.push(async () => {
    server.kill('SIGTERM')
    await once(server, 'exit')
    await rm(folder, { recursive: true, force: true })
  })
  return `redis://127.0.0.1:${port}`
}
