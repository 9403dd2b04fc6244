// npm run test:hostile               npm test where everything around it gets in the way
// npm run test:pty                   npm test on a terminal
//
// Colours asked for, proxies that lead nowhere, commits that must be signed, a temporary folder with a space in its
// name, NODE_ENV=production, an originator of codex: none of it may change an outcome. Arguments go to npm test.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

// What has to be fetched is, before the proxies are in the way.
await setUp()
spawnSync('cargo', ['fetch', '--locked'], { cwd: root, stdio: 'inherit' })

const [kind = 'hostile', ...rest] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'codex-node-hostile-'))
const temporary = join(folder, 'a folder')
const gitConfig = join(folder, 'gitconfig')
mkdirSync(temporary)
writeFileSync(gitConfig, '[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = "no such"\n')

/** Port 9 is that of `discard`: nobody listens there. */
const nowhere = 'http://127.0.0.1:9'
const hostile = {
  FORCE_COLOR: '3',
  CLICOLOR_FORCE: '1',
  HTTP_PROXY: nowhere,
  HTTPS_PROXY: nowhere,
  ALL_PROXY: nowhere,
  http_proxy: nowhere,
  https_proxy: nowhere,
  all_proxy: nowhere,
  NO_PROXY: '',
  no_proxy: '',
  GIT_CONFIG_GLOBAL: gitConfig,
  TMPDIR: temporary,
  TMP: temporary,
  TEMP: temporary,
  NODE_ENV: 'production',
  CODEX_INTERNAL_ORIGINATOR_OVERRIDE: 'somebody_else',
  CODEX_APP_SERVER_TOKEN: 'a-token-of-another-server',
  RUST_LOG: 'trace',
  NO_COLOR: '',
}

const test = ['scripts/test.mjs', ...rest]
const isTerminal = kind === 'pty'
const [program, args] = isTerminal
  ? ['script', ['-qec', [process.execPath, ...test].map((part) => `'${part}'`).join(' '), '/dev/null']]
  : [process.execPath, test]
const env = isTerminal ? process.env : { ...process.env, ...hostile }
const { status, error } = spawnSync(program, args, {
  cwd: root,
  env,
  stdio: ['ignore', 'inherit', 'inherit'],
})
rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
if (error !== undefined) console.error(`${program} does not run: ${error.message}`)
process.exitCode = status ?? 1
