// A fleet of the test: Redis, a scripted provider, machines as processes, and where jobs are submitted.

import '../../support/environment.mjs'
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fleet } from '../../../fleet/index.mjs'
import { createCodexHome, startScriptedProvider } from '../../../testing/index.mjs'
import { isAlive, kill, withArgument } from '../../support/processes.mjs'
import { startRedis } from './redis.mjs'

const program = fileURLToPath(new URL('./machine.mjs', import.meta.url))

/** @typedef {Awaited<ReturnType<typeof startFleet>>} TestFleet */

/** A process with a worker. */
export class Machine {
  /** @type {{ event: string, what: any }[]} */
  said = []
  #waiting = new Set()

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} name
   */
  constructor(child, name) {
    this.child = child
    this.name = name
    this.pid = child.pid ?? 0
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    child.on('message', (message) => {
      this.said.push(/** @type {any} */ (message))
      for (const look of this.#waiting) look()
    })
    child.once('exit', () => {
      for (const look of this.#waiting) look()
    })
  }

  /** @param {string} event @param {number} [count] @returns {Promise<any>} the last of that many */
  heard(event, count = 1) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const all = this.said.filter((one) => one.event === event)
        const over = this.child.exitCode !== null || this.child.signalCode !== null
        const failed = this.said.some((one) => one.event === 'failed')
        if (all.length < count && !over && !failed) return
        this.#waiting.delete(look)
        if (all.length >= count) resolve(all[count - 1]?.what)
        else reject(new Error(`${this.name} ended before "${event}": ${JSON.stringify(this.said)}`))
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Whether its events have an error that is not of Redis being away. */
  get errors() {
    return this.said.filter(({ event }) => event === 'error').map(({ what }) => what)
  }

  kill() {
    kill(this.pid)
    return this.exited
  }
  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    process.kill(this.pid, signal)
  }
}

/** @param {number} pid @returns {number[]} the app-servers that a process has (Linux) */
function codexOf(pid) {
  return withArgument('app-server').filter((one) => parentsOf(one).includes(pid))
}

/** @param {number} pid @returns {number[]} */
function parentsOf(pid) {
  const parents = []
  for (let at = pid; at > 1; ) {
    let status = ''
    try {
      status = readFileSync(`/proc/${at}/status`, 'utf8')
    } catch {}
    at = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    parents.push(at)
  }
  return parents
}

/**
 * @param {{ after: (f: () => Promise<void>) => void }} t
 * @param {{ store?: 'folder' | 'redis', leaseMs?: number, user?: { username: string, password: string, acl: string } }} [options] `leaseMs`
 *   for tests that wait for one to run out; a shorter one is lost on a busy computer. `user` as whom the fleet comes to a
 *   Redis with TLS
 */
export async function startFleet(t, { store = 'folder', leaseMs = 10_000, user } = {}) {
  const cleanups = /** @type {(() => Promise<unknown>)[]} */ ([])
  t.after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })
  const inside = { after: (/** @type {() => Promise<void>} */ f) => void cleanups.push(f) }
  const redis = await startRedis(inside, [], user === undefined ? {} : { acl: [user.acl] })
  const connection =
    user === undefined ? redis.url : { ...redis.at, username: user.username, password: user.password }
  const provider = await startScriptedProvider()
  cleanups.push(() => provider.close())
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-fleet-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  const fleet = new Fleet({ connection })
  cleanups.push(() => fleet.close())
  /** @type {Machine[]} */
  const machines = []

  /**
   * Starts a machine; `home` is what it has on disk, which another with that home finds.
   *
   * @param {string} name
   * @param {Record<string, unknown> & { home?: Awaited<ReturnType<typeof createCodexHome>> }} [options]
   */
  async function machine(name, { home, ...options } = {}) {
    const own = home ?? (await createCodexHome(provider, { sandboxMode: 'danger-full-access' }))
    if (home === undefined) cleanups.push(() => own.remove())
    const all = {
      connection,
      name,
      codex: { env: own.env, connectTimeoutMs: 60_000 },
      leaseMs,
      concurrency: 4,
      ...(store === 'folder' ? { store: join(folder, 'threads') } : {}),
      ...options,
    }
    const child = fork(program, [JSON.stringify(all)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const started = new Machine(child, name)
    machines.push(started)
    cleanups.push(async () => {
      if (!isAlive(started.pid)) return
      process.kill(started.pid, 'SIGCONT')
      child.kill('SIGTERM')
      const timer = setTimeout(() => kill(started.pid), 10_000)
      await started.exited
      clearTimeout(timer)
    })
    return Object.assign(started, { home: own })
  }

  const effects = join(folder, 'effects')
  return {
    codexOf,
    connection,
    redis,
    provider,
    folder,
    fleet,
    machine,
    machines,
    /** A command with an effect that can be counted. @param {string} text */
    effect: (text) => `echo ${text} >> '${effects}'`,
    effects: () => {
      try {
        return readFileSync(effects, 'utf8').trim().split('\n')
      } catch {
        return []
      }
    },
  }
}
