// A Codex on the scripted app-server: see rig/README.md for the scripts.

import './environment.mjs'
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Codex } from '../../index.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const name = process.platform === 'win32' ? 'scripted-app-server.exe' : 'scripted-app-server'

/** The scripted app-server, as scripts/test.mjs builds it. */
export const rigPath = join(root, 'target/debug', name)

/**
 * A temporary folder that goes when the test ends.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 */
export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'codex-node-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

/**
 * The environment that makes the scripted app-server play a script, and its log.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [script]
 */
export function rigEnvironment(t, script = {}) {
  if (!existsSync(rigPath)) throw new Error(`${rigPath} is missing: cargo build -p codex-rig`)
  const folder = temporaryFolder(t)
  const scriptFile = join(folder, 'script.json')
  const logFile = join(folder, 'log.jsonl')
  writeFileSync(scriptFile, JSON.stringify(script))
  writeFileSync(logFile, '')
  return { folder, env: { CODEX_RIG_SCRIPT: scriptFile, CODEX_RIG_LOG: logFile }, log: new RigLog(logFile) }
}

/**
 * A client of the scripted app-server, closed when the test ends.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [script]
 * @param {import('../../index.js').CodexOptions} [options]
 */
export function rig(t, script, options = {}) {
  const { folder, env, log } = rigEnvironment(t, script)
  const codex = new Codex({ codexPath: rigPath, ...options, env: { ...env, ...options.env } })
  t.after(() => codex.close())
  return { codex, log, folder }
}

/** What the scripted app-server wrote down: what it was started with, what it was sent, how it ended. */
export class RigLog {
  /** @param {string} file */
  constructor(file) {
    this.file = file
  }

  /** @returns {any[]} */
  entries() {
    const lines = readFileSync(this.file, 'utf8').split('\n')
    // The last line may be half written.
    return lines.slice(0, -1).map((line) => JSON.parse(line))
  }

  /** @param {string} [method] @returns {any[]} the messages that it was sent */
  messages(method) {
    const messages = this.entries().flatMap((entry) => (entry.in === undefined ? [] : [entry.in]))
    return method === undefined ? messages : messages.filter((message) => message.method === method)
  }

  /**
   * Waits for an entry.
   *
   * @param {(entry: any) => boolean} wanted
   * @param {number} [withinMs]
   * @returns {Promise<any>}
   */
  async find(wanted, withinMs = 15_000) {
    const watcher = watch(this.file)
    const deadline = AbortSignal.timeout(withinMs)
    try {
      for (;;) {
        const found = this.entries().find(wanted)
        if (found !== undefined) return found
        await new Promise((resolve, reject) => {
          const overdue = () => reject(new Error(`not in ${this.file} after ${withinMs} ms`))
          watcher.once('change', resolve)
          if (deadline.aborted) overdue()
          else deadline.addEventListener('abort', overdue, { once: true })
          // It may have come between the look and the watch.
          if (this.entries().some(wanted)) resolve(undefined)
        })
      }
    } finally {
      watcher.close()
    }
  }

  /** @param {string} method @returns {Promise<any>} the first message of that method */
  async message(method) {
    return (await this.find((entry) => entry.in?.method === method)).in
  }
}
