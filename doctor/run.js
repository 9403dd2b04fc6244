'use strict'

const { execFile } = require('node:child_process')
const { onAbort } = require('../glue/signals.js')

/** No program that only says its version or does nothing takes as long. */
const LIMIT_MS = 15_000

/**
 * Runs a program to its end, without a shell. npm's launcher is run by this Node.
 *
 * @param {string} path
 * @param {string[]} args
 * @param {Record<string, string | undefined>} env
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ ok: boolean, stdout: string, why: string }>}
 */
function run(path, args, env, signal) {
  const [program, all] = path.endsWith('.js') ? [process.execPath, [path, ...args]] : [path, args]
  const own = new AbortController()
  const off = signal === undefined ? () => {} : onAbort(signal, () => own.abort())
  return new Promise((resolve) => {
    const options = {
      env,
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      windowsHide: true,
      maxBuffer: 1 << 20,
      signal: own.signal,
    }
    const child = execFile(program, all, /** @type {any} */ (options), (error, stdout, stderr) => {
      off()
      const last = String(stderr).trim().split('\n').at(-1) ?? ''
      const why = error === null ? '' : last || /** @type {Error} */ (error).message
      resolve({ ok: error === null, stdout: String(stdout), why })
    })
    child.stdin?.end()
  })
}

module.exports = { run }
