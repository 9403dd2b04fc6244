// `codex-node/exec`, row P6 of the failure cases: a secret in `config` reaches the codex that needs it, and neither the
// process list nor the agent's commands show it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Codex } from '../../exec/index.mjs'
import { AbortError, FileError, ServerExitedError, TransportError, TurnFailedError } from '../../index.mjs'
import { command, say } from '../../testing/index.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { rejection } from '../support/outcomes.mjs'
import { argumentsOf, gone } from '../support/processes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigPath, temporaryFolder } from '../support/rig.mjs'
import { atGate, says, scriptedExec } from '../support/scripted-exec.mjs'

/** In each secret of this file, so that one search finds any. */
const MARK = 'k33p-this-to-yourself'
const secret = (/** @type {string} */ name) => `${MARK}-${name}`
const mcpServer = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url))
const execEntry = new URL('../../exec/index.mjs', import.meta.url).href

/** @param {unknown} value anything, an error with all that hangs on it included */
function assertWithout(value) {
  const text =
    value instanceof Error ? `${value.stack} ${JSON.stringify({ ...value })}` : JSON.stringify(value)
  assert.ok(!text.includes(MARK), text)
}

/** @param {string} folder @returns {string[]} the files of secrets in a home */
const profiles = (folder) => readdirSync(folder).filter((name) => /^codex-node-.*\.config\.toml$/.test(name))

/** One with a secret of an MCP server. */
const config = { mcp_servers: { a: { command: 'x', env: { ANYTHING: secret('env') } } } }

/**
 * A scripted codex with a secret to hide, and its home.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../support/scripted-exec.mjs').Script | import('../support/scripted-exec.mjs').Script[]} script
 * @param {import('../../exec/index.js').CodexOptions} [options]
 */
function scripted(t, script, options = {}) {
  const home = temporaryFolder(t)
  const env = { CODEX_HOME: home, ...options.env }
  return { ...scriptedExec(t, script, { config, ...options, env }), home }
}

describe('secrets of codex exec, scripted', { concurrency: true, timeout: 120_000 }, () => {
  test('P6: the file that holds them is for this user alone, and gone at thread.started', async (t) => {
    const { codex, home, log, open } = scripted(t, [atGate, ...says.turn()])
    const { events } = await codex.startThread().runStreamed('Hi')
    const first = events.next()
    const { argv, env } = await log.find((entry) => entry.run !== undefined)
    assertWithout([argv, env])
    const [name = ''] = profiles(home)
    assert.equal(argv[argv.indexOf('--profile') + 1], name.replace('.config.toml', ''))
    const text = readFileSync(join(home, name), 'utf8')
    assert.equal(text, `mcp_servers.a.env = {ANYTHING = "${secret('env')}"}\n`)
    if (process.platform !== 'win32') assert.equal(statSync(join(home, name)).mode & 0o777, 0o600)
    open()
    assert.equal((await first).value?.type, 'thread.started')
    assert.deepEqual(profiles(home), [])
    await events.return(undefined)
  })

  test('P6: without secrets there is no file', async (t) => {
    const { codex, starts } = scripted(t, says.turn(), { config: { mcp_servers: { a: { command: 'x' } } } })
    await codex.startThread().run('Hi')
    assert.deepEqual(starts()[0].argv.slice(2), ['--config', 'mcp_servers.a.command="x"'])
  })

  /** @type {[string, Record<string, any>, string][]} */
  const kept = [
    [
      'headers of an MCP server',
      { mcp_servers: { a: { url: 'http://x', http_headers: { 'X-Any': secret('h') } } } },
      `mcp_servers.a.http_headers = {X-Any = "${secret('h')}"}`,
    ],
    [
      'a bearer token of an MCP server',
      { mcp_servers: { a: { url: 'http://x', bearer_token: secret('t') } } },
      `mcp_servers.a.bearer_token = "${secret('t')}"`,
    ],
    [
      'an MCP server whose name is no bare key',
      { mcp_servers: { 'a.b': { command: 'x', env: { K: secret('q') } } } },
      `mcp_servers = {"a.b" = {command = "x", env = {K = "${secret('q')}"}}}`,
    ],
    [
      'a dotted key',
      { 'mcp_servers.a.env': { K: secret('d') } },
      `mcp_servers.a.env = {K = "${secret('d')}"}`,
    ],
    [
      'a model provider',
      {
        model_providers: { p: { experimental_bearer_token: secret('b'), query_params: { k: secret('q') } } },
      },
      `model_providers.p.experimental_bearer_token = "${secret('b')}"\nmodel_providers.p.query_params = {k = "${secret('q')}"}`,
    ],
    [
      'whatever its name says is one',
      { some: { password: secret('p') } },
      `some.password = "${secret('p')}"`,
    ],
  ]
  for (const [name, config, toml] of kept) {
    test(`P6: ${name}: in the file, not in the arguments`, async (t) => {
      const { codex, home, log, open } = scripted(t, [atGate, ...says.turn()], { config })
      const running = codex.startThread().run('Hi')
      const { argv } = await log.find((entry) => entry.run !== undefined)
      assertWithout(argv)
      assert.equal(readFileSync(join(home, profiles(home)[0] ?? ''), 'utf8'), `${toml}\n`)
      open()
      await running
    })
  }

  test('P6: what only names a variable or counts tokens is an argument', async (t) => {
    const config = {
      model_auto_compact_token_limit: 1000,
      mcp_servers: {
        a: { bearer_token_env_var: 'NAME', env_http_headers: { 'X-Any': 'NAME' }, env_vars: ['N'] },
      },
      model_providers: { p: { env_key: 'NAME' } },
    }
    const { codex, starts } = scripted(t, says.turn(), { config })
    await codex.startThread().run('Hi')
    assert.equal(starts()[0].argv.includes('--profile'), false)
    assert.equal(starts()[0].argv.length, 2 + 2 * 5)
  })

  test('P6: raw overrides are arguments as they are', async (t) => {
    const raw = `mcp_servers.b.env.K="${secret('raw')}"`
    const { codex, starts } = scripted(t, says.turn(), { configOverrides: [raw] })
    await codex.startThread().run('Hi')
    assert.ok(starts()[0].argv.includes(raw))
  })

  test('P6: two turns at once have a file each', async (t) => {
    const { codex, home, log, open } = scripted(t, [atGate, ...says.turn()])
    const both = [codex.startThread().run('one'), codex.startThread().run('two')]
    await log.find(() => log.entries().filter((entry) => entry.argv).length === 2)
    assert.equal(profiles(home).length, 2)
    open()
    await Promise.all(both)
    assert.deepEqual(profiles(home), [])
  })

  test('P6: the file is gone after an exit before thread.started, and the error does not tell', async (t) => {
    const { codex, home } = scripted(t, [{ stderr: `bad value ${secret('env')}\n` }, { exit: 1 }])
    const error = await rejection(codex.startThread().run('Hi'), ServerExitedError)
    assert.match(error.message, /bad value \[secret\]/)
    assertWithout(error)
    assert.deepEqual(profiles(home), [])
  })

  test('P6: the error of a failed turn does not tell, be it quoted', async (t) => {
    const config = { mcp_servers: { a: { env: { A: secret('"quoted"'), B: secret('plain') } } } }
    const message = `no ${secret('plain')}, no ${JSON.stringify(secret('"quoted"'))}`
    const { codex } = scripted(t, [...says.begin(), says.turnFailed(message)], { config })
    const error = await rejection(codex.startThread().run('Hi'), TurnFailedError)
    assert.equal(error.message, 'no [secret], no "[secret]"')
    assertWithout(error)
  })

  test('P6: the API key is in no argument and no error', async (t) => {
    const { codex, starts } = scripted(t, [{ stderr: `bad key ${secret('key')}\n` }, { exit: 1 }], {
      apiKey: secret('key'),
    })
    const error = await rejection(codex.startThread().run('Hi'), ServerExitedError)
    assert.match(error.message, /bad key \[secret\]/)
    assertWithout(error)
    assertWithout(starts()[0].argv)
    assert.equal(starts()[0].env.CODEX_API_KEY, secret('key'))
  })

  test('P6: the file is gone after an abort', async (t) => {
    const { codex, home, log } = scripted(t, [atGate])
    const controller = new AbortController()
    const running = codex.startThread().run('Hi', { signal: controller.signal })
    await log.find((entry) => entry.run !== undefined)
    assert.equal(profiles(home).length, 1)
    controller.abort()
    assertWithout(await rejection(running, AbortError))
    assert.deepEqual(profiles(home), [])
  })

  test('P6: the file is gone after the events were left before the first', async (t) => {
    const { codex, home, log } = scripted(t, [atGate])
    const { events } = await codex.startThread().runStreamed('Hi')
    const first = events.next()
    await log.find((entry) => entry.run !== undefined)
    assert.equal(profiles(home).length, 1)
    await events.return(undefined)
    await first
    assert.deepEqual(profiles(home), [])
  })

  test('P6: the file is gone where codex could not be started', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const program = join(temporaryFolder(t), 'codex')
    writeFileSync(program, 'no program')
    chmodSync(program, 0o644)
    const { codex, home } = scripted(t, [], { codexPathOverride: program })
    const error = await rejection(codex.startThread().run('Hi'), TransportError)
    assert.equal(error.code, 'SPAWN_FAILED')
    assert.ok(error.message.includes(program), error.message)
    assert.deepEqual(profiles(home), [])
  })

  for (const [name, leave] of [
    ['exits', 'process.exit(7)'],
    ['is killed', "process.kill(process.pid, 'SIGKILL')"],
    ['throws', "setImmediate(() => { throw new Error('no more') })"],
  ]) {
    test(`P6: the file is gone when the host ${name} before thread.started`, async (t) => {
      const { env, home, log } = scripted(t, [atGate])
      const host = startHost(
        t,
        `const { Codex: Exec } = await import(data.entry)
         const { existsSync } = await import('node:fs')
         const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env, config: data.config })
         codex.startThread().run('Hi').catch(() => {})
         tell('running')
         while (!existsSync(data.go)) await new Promise((resolve) => setTimeout(resolve, 5))
         ${leave}`,
        { entry: execEntry, rigPath, env, config, go: join(home, 'go') },
      )
      await host.told()
      await log.find((entry) => entry.run !== undefined)
      assert.equal(profiles(home).length, 1)
      writeFileSync(join(home, 'go'), '')
      await host.exited
      // There is no event for what another process removes.
      const deadline = performance.now() + 5_000
      while (profiles(home).length > 0 && performance.now() < deadline) await new Promise(setImmediate)
      assert.deepEqual(profiles(home), [])
    })
  }

  test('P6: what was left all the same goes with a later turn; a young one may be in use', async (t) => {
    const { codex, home } = scripted(t, says.turn())
    for (const [name, age] of /** @type {const} */ ([
      ['codex-node-secrets-old', 3600],
      ['codex-node-secrets-new', 1],
      ['of-the-user', 3600],
    ])) {
      const file = join(home, `${name}.config.toml`)
      writeFileSync(file, '')
      utimesSync(file, new Date(), Date.now() / 1000 - age)
    }
    await codex.startThread().run('Hi')
    assert.deepEqual(profiles(home), ['codex-node-secrets-new.config.toml'])
    assert.ok(existsSync(join(home, 'of-the-user.config.toml')))
  })

  test('P6: without a home there is nowhere to put them, and the error says what to do', async (t) => {
    const { env } = scripted(t, says.turn())
    const homeless = Object.fromEntries(
      Object.entries(env).filter(([name]) => !['CODEX_HOME', 'HOME', 'USERPROFILE'].includes(name)),
    )
    const codex = new Codex({ codexPathOverride: rigPath, env: homeless, config })
    const error = await rejection(codex.startThread().run('Hi'), TypeError)
    assert.match(error.message, /options\.env says no home; set CODEX_HOME or/)
  })

  test('P6: a home that does not exist is named', async (t) => {
    const home = join(temporaryFolder(t), 'missing')
    const { codex } = scripted(t, says.turn(), { env: { CODEX_HOME: home } })
    const error = await rejection(codex.startThread().run('Hi'), FileError)
    assert.ok(error.message.includes(home), error.message)
    assertWithout(error)
  })

  test('P6: HOME alone is a home, too', async (t) => {
    const HOME = temporaryFolder(t)
    const { codex, log, open } = scripted(t, [atGate, ...says.turn()], {
      env: { CODEX_HOME: '', HOME, USERPROFILE: HOME },
    })
    const running = codex.startThread().run('Hi')
    await log.find((entry) => entry.run !== undefined)
    assert.equal(profiles(join(HOME, '.codex')).length, 1)
    open()
    await running
    assert.deepEqual(profiles(join(HOME, '.codex')), [])
  })
})

describe('secrets of the real codex exec', { concurrency: 2, timeout: 120_000 }, () => {
  const everything = `env; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; tr '\\0' '\\n' < /proc/$PPID/environ; find "$CODEX_HOME" -name '*.toml' -exec ls {} + -exec cat {} +; echo read all of it`

  test('P6: they reach who needs them, and no command of the agent finds them', {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const { provider, env, home, inWorkspace } = await realExec(t)
    const file = join(home.workspace, 'mcp.json')
    const { url, headers } = await mcpOverHttp(t)
    const codex = new Codex({
      env,
      config: {
        model_provider: 'p',
        model_providers: {
          p: {
            name: 'P',
            base_url: provider.url,
            wire_api: 'responses',
            supports_websockets: false,
            http_headers: { 'X-Any': secret('provider-header') },
            query_params: { key: secret('query') },
            experimental_bearer_token: secret('provider-token'),
          },
        },
        mcp_servers: {
          probe: { command: process.execPath, args: [mcpServer, file], env: { FOR_PROBE: secret('env') } },
          remote: { url, http_headers: { Authorization: `Bearer ${secret('mcp-header')}` } },
        },
      },
    })
    provider.enqueue(command(everything, { yield_time_ms: 30_000 }), say('Done.'))
    const { items } = await codex.startThread(inWorkspace).run('Look around')

    const request = provider.requests[0]
    assert.equal(request?.headers['x-any'], secret('provider-header'))
    assert.equal(request?.headers.authorization, `Bearer ${secret('provider-token')}`)
    assert.match(String(request?.path), new RegExp(`key=${secret('query')}`))
    const probe = JSON.parse(readFileSync(file, 'utf8'))
    assert.equal(probe.env.FOR_PROBE, secret('env'))
    assert.ok((await headers).includes(`Bearer ${secret('mcp-header')}`))

    const ran = items.find((item) => item.type === 'command_execution')
    const seen = ran?.aggregated_output ?? ''
    // It did see what there is to see.
    const there = [
      'exec --experimental-json',
      `CODEX_HOME=${home.codexHome}`,
      'config.toml',
      'read all of it',
    ]
    for (const text of there) assert.ok(seen.includes(text), `${text}: ${seen}`)
    assertWithout(seen)
    assert.deepEqual(profiles(home.codexHome), [])
    // Until it has ended, its files come and go.
    await gone(probe.ppid, 15_000)
    for (const name of readdirSync(home.codexHome, { recursive: true, encoding: 'utf8' })) {
      const path = join(home.codexHome, name)
      if (statSync(path).isFile()) assert.ok(!readFileSync(path).includes(MARK), path)
    }
  })

  test('P6: the API key can be kept from what commands inherit', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const config = { shell_environment_policy: { exclude: ['CODEX_API_KEY'] } }
    const codex = new Codex({ env, config, apiKey: secret('key') })
    provider.enqueue(command('env'), say('Done.'))
    const { items } = await codex.startThread(inWorkspace).run('Look around')
    assert.ok(items[0]?.type === 'command_execution')
    assert.match(items[0].aggregated_output, /^CODEX_HOME=/m)
    assertWithout(items)
  })

  test('P6: the process list shows none while codex starts', {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const { env, home, inWorkspace } = await realExec(t)
    const file = join(home.workspace, 'mcp.json')
    const probe = { command: process.execPath, args: [mcpServer, file], env: { FOR_PROBE: secret('env') } }
    const codex = new Codex({ env, config: { mcp_servers: { probe } } })
    const running = codex.startThread(inWorkspace).run('Hi')
    const { ppid } = JSON.parse(await appears(file))
    const seen = [argumentsOf(ppid), readFileSync(`/proc/${ppid}/environ`, 'utf8')]
    await running
    assert.match(seen[0] ?? '', /--profile codex-node-/)
    assertWithout(seen)
  })

  test('P6: a secret that the provider repeats is struck out of the error', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const config = { model_providers: { scripted: { http_headers: { 'X-Any': secret('header') } } } }
    provider.enqueue({ http: 400, body: { error: { message: `bad header ${secret('header')}` } } })
    const error = await rejection(
      new Codex({ env, config }).startThread(inWorkspace).run('Hi'),
      TurnFailedError,
    )
    assert.match(error.message, /bad header \[secret\]/)
    assertWithout(error)
  })
})

/**
 * A server that is asked once and refuses.
 *
 * @param {import('node:test').TestContext} t
 */
async function mcpOverHttp(t) {
  const server = createServer()
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const headers = new Promise((resolve) => {
    server.on('request', (request, response) => {
      resolve(request.headers.authorization ?? '')
      response.writeHead(404).end()
    })
  })
  return { url: `http://127.0.0.1:${port}/mcp`, headers: /** @type {Promise<string>} */ (headers) }
}
