// Row P6 of the failure cases: a secret goes where it is needed, and nowhere else.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Codex, JsonRpcError, ServerExitedError, TimeoutError, TurnFailedError } from '../../index.mjs'
import { httpError, say } from '../../testing/index.mjs'
import { appears } from '../support/files.mjs'
import { rejection } from '../support/outcomes.mjs'
import { argumentsOf, withArgument } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

/** In each secret of this file, so that one search finds any. */
const MARK = 'k33p-this-to-yourself'
const secret = (/** @type {string} */ name) => `${MARK}-${name}`

/**
 * A logger that keeps everything that there is.
 *
 * @returns {{ records: import('../../index.js').LogRecord[], options: import('../../index.js').CodexOptions }}
 */
function everything() {
  /** @type {import('../../index.js').LogRecord[]} */
  const records = []
  return { records, options: { logger: (record) => records.push(record), logLevel: 'trace' } }
}

/** @param {unknown} value anything, an error with all that hangs on it included */
function assertWithout(value) {
  const text =
    value instanceof Error ? `${value.stack} ${JSON.stringify({ ...value })}` : JSON.stringify(value)
  assert.ok(!text.includes(MARK), text)
}

/** What the scripted app-server needs to know for a login. */
const login = { 'account/login/start': [[{ reply: { type: 'apiKey' } }]] }

/** @typedef {{ [key: string]: import('../../index.js').ConfigValue }} Config */
/** Configuration with secrets, and what of it goes out with a thread. @type {[string, Config, object][]} */
const configurations = [
  [
    'the environment of an MCP server',
    { mcp_servers: { a: { command: 'x', env: { ANYTHING: secret('env') } } } },
    { 'mcp_servers.a.env': { ANYTHING: secret('env') } },
  ],
  [
    'the headers of an MCP server',
    { mcp_servers: { a: { url: 'http://x', http_headers: { 'X-Any': secret('header') } } } },
    { 'mcp_servers.a.http_headers': { 'X-Any': secret('header') } },
  ],
  [
    'the bearer token of an MCP server',
    { mcp_servers: { a: { url: 'http://x', bearer_token: secret('token') } } },
    { 'mcp_servers.a.bearer_token': secret('token') },
  ],
  [
    'an MCP server whose name no dotted key can have',
    { mcp_servers: { 'my server.v2': { command: 'x', env: { ANYTHING: secret('quoted') } } } },
    { mcp_servers: { 'my server.v2': { command: 'x', env: { ANYTHING: secret('quoted') } } } },
  ],
  [
    'dotted keys',
    { 'mcp_servers.a.env': { ANYTHING: secret('dotted') }, 'mcp_servers.b.env.KEY': secret('deep') },
    { 'mcp_servers.a.env': { ANYTHING: secret('dotted') }, 'mcp_servers.b.env.KEY': secret('deep') },
  ],
  [
    'the headers, query and token of a model provider',
    {
      model_providers: {
        p: {
          name: 'P',
          http_headers: { 'X-Any': secret('header') },
          query_params: { key: secret('query') },
          experimental_bearer_token: secret('bearer'),
        },
      },
    },
    {
      'model_providers.p.http_headers': { 'X-Any': secret('header') },
      'model_providers.p.query_params': { key: secret('query') },
      'model_providers.p.experimental_bearer_token': secret('bearer'),
    },
  ],
  [
    'the environment of commands',
    { shell_environment_policy: { set: { ANYTHING: secret('shell') } } },
    { 'shell_environment_policy.set': { ANYTHING: secret('shell') } },
  ],
  [
    'the headers of telemetry',
    { otel: { exporter: { 'otlp-http': { endpoint: 'http://x', headers: { any: secret('otel') } } } } },
    { 'otel.exporter.otlp-http.headers': { any: secret('otel') } },
  ],
  [
    'whatever its name says is one',
    { some: { api_key: secret('key'), list: [{ password: secret('password') }] } },
    { 'some.api_key': secret('key'), 'some.list': [{ password: secret('password') }] },
  ],
]

describe('secrets', { concurrency: true }, () => {
  for (const [name, config, wire] of configurations) {
    test(`P6: ${name} is not in the arguments, and goes out with each thread`, async (t) => {
      const { records, options } = everything()
      const { codex, log } = rig(t, {}, { config: { model: 'visible', ...config }, ...options })
      const thread = await codex.startThread()
      await codex.resumeThread(thread.id)
      const { argv, env } = await log.find((entry) => entry.run !== undefined)
      assertWithout([argv, env])
      assert.ok(argv.includes("model='visible'") || argv.includes('model="visible"'), argv.join(' '))
      for (const method of ['thread/start', 'thread/resume']) {
        assert.deepEqual(log.messages(method)[0].params.config, wire, method)
      }
      await codex.close()
      assert.ok(records.length > 0)
      assertWithout(records)
    })
  }

  test('P6: what only names a variable or counts tokens is no secret', async (t) => {
    const config = {
      model_auto_compact_token_limit: 1000,
      tool_output_token_limit: 2000,
      mcp_servers: {
        a: { url: 'http://x', bearer_token_env_var: 'NAME', env_http_headers: { 'X-Any': 'NAME' } },
      },
      model_providers: { p: { name: 'P', env_key: 'NAME' } },
    }
    const { codex, log } = rig(t, {}, { config })
    await codex.startThread()
    assert.equal(log.messages('thread/start')[0].params.config, undefined)
    const { argv } = await log.find((entry) => entry.run !== undefined)
    assert.equal(argv.filter((/** @type {string} */ argument) => argument === '--config').length, 7)
  })

  test('P6: a thread of its own configuration keeps the secrets of the client', async (t) => {
    const config = { mcp_servers: { a: { command: 'x', env: { A: secret('a') } } } }
    const { codex, log } = rig(t, {}, { config })
    await codex.startThread({ config: { model_verbosity: 'low' } })
    assert.deepEqual(log.messages('thread/start')[0].params.config, {
      'mcp_servers.a.env': { A: secret('a') },
      model_verbosity: 'low',
    })
  })

  test('P6: secrets reach a server that was started anew', async (t) => {
    const config = { mcp_servers: { a: { command: 'x', env: { A: secret('a') } } } }
    const runs = [{ on: { ...login, 'turn/start': [['turnBegin', { kill: 'SIGKILL' }]] } }, { on: login }]
    const { codex, log } = rig(t, { runs }, { config, apiKey: secret('api-key') })
    const thread = await codex.startThread()
    await rejection(thread.run('go'), ServerExitedError)
    await thread.run('go')
    assert.deepEqual(log.messages('thread/resume')[0].params.config, {
      'mcp_servers.a.env': { A: secret('a') },
    })
    assert.equal(log.messages('account/login/start').length, 2)
  })

  test('P6: apiKey logs in after the handshake, and shows nowhere', async (t) => {
    const { records, options } = everything()
    const { codex, log } = rig(t, { on: login }, { apiKey: secret('api-key'), ...options })
    await codex.startThread()
    const { argv, env, pid } = await log.find((entry) => entry.run !== undefined)
    assertWithout([argv, env, argumentsOf(pid), codex.metadata, { ...codex }])
    const sent = log.messages().map((message) => message.method)
    assert.deepEqual(sent, ['initialize', 'initialized', 'account/login/start', 'thread/start'])
    assert.deepEqual(log.messages('account/login/start')[0].params, {
      type: 'apiKey',
      apiKey: secret('api-key'),
    })
    await codex.close()
    assertWithout(records)
  })

  const apiKey = secret('api-key')
  const config = { mcp_servers: { a: { command: 'x', env: { A: secret('mcp "quoted"') } } } }
  const told = `it is ${apiKey} and ${secret('mcp "quoted"')}, really\n`

  test('P6: a server that writes secrets to stderr and dies', async (t) => {
    const { records, options } = everything()
    const script = { on: { ...login, 'x/die': [[{ stderr: told }, { exit: 3 }]] } }
    const { codex } = rig(t, script, { apiKey, config, ...options })
    const error = await rejection(codex.request('x/die', {}), ServerExitedError)
    assert.equal(error.stderr, 'it is [secret] and [secret], really')
    assertWithout(error)
    await codex.close()
    assert.ok(records.some((record) => record.target === 'codex::stderr'))
    assertWithout(records)
  })

  test('P6: a server that writes secrets to stderr and does not answer', async (t) => {
    const script = { on: { initialize: [[{ stderr: told }, 'never']] } }
    const { codex } = rig(t, script, { apiKey, config, connectTimeoutMs: 5_000 })
    const error = await rejection(codex.connect(), TimeoutError)
    assert.match(error.message, /it is \[secret\]/)
    assertWithout(error)
  })

  test('P6: a server that tells secrets in its errors', async (t) => {
    const { records, options } = everything()
    const refusal = { error: { code: -32600, message: told, data: { told } } }
    const script = { on: { 'account/login/start': [[refusal]], 'x/tell': [[refusal]] } }
    const { codex } = rig(t, script, { apiKey, config, ...options })
    const error = await rejection(codex.connect(), JsonRpcError)
    assert.match(error.message, /it is \[secret\]/)
    assertWithout(error)
    await rejection(codex.startThread(), JsonRpcError).then(assertWithout)
    await codex.close()
    assertWithout(records)
  })

  test('P6: a server that writes secrets between its messages', async (t) => {
    const { records, options } = everything()
    const script = { on: { ...login, 'x/tell': [[{ raw: told }, { line: [told] }, { reply: {} }]] } }
    const { codex } = rig(t, script, { apiKey, config, ...options })
    await codex.request('x/tell', {})
    await codex.close()
    const garbage = records.filter((record) => JSON.stringify(record).includes('[secret]'))
    assert.equal(garbage.length, 2, 'it is reported')
    assertWithout(records)
  })

  for (const [what, own] of /** @type {[string, Config][]} */ ([
    ['nested', { mcp_servers: { a: { command: 'x', env: { A: secret('mcp "quoted"') } } } }],
    ['dotted', { 'mcp_servers.a.env.A': secret('mcp "quoted"') }],
    [
      'under a name that no dotted key can have',
      { mcp_servers: { 'a b': { env: { A: secret('mcp "quoted"') } } } },
    ],
    ['by its name', { some: { list: [{ password: secret('mcp "quoted"') }] } }],
  ])) {
    for (const method of /** @type {const} */ (['startThread', 'resumeThread', 'forkThread', 'run'])) {
      test(`P6: a secret in the configuration of a thread is struck out: ${what}, ${method}`, async (t) => {
        const { records, options } = everything()
        const refusal = { error: { code: -32600, message: told, data: { told } } }
        const script = {
          on: { 'x/tell': [[refusal]], 'x/die': [[{ raw: told }, { stderr: told }, { exit: 3 }]] },
        }
        const { codex, log } = rig(t, script, { ...options, env: { SOME_TOKEN: secret('api-key') } })
        if (method === 'startThread') await codex.startThread({ config: own })
        else if (method === 'run') await codex.run('go', { config: own })
        else await codex[method]('thread-1', { config: own })
        const sent = log.messages().find(({ method: name }) => /^thread\/(start|resume|fork)$/.test(name))
        assert.deepEqual(sent.params.config, own)
        const refused = await rejection(codex.request('x/tell', {}), JsonRpcError)
        assert.match(refused.message, /it is \[secret\] and \[secret\]/)
        assertWithout(refused)
        const died = await rejection(codex.request('x/die', {}), ServerExitedError)
        assert.equal(died.stderr, 'it is [secret] and [secret], really')
        assertWithout(died)
        await codex.close()
        assert.ok(records.some((record) => record.target === 'codex::stderr'))
        assertWithout(records)
      })
    }
  }

  test('P6: what was learned from a thread is struck out of a server that was started anew, too', async (t) => {
    const refusal = { error: { code: -32600, message: told } }
    const on = { 'x/tell': [[refusal]], 'turn/start': [['turnBegin', { kill: 'SIGKILL' }], ['default']] }
    const { codex } = rig(t, { runs: [{ on }, { on: { 'x/tell': [[refusal]] } }] })
    const thread = await codex.startThread({ config })
    await rejection(thread.run('go'), ServerExitedError)
    await codex.account.loginApiKey(apiKey).catch(() => {})
    assertWithout(await rejection(codex.request('x/tell', {}), JsonRpcError))
  })

  test('P6: a key that logs in, and values that are written, are struck out', async (t) => {
    const refusal = {
      error: { code: -32600, message: told, data: { config_write_error_code: 'configValidationError' } },
    }
    const methods = ['account/login/start', 'config/value/write', 'config/batchWrite']
    const { codex } = rig(t, { on: Object.fromEntries(methods.map((method) => [method, [[refusal]]])) })
    const quoted = secret('mcp "quoted"')
    const first = await rejection(codex.account.loginApiKey(apiKey), JsonRpcError)
    assert.match(first.message, /it is \[secret\]/)
    assertWithout(await rejection(codex.config.write('mcp_servers.a.env.A', quoted), JsonRpcError))
    const edits = [{ keyPath: 'mcp_servers.a', value: { env: { A: quoted } } }]
    assertWithout(await rejection(codex.config.batchWrite(edits), JsonRpcError))
  })

  test('P6: real: a provider that tells secrets in its refusal', async (t) => {
    const { records, options } = everything()
    const { codex, provider } = await real(t, options)
    const thread = await codex.startThread({
      config: { model_providers: { scripted: { experimental_bearer_token: secret('bearer') } } },
    })
    /** @type {string | undefined} */
    let got
    provider.onRequest(({ headers }) => {
      got = headers.authorization
    })
    provider.enqueue(
      httpError(400, { body: { error: { message: `no such key: Bearer ${secret('bearer')}` } } }),
    )
    const turn = await thread.turn('go')
    const error = await rejection(turn.run(), TurnFailedError)
    assert.equal(got, `Bearer ${secret('bearer')}`)
    assert.match(error.message, /no such key: Bearer \[secret\]/)
    assertWithout(error)
    await codex.close()
    assertWithout(records)
  })

  test('P6: options that are wrong are named without what is in them', () => {
    for (const options of [
      { apiKey: [MARK] },
      { apiKey: { key: MARK } },
      { env: `TOKEN=${MARK}` },
      { env: [MARK] },
      { env: { TOKEN: [MARK] } },
      { env: { TOKEN: { value: MARK } } },
      { env: { TOKEN: `${MARK}\0` } },
      { config: MARK },
      { config: { mcp_servers: { a: { env: { A: MARK, B: null } } }, x: null } },
      { clientInfo: { name: 'a', version: '1', token: MARK } },
    ]) {
      assert.throws(
        () => new Codex(/** @type {any} */ (options)),
        (/** @type {Error} */ error) => {
          assert.ok(error instanceof TypeError, error)
          assertWithout(error)
          return true
        },
      )
    }
  })

  test('P6: real: secrets reach MCP servers, the model provider and the account, and nothing else', async (t) => {
    const folder = temporaryFolder(t)
    const { records, options } = everything()
    /** @type {import('node:http').IncomingHttpHeaders[]} */
    const asked = []
    const remote = createServer((request, response) => {
      asked.push(request.headers)
      response.writeHead(404).end()
    })
    remote.listen(0, '127.0.0.1')
    await once(remote, 'listening')
    t.after(() => remote.close())
    const { port } = /** @type {import('node:net').AddressInfo} */ (remote.address())
    const server = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url))
    const { codex, home, provider } = await real(t, {
      ...options,
      apiKey: secret('api-key'),
      config: {
        mcp_servers: {
          local: {
            command: process.execPath,
            args: [server, join(folder, 'mcp.json')],
            env: { PROBE: secret('mcp-env') },
          },
          remote: { url: `http://127.0.0.1:${port}/mcp`, http_headers: { 'X-Probe': secret('mcp-header') } },
        },
        model_providers: {
          scripted: {
            http_headers: { 'X-Probe': secret('provider-header') },
            experimental_bearer_token: secret('provider-token'),
          },
        },
      },
    })
    provider.enqueue(say('done'))
    const asking = once(remote, 'request')
    const thread = await codex.startThread()
    const [mcp] = await Promise.all([appears(join(folder, 'mcp.json')), asking])
    assert.equal((await thread.run('go')).finalResponse, 'done')

    assert.equal(JSON.parse(mcp).env.PROBE, secret('mcp-env'))
    assert.equal(asked[0]?.['x-probe'], secret('mcp-header'))
    const { headers } = await provider.nextRequest()
    assert.equal(headers['x-probe'], secret('provider-header'))
    assert.equal(headers.authorization, `Bearer ${secret('provider-token')}`)
    const account = JSON.parse(readFileSync(join(home.codexHome, 'auth.json'), 'utf8'))
    assert.equal(account.OPENAI_API_KEY, secret('api-key'))

    if (process.platform === 'linux') {
      assert.deepEqual(withArgument(MARK).map(argumentsOf), [], 'in the arguments of a process')
      assert.match(argumentsOf(/** @type {number} */ (codex.pid)), /mcp_servers\.local\.command/)
    }
    await codex.close()
    assert.ok(records.length > 0)
    assertWithout(records)
  })
})
