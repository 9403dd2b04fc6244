// The official Python SDK, kept in .cache/: programs that were written for it are run beside ours.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { codexExecutable } from './codex.mjs'
import { root } from './guide.mjs'

const run = promisify(execFile)
const sdk = 'openai-codex==0.163.0'
const needs = ['pydantic==2.14.4', 'packaging==26.4']
const folder = join(root, '.cache/python', sdk.replaceAll('=', '-'))

/** @type {Promise<{ path: string, env: Record<string, string> }> | undefined} */
let found

/**
 * @returns {Promise<{ path: string, env: Record<string, string> }>} an interpreter, and what it finds the SDK by
 * @throws where there is no Python, or pip can't install
 */
export function python() {
  found ??= find()
  return found
}

async function find() {
  const path = await interpreter()
  if (!existsSync(join(folder, 'done'))) {
    mkdirSync(folder, { recursive: true })
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--upgrade',
      '--disable-pip-version-check',
      '--target',
      folder,
    ]
    // Without the codex that it brings, of 300 MB: it gets ours.
    await run(path, [...install, '--no-deps', sdk])
    await run(path, [...install, ...needs])
    mkdirSync(join(folder, 'codex_cli_bin'), { recursive: true })
    writeFileSync(join(folder, 'codex_cli_bin/__init__.py'), ourCodex)
    writeFileSync(join(folder, 'done'), '')
  }
  return { path, env: { PYTHONPATH: folder, PYTHONUTF8: '1', CODEX_OF_TESTS: codexExecutable() } }
}

async function interpreter() {
  const errors = []
  for (const name of ['python3', 'python']) {
    try {
      await run(name, ['-c', 'import sys, pip; assert sys.version_info >= (3, 10), sys.version'])
      return name
    } catch (error) {
      errors.push(`${name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new Error(
    `Programs in Python 3.10 or later, with pip, are run here, and it can't be had.\n${errors.join('\n')}`,
  )
}

/** What the package of that name says: where codex is. */
const ourCodex = `import os
from pathlib import Path


def bundled_codex_path():
    return Path(os.environ["CODEX_OF_TESTS"])


def bundled_path_dir():
    return None
`
