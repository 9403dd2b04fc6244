// Plays one fault in one state: a program that uses codex, what stands around it, and what is left of both.

import '../support/environment.mjs'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Codex } from '../../index.mjs'
import { createCodexHome, createGate, say, startScriptedProvider } from '../../testing/index.mjs'
import { codexExecutable } from '../support/codex.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { listening } from '../support/listening.mjs'
import { isAlive, kill, stop } from '../support/processes.mjs'
import { startProxy } from '../support/proxy.mjs'
import { temporaryFolder } from '../support/rig.mjs'
import { states } from './states.mjs'

/** A limit that is never reached. */
const LONG_MS = 120_000
/** How long anything may stay that should be gone. */
const BOUND_MS = 20_000
const source = new URL('.', import.meta.url)
const findings = JSON.stringify({
  findings: [],
  overall_correctness: 'patch is correct',
  overall_explanation: 'Nothing to complain about.',
  overall_confidence_score: 1,
})

/**
 * @typedef {Awaited<ReturnType<typeof setScene>> & { program: import('node:child_process').ChildProcess }} Stage what a
 *   fault may use
 *
 * @typedef {import('./program.mjs').Outcome} Outcome
 * @typedef {{
 *   pending: Record<string, Outcome>, next: Outcome, after: Outcome, closeMs: number,
 *   ended: { code: number | null, signal: string | null, stderr: string },
 *   left: { descriptors: string[], files: string[], processes: string[] },
 * }} Played
 */

/**
 * @param {import('node:test').TestContext} test
 * @param {import('./faults.mjs').Fault} fault
 * @param {string} name of the state
 * @returns {Promise<Played>}
 */
export async function play(test, fault, name) {
  const t = backwards(test)
  const state = /** @type {import('./states.mjs').State} */ (states[name])
  const scene = await setScene(t, fault, state)
  const { folder, gate, proxy, temporary } = scene
  const start = await programs(t, scene, fault, name)
  const program = start({})
  const stage = { ...scene, program: program.child }

  let told = await program.told()
  if (told === 'hold') {
    if (proxy === undefined) await stop(scene.codexPid())
    else proxy.mute('down')
    program.child.send('held')
    told = await program.told()
  }
  if (state.holds === 'codex') await (proxy?.connected(1) ?? appears(join(folder, 'started')))
  if (state.holds === 'gate') await gate.reached
  if (state.holds === 'tool') await appears(join(folder, 'tool.pid'))

  const pids = new Set(below(program.child))
  await fault.strike(stage, name)
  if (!fault.ends) program.child.send('struck')
  // What was held goes on.
  gate.open()
  writeFileSync(join(folder, 'open'), '')
  for (const pipe of ['tool', 'start']) open(join(folder, pipe))
  if (name === 'steering' && proxy === undefined && !fault.stays) scene.resume()
  proxy?.unmute()

  if (fault.ends) {
    const ended = await program.exited
    const processes = await staying(pids, folder)
    const files = readdirSync(temporary)
    const second = start({ fresh: true, resume: told.thread ?? undefined })
    // The thread is taken, and nothing under way.
    await answer(second, 'go on')
    await answer(second, 'go on')
    const { next } = await answer(second, 'go on')
    const { after, closeMs } = await second.told()
    await second.exited
    return { pending: {}, next, after, closeMs, ended, left: { descriptors: [], files, processes } }
  }
  const { pending, now } = await program.told()
  const hours = Math.round((now - Date.now()) / 3_600_000)
  if (fault.clock && hours !== 24) throw new Error(`the clock of the program is ${hours} hours off`)
  await fault.keep?.(stage)
  program.child.send('go on')
  const { next } = await program.told()
  for (const pid of below(program.child)) pids.add(pid)
  await fault.mend?.(stage)
  program.child.send('go on')
  const { after, closeMs, descriptors, files } = await program.told()
  const ended = await program.exited
  const processes = await staying(pids, folder, scene.elsewhere)
  return { pending, next, after, closeMs, ended, left: { descriptors, files, processes } }
}

/** @param {ReturnType<typeof startHost>} program @param {string} word */
async function answer(program, word) {
  const told = await program.told()
  program.child.send(word)
  return told
}

/**
 * What stands around the program: its folders, the model, and codex, by a path at which the start of it can be held
 * back, or where it listens behind a proxy.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {import('./faults.mjs').Fault} fault
 * @param {import('./states.mjs').State} state
 */
async function setScene(t, fault, state) {
  const folder = temporaryFolder(t)
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  // What a failed test has left.
  t.after(() => marked(folder).forEach(kill))

  const listens = fault.by === 'line' ? await listening(t, { home: { parent: folder } }) : undefined
  const { provider, home } = listens ?? (await own(t, folder))
  const proxy = listens && (await startProxy(t, listens.url))
  const isHeld = state.holds === 'codex'
  // The answer to the upgrade is held back, and so all that would come after it.
  if (isHeld) proxy?.mute('down')
  const gate = createGate()
  script(provider, state, { gate, tool: `cd '${folder}'; echo $$ > tool.pid; read -r _ < tool` })

  for (const pipe of ['tool', 'start']) spawnSync('mkfifo', [join(folder, pipe)])
  const codexPath = join(folder, 'codex')
  writeFileSync(codexPath, launcher(folder, isHeld))
  chmodSync(codexPath, 0o755)

  const started = join(folder, 'started')
  const pids = () => (existsSync(started) ? readFileSync(started, 'utf8').trim().split('\n').map(Number) : [])
  return {
    ...{ folder, temporary, home, proxy, gate, codexPath, after: t.after },
    /** Processes that do not end with the program. */
    elsewhere: listens === undefined ? [] : [listens.pid],
    /** The codex that was started last. */
    codexPid: () => pids().at(-1) ?? 0,
    /** Lets codex go on that was stopped. */
    resume: () => {
      for (const pid of pids()) if (isAlive(pid)) process.kill(pid, 'SIGCONT')
    },
    /** Moves the clock of the program. @param {number} seconds */
    setClock: (seconds) => {
      const offset = Buffer.alloc(8)
      offset.writeBigInt64LE(BigInt(seconds))
      // In place: it is mapped.
      const file = openSync(join(folder, 'clock'), constants.O_WRONLY | constants.O_CREAT)
      writeSync(file, offset, 0, 8, 0)
      closeSync(file)
    },
  }
}

/**
 * Starts programs that are to come into a state.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {Awaited<ReturnType<typeof setScene>>} scene
 * @param {import('./faults.mjs').Fault} fault
 * @param {string} state
 */
async function programs(t, scene, fault, state) {
  const { folder, temporary, home, proxy, codexPath } = scene
  /** @type {Record<string, string>} */
  const env = { ...home.env, TMPDIR: temporary }
  if (fault.clock) {
    scene.setClock(0)
    const library = preloaded(folder)
    // By its name: the list of libraries takes no path with a space in it.
    Object.assign(env, {
      LD_PRELOAD: basename(library),
      LD_LIBRARY_PATH: dirname(library),
      CLOCK_OF_TEST: join(folder, 'clock'),
    })
  }
  // They end a wait only where codex says nothing.
  const limit = fault.silent ? await shortLimit() : LONG_MS
  const soon = fault.forgets ? await shortLimit() : limit
  const limits = { requestTimeoutMs: limit, connectTimeoutMs: soon, inactivityTimeoutMs: limit }
  const way = proxy === undefined ? { codexPath, env } : { url: proxy.url, keepAliveMs: soon }
  const data = {
    state,
    options: { ...way, ...limits },
    exec: { codexPathOverride: codexPath, env: { ...process.env, ...env } },
    thread: { cwd: home.workspace },
    execThread: { workingDirectory: home.workspace, skipGitRepoCheck: true },
    severs: fault.severs !== undefined,
    noticed: fault.severs === 'at once' && state === 'idle',
    nextMs: fault.silent ? 3 * limit : undefined,
    // Silence ends a turn, but nothing else ends codex exec, nor what tells again and again that it waits.
    abortMs: fault.waits || (fault.silent && state === 'exec') ? await shortLimit() : undefined,
  }
  const run = `
    const { play } = await import(${JSON.stringify(new URL('program.mjs', source).href)})
    await play(data, tell)`
  return (/** @type {object} */ more) =>
    startHost(t, run, { ...data, ...more }, { env, ...(fault.disks ? { before: disks } : {}) })
}

/** @type {Promise<number> | undefined} */
let measured

/** How long a wait is too long: several times what all up to the state takes on this machine, as busy as it is. */
function shortLimit() {
  measured ??= measure().then((ms) => Math.min(Math.max(1_500, ms * 3), 45_000))
  return measured
}

async function measure() {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  const codex = new Codex({
    codexPath: codexExecutable(),
    env: home.env,
    requestTimeoutMs: LONG_MS,
    connectTimeoutMs: LONG_MS,
  })
  const started = performance.now()
  await (await codex.startThread({ cwd: home.workspace })).run('first')
  const ms = performance.now() - started
  await codex.close()
  await provider.close()
  await home.remove()
  return Math.round(ms)
}

/** What was made last goes first: programs before their files. @param {import('node:test').TestContext} test */
function backwards(test) {
  /** @type {(() => unknown)[]} */
  const all = []
  test.after(async () => {
    for (const then of all.reverse()) await then()
  })
  return { after: (/** @type {() => unknown} */ then) => void all.push(then) }
}

/** @param {{ after: (then: () => unknown) => void }} t @param {string} parent */
async function own(t, parent) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access', parent })
  t.after(() => provider.close())
  return { provider, home }
}

/**
 * @param {import('../../testing/index.js').ScriptedProvider} provider
 * @param {import('./states.mjs').State} state
 * @param {import('./states.mjs').Script} given
 */
function script(provider, state, given) {
  provider.when(/^first$/, say('First.'))
  provider.when(/^again$/, say('Again.'))
  if (state.go !== undefined) provider.when(/^(go|also)$/, ...state.go(given))
  else provider.when(() => true, { items: [say(findings)], waitFor: given.gate })
}

/** Says that it was started, and becomes codex, when it may. @param {string} folder @param {boolean} held */
function launcher(folder, held) {
  const wait = held ? `[ -e '${folder}/open' ] || read -r _ < '${folder}/start'` : ':'
  return `#!/bin/sh
case "$*" in *--version*) exec '${codexExecutable()}' "$@" ;; esac
echo $$ >> '${folder}/started'
${wait}
exec '${codexExecutable()}' "$@"
`
}

/** Disks of its own, in a mount namespace that goes with the program. */
const disks = [
  'unshare',
  '-rm',
  'sh',
  '-c',
  `config=$(cat "$CODEX_HOME/config.toml") &&
  mount -t tmpfs -o size=64m faults "$CODEX_HOME" && mount -t tmpfs -o size=8m faults "$TMPDIR" &&
  printf '%s\\n' "$config" > "$CODEX_HOME/config.toml" && exec "$@"`,
  'sh',
]

/** The clock of clock.c. @param {string} folder */
function preloaded(folder) {
  const library = join(folder, 'clock.so')
  const args = ['-shared', '-fPIC', '-O1', '-o', library, new URL('clock.c', source).pathname]
  const { status, stderr, error } = spawnSync('cc', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`clock.c: ${error?.message ?? stderr}`)
  return library
}

/** Lets go on who waits at a pipe. @param {string} pipe */
function open(pipe) {
  try {
    const file = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    writeSync(file, 'go\n')
    closeSync(file)
  } catch (error) {
    // Nobody does.
    if (!['ENXIO', 'EPIPE'].includes(/** @type {any} */ (error).code)) throw error
  }
}

/** All that a process has started, and what that has. @param {{ pid?: number | undefined }} process @returns {number[]} */
function below({ pid: root }) {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => [Number(pid), parentOf(pid)]),
  )
  const isBelow = (/** @type {number | undefined} */ pid) => {
    for (let at = pid; at !== undefined && at > 1; at = parents.get(at))
      if (parents.get(at) === root) return true
    return false
  }
  return [...parents.keys()].filter(isBelow)
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

/** What is alive within the bound. @param {Set<number>} pids @param {string} folder named by the environment of all */
async function staying(pids, folder, except = /** @type {number[]} */ ([])) {
  const deadline = performance.now() + BOUND_MS
  for (;;) {
    const alive = [...new Set([...pids, ...marked(folder)])].filter(
      (pid) => isAlive(pid) && !except.includes(pid),
    )
    if (alive.length === 0 || performance.now() > deadline) return alive.map(describe)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** @param {string} folder */
function marked(folder) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readOr(`/proc/${name}/environ`).includes(`TMPDIR=${folder}`))
    .map(Number)
}

/** @param {number} pid */
const describe = (pid) => `${pid} ${readOr(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`

/** @param {string} file */
function readOr(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
