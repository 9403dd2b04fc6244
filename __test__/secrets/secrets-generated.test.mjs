// A generated set of secrets, each wherever one may be given: whatever a server makes of them, none is in an error, a log
// record, an argument list, what the doctor prints or a trace.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { instrument } from '../../otel/index.mjs'
import { argumentsOf } from '../support/processes.mjs'
import { rig } from '../support/rig.mjs'
import { assertNone, FORMS, named, printed, secrets } from '../support/secrets.mjs'
import { telemetry } from '../support/telemetry.mjs'

const otel = telemetry()
const instrumentation = instrument({
  tracerProvider: otel.tracerProvider,
  meterProvider: otel.meterProvider,
})
after(() => instrumentation.disable())

/** A turn that fails. @param {string} told */
const failed = (told) => [
  'turnBegin',
  { raw: `${told.replaceAll('\n', ' ')}\n` },
  { stderr: `${told}\n` },
  {
    notify: {
      method: 'turn/completed',
      params: {
        threadId: '$threadId',
        turn: {
          id: '$turnId',
          status: 'failed',
          items: [],
          error: { message: told, additionalDetails: told },
        },
      },
    },
  },
]

/** How a server may tell them. @param {string} told */
const scriptOf = (told) => ({
  'account/login/start': [['default']],
  'x/refuse': [[{ error: { code: -32600, message: told, data: { told, list: [told] } } }]],
  // The first two fail, the others say it.
  'turn/start': [
    failed(told),
    failed(told),
    ['turnBegin', { play: 'agentMessage', with: { text: told } }, 'tokenUsage', 'turnEnd'],
  ],
  'x/die': [[{ stderr: `${told}\n` }, { exit: 3 }]],
})

/** @typedef {{ [key: string]: import('../../index.js').ConfigValue }} Config */
/**
 * Where secrets are given: to the client, or to a thread.
 *
 * @type {Record<string, (given: string[]) => { options?: import('../../index.js').CodexOptions, config?: Config, key?: string }>}
 */
const PLACES = {
  'the environment of an MCP server': (given) => ({
    options: { config: { mcp_servers: { a: { command: 'x', env: named(given) } } } },
  }),
  'headers and query of a model provider': (given) => ({
    options: {
      config: {
        model_providers: { p: { name: 'P', http_headers: named(given), query_params: named(given) } },
      },
    },
  }),
  'the environment of commands': (given) => ({
    options: { config: { shell_environment_policy: { set: named(given) } } },
  }),
  'names that say so': (given) => ({
    options: { config: { some: { list: given.map((password) => ({ password })) } } },
  }),
  'the environment of codex': (given) => ({
    options: { env: Object.fromEntries(given.map((secret, i) => [`SERVICE_${i}_TOKEN`, secret])) },
  }),
  'the URLs of model providers and of the environment': (given) => ({
    options: {
      config: {
        model_providers: Object.fromEntries(given.slice(20).map((secret, i) => [`p${i}`, urlWith(secret)])),
      },
      env: Object.fromEntries(
        given.slice(0, 20).map((secret, i) => [`DATABASE_${i}`, urlWith(secret).base_url]),
      ),
    },
  }),
  'the configuration of a thread': (given) => ({
    config: { mcp_servers: { a: { command: 'x', env: named(given) } } },
  }),
}

/** @param {string} secret */
const urlWith = (secret) => ({ name: 'P', base_url: `http://user:${encodeURIComponent(secret)}@127.0.0.1/x` })

describe('generated secrets', { concurrency: 4, timeout: 120_000 }, () => {
  test('they are what they should be', () => {
    assert.ok(secrets.length >= 40)
    for (const secret of secrets) assert.ok(secret.trim().length >= 8, JSON.stringify(secret))
  })

  for (const [place, giveTo] of Object.entries(PLACES)) {
    for (const [form, write] of Object.entries(FORMS)) {
      test(`given by ${place}, told ${form}`, async (t) => {
        const told = secrets.map((secret, i) => `(${i}) ${write(secret)}`).join('\n')
        const { options = {}, config } = giveTo(secrets)
        /** @type {unknown[]} */
        const records = []
        const { codex, log } = rig(
          t,
          { on: scriptOf(told) },
          {
            logger: (record) => records.push(record),
            logLevel: 'trace',
            ...options,
          },
        )
        const spans = otel.spans().length
        const thread = await codex.startThread(config === undefined ? {} : { config })
        const { argv, pid } = await log.find((entry) => entry.run !== undefined)
        assertNone(JSON.stringify([argv, argumentsOf(pid)]), secrets, 'arguments')
        /** @type {any[]} */
        const failures = []
        for (const call of [
          () => codex.request(/** @type {any} */ ('x/refuse'), /** @type {any} */ ({})),
          () => thread.run('go'),
          async () => (await thread.turn('go')).result(),
          () => thread.run('go', { outputSchema: { type: 'object', properties: {} } }),
          () => thread.run('go', { budget: { tokens: 1 } }),
          () => codex.request(/** @type {any} */ ('x/die'), /** @type {any} */ ({})),
        ]) {
          const error = await call().then(
            () => assert.fail('it did not fail'),
            (/** @type {unknown} */ error) => error,
          )
          failures.push(error)
        }
        await codex.close()
        for (const error of failures) assertNone(printed(error), secrets, 'an error')
        assert.deepEqual(
          failures.map(({ code }) => code),
          [
            'INVALID_REQUEST',
            'TURN_FAILED',
            'TURN_FAILED',
            'OUTPUT_VALIDATION',
            'BUDGET_EXCEEDED',
            'SERVER_EXITED',
          ],
        )
        assert.ok(printed(failures[0]).includes('[secret]'), printed(failures[0]))
        assert.ok(records.length > 5)
        assertNone(JSON.stringify(records), secrets, 'a log record')
        const traced = otel
          .spans()
          .slice(spans)
          .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }))
        assert.ok(traced.length > 0)
        assertNone(JSON.stringify(traced), secrets, 'a trace')
      })
    }
  }
})

// After the others: their spans are all looked at, and here not all of the secrets are known.
describe('generated secrets, alone', { timeout: 60_000 }, () => {
  test('a key that logs in and values that are written, told in each form', async (t) => {
    const told = Object.values(FORMS)
      .flatMap((write) => secrets.map((secret) => write(secret)))
      .join('\n')
    const refusal = [{ error: { code: -32600, message: told, data: { told } } }]
    const methods = ['account/login/start', 'config/value/write', 'config/batchWrite']
    const { codex } = rig(t, { on: Object.fromEntries(methods.map((method) => [method, [refusal]])) })
    const edits = secrets
      .slice(10)
      .map((secret, i) => ({ keyPath: `mcp_servers.a.env.K${i}`, value: secret }))
    const calls = [
      ...secrets.slice(0, 5).map((secret) => () => codex.account.loginApiKey(secret)),
      ...secrets.slice(5, 10).map((secret) => () => codex.config.write('mcp_servers.a.env.K', secret)),
      () => codex.config.batchWrite(edits),
    ]
    const known = []
    for (const [i, call] of calls.entries()) {
      const error = await call().then(
        () => assert.fail('it did not fail'),
        (/** @type {unknown} */ error) => error,
      )
      known.push(...(i < 10 ? [/** @type {string} */ (secrets[i])] : secrets.slice(10)))
      assertNone(printed(error), known, `call ${i}`)
    }
  })

  test('the doctor finds them in the environment, and tells none', async (t) => {
    const told = secrets.join('\n')
    const env = {
      ...Object.fromEntries(secrets.map((secret, i) => [`SERVICE_${i}_API_KEY`, secret])),
      HTTPS_PROXY: `http://somebody:${encodeURIComponent(String(secrets[0]))}@127.0.0.1:9`,
    }
    const { codex } = rig(t, { on: { initialize: [[{ stderr: `${told}\n` }, { exit: 3 }]] } }, { env })
    const report = await codex.doctor()
    assert.equal(report.ok, false)
    assertNone(JSON.stringify(report), secrets, 'the doctor')
  })
})
