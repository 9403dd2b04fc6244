// The codex that is tested against.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The executable of codex that is tested against. */
export function codexExecutable() {
  const { CODEX_PATH = '' } = process.env
  const isLauncher = CODEX_PATH.endsWith('.js')
  if (CODEX_PATH !== '' && !isLauncher) return CODEX_PATH
  // Not the launcher: what is killed must be codex itself.
  const installed = isLauncher
    ? CODEX_PATH
    : createRequire(import.meta.url).resolve('@openai/codex/package.json')
  const { resolve } = createRequire(installed)
  const name = `@openai/codex-${process.platform}-${process.arch}/package.json`
  const vendor = join(dirname(resolve(name)), 'vendor')
  const program = process.platform === 'win32' ? 'codex.exe' : 'codex'
  const triples = ['x86_64', 'aarch64'].flatMap((arch) =>
    ['unknown-linux-musl', 'apple-darwin', 'pc-windows-msvc'].map((rest) => `${arch}-${rest}`),
  )
  const paths = triples.map((triple) => join(vendor, triple, 'bin', program))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? ''
}
