// How a program is started that was found, and what an error of the start says of it: the same for app-server, for one
// that is shared, and for `codex exec`.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex as ExecCodex } from '../../exec/index.mjs'
import {
  BinaryNotFoundError,
  Codex,
  ServerExitedError,
  serve,
  TimeoutError,
  TransportError,
  UnsupportedVersionError,
} from '../../index.mjs'
import { startHost } from '../support/host.mjs'
import { rejection } from '../support/outcomes.mjs'
import { places, runProgram } from '../support/program.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { says } from '../support/scripted-exec.mjs'

const windows = process.platform === 'win32'

/** The rig of a test: as app-server it is polite, as `codex exec` it says one word. */
const script = { onEof: says.turn('Hi') }

/** Each way to start a codex. */
const ways = {
  /** @param {import('node:test').TestContext} t @param {import('../../index.js').CodexOptions} options */
  connect(t, options) {
    const codex = new Codex(options)
    t.after(() => codex.close())
    return codex.connect()
  },
  /** @param {import('node:test').TestContext} _ @param {any} options */
  exec: (_, { codexPath, env }) =>
    new ExecCodex({ codexPath, env: { ...process.env, ...env } }).startThread().run('go'),
}

/**
 * A version manager: one program behind the names of all tools, which looks at the name that it was started by.
 *
 * @param {string} folder
 * @returns {string} the link that is codex
 */
function versionManager(folder) {
  mkdirSync(join(folder, 'shims'), { recursive: true })
  const manager = join(folder, 'manager')
  writeFileSync(
    manager,
    `#!/bin/sh
case "$0" in
  */codex) exec "${rigPath}" "$@" ;;
  *) echo "no tool is called $0" >&2; exit 126 ;;
esac
`,
  )
  chmodSync(manager, 0o755)
  const link = join(folder, 'shims/codex')
  symlinkSync(manager, link)
  return link
}

describe('the program as it was named', { concurrency: true, timeout: 60_000, skip: windows }, () => {
  for (const [way, start] of Object.entries(ways)) {
    for (const by of /** @type {const} */ (['codexPath', 'CODEX_PATH', 'PATH'])) {
      test(`${way}: the link of a version manager, named by ${by}`, async (t) => {
        const { env } = rigEnvironment(t, script)
        const link = versionManager(temporaryFolder(t))
        const PATH = [dirname(link), process.env.PATH].join(delimiter)
        const CODEX_PATH = by === 'CODEX_PATH' ? link : ''
        const options = { env: { ...env, CODEX_PATH, ...(by === 'PATH' ? { PATH } : {}) } }
        if (by === 'PATH') {
          // The package that these tests have installed would be found first.
          assert.ok(await startedByPath(t, way, options.env))
        } else {
          assert.ok(await start(t, by === 'codexPath' ? { ...options, codexPath: link } : options))
        }
      })
    }

    test(`${way}: an error names the file that was given, not the one behind a link`, async (t) => {
      const folder = temporaryFolder(t)
      const { env } = rigEnvironment(t, script)
      writeFileSync(join(folder, 'text'), 'no program')
      symlinkSync(join(folder, 'text'), join(folder, 'codex'))
      const codexPath = join(folder, 'codex')
      const error = await rejection(start(t, { codexPath, env }), TransportError)
      assert.deepEqual([error.code, error.path], ['SPAWN_FAILED', codexPath])
      assert.ok(error.message.includes(codexPath), error.message)
      const missing = join(folder, 'missing')
      symlinkSync(join(folder, 'nothing'), missing)
      const { tried } = await rejection(start(t, { codexPath: missing, env }), BinaryNotFoundError)
      assert.ok(tried[0]?.startsWith(missing), tried[0])
    })
  }
})

/**
 * Whether codex is started by its name on PATH: in a program that has nothing else.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} way
 * @param {Record<string, string>} env
 */
async function startedByPath(t, way, env) {
  const { installSelf } = await import('../support/package.mjs')
  const folder = temporaryFolder(t)
  const entry = join(installSelf(folder), way === 'exec' ? 'exec/index.mjs' : 'index.mjs')
  const host = startHost(
    t,
    `const { Codex: Installed } = await import(data.entry)
    Object.assign(process.env, data.env)
    const codex = new Installed()
    if (data.way === 'exec') await codex.startThread().run('go')
    else await codex.connect().finally(() => codex.close())
    tell(true)`,
    { entry, env, way },
  )
  return await host.told()
}

describe('errors of the start have the path in a field', { concurrency: true, timeout: 60_000 }, () => {
  const rig = (/** @type {import('node:test').TestContext} */ t, /** @type {object} */ script) => {
    return { codexPath: rigPath, env: rigEnvironment(t, script).env }
  }

  test('never answered `initialize`', async (t) => {
    const options = { ...rig(t, { on: { initialize: 'never' } }), connectTimeoutMs: 500 }
    assert.equal((await rejection(ways.connect(t, options), TimeoutError)).path, rigPath)
  })

  test('too old', async (t) => {
    const options = rig(t, { userAgentVersion: '0.1.0' })
    assert.equal((await rejection(ways.connect(t, options), UnsupportedVersionError)).path, rigPath)
  })

  test('crashed at once', async (t) => {
    for (const start of [ways.connect, ways.exec, (/** @type {any} */ _, /** @type {any} */ o) => serve(o)]) {
      const error = await rejection(start(t, rig(t, { start: [{ exit: 3 }] })), ServerExitedError)
      assert.deepEqual([error.exitCode, error.path], [3, rigPath])
    }
  })

  test('did not listen in time', async (t) => {
    const options = { ...rig(t, { onEof: 'ignore' }), connectTimeoutMs: 500 }
    assert.equal((await rejection(serve(options), TimeoutError)).path, rigPath)
  })

  test('a deadline that is none of the start has no path', async (t) => {
    const codex = new Codex(rig(t, { on: { 'x/never': 'never' } }))
    t.after(() => codex.close())
    await codex.connect()
    const error = await rejection(codex.request('x/never', {}, { timeoutMs: 100 }), TimeoutError)
    assert.ok(!('path' in error))
  })
})

describe('signals of children', {
  concurrency: true,
  timeout: 60_000,
  skip: process.platform !== 'linux',
}, () => {
  for (const place of places) {
    test(`children have the default of every signal, started from ${place}`, async (t) => {
      const folder = temporaryFolder(t)
      const { env } = rigEnvironment(t, script)
      const codexPath = join(folder, 'codex')
      writeFileSync(
        codexPath,
        // By the shell alone: while it starts another program it blocks signals itself.
        `#!/bin/sh
while read -r line; do case "$line" in Sig[IB][gl]*) echo "$line" >> "$OUT" ;; esac; done < /proc/self/status
exec "${rigPath}" "$@"
`,
      )
      chmodSync(codexPath, 0o755)
      const out = join(folder, 'out')
      const host = runProgram(
        t,
        place,
        `const { readFileSync } = await import('node:fs')
        const codex = new Codex({ codexPath: data.codexPath, env: data.rig })
        await codex.connect()
        await codex.close()
        await new ExecCodex({ codexPath: data.codexPath, env: { ...process.env, ...data.rig } }).startThread().run('go')
        tell(readFileSync('/proc/self/status', 'utf8'))`,
        { codexPath, rig: { ...env, OUT: out } },
      )
      const ignored = BigInt(`0x${/^SigIgn:\s*(\w+)/m.exec(await host.told())?.[1]}`)
      assert.notEqual(ignored, 0n, 'Node itself ignores SIGPIPE and SIGXFSZ')
      const lines = readFileSync(out, 'utf8').trim().split('\n')
      assert.equal(lines.length, 4)
      for (const line of lines) assert.match(line, /^Sig\w+:\s*0+$/)
    })
  }
})
