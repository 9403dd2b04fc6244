// A Codex of `codex-node/exec` on a scripted `codex exec`: the rig of rig/README.md, which takes any arguments. It
// writes down what it was started with, reads the prompt to its end, plays the list `onEof`, and exits with 0.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Codex } from '../../exec/index.mjs'
import { kill } from './processes.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from './rig.mjs'

/** The executable: for `codexPathOverride`, with the environment that `scriptedExec` gives. */
export { rigPath as execPath }

/**
 * @typedef {string | Record<string, unknown>} Action
 * @typedef {Action[] | Record<string, unknown>} Script what is played after the prompt, or a whole script of the rig
 */

/**
 * A Codex whose `codex exec` plays a script. With several, each turn has its own; the last repeats.
 *
 * @param {import('node:test').TestContext} t
 * @param {Script | Script[]} script
 * @param {import('../../exec/index.js').CodexOptions} [options]
 */
export function scriptedExec(t, script, options = {}) {
  /** @type {() => any[]} */
  let starts = () => []
  // Before the log goes. A turn that a failed test has left would keep Node alive.
  t.after(() => {
    for (const { pid } of starts()) kill(pid)
  })
  const gate = join(temporaryFolder(t), 'gate')
  const text = JSON.stringify(whole(script)).replaceAll('"$GATE"', JSON.stringify(gate))
  const { folder, env, log } = rigEnvironment(t, JSON.parse(text))
  starts = () => log.entries().filter((entry) => entry.run !== undefined)
  const everything = { .../** @type {Record<string, string>} */ (process.env), ...env, ...options.env }
  const codex = new Codex({ codexPathOverride: rigPath, ...options, env: everything })
  return {
    codex,
    log,
    folder,
    /** What another client needs to be given. */
    env: everything,
    /** Lets those go on who wait at `atGate`, now and later. */
    open: () => writeFileSync(gate, ''),
    /** The entries of the starts so far: `argv`, `env`, `cwd`, `pid`. */
    starts,
  }
}

/** @param {Script | Script[]} script @returns {object} */
function whole(script) {
  const isSeveral = Array.isArray(script) && script.some((part) => Array.isArray(part) || isScript(part))
  return isSeveral ? { runs: script.map(single) } : single(/** @type {Script} */ (script))
}

/** @param {unknown} script @returns {any} */
function single(script) {
  return Array.isArray(script) ? { onEof: script } : script
}

/** @param {unknown} part */
function isScript(part) {
  return (
    typeof part === 'object' && part !== null && ['onEof', 'start', 'background'].some((key) => key in part)
  )
}

/** Waits until the test calls `open()`. */
export const atGate = { waitForFile: '$GATE' }
/** Waits until it is ended. */
export const forever = { waitForFile: '/nowhere/at/all' }

/** The events of `codex exec`, as actions. */
export const says = {
  threadStarted: (id = 'thread-1') => line({ type: 'thread.started', thread_id: id }),
  turnStarted: () => line({ type: 'turn.started' }),
  /** @param {string} text */
  message: (text, id = 'item_0') =>
    line({ type: 'item.completed', item: { id, type: 'agent_message', text } }),
  /** @param {object} item */
  item: (item, type = 'item.completed') => line({ type, item }),
  /** @param {string} message */
  error: (message) => line({ type: 'error', message }),
  /** @param {object | null} [given] */
  turnCompleted: (given = usage()) => line({ type: 'turn.completed', usage: given }),
  /** @param {string} message */
  turnFailed: (message) => line({ type: 'turn.failed', error: { message } }),
  /** The first two of every turn. */
  begin: (id = 'thread-1') => [says.threadStarted(id), says.turnStarted()],
  /** A whole turn. */
  turn: (text = 'Done.', id = 'thread-1') => [...says.begin(id), says.message(text), says.turnCompleted()],
}

/** @param {object} json */
export function line(json) {
  return { line: json }
}

export function usage(input = 100, output = 10) {
  return {
    input_tokens: input,
    cached_input_tokens: 0,
    cache_write_input_tokens: 0,
    output_tokens: output,
    reasoning_output_tokens: 0,
  }
}

/** A turn that runs until it is ended. */
export const endless = [...says.begin(), says.message('so far'), forever]
/** One like a command, one like an MCP server, one that left the session. */
export const below = [
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], holdStdout: true } },
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: true, holdStdout: true } },
  ...(process.platform === 'linux' ? [{ spawn: { argv: ['setsid', '$exe', '--sleep-ms', '600000'] } }] : []),
]
/** One that leaves those behind, and does not end when it is asked to. */
export const stubborn = { onEof: [...below, ...endless], onSigterm: 'ignore' }

/** @param {import('./rig.mjs').RigLog} log @returns {number[]} all that was started */
export const pids = (log) => log.entries().flatMap((entry) => entry.spawned ?? entry.pid ?? [])
