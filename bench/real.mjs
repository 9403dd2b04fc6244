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

/**
 * @typedef {object} Driver
 * @property {string} name
 * @property {() => Promise<(prompt: string) => Promise<string>>} startThread gives what runs a turn: its status
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Times how often: the second turn of a thread, and how many at once
 * @property {number} turns
 * @property {number} crowds
 * @property {number} atOnce
 *
 * @typedef {object} Took what each driver took, in milliseconds, one after the other in turns
 * @property {Map<Driver, number[]>} second the second turn of a thread
 * @property {Map<Driver, number[]>} crowd many at once
 */

/**
 * This package beside a bare pipe.
 *
 * @param {Times & { server: string }} options
 * @returns {Promise<string>} Markdown
 */
export async function real({ server, ...times }) {
  const { second, crowd } = await measured(times, async ([ourHome, bareHome]) => {
    const lines = await linesOf(server, ourHome.workspace)
    return [ours(ourHome), await bare(bareHome, lines)]
  })
  const head = (/** @type {string} */ name) => ['client', name, 'of the bare pipe']
  return [
    `### A second turn on a thread, ${times.turns} times each`,
    table(head('median, ms'), compare(second)),
    `### ${times.atOnce} turns at once, ${times.crowds} times each; every turn completed`,
    table(head('all of them, median, ms'), compare(crowd)),
  ].join('\n\n')
}

/**
 * Two builds of this package.
 *
 * @param {Times & { builds: [Build, Build] }} options
 * @returns {Promise<Took>}
 *
 * @typedef {{ root: string, addon: string }} Build a checkout, and its addon
 */
export async function realOf({ builds: [before, after], ...times }) {
  return measured(times, async ([one, other]) => [ours(one, before), ours(other, after)])
}

/**
 * @param {Times} times
 * @param {(homes: [CodexHome, CodexHome]) => Promise<[Driver, Driver]>} open
 * @returns {Promise<Took>}
 *
 * @typedef {import('../testing/index.js').CodexHome} CodexHome
 */
async function measured({ turns, crowds, atOnce }, open) {
  const provider = fork(new URL('./provider.mjs', import.meta.url))
  const [url] = await once(provider, 'message')
  const homes = await Promise.all([createCodexHome({ url }), createCodexHome({ url })])
  const drivers = await open([homes[0], homes[1]])
  try {
    return { second: await secondOf(drivers, turns), crowd: await crowdOf(drivers, crowds, atOnce) }
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
async function secondOf(drivers, turns) {
  /** @type {Map<Driver, number[]>} */
  const times = new Map(drivers.map((driver) => [driver, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const driver of turn % 2 === 0 ? drivers : drivers.toReversed()) {
      const run = await driver.startThread()
      await completed(run('one'))
      const began = performance.now()
      await completed(run('two'))
      times.get(driver)?.push(performance.now() - began)
    }
    if (turn % 10 === 9) console.error(`second turn, ${turn + 1} of ${turns}`)
  }
  return times
}

/**
 * Many turns at once, each on its thread.
 *
 * @param {Driver[]} drivers
 * @param {number} rounds
 * @param {number} atOnce
 */
async function crowdOf(drivers, rounds, atOnce) {
  /** @type {Map<Driver, number[]>} */
  const times = new Map(drivers.map((driver) => [driver, []]))
  if (rounds === 0) return times
  /** @type {Map<Driver, ((prompt: string) => Promise<string>)[]>} */
  const threads = new Map()
  for (const driver of drivers) {
    const started = await Promise.all(Array.from({ length: atOnce }, () => driver.startThread()))
    await Promise.all(started.map((run) => completed(run('one'))))
    threads.set(driver, started)
  }
  for (let round = 0; round < rounds; round++) {
    for (const driver of round % 2 === 0 ? drivers : drivers.toReversed()) {
      const began = performance.now()
      await Promise.all((threads.get(driver) ?? []).map((run) => completed(run('many'))))
      times.get(driver)?.push(performance.now() - began)
    }
    console.error(`${atOnce} turns at once, round ${round + 1} of ${rounds}`)
  }
  return times
}

/** @param {Map<Driver, number[]>} times */
function compare(times) {
  const all = [...times].map(([{ name }, values]) => ({ name, middle: median(values) }))
  const bareMs = all.at(-1)?.middle ?? Number.NaN
  return all.map(({ name, middle }) => [name, format(middle), `${((middle / bareMs) * 100).toFixed(1)} %`])
}

/** @param {Promise<string>} turn */
async function completed(turn) {
  const status = await turn
  if (status !== 'completed') throw new Error(`a turn ended as ${status}`)
}

/**
 * @param {CodexHome} home
 * @param {Build} [build] by default that of this checkout and of the environment
 * @returns {Driver}
 */
function ours({ env, workspace }, build) {
  // Loaded late: the environment says which addon.
  if (build !== undefined) process.env.NAPI_RS_NATIVE_LIBRARY_PATH = build.addon
  const file = build === undefined ? '../index.js' : join(build.root, 'index.js')
  const { Codex } = /** @type {typeof import('../index.js')} */ (createRequire(import.meta.url)(file))
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
  const within = atMost(IN_FLIGHT)
  return {
    name: 'bare pipe',
    async startThread() {
      const start = { ...lines.get('thread/start'), cwd: workspace }
      const { thread } = await within(() => client.request('thread/start', start))
      return async (prompt) => {
        const { input, ...rest } = lines.get('turn/start')
        const params = { ...rest, input: [{ ...input[0], text: prompt }], threadId: thread.id }
        let status = 'unknown'
        for await (const event of await within(() => client.turn(params))) {
          if (event.method === 'turn/completed') status = event.params.turn.status
        }
        return status
      }
    },
    close: () => client.close(),
  }
}

/** Codex refuses what is beyond some more than these. */
const IN_FLIGHT = 64

/**
 * Runs so many at a time, in their order.
 *
 * @param {number} free
 * @returns {<T>(call: () => Promise<T>) => Promise<T>}
 */
function atMost(free) {
  const waiting = /** @type {(() => void)[]} */ ([])
  return async (call) => {
    if (free > 0) free--
    else await new Promise((resolve) => waiting.push(() => resolve(undefined)))
    try {
      return await call()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
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
