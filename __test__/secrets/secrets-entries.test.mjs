// The generated set of secrets on the other ways in: `codex-node/exec`, a server elsewhere. However codex, a server or a
// gateway tells them, none is in an error, a log record, an argument list, a diagnostics channel or a trace.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import diagnostics from 'node:diagnostics_channel'
import { after, describe, test } from 'node:test'
import { Codex as ExecCodex } from '../../exec/index.mjs'
import { Codex } from '../../index.mjs'
import { instrument } from '../../otel/index.mjs'
import { startPeer } from '../support/peer.mjs'
import { argumentsOf } from '../support/processes.mjs'
import { atGate, line, says, scriptedExec } from '../support/scripted-exec.mjs'
import { assertNone, EACH, FORMS, named, printed, secrets } from '../support/secrets.mjs'
import { telemetry } from '../support/telemetry.mjs'

const otel = telemetry()
const instrumentation = instrument({ tracerProvider: otel.tracerProvider, meterProvider: otel.meterProvider })
after(() => instrumentation.disable())

/** What is published by this package, as text. @type {string[]} */
const published = []
for (const name of ['turn', 'request', 'handler']) {
  for (const part of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) {
    const subscriber = (/** @type {any} */ message) => {
      // What was asked is the program's own.
      const { input: _, params: __, ...told } = message
      published.push(Object.values(told).map(printed).join(' '))
    }
    const channel = `tracing:codex-node:${name}:${part}`
    diagnostics.subscribe(channel, subscriber)
    after(() => diagnostics.unsubscribe(channel, subscriber))
  }
}

/** @returns {string} */
const traced = () =>
  JSON.stringify(
    otel.spans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  )

/** Names that say what they hold. @param {string[]} given */
const telling = (given) => {
  const names = [
    'PRIVATE_KEY',
    'API_KEY',
    'PASSWORD',
    'DSN',
    'ACCESS_TOKEN',
    'client_secret',
    'PAT',
    'COOKIE',
  ]
  return Object.fromEntries(given.map((secret, i) => [`APP_${i}_${names[i % names.length]}`, secret]))
}

/**
 * Where secrets are given to `codex exec`.
 *
 * @type {Record<string, (given: string[]) => import('../../exec/index.js').CodexOptions>}
 */
const PLACES = {
  'the environment of an MCP server': (given) => ({
    config: { mcp_servers: { a: { command: 'x', env: named(given) } } },
  }),
  'headers and query of a model provider': (given) => ({
    config: { model_providers: { p: { name: 'P', http_headers: named(given), query_params: named(given) } } },
  }),
  'names that say so': (given) => ({ config: { some: telling(given) } }),
  'the environment of codex': (given) => ({ env: telling(given) }),
}

/** @param {() => Promise<unknown>} call @returns {Promise<unknown>} how it fails */
const failure = (call) =>
  call().then(
    () => assert.fail('it did not fail'),
    (error) => error,
  )

describe('generated secrets of codex exec', { concurrency: 4, timeout: 170_000 }, () => {
  for (const [place, giveTo] of Object.entries(PLACES)) {
    for (const [form, write] of Object.entries(FORMS)) {
      test(`given by ${place}, told ${form}`, async (t) => {
        const told = secrets.map((secret, i) => `(${i}) ${write(secret)}`).join('\n')
        const command = { id: 'c', type: 'command_execution', command: told, aggregated_output: told }
        const { codex, log, open } = scriptedExec(
          t,
          [
            [
              atGate,
              ...says.begin(),
              says.item(command),
              says.message(told),
              { stderr: `${told}\n` },
              { exit: 3 },
            ],
            [...says.begin(), says.error(told), says.turnFailed(told), { exit: 1 }],
            [
              ...says.begin(),
              { raw: `${told}\n` },
              line({ type: 'odd', told, deep: [{ told }] }),
              says.turnFailed(told),
            ],
            [{ stderr: `Error: ${told.replaceAll('\n', ' ')}` }, { exit: 1 }],
          ],
          giveTo(secrets),
        )
        const first = failure(() => codex.startThread().run('go'))
        const { argv, pid } = await log.find((entry) => entry.run !== undefined)
        assertNone(JSON.stringify([argv, argumentsOf(pid)]), secrets, 'arguments')
        open()
        const errors = [await first]
        for (let turn = 1; turn < 4; turn += 1)
          errors.push(await failure(() => codex.startThread().run('go')))
        for (const error of errors) assertNone(printed(error), secrets, 'an error')
        assert.ok(printed(errors[1]).includes('[secret]'), printed(errors[1]))
        assertNone(published.splice(0).join('\n'), secrets, 'a diagnostics channel')
        assertNone(traced(), secrets, 'a trace')
      })
    }
  }

  for (const [form, write] of Object.entries(FORMS)) {
    test(`events stay JSON, and in their order, told ${form}`, async (t) => {
      const told = secrets.map(write).join('\n')
      const env = telling([...secrets, '12345678', 'nnnnnnnn'])
      const { codex } = scriptedExec(
        t,
        [...says.begin(), says.message(told), line({ type: 'odd', n: 12345678, told }), says.turnCompleted()],
        { env },
      )
      const { events } = await codex.startThread().runStreamed('go')
      const types = []
      for await (const event of events) types.push(event.type)
      assert.deepEqual(types, ['thread.started', 'turn.started', 'item.completed', 'odd', 'turn.completed'])
    })
  }

  test('an API key is told by no error, whatever it looks like', async (t) => {
    for (const apiKey of secrets.filter((_, i) => i % EACH === 0)) {
      const told = Object.values(FORMS)
        .map((write) => write(apiKey))
        .join('\n')
      const { codex } = scriptedExec(
        t,
        [...says.begin(), says.turnFailed(told), { stderr: told }, { exit: 1 }],
        {
          apiKey,
        },
      )
      assertNone(printed(await failure(() => codex.startThread().run('go'))), [apiKey], 'an error')
    }
  })

  test('wrong options and arguments are refused without what is in them', () => {
    for (const secret of secrets) {
      for (const options of [
        { config: { mcp_servers: { a: { env: { A: secret, B: null } } } } },
        { config: { 'a b': secret } },
        { apiKey: [secret] },
      ]) {
        assert.throws(
          () => new ExecCodex(/** @type {any} */ (options)).startThread(),
          (error) => {
            assertNone(printed(error), [secret], JSON.stringify(options))
            return true
          },
        )
      }
    }
  })
})

describe('generated secrets of a connection', { concurrency: 4, timeout: 170_000 }, () => {
  // One of each kind that a header can hold.
  const basic = secrets.filter((secret, i) => i % EACH === 0 && /^[ -~]+$/.test(secret))
  const encoded = (/** @type {string} */ password) => Buffer.from(`me:${password}`).toString('base64')

  for (const [form, write] of Object.entries(FORMS)) {
    test(`a gateway that refuses and shows what it was sent, told ${form}`, async (t) => {
      for (const secret of basic) {
        const body = [write(secret), write(encoded(secret)), write(`Basic ${encoded(secret)}`)].join('\n')
        const refuse = () =>
          `HTTP/1.1 403 Forbidden\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        const peer = await startPeer(t, { refuse })
        for (const options of [
          { token: secret },
          { headers: { authorization: `Basic ${encoded(secret)}` } },
          { headers: { 'x-api-key': secret, cookie: `a=1; session=${encoded(secret)}` } },
        ]) {
          /** @type {unknown[]} */
          const records = []
          const codex = new Codex({
            url: peer.url,
            logger: (record) => records.push(record),
            logLevel: 'trace',
            .../** @type {any} */ (options),
          })
          const error = await failure(() => codex.connect())
          await codex.close()
          const given = 'token' in options ? [secret] : [secret, encoded(secret)]
          assertNone(printed(error), given, `an error of ${JSON.stringify(options)}`)
          assertNone(JSON.stringify(records), given, 'a log record')
        }
      }
    })
  }
})
