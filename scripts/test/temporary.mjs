// Where the tests have their temporary folders.

import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
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
    if (bavail * bsize < ENOUGH_BYTES || isWithoutPrograms(readFileSync('/proc/self/mounts', 'utf8'))) return
    const folder = mkdtempSync(join('/dev/shm', 'codex-node-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
      process.once(signal, () => process.exit(128 + constants.signals[signal]))
    return folder
  } catch {
    // It is not there, or not for us.
  }
}

/** Whether nothing in there may be run, as in a container of Docker. @param {string} mounts */
function isWithoutPrograms(mounts) {
  const found = mounts.split('\n').map((line) => line.split(' '))
  const options = found.findLast(([, place]) => place === '/dev/shm')?.[3] ?? ''
  return options.split(',').includes('noexec')
}
