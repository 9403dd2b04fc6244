// Files that another process writes.

import { existsSync, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Waits for a file and reads it. It must come into being whole, by a rename, or with its last byte a newline.
 *
 * @param {string} file
 * @param {number} [withinMs]
 */
export async function appears(file, withinMs = 15_000) {
  const complete = () => existsSync(file) && /[}\n]$/.test(readFileSync(file, 'utf8'))
  const signal = AbortSignal.timeout(withinMs)
  const watcher = watch(dirname(file))
  try {
    while (!complete()) {
      await new Promise((resolve, reject) => {
        watcher.once('change', resolve)
        signal.addEventListener('abort', () => reject(new Error(`no ${file} after ${withinMs} ms`)))
        // It may have come between the look and the watch.
        if (complete()) resolve(undefined)
      })
    }
    return readFileSync(file, 'utf8')
  } finally {
    watcher.close()
  }
}
