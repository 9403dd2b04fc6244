// Where the tests have their temporary folders.

import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

/** More than the tests have at once, by far. */
const ENOUGH_BYTES = 4 * 2 ** 30

/**
 * A folder in memory, which goes with this process, where Linux has room for one: each codex that starts writes hundreds
 * of files and a database into its home, and waits for the disk. Else what the environment says.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
export function temporaryParent(env) {
  if (env.TMPDIR !== undefined || process.platform !== 'linux') return env.TMPDIR
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize < ENOUGH_BYTES) return undefined
    const folder = mkdtempSync(join('/dev/shm', 'codex-node-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
      process.once(signal, () => process.exit(128 + constants.signals[signal]))
    return folder
  } catch {
    // It is not there, or not for us.
    return undefined
  }
}
