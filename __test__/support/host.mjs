// A Node program of its own that uses this package: for what must not happen in the process of the tests.

import './environment.mjs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'

const index = new URL('../../index.mjs', import.meta.url).href

/**
 * Starts a program. It is a module in which `Codex` is imported, `data` is what was given, and `tell(value)` says
 * something to the test.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {string} program
 * @param {object} data
 * @param {{ file?: string, cwd?: string, before?: string[], env?: Record<string, string> }} [how] `file` is written and
 *   is the program then; `before` is a command in front of it
 */
export function startHost(t, program, data, { file, cwd, before = [], env } = {}) {
  const code = `
    import { Codex } from ${JSON.stringify(index)}
    const data = JSON.parse(process.env.DATA_OF_TEST)
    delete process.env.DATA_OF_TEST
    const tell = (value) => process.send(value)
    process.channel.unref()
    ${program}`
  if (file !== undefined) writeFileSync(file, code)
  const what = file === undefined ? ['--input-type=module', '--eval', code] : [file]
  const [executable = '', ...rest] = [...before, process.execPath, ...what]
  const child = spawn(executable, rest, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Not among the arguments: tests look there for secrets.
    env: { ...process.env, ...env, DATA_OF_TEST: JSON.stringify(data) },
  })
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  // Not at 'exit': what it wrote to stderr may come after that.
  const exited = Promise.all([once(child, 'close'), once(child, 'disconnect')]).then(([[code, signal]]) => {
    return { code, signal, stderr }
  })
  /** @type {any[]} */
  const said = []
  child.on('message', (value) => {
    said.push(value)
    child.emit('said')
  })
  return {
    child,
    /** How it ended. */
    exited,
    /** The next thing that it says; it must not end before. */
    told: async () => {
      if (said.length === 0) await Promise.race([once(child, 'said'), exited])
      if (said.length === 0) throw new Error(`the program ended: ${JSON.stringify(await exited)}`)
      return said.shift()
    },
  }
}
