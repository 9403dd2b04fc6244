// The class Codex: its start, its handshake, its options, its logger and its end; and the errors of this package.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { types } from 'node:util'
import * as codexNode from '../../index.mjs'
import {
  AbortError,
  BinaryNotFoundError,
  ClosedError,
  Codex,
  CodexError,
  FileError,
  InvalidRequestError,
  ServerExitedError,
  TimeoutError,
  TransportError,
  UnsupportedVersionError,
} from '../../index.mjs'
import { createCodexHome, say, startScriptedProvider } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { argumentsOf, gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigPath, temporaryFolder } from '../support/rig.mjs'

const require = createRequire(import.meta.url)
const { version } = require('../../package.json')

describe('start and handshake', { concurrency: true }, () => {
  test('new Codex() starts nothing', (t) => {
    const { codex, log } = rig(t)
    assert.equal(codex.pid, null)
    assert.deepEqual(log.entries(), [])
  })

  test('the first call connects, and the next ones use the same process', async (t) => {
    const { codex, log } = rig(t)
    await codex.startThread()
    const { pid } = codex
    assert.ok(pid !== null && isAlive(pid))
    await Promise.all([codex.startThread(), codex.request('thread/loaded/list', {}), codex.connect()])
    assert.equal(codex.pid, pid)
    const starts = log.entries().filter((entry) => entry.argv !== undefined)
    assert.deepEqual(
      starts.map((entry) => [entry.run, entry.pid]),
      [[0, pid]],
    )
  })

  test('calls made at once connect once', async (t) => {
    const { codex, log } = rig(t)
    await Promise.all([
      codex.connect(),
      codex.connect(),
      codex.startThread(),
      codex.request('thread/loaded/list', {}),
      codex.run('go'),
      codex.notify('test/note'),
    ])
    assert.equal(log.messages('initialize').length, 1)
    assert.equal(log.messages('initialized').length, 1)
  })

  test('two clients have a process each', async (t) => {
    const [one, other] = [rig(t), rig(t)]
    await Promise.all([one.codex.connect(), other.codex.connect()])
    assert.notEqual(one.codex.pid, other.codex.pid)
    await one.codex.close()
    assert.equal((await other.codex.startThread()).id, 'thread-1')
  })

  test('connect() gives the metadata, which throws before the handshake', async (t) => {
    const gate = join(temporaryFolder(t), 'gate')
    const script = { version: '0.171.2', on: { initialize: [[{ waitForFile: gate }, 'default']] } }
    const { codex } = rig(t, script, { clientInfo: { name: 'probe', version: '7' } })
    assert.throws(() => codex.metadata, TransportError)
    const connecting = codex.connect()
    assert.throws(() => codex.metadata, TransportError)
    writeFileSync(gate, '')
    const metadata = await connecting
    assert.deepEqual(codex.metadata, metadata)
    assert.deepEqual(await codex.connect(), metadata)
    assert.match(metadata.userAgent, /^probe\/0\.171\.2 /)
    assert.deepEqual(metadata.serverInfo, { name: 'probe', version: '0.171.2' })
    assert.deepEqual(Object.keys(metadata).sort(), [
      'codexHome',
      'platformFamily',
      'platformOs',
      'serverInfo',
      'userAgent',
    ])
  })

  test('real: metadata and pid', async (t) => {
    const { codex, home } = await real(t)
    const metadata = await codex.connect()
    assert.equal(metadata.codexHome, home.codexHome)
    assert.equal(metadata.serverInfo.name, 'codex-node')
    assert.match(metadata.serverInfo.version, /^\d+\.\d+\.\d+/)
    assert.equal(metadata.platformFamily, process.platform === 'win32' ? 'windows' : 'unix')
    assert.match(metadata.userAgent, /^codex-node\//)
    const pid = /** @type {number} */ (codex.pid)
    if (process.platform === 'linux') assert.match(argumentsOf(pid), /app-server/)
    await codex.close()
    assert.equal(codex.pid, null)
    await gone(pid)
  })

  test('after the server has died there is no pid, and the next call starts another', async (t) => {
    const { codex } = rig(t, { runs: [{ on: { 'test/die': [[{ kill: 'SIGKILL' }]] } }, {}] })
    await codex.connect()
    const first = /** @type {number} */ (codex.pid)
    await rejection(codex.request('test/die'), ServerExitedError)
    assert.equal(codex.pid, null)
    assert.equal((await codex.startThread()).id, 'thread-1')
    assert.ok(codex.pid !== null && codex.pid !== first)
  })

  test('the handshake says who this package is, and asks for the experimental part', async (t) => {
    const { codex, log } = rig(t)
    await codex.connect()
    assert.deepEqual((await log.message('initialize')).params, {
      clientInfo: { name: 'codex-node', version },
      capabilities: { experimentalApi: true, optOutNotificationMethods: [] },
    })
    assert.deepEqual(await log.message('initialized'), { method: 'initialized' })
  })

  test('clientInfo, experimentalApi and optOutNotificationMethods are sent', async (t) => {
    const clientInfo = { name: 'my-program', title: 'Mein Prögramm 😀', version: '1.2.3' }
    const optOutNotificationMethods = ['item/agentMessage/delta', 'thread/started']
    const { codex, log } = rig(t, {}, { clientInfo, experimentalApi: false, optOutNotificationMethods })
    await codex.connect()
    assert.deepEqual((await log.message('initialize')).params, {
      clientInfo,
      capabilities: { experimentalApi: false, optOutNotificationMethods },
    })
  })

  test('real: clientInfo and optOutNotificationMethods have their effect', async (t) => {
    const { codex, provider } = await real(t, {
      clientInfo: { name: 'my-program', version: '1.2.3' },
      optOutNotificationMethods: ['item/agentMessage/delta'],
    })
    provider.enqueue(say('hello', { chunks: 2 }))
    const turn = await (await codex.startThread()).turn('go')
    const methods = []
    for await (const event of turn) methods.push(event.method)
    assert.ok(!methods.includes('item/agentMessage/delta'), methods.join())
    assert.equal((await turn.run()).finalResponse, 'hello')
    assert.match(codex.metadata.userAgent, /^my-program\/.*\(my-program; 1\.2\.3\)$/)
    const request = await provider.nextRequest()
    assert.equal(request.headers.originator, 'my-program')
  })

  test('real: without experimentalApi what is experimental is refused', async (t) => {
    const { codex } = await real(t, { experimentalApi: false })
    const error = await rejection(codex.request('server/diagnostics', {}), InvalidRequestError)
    assert.match(error.message, /requires experimentalApi/)
  })
})

describe('account and configuration', { concurrency: true }, () => {
  test('apiKey logs in after the handshake, before any other call', async (t) => {
    const { codex, log } = rig(
      t,
      { on: { 'account/login/start': [{ reply: { type: 'apiKey' } }] } },
      { apiKey: 'sk-test-0123456789' },
    )
    await Promise.all([codex.request('thread/loaded/list', {}), codex.connect()])
    assert.deepEqual(
      log.messages().map((message) => message.method),
      ['initialize', 'initialized', 'account/login/start', 'thread/loaded/list'],
    )
    assert.deepEqual((await log.message('account/login/start')).params, {
      type: 'apiKey',
      apiKey: 'sk-test-0123456789',
    })
  })

  test('a login that is refused is the error of connect() and of every call', async (t) => {
    const refusal = { error: { code: -32600, message: 'API keys are not allowed here' } }
    const { codex } = rig(t, { on: { 'account/login/start': [refusal] } }, { apiKey: 'sk-test-0123456789' })
    // Both at once, so that neither rejects with nobody listening.
    const calls = [codex.connect(), codex.startThread()].map((call) => rejection(call, InvalidRequestError))
    for (const error of await Promise.all(calls)) {
      assert.match(error.message, /not allowed here/)
      assert.equal(error.method, 'account/login/start')
    }
  })

  test('real: apiKey is stored by codex and reaches the provider at baseUrl, and shows nowhere else', async (t) => {
    const apiKey = 'sk-test-real-0123456789'
    const provider = await startScriptedProvider()
    const home = await createCodexHome(provider)
    /** @type {string[]} */
    const records = []
    const codex = new Codex({
      env: home.env,
      apiKey,
      baseUrl: provider.url,
      config: { model_provider: 'openai' },
      logger: (record) => records.push(JSON.stringify(record)),
      logLevel: 'trace',
    })
    t.after(async () => {
      await codex.close()
      await provider.close()
      await home.remove()
    })
    provider.enqueue(say('with a key'))
    assert.equal((await codex.run('go')).finalResponse, 'with a key')
    const asked = await provider.nextRequest()
    assert.equal(asked.headers.authorization, `Bearer ${apiKey}`)
    const stored = join(home.codexHome, 'auth.json')
    assert.ok(existsSync(stored))
    assert.equal(JSON.parse(readFileSync(stored, 'utf8')).OPENAI_API_KEY, apiKey)
    if (process.platform === 'linux') {
      const shown = argumentsOf(/** @type {number} */ (codex.pid))
      assert.match(shown, /openai_base_url/)
      assert.ok(!shown.includes(apiKey), shown)
    }
    await codex.close()
    assert.ok(records.length > 0)
    assert.deepEqual(
      records.filter((record) => record.includes(apiKey)),
      [],
    )
  })

  test('config is flattened, then comes baseUrl, then configOverrides as they are', async (t) => {
    const { codex, log } = rig(
      t,
      {},
      {
        config: {
          model: 'a "quoted" näme\n',
          model_reasoning_effort: undefined,
          features: { plugins: false, shell_snapshot: true },
          tool_output_token_limit: 10_000,
          temperature: 0.5,
          'dotted.key': 'x',
          notify: ['say', 'done'],
          mcp_servers: { one: { command: 'node', args: ['server.js'], startup_timeout_sec: 5 } },
          projects: { '/a path': { trust_level: 'trusted' } },
          profiles: {},
        },
        baseUrl: 'http://127.0.0.1:1/v1',
        configOverrides: ['model="last"', 'raw.key={ a = [1, "b"] }', 'empty='],
      },
    )
    await codex.connect()
    const { argv } = await log.find((entry) => entry.run === 0)
    assert.equal(argv[0], 'app-server')
    const flags = argv
      .slice(1)
      .filter((/** @type {string} */ _, /** @type {number} */ index) => index % 2 === 0)
    const values = argv
      .slice(1)
      .filter((/** @type {string} */ _, /** @type {number} */ index) => index % 2 === 1)
    assert.deepEqual(new Set(flags), new Set(['--config']))
    assert.deepEqual(values.slice(-4), [
      'openai_base_url="http://127.0.0.1:1/v1"',
      'model="last"',
      'raw.key={ a = [1, "b"] }',
      'empty=',
    ])
    // TOML has several ways to write a string with a quote.
    const own = values.slice(0, -4).sort()
    const model = own.splice(
      own.findIndex((/** @type {string} */ value) => value.startsWith('model=')),
      1,
    )[0]
    assert.match(model, /a \\?"quoted\\?" näme/)
    assert.deepEqual(own, [
      'dotted.key="x"',
      'features.plugins=false',
      'features.shell_snapshot=true',
      'mcp_servers.one.args=["server.js"]',
      'mcp_servers.one.command="node"',
      'mcp_servers.one.startup_timeout_sec=5',
      'notify=["say", "done"]',
      'profiles={}',
      'projects={"/a path" = {trust_level = "trusted"}}',
      'temperature=0.5',
      'tool_output_token_limit=10000',
    ])
  })

  test('launchArgs are all arguments there are', async (t) => {
    const launchArgs = ['app-server', '--listen', 'stdio://', '--config', 'model="x y"', 'ümläut', '']
    const { codex, log } = rig(t, {}, { launchArgs })
    await codex.connect()
    assert.deepEqual((await log.find((entry) => entry.run === 0)).argv, launchArgs)
  })

  test('real: config has its effect, of any type, and configOverrides go before it', async (t) => {
    const { codex, provider } = await real(t, {
      config: {
        model: 'gpt-5.5-from-config',
        developer_instructions: 'Say "hé"\nin two lines, \\ and a tab\t.',
        features: { plugins: false, shell_snapshot: false },
        tool_output_token_limit: 4321,
      },
      configOverrides: ['model="gpt-5.5"', 'model_reasoning_effort="high"'],
    })
    provider.enqueue(say('hello'))
    await codex.run('go')
    const { body } = await provider.nextRequest()
    const { model, reasoning } = /** @type {any} */ (body)
    assert.equal(model, 'gpt-5.5')
    assert.equal(reasoning.effort, 'high')
    assert.ok(
      JSON.stringify(body).includes(JSON.stringify('Say "hé"\nin two lines, \\ and a tab\t.').slice(1, -1)),
    )
    const { config } = await codex.request('config/read', {})
    assert.equal(config.model, 'gpt-5.5')
    assert.equal(config.tool_output_token_limit, 4321)
  })

  test('real: launchArgs start the server that they name', async (t) => {
    const launchArgs = ['app-server', '--listen', 'stdio://', '--config', 'model="from-launch-args"']
    const { codex } = await real(t, { launchArgs })
    assert.equal((await codex.request('config/read', {})).config.model, 'from-launch-args')
  })
})

/** @typedef {import('../../index.js').LogRecord} LogRecord */

describe('logger', { concurrency: true }, () => {
  /** @type {import('../../index.js').LogLevel[]} */
  const levels = ['error', 'warn', 'info', 'debug', 'trace']

  /** A server that gives something to log on each level. */
  const chatty = { banner: 'a banner', on: { 'test/it': [[{ stderr: 'from stderr' }, { reply: 'it' }]] } }

  test('gets records with level, target, message and fields', async (t) => {
    /** @type {LogRecord[]} */
    const records = []
    const { codex } = rig(t, chatty, { logger: (record) => records.push(record), logLevel: 'debug' })
    await codex.request('test/it')
    const { pid } = codex
    await codex.close()
    for (const record of records) {
      assert.deepEqual(Object.keys(record).sort(), ['fields', 'level', 'message', 'target'])
      assert.ok(levels.includes(record.level))
      assert.ok(record.target === 'codex::stderr' || record.target.startsWith('codex_client'), record.target)
    }
    const started = records.find((record) => record.message === 'codex started')
    assert.equal(started?.level, 'info')
    assert.deepEqual(started.fields, { pid, path: rigPath })
    const garbage = records.find((record) => record.fields.start === 'a banner')
    assert.equal(garbage?.level, 'warn')
    const stderr = records.find((record) => record.target === 'codex::stderr')
    assert.deepEqual([stderr?.level, stderr?.message], ['debug', 'from stderr'])
    assert.ok(records.some((record) => record.message === 'codex ended' && record.fields.code === 0))
  })

  for (const logLevel of levels) {
    test(`gets no record below logLevel ${logLevel}`, async (t) => {
      /** @type {LogRecord[]} */
      const records = []
      const { codex } = rig(t, chatty, { logger: (record) => records.push(record), logLevel })
      await codex.request('test/it')
      await codex.close()
      const allowed = levels.slice(0, levels.indexOf(logLevel) + 1)
      assert.deepEqual(
        records.filter((record) => !allowed.includes(record.level)),
        [],
      )
      for (const level of /** @type {const} */ (['warn', 'info', 'debug'])) {
        assert.equal(
          records.some((record) => record.level === level),
          allowed.includes(level),
          level,
        )
      }
    })
  }

  test('is told from info on by default, and not at all what other clients do', async (t) => {
    /** @type {Record<string, LogRecord[]>} */
    const records = { one: [], other: [] }
    const one = rig(t, chatty, { logger: (record) => records.one?.push(record) })
    const other = rig(t, {}, { logger: (record) => records.other?.push(record), logLevel: 'trace' })
    const silent = rig(t, chatty)
    await Promise.all([one.codex.request('test/it'), other.codex.connect(), silent.codex.connect()])
    const pids = { one: one.codex.pid, other: other.codex.pid }
    await Promise.all([one.codex.close(), other.codex.close(), silent.codex.close()])
    assert.deepEqual(new Set(records.one?.map((record) => record.level)), new Set(['warn', 'info']))
    for (const name of /** @type {const} */ (['one', 'other'])) {
      const starts = records[name]?.filter((record) => record.message === 'codex started')
      assert.deepEqual(
        starts?.map((record) => record.fields.pid),
        [pids[name]],
      )
    }
    assert.ok(!records.other?.some((record) => record.fields.start === 'a banner'))
  })

  test('that throws does no harm but a warning', async (t) => {
    /** @type {Error[]} */
    const warnings = []
    const onWarning = (/** @type {Error} */ warning) => warnings.push(warning)
    process.on('warning', onWarning)
    t.after(() => process.off('warning', onWarning))
    const logger = () => {
      throw new Error('the disk is full')
    }
    const { codex } = rig(t, chatty, { logger, logLevel: 'trace' })
    assert.equal(await codex.request('test/it'), 'it')
    assert.equal((await codex.run('go')).finalResponse, 'Hello from the rig.')
    await codex.close()
    assert.ok(warnings.some((warning) => warning.message.includes('the disk is full')))
  })

  test('may call the client', async (t) => {
    /** @type {Promise<unknown>[]} */
    const calls = []
    const { codex } = rig(t, chatty, {
      logger: ({ message }) => message === 'codex started' && calls.push(codex.request('test/it')),
    })
    await codex.connect()
    await codex.request('test/it')
    assert.deepEqual(await Promise.all(calls), ['it'])
  })

  test('gets what codex says when it can not be started', async (t) => {
    /** @type {LogRecord[]} */
    const records = []
    const codexPath = join(temporaryFolder(t), 'missing')
    const codex = new Codex({ codexPath, logger: (record) => records.push(record) })
    await rejection(codex.connect(), BinaryNotFoundError)
    await codex.close()
    const failure = records.find((record) => record.level === 'warn')
    assert.ok(String(failure?.fields.error).includes(codexPath))
  })
})

describe('close()', { concurrency: true }, () => {
  /** Every call of a client. @type {[string, (codex: Codex) => Promise<unknown>][]} */
  const calls = [
    ['connect', (codex) => codex.connect()],
    ['startThread', (codex) => codex.startThread()],
    ['resumeThread', (codex) => codex.resumeThread('thread-1')],
    ['run', (codex) => codex.run('go')],
    ['request', (codex) => codex.request('thread/loaded/list', {})],
    ['notify', (codex) => codex.notify('test/note')],
  ]

  test('is idempotent, at once and later, before and after the connection', async (t) => {
    const { codex, log } = rig(t)
    await codex.connect()
    const pid = /** @type {number} */ (codex.pid)
    await Promise.all([codex.close(), codex.close()])
    assert.ok(!isAlive(pid))
    assert.equal(await codex.close(), undefined)
    assert.equal(log.entries().filter((entry) => entry.eof).length, 1)
    assert.deepEqual(log.entries().at(-1), { exit: 0 })

    const never = rig(t)
    await never.codex.close()
    await never.codex.close()
    assert.deepEqual(never.log.entries(), [])
  })

  test('makes every later call reject ClosedError, and starts nothing any more', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await turn.run()
    await codex.close()
    const { length } = log.entries()
    const later = /** @type {[string, () => Promise<unknown>][]} */ ([
      ...calls.map(([name, call]) => [name, () => call(codex)]),
      ['Thread.run', () => thread.run('go')],
      ['Thread.turn', () => thread.turn('go')],
      ['Thread.read', () => thread.read()],
      ['Thread.setName', () => thread.setName('name')],
    ])
    for (const [name, call] of later) {
      const error = await rejection(call(), ClosedError)
      assert.equal(error.code, 'CLOSED', name)
      assert.match(error.message, /closed/)
    }
    assert.throws(() => codex.notifications(), ClosedError)
    assert.equal(codex.pid, null)
    assert.equal(log.entries().length, length)
    // What is known already stays.
    assert.equal((await turn.run()).finalResponse, 'Hello from the rig.')
    assert.equal(thread.id, 'thread-1')
  })

  test('is what `await using` calls', async (t) => {
    const { codex } = rig(t)
    await codex.connect()
    const pid = /** @type {number} */ (codex.pid)
    assert.equal(await codex[Symbol.asyncDispose](), undefined)
    assert.ok(!isAlive(pid))
    await rejection(codex.connect(), ClosedError)
  })
})

describe('errors', { concurrency: true }, () => {
  /** Each class and the one above it. */
  const above = {
    CodexError: 'Error',
    BinaryNotFoundError: 'CodexError',
    TransportError: 'CodexError',
    ServerExitedError: 'TransportError',
    ClosedError: 'TransportError',
    TimeoutError: 'CodexError',
    IndeterminateError: 'CodexError',
    JsonRpcError: 'CodexError',
    InvalidRequestError: 'JsonRpcError',
    MethodNotFoundError: 'JsonRpcError',
    InvalidParamsError: 'JsonRpcError',
    InternalRpcError: 'JsonRpcError',
    ServerBusyError: 'JsonRpcError',
    TurnFailedError: 'CodexError',
    TurnInactiveError: 'CodexError',
    TurnLostError: 'CodexError',
    OutputValidationError: 'CodexError',
    UnsupportedVersionError: 'CodexError',
    AbortError: 'CodexError',
  }

  test('each class stands below its own, with its name', () => {
    const classes = /** @type {Record<string, any>} */ ({ ...codexNode, Error })
    for (const [name, parent] of Object.entries(above)) {
      assert.equal(Object.getPrototypeOf(classes[name]), classes[parent], name)
      assert.equal(classes[name].name, name)
      assert.equal(classes[name].prototype.name, name)
      assert.ok(!Object.hasOwn(new classes[name]('message'), 'name'), name)
    }
  })

  test('ESM and CommonJS have the same classes', () => {
    const common = /** @type {Record<string, unknown>} */ (require('../../index.js'))
    for (const [name, value] of Object.entries(codexNode)) assert.equal(common[name], value, name)
    assert.deepEqual(Object.keys(common).sort(), Object.keys(codexNode).sort())
  })

  test('every error is one, with a code, its class and a stack that shows where', async (t) => {
    const folder = temporaryFolder(t)
    const { codex } = rig(t, {
      on: {
        'test/never': 'never',
        'test/no': [{ error: { code: -32600, message: 'no' } }],
        'test/die': [{ exit: 5 }],
      },
    })
    const old = rig(t, { version: '0.1.0' })
    const missing = new Codex({ codexPath: join(folder, 'missing') })
    const closed = new Codex()
    await closed.close()
    const cases = /** @type {[() => Promise<unknown>, any, object][]} */ ([
      [
        () => missing.connect(),
        BinaryNotFoundError,
        {
          code: 'BINARY_NOT_FOUND',
          retryable: false,
          tried: [`${join(folder, 'missing')} (the option codexPath, does not exist)`],
        },
      ],
      [() => closed.connect(), ClosedError, { code: 'CLOSED', retryable: false }],
      [
        () => codex.request('test/never', {}, { timeoutMs: 50 }),
        TimeoutError,
        { code: 'TIMEOUT', retryable: false, method: 'test/never', timeoutMs: 50 },
      ],
      [
        () => codex.request('test/no', {}),
        InvalidRequestError,
        {
          code: 'INVALID_REQUEST',
          retryable: false,
          method: 'test/no',
          rpcCode: -32600,
          data: null,
          codexVersion: '0.169.0',
        },
      ],
      [
        () => codex.request('test/die', {}),
        ServerExitedError,
        {
          code: 'SERVER_EXITED',
          retryable: false,
          exitCode: 5,
          signal: null,
          stderr: '',
          path: rigPath,
        },
      ],
      [
        () => old.codex.connect(),
        UnsupportedVersionError,
        { code: 'UNSUPPORTED_VERSION', retryable: false, found: '0.1.0', minimum: '0.163.0', path: rigPath },
      ],
      [
        () => codex.request('test/it', {}, { signal: AbortSignal.abort('why') }),
        AbortError,
        { code: 'ABORT_ERR', retryable: false, result: null },
      ],
      [
        () => new Codex({ cwd: join(folder, 'nowhere'), codexPath: rigPath }).connect(),
        FileError,
        { code: 'FILE_ERROR', retryable: false, path: join(folder, 'nowhere') },
      ],
    ])
    for (const [call, errorClass, fields] of cases) {
      const error = await rejection(call(), errorClass)
      assert.equal(error.constructor, errorClass)
      assert.ok(error instanceof CodexError && error instanceof Error)
      assert.ok(types.isNativeError(error))
      // A result is beside what is shown.
      const { result, ...shown } = /** @type {{ result?: unknown }} */ (fields)
      assert.deepEqual({ ...error }, shown)
      assert.equal(/** @type {any} */ (error).result, result)
      assert.equal(error.name, errorClass.name)
      assert.ok(error.message.length > 0)
      assert.ok(
        error.stack?.startsWith(`${error.name}: ${error.message}`) || error.stack?.startsWith('Error'),
        error.stack,
      )
      assert.equal(Object.prototype.toString.call(error), '[object Error]')
    }
  })

  test('the cause of an AbortError is the reason of the signal, whatever that is', async (t) => {
    const { codex } = rig(t)
    for (const reason of [new Error('mine'), 'text', 0, null, { a: 1 }]) {
      const error = await rejection(codex.request('x', {}, { signal: AbortSignal.abort(reason) }), AbortError)
      assert.equal(error.cause, reason)
      assert.ok(!Object.keys(error).includes('cause'), 'as the cause of any error')
    }
    const error = await rejection(codex.request('x', {}, { signal: AbortSignal.abort() }), AbortError)
    assert.equal(/** @type {any} */ (error.cause).name, 'AbortError')
  })

  test('the classes can be made by a program, for its own tests', () => {
    const cause = new Error('cause')
    const error = new TimeoutError('late', { cause })
    assert.equal(error.message, 'late')
    assert.equal(error.cause, cause)
    assert.equal(String(error), 'TimeoutError: late')
  })
})
