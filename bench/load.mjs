// What it costs to have the package: the time until it is loaded, and what is downloaded.

import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { format, median, table } from './table.mjs'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./load-client.cjs', import.meta.url))

/** @typedef {{ wallMs: number, cpuMs: number }} Load */

/**
 * A copy of a checkout's JavaScript, as it is published; whoever asks for it removes it.
 *
 * @param {{ root: string, addon: string }} which
 * @returns {Promise<{ root: string, addon: string }>}
 */
export async function published({ root, addon }) {
  // Within the checkout: whoever loads it finds what that finds.
  mkdirSync(join(root, 'target'), { recursive: true })
  const copy = mkdtempSync(join(root, 'target/published-'))
  // Older revisions do not have all of them.
  for (const name of ['index.js', 'package.json', 'binding.js', 'glue', 'exec', 'doctor'])
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true })
  const script = join(root, 'scripts/one-file.mjs')
  // Older revisions are published as they are.
  if (existsSync(script)) (await import(pathToFileURL(script).href)).oneFile(copy)
  return { root: copy, addon }
}

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
  const which = await published({ root: dirname(dirname(fileURLToPath(import.meta.url))), addon })
  const all = []
  for (let n = 0; n < times; n++) all.push(await loadOf(which))
  rmSync(which.root, { recursive: true })
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
