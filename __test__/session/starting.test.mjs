// Rows P1 to P3, P5 and P7 to P9 of the failure cases: which codex is started, how, and what is said when there is
// none that works.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  BinaryNotFoundError,
  Codex,
  FileError,
  ServerExitedError,
  TransportError,
  UnsupportedVersionError,
} from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { startHost } from '../support/host.mjs'
import { rejection } from '../support/outcomes.mjs'
import {
  installCodex,
  installExecutable,
  installPlatformPackage,
  installSelf,
  platformPackage,
} from '../support/package.mjs'
import { gone } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'

/**
 * A client of whatever codex its options lead to.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').CodexOptions} options
 */
function client(t, options) {
  const codex = new Codex(options)
  t.after(() => codex.close())
  return codex
}

/**
 * The version of the codex that a program finds which has this package in `folder`, or how that fails.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} folder
 * @param {import('../../index.js').CodexOptions} [options]
 * @param {{ file?: string, cwd?: string }} [how] where the program is, and where it runs
 * @returns {Promise<{ version?: string, message?: string, tried?: string[], class?: string }>}
 */
async function found(t, folder, options = {}, how = {}) {
  const { env } = rigEnvironment(t)
  const entry = pathToFileURL(join(folder, 'node_modules/codex-node/index.mjs')).href
  const host = startHost(
    t,
    `const { Codex: Installed } = await import(data.entry)
     const codex = new Installed(data.options)
     try {
       const { serverInfo } = await codex.connect()
       tell({ version: serverInfo.version })
     } catch (error) {
       tell({ class: error.constructor.name, message: error.message, tried: error.tried })
     }`,
    {
      entry,
      options: { ...options, env: { CODEX_RIG_LOG: env.CODEX_RIG_LOG, ...options.env } },
    },
    { cwd: folder, ...how },
  )
  return await host.told()
}

const programName = process.platform === 'win32' ? 'codex.exe' : 'codex'
const nothing = { PATH: '', CODEX_PATH: '' }

describe('starting', { concurrency: true }, () => {
  test('P1: the option codexPath leads nowhere', async (t) => {
    const path = join(temporaryFolder(t), 'no-codex')
    const codex = client(t, { codexPath: path })
    for (const call of [() => codex.connect(), () => codex.startThread(), () => codex.run('go')]) {
      const error = await rejection(call(), BinaryNotFoundError)
      assert.equal(error.code, 'BINARY_NOT_FOUND')
      assert.equal(error.retryable, false)
      assert.deepEqual(error.tried, [`${path} (the option codexPath, does not exist)`])
      assert.match(error.message, /codexPath.*no-codex.*npm install @openai\/codex.*CODEX_PATH/s)
    }
    assert.equal(codex.pid, null)
    // It may be installed meanwhile.
    installExecutable(path, '0.169.1')
    assert.equal((await codex.connect()).serverInfo.version, '0.169.1')
  })

  test('P1: the option codexPath is a folder', async (t) => {
    const folder = temporaryFolder(t)
    const error = await rejection(client(t, { codexPath: folder }).connect(), BinaryNotFoundError)
    assert.deepEqual(error.tried, [`${folder} (the option codexPath, is not a file)`])
  })

  test('P1: CODEX_PATH leads nowhere', async (t) => {
    const path = join(temporaryFolder(t), 'no-codex')
    const error = await rejection(client(t, { env: { CODEX_PATH: path } }).connect(), BinaryNotFoundError)
    assert.deepEqual(error.tried, [`${path} (the environment variable CODEX_PATH, does not exist)`])
    assert.match(error.message, /CODEX_PATH/)
  })

  test('P1: no codex anywhere: every place that was tried, and how to fix it', async (t) => {
    const folder = temporaryFolder(t)
    const installed = installSelf(folder)
    const { message = '', tried, ...rest } = await found(t, folder, { env: nothing })
    assert.equal(rest.class, 'BinaryNotFoundError')
    assert.deepEqual(tried, [
      `node_modules/@openai/codex in ${installed} and the folders above it`,
      'codex on PATH',
    ])
    for (const place of tried ?? []) assert.ok(message.includes(place), place)
    assert.match(message, /npm install @openai\/codex/)
    assert.match(message, /codexPath/)
    assert.match(message, /CODEX_PATH/)
  })

  test('P1: an installed codex without the package of this platform', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    installCodex(join(folder, 'node_modules'), '0.169.1')
    renameSync(join(folder, 'node_modules', platformPackage), join(folder, 'gone'))
    const { tried = [], message = '' } = await found(t, folder, { env: nothing })
    assert.match(tried[0] ?? '', /optional dependencies may be switched off/)
    assert.ok(message.includes(platformPackage))
  })

  test('P1: a program that may not be executed', { skip: process.platform === 'win32' }, async (t) => {
    const path = installExecutable(join(temporaryFolder(t), 'codex'), '0.169.1')
    const copy = `${path}-copy`
    writeFileSync(copy, 'not a program')
    chmodSync(copy, 0o644)
    const error = await rejection(client(t, { codexPath: copy }).connect(), TransportError)
    assert.equal(error.code, 'SPAWN_FAILED')
    assert.ok(error.message.includes(copy), error.message)
  })

  test('P2: the launcher of an installed package is resolved to the native executable', async (t) => {
    const launcher = installCodex(join(temporaryFolder(t), 'node_modules'), '0.169.1')
    assert.equal((await client(t, { codexPath: launcher }).connect()).serverInfo.version, '0.169.1')
  })

  test('P2: only the symbolic link that npm makes on PATH', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    const launcher = installCodex(join(folder, 'lib/node_modules'), '0.169.1')
    mkdirSync(join(folder, 'bin'))
    symlinkSync(relative(join(folder, 'bin'), launcher), join(folder, 'bin/codex'))
    const PATH = [join(folder, 'empty'), join(folder, 'bin')].join(delimiter)
    assert.deepEqual(await found(t, folder, { env: { ...nothing, PATH } }), { version: '0.169.1' })
  })

  for (const [name, file, text] of /** @type {const} */ ([
    [
      'the shell script that pnpm and npm make',
      'codex',
      `#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")
if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/../lib with space/node_modules/@openai/codex/bin/codex.js" "$@"
else
  exec node  "$basedir/../lib with space/node_modules/@openai/codex/bin/codex.js" "$@"
fi
`,
    ],
    [
      'the batch file that npm makes on Windows',
      'codex.cmd',
      `@ECHO off
GOTO start
:find_dp0
SET dp0=%~dp0
EXIT /b
:start
SETLOCAL
CALL :find_dp0
endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  "%dp0%\\..\\lib with space\\node_modules\\@openai\\codex\\bin\\codex.js" %*
`,
    ],
    [
      'the PowerShell script that npm makes on Windows',
      'codex.ps1',
      `#!/usr/bin/env pwsh
$basedir=Split-Path $MyInvocation.MyCommand.Definition -Parent
& "$basedir/node$exe"  "$basedir/../lib with space/node_modules/@openai/codex/bin/codex.js" $args
`,
    ],
  ])) {
    test(`P2: ${name} is resolved to the native executable`, async (t) => {
      const folder = temporaryFolder(t)
      installCodex(join(folder, 'lib with space/node_modules'), '0.169.1')
      mkdirSync(join(folder, 'bin'))
      const path = join(folder, 'bin', file)
      writeFileSync(path, text, { mode: 0o755 })
      assert.equal((await client(t, { codexPath: path }).connect()).serverInfo.version, '0.169.1')
    })
  }

  test('P2: the launcher of a package whose platform package is nested in it', async (t) => {
    const modules = join(temporaryFolder(t), 'node_modules')
    const launcher = installCodex(modules, '0.169.1')
    const nested = join(modules, '@openai/codex/node_modules')
    installPlatformPackage(nested, '0.169.2')
    assert.equal((await client(t, { codexPath: launcher }).connect()).serverInfo.version, '0.169.2')
  })

  test('P2: a package that pnpm linked into its store', { skip: process.platform === 'win32' }, async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    const store = join(folder, 'node_modules/.pnpm/@openai+codex@0.169.1/node_modules')
    installCodex(store, '0.169.1')
    mkdirSync(join(folder, 'node_modules/@openai'), { recursive: true })
    symlinkSync(join(store, '@openai/codex'), join(folder, 'node_modules/@openai/codex'))
    assert.deepEqual(await found(t, folder, { env: nothing }), { version: '0.169.1' })
  })

  test('P2: real: what npm put on PATH', async (t) => {
    const bin = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url))
    const codexPath = join(bin, process.platform === 'win32' ? 'codex.cmd' : 'codex')
    const { codex, provider } = await real(t, { codexPath })
    provider.enqueue(say('here I am'))
    assert.equal((await codex.run('go')).finalResponse, 'here I am')
    assert.match(codex.metadata.serverInfo.version, /^\d+\.\d+\.\d+/)
  })

  test('P3: codexPath inside an archive of Electron means what is unpacked beside it', async (t) => {
    const folder = temporaryFolder(t)
    const inside = ['node_modules', platformPackage, 'codex']
    installExecutable(join(folder, 'app.asar.unpacked', ...inside), '0.169.1')
    writeFileSync(join(folder, 'app.asar'), 'an archive')
    const codex = client(t, { codexPath: join(folder, 'app.asar', ...inside) })
    assert.equal((await codex.connect()).serverInfo.version, '0.169.1')
  })

  test('P3: this package inside an archive, codex unpacked beside it', async (t) => {
    const folder = temporaryFolder(t)
    // For Node an archive is a file; for Electron it is a folder, as it is here.
    installSelf(join(folder, 'app.asar'))
    installPlatformPackage(join(folder, 'app.asar.unpacked/node_modules'), '0.169.1')
    assert.deepEqual(await found(t, join(folder, 'app.asar'), { env: nothing }), { version: '0.169.1' })
  })

  test('which codex: codexPath, then CODEX_PATH, then the installed package, then PATH', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    const option = installExecutable(join(folder, 'option/codex'), '0.169.1')
    const variable = installExecutable(join(folder, 'variable/codex'), '0.169.2')
    installCodex(join(folder, 'node_modules'), '0.169.3')
    const onPath = installExecutable(join(folder, 'path/codex'), '0.169.4')
    const env = { CODEX_PATH: variable, PATH: dirname(onPath) }
    assert.deepEqual(await found(t, folder, { codexPath: option, env }), { version: '0.169.1' })
    assert.deepEqual(await found(t, folder, { env }), { version: '0.169.2' })
    assert.deepEqual(await found(t, folder, { env: { ...env, CODEX_PATH: '' } }), { version: '0.169.3' })
    renameSync(join(folder, 'node_modules/@openai'), join(folder, 'gone'))
    assert.deepEqual(await found(t, folder, { env: { ...env, CODEX_PATH: '' } }), { version: '0.169.4' })
  })

  test('which codex: a package in a folder above, and the one beside the program', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(join(folder, 'global/packages'))
    installCodex(join(folder, 'global/node_modules'), '0.169.1')
    const program = join(folder, 'program/src')
    mkdirSync(program, { recursive: true })
    installCodex(join(folder, 'program/node_modules'), '0.169.2')
    const above = await found(t, join(folder, 'global/packages'), { env: nothing })
    assert.deepEqual(above, { version: '0.169.1' })
    renameSync(join(folder, 'global/node_modules'), join(folder, 'gone'))
    const elsewhere = { file: join(program, 'main.mjs'), cwd: temporaryFolder(t) }
    const beside = await found(t, join(folder, 'global/packages'), { env: nothing }, elsewhere)
    assert.deepEqual(beside, { version: '0.169.2' })
    if (process.platform === 'win32') return
    // By the link that a package manager makes for a program, too.
    mkdirSync(join(folder, 'bin'))
    const file = join(folder, 'bin/program')
    writeFileSync(elsewhere.file, '')
    symlinkSync(elsewhere.file, file)
    const linked = { ...elsewhere, file }
    assert.deepEqual(await found(t, join(folder, 'global/packages'), { env: nothing }, linked), beside)
  })

  for (const [name, file] of /** @type {const} */ ([
    ['a program of its own', 'program/main.mjs'],
    ['code on the command line', undefined],
  ])) {
    test(`trust: codex in the working directory is not started by ${name}`, async (t) => {
      const folder = temporaryFolder(t)
      const repository = join(folder, 'repository')
      mkdirSync(join(folder, 'program'))
      installSelf(join(folder, 'tools'))
      installCodex(join(repository, 'node_modules'), '0.169.6')
      // Neither is a relative folder of PATH meant.
      installExecutable(join(repository, 'bin', programName), '0.169.7')
      installExecutable(join(repository, programName), '0.169.8')
      const env = { ...nothing, PATH: ['bin', '', '.'].join(delimiter) }
      const how = { file: file && join(folder, file), cwd: repository }
      const outcome = await found(t, join(folder, 'tools'), { env }, how)
      assert.equal(outcome.class, 'BinaryNotFoundError')
      assert.equal(outcome.version, undefined)
    })
  }

  test('a package of codex has its helpers in front of PATH', async (t) => {
    const modules = join(temporaryFolder(t), 'node_modules')
    const launcher = installCodex(modules, '0.169.1')
    const { env, log } = rigEnvironment(t)
    const PATH = `/one${delimiter}/two`
    await client(t, { codexPath: launcher, env: { CODEX_RIG_LOG: env.CODEX_RIG_LOG, PATH } }).connect()
    const started = await log.find((entry) => entry.run !== undefined)
    const [first, ...rest] = started.env.PATH.split(delimiter)
    assert.ok(first.startsWith(join(modules, platformPackage)) && first.endsWith('codex-path'), first)
    assert.equal(rest.join(delimiter), PATH)
  })

  test('P5: env is merged over the inherited environment', async (t) => {
    const { codex, log } = rig(t, {}, { env: { A: '1', CODEX_NODE_Ü: 'ä' } })
    await codex.connect()
    const { env } = await log.find((entry) => entry.run !== undefined)
    assert.equal(env.A, '1')
    assert.equal(env.CODEX_NODE_Ü, 'ä')
    assert.equal(env.PATH, process.env.PATH)
    assert.equal(env.HOME, process.env.HOME)
    assert.equal(process.env.A, undefined)
  })

  test('P5: a variable of env goes before the inherited one', async (t) => {
    const { codex, log } = rig(t, {}, { env: { HOME: '/elsewhere' } })
    await codex.connect()
    assert.equal((await log.find((entry) => entry.run !== undefined)).env.HOME, '/elsewhere')
  })

  test('P5: inheritEnv: false replaces the environment', async (t) => {
    const { env, log } = rigEnvironment(t)
    const own = { ...env, A: '1' }
    await client(t, { codexPath: rigPath, env: own, inheritEnv: false }).connect()
    assert.deepEqual((await log.find((entry) => entry.run !== undefined)).env, own)
  })

  test('P5: changes of process.env after the import count', async (t) => {
    const { env, log } = rigEnvironment(t)
    process.env.CODEX_NODE_TEST_LATE = 'yes'
    t.after(() => delete process.env.CODEX_NODE_TEST_LATE)
    await client(t, { codexPath: rigPath, env }).connect()
    const started = await log.find((entry) => entry.run !== undefined)
    assert.equal(started.env.CODEX_NODE_TEST_LATE, 'yes')
  })

  test('P7: real: a CODEX_HOME that does not exist is named, and may be made', async (t) => {
    const missing = join(temporaryFolder(t), 'no home')
    const { codex } = await real(t, { env: { CODEX_HOME: missing } })
    const error = await rejection(codex.connect(), FileError)
    assert.match(error.message, /CODEX_HOME/)
    assert.ok(error.message.includes(missing), error.message)
    mkdirSync(missing)
    assert.equal((await codex.connect()).codexHome, missing)
    // Before its home goes.
    await codex.close()
  })

  test('P7: real: what codex itself has against its home is in the error', async (t) => {
    const { codex, home } = await real(t)
    writeFileSync(join(home.codexHome, 'config.toml'), 'approval_policy = "untrusted"')
    const error = await rejection(codex.connect(), ServerExitedError)
    assert.equal(error.exitCode, 1)
    assert.match(error.stderr, /untrusted/)
    // The warnings that go before it say nothing of that, and only the field has them.
    assert.ok(error.message.includes(String(error.stderr.trim().split('\n').at(-1))), error.message)
    await assert.rejects(codex.startThread(), ServerExitedError)
  })

  for (const version of ['0.162.9', '0.99.0', '0.0.0']) {
    test(`P8: codex ${version} is too old`, async (t) => {
      const { codex, log } = rig(t, { userAgentVersion: version })
      const error = await rejection(codex.startThread(), UnsupportedVersionError)
      assert.equal(error.code, 'UNSUPPORTED_VERSION')
      assert.deepEqual(
        { found: error.found, minimum: error.minimum, path: error.path },
        { found: version, minimum: '0.163.0', path: rigPath },
      )
      for (const part of [version, '0.163.0', rigPath, 'npm install @openai/codex@latest']) {
        assert.ok(error.message.includes(part), error.message)
      }
      await gone((await log.find((entry) => entry.run !== undefined)).pid)
      assert.deepEqual(log.messages('thread/start'), [])
      // It stays so until there is another codex.
      await rejection(codex.connect(), UnsupportedVersionError)
    })
  }

  for (const version of ['0.163.0', '0.163.0-alpha.2', '0.170.0', '1.0.0', 'unknown']) {
    test(`P8: codex ${version} is new enough`, async (t) => {
      const { codex } = rig(t, { userAgentVersion: version })
      assert.equal((await codex.connect()).serverInfo.version, version)
    })
  }

  test('P9: real: spaces and other letters in every path', async (t) => {
    const folder = join(temporaryFolder(t), 'a földer – 文件夹 😀')
    mkdirSync(join(folder, 'cwd'), { recursive: true })
    const options = {
      cwd: join(folder, 'cwd'),
      config: { developer_instructions: 'Sprich "deutsch" – $HOME 😀' },
    }
    const { codex, provider } = await real(t, options, { parent: folder })
    provider.enqueue(say('done'))
    const thread = await codex.startThread()
    assert.equal((await thread.run('grüß')).finalResponse, 'done')
    assert.equal((await thread.read()).thread.cwd, join(folder, 'cwd'))
    assert.ok(codex.metadata.codexHome?.startsWith(folder))
    // Before its home goes.
    await codex.close()
    assert.match(JSON.stringify(provider.requests[0]?.body), /Sprich \\"deutsch\\" – \$HOME 😀/)
  })

  test('P9: an executable whose path has spaces and other letters', async (t) => {
    const path = join(temporaryFolder(t), 'a földer – 文件夹 😀', "it's codex")
    installExecutable(path, '0.169.1')
    assert.equal((await client(t, { codexPath: path }).connect()).serverInfo.version, '0.169.1')
  })

  for (const [name, make] of /** @type {[string, (path: string) => void][]} */ ([
    ['does not exist', () => {}],
    ['is a file', (path) => writeFileSync(path, '')],
  ])) {
    test(`P9: a cwd that ${name}`, async (t) => {
      const cwd = join(temporaryFolder(t), 'kein Ordner')
      make(cwd)
      const { codex, log } = rig(t, {}, { cwd })
      const error = await rejection(codex.connect(), FileError)
      assert.match(error.message, /cwd/)
      assert.ok(error.message.includes(cwd), error.message)
      assert.deepEqual(log.entries(), [])
    })
  }

  test('P9: the server runs in cwd', async (t) => {
    const cwd = temporaryFolder(t)
    const { codex, log } = rig(t, {}, { cwd })
    await codex.connect()
    assert.equal((await log.find((entry) => entry.run !== undefined)).cwd, cwd)
  })

  test('launchArgs replaces all arguments, configOverrides and baseUrl add to them', async (t) => {
    const own = rig(t, {}, { launchArgs: ['serve', '--it', 'a b'] })
    await own.codex.connect()
    assert.deepEqual((await own.log.find((entry) => entry.run !== undefined)).argv.slice(-3), [
      'serve',
      '--it',
      'a b',
    ])
    const config = { a: { b: 1, c: 'x "y"' }, list: [1, true] }
    const added = rig(t, {}, { config, baseUrl: 'http://127.0.0.1:1/v1', configOverrides: ['a.b=2'] })
    await added.codex.connect()
    const { argv } = await added.log.find((entry) => entry.run !== undefined)
    assert.deepEqual(argv.slice(argv.indexOf('app-server')), [
      'app-server',
      '--config',
      'a.b=1',
      '--config',
      'a.c="x \\"y\\""',
      '--config',
      'list=[1, true]',
      '--config',
      'openai_base_url="http://127.0.0.1:1/v1"',
      '--config',
      'a.b=2',
    ])
  })
})
