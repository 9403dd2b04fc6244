// The real codex with a scripted model provider: codex-node beside a bare pipe that writes the same lines.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createCodexHome } from '../testing/index.mjs'
import { byHand } from './clients/by-hand.mjs'
import { PipeClient } from './clients/pipe.mjs'
import { format, median, table } from './table.mjs'

/** How many turns run at once. */
const AT_ONCE = 50

/**
 * @typedef {object} Driver
 * @property {string} name
 * @property {() => Promise<(prompt: string) => Promise<string>>} startThread gives what runs a turn: its status
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ server: string, turns: number, rounds: number }} options
 * @returns {Promise<string>} Markdown
 */
export async function real({ server, turns, rounds }) {
  const provider = fork(new URL('./provider.mjs', import.meta.url))
  const [url] = await once(provider, 'message')
  const homes = await Promise.all([createCodexHome({ url }), createCodexHome({ url })])
  const [ourHome, bareHome] = homes
  const lines = await linesOf(server, ourHome.workspace)
  const drivers = [ours(ourHome), await bare(bareHome, lines)]
  try {
    const latency = await latencyOf(drivers, turns)
    const crowd = await crowdOf(drivers, rounds)
    return `${latency}\n\n${crowd}`
  } finally {
    await Promise.all(drivers.map((driver) => driver.close()))
    provider.disconnect()
    await Promise.all(homes.map((home) => home.remove()))
  }
}

/**
 * The second turn on a fresh thread, again and again, the drivers in turns.
 *
 * @param {Driver[]} drivers
 * @param {number} turns
 */
async function latencyOf(drivers, turns) {
  /** @type {Map<Driver, number[]>} */
  const latencies = new Map(drivers.map((driver) => [driver, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const driver of turn % 2 === 0 ? drivers : drivers.toReversed()) {
      const run = await driver.startThread()
      await completed(run('one'))
      const began = performance.now()
      await completed(run('two'))
      latencies.get(driver)?.push(performance.now() - began)
    }
    if (turn % 10 === 9) console.error(`second turn, ${turn + 1} of ${turns}`)
  }
  const rows = compare(latencies)
  return `### A second turn on a thread, ${turns} times each\n\n${table(['client', 'median, ms', 'of the bare pipe'], rows)}`
}

/**
 * Many turns at once, each on its thread.
 *
 * @param {Driver[]} drivers
 * @param {number} rounds
 */
async function crowdOf(drivers, rounds) {
  /** @type {Map<Driver, number[]>} */
  const times = new Map(drivers.map((driver) => [driver, []]))
  /** @type {Map<Driver, ((prompt: string) => Promise<string>)[]>} */
  const threads = new Map()
  for (const driver of drivers) {
    const started = await Promise.all(Array.from({ length: AT_ONCE }, () => driver.startThread()))
    await Promise.all(started.map((run) => completed(run('one'))))
    threads.set(driver, started)
  }
  for (let round = 0; round < rounds; round++) {
    for (const driver of round % 2 === 0 ? drivers : drivers.toReversed()) {
      const began = performance.now()
      await Promise.all((threads.get(driver) ?? []).map((run) => completed(run('many'))))
      times.get(driver)?.push(performance.now() - began)
    }
    console.error(`${AT_ONCE} turns at once, round ${round + 1} of ${rounds}`)
  }
  const rows = compare(times)
  return `### ${AT_ONCE} turns at once, ${rounds} times each; every turn completed\n\n${table(['client', 'all of them, median, ms', 'of the bare pipe'], rows)}`
}

/** @param {Map<Driver, number[]>} times */
function compare(times) {
  const entries = [...times].map(([{ name }, values]) => ({ name, middle: median(values) }))
  const bareMs = entries.at(-1)?.middle ?? Number.NaN
  return entries.map(({ name, middle }) => [
    name,
    format(middle),
    `${((middle / bareMs) * 100).toFixed(1)} %`,
  ])
}

/** @param {Promise<string>} turn */
async function completed(turn) {
  const status = await turn
  if (status !== 'completed') throw new Error(`a turn ended as ${status}`)
}

/** @param {import('../testing/index.js').CodexHome} home @returns {Driver} */
function ours({ env, workspace }) {
  // Loaded late: the environment says which addon.
  const { Codex } = /** @type {typeof import('../index.js')} */ (
    createRequire(import.meta.url)('../index.js')
  )
  const codex = new Codex({ codexPath: codexPath(), env })
  return {
    name: '`thread.run()`',
    async startThread() {
      const thread = await codex.startThread({ cwd: workspace })
      return async (prompt) => (await thread.run(prompt)).status
    },
    close: () => codex.close(),
  }
}

/**
 * @param {import('../testing/index.js').CodexHome} home
 * @param {Map<string, any>} lines
 * @returns {Promise<Driver>}
 */
async function bare({ env, workspace }, lines) {
  const client = new PipeClient(codexPath(), { args: ['app-server'], env }, byHand)
  await client.request('initialize', lines.get('initialize'))
  client.notify('initialized')
  return {
    name: 'bare pipe',
    async startThread() {
      const { thread } = await client.request('thread/start', {
        ...lines.get('thread/start'),
        cwd: workspace,
      })
      return async (prompt) => {
        const { input, ...rest } = lines.get('turn/start')
        const params = { ...rest, input: [{ ...input[0], text: prompt }], threadId: thread.id }
        let status = 'unknown'
        for await (const event of await client.turn(params)) {
          if (event.method === 'turn/completed') status = event.params.turn.status
        }
        return status
      }
    },
    close: () => client.close(),
  }
}

/**
 * The parameters of what codex-node writes, by method, as the stand-in app-server gets them.
 *
 * @param {string} server
 * @param {string} cwd
 */
async function linesOf(server, cwd) {
  const { Codex } = /** @type {typeof import('../index.js')} */ (
    createRequire(import.meta.url)('../index.js')
  )
  const folder = mkdtempSync(join(tmpdir(), 'codex-node-bench-'))
  try {
    const log = join(folder, 'log.jsonl')
    const codex = new Codex({ codexPath: server, env: { CODEX_RIG_LOG: log } })
    const thread = await codex.startThread({ cwd })
    await thread.run('one')
    await codex.close()
    const entries = readFileSync(log, 'utf8').trim().split('\n')
    const messages = entries.map((line) => JSON.parse(line).in).filter((message) => message?.method)
    return new Map(messages.map(({ method, params }) => [method, params]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The native executable of the codex package. */
function codexPath() {
  if (process.env.CODEX_PATH) return process.env.CODEX_PATH
  const { resolve } = createRequire(createRequire(import.meta.url).resolve('@openai/codex/package.json'))
  const platform = dirname(resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`))
  const [triple = ''] = readdirSync(join(platform, 'vendor'))
  return join(platform, 'vendor', triple, 'bin', process.platform === 'win32' ? 'codex.exe' : 'codex')
}
