// What it costs to have the package: the time until it is loaded, and what is downloaded.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { format, median, table } from './table.mjs'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./load-client.cjs', import.meta.url))

/** @typedef {{ wallMs: number, cpuMs: number }} Load */

/**
 * A process that loads a package, once.
 *
 * @param {{ root: string, addon: string }} which
 * @returns {Promise<Load>}
 */
export async function loadOf({ root, addon }) {
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon }
  const { stdout } = await run(process.execPath, [child, join(root, 'index.js')], { env })
  return JSON.parse(stdout)
}

/** How many bytes of a platform package the addon takes, as npm compresses it. @param {string} addon */
export function packedBytes(addon) {
  return gzipSync(readFileSync(addon), { level: 9 }).length
}

/**
 * @param {{ addon: string, times: number }} options
 * @returns {Promise<string>} Markdown
 */
export async function load({ addon, times }) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const all = []
  for (let n = 0; n < times; n++) all.push(await loadOf({ root, addon }))
  const walls = all.map(({ wallMs }) => wallMs)
  const rows = [
    [
      "`require('codex-node')`",
      `${format(median(walls))} (${format(Math.min(...walls))})`,
      format(median(all.map(({ cpuMs }) => cpuMs))),
      format(readFileSync(addon).length / 2 ** 20),
      format(packedBytes(addon) / 2 ** 20),
    ],
  ]
  const head = ['', 'ms: median (least)', 'processor, ms', 'the addon, MiB', 'as npm packs it, MiB']
  return `### Loading the package, ${times} times, each in a process of its own\n\n${table(head, rows)}`
}
