// A generated set of secrets, each wherever one may be given: whatever a server makes of them, none is in an error, a log
// record, an argument list, what the doctor prints or a trace.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { generateSync } from 'json-schema-faker'
import { instrument } from '../../otel/index.mjs'
import { argumentsOf } from '../support/processes.mjs'
import { rig } from '../support/rig.mjs'
import { telemetry } from '../support/telemetry.mjs'

const otel = telemetry()
const instrumentation = instrument({
  tracerProvider: otel.tracerProvider,
  meterProvider: otel.meterProvider,
})
after(() => instrumentation.disable())

/** What tokens, keys, passwords and certificates look like. */
const PATTERNS = [
  '^sk-[A-Za-z0-9_-]{20,40}$',
  '^ghp_[A-Za-z0-9]{36}$',
  '^[0-9a-f]{64}$',
  '^[A-Za-z0-9+/]{43}=$',
  '^eyJ[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{24}\\.[A-Za-z0-9_-]{20}$',
  '^[A-Za-z0-9]{8}$',
  '^[!#-Z^-~]{12,20}$',
  '^[A-Za-z]{4}"[A-Za-z]{4}\\\\[A-Za-z0-9]{4}$',
  '^[a-z]{5} [a-z]{5} [a-z]{5}$',
  '^[a-zäöüß€]{12}$',
  '^[A-Za-z0-9]{4}[&%+=?/#]{3}[A-Za-z0-9]{6}$',
]
const EACH = 4

/** @type {string[]} */
const secrets = PATTERNS.flatMap((pattern) =>
  Array.from({ length: EACH }, (_, seed) =>
    String(generateSync({ type: 'string', pattern }, { seed: seed + 1 })),
  ),
)
secrets.push(
  ...[1, 2].map((seed) => {
    const line = { type: 'string', pattern: '^[A-Za-z0-9+/]{64}$' }
    const lines = [0, 1, 2].map((i) => generateSync(line, { seed: seed * 10 + i }))
    return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
  }),
)

/** What programs make of a secret when they print it. @type {Record<string, (secret: string) => string>} */
const FORMS = {
  'as it is': (secret) => secret,
  'in JSON': (secret) => JSON.stringify({ key: secret }),
  'in JSON within JSON': (secret) => JSON.stringify({ body: JSON.stringify({ key: secret }) }),
  'in the query of a URL': (secret) => `http://127.0.0.1/?${new URLSearchParams({ key: secret })}&x=1`,
  'as a part of a URL': (secret) => `http://127.0.0.1/${encodeURIComponent(secret)}/x`,
  'in a header': (secret) => `Authorization: Bearer ${secret}`,
}

/** How a server may tell them. @param {string} told */
const scriptOf = (told) => ({
  'account/login/start': [['default']],
  'x/refuse': [[{ error: { code: -32600, message: told, data: { told, list: [told] } } }]],
  'turn/start': [
    [
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
    ],
  ],
  'x/die': [[{ stderr: `${told}\n` }, { exit: 3 }]],
})

/** Everything of a value that somebody may print. @param {unknown} value @returns {string} */
function printed(value) {
  if (!(value instanceof Error)) return JSON.stringify(value) ?? ''
  const { cause, ...fields } = /** @type {any} */ (value)
  return `${value.stack} ${value.message} ${JSON.stringify(fields)} ${cause === undefined ? '' : printed(cause)}`
}

/**
 * No secret is in a text, in any form, nor a line of one.
 *
 * @param {string} text
 * @param {string[]} given
 * @param {string} where
 */
function assertNone(text, given, where) {
  for (const secret of given) {
    const parts = secret.includes('\n') ? secret.split('\n').filter((line) => line.length === 64) : [secret]
    for (const part of parts) {
      const forms = [
        part,
        JSON.stringify(part).slice(1, -1),
        encodeURIComponent(part),
        new URLSearchParams({ '': part }).toString().slice(1),
      ]
      for (const form of forms) {
        const at = text.indexOf(form)
        assert.ok(
          at < 0,
          `${where}: ${JSON.stringify(secret)} as ${form} in ${text.slice(Math.max(0, at - 120), at + 160)}`,
        )
      }
    }
  }
}

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
  'the configuration of a thread': (given) => ({
    config: { mcp_servers: { a: { command: 'x', env: named(given) } } },
  }),
}

/** @param {string[]} given @returns {Record<string, string>} */
const named = (given) => Object.fromEntries(given.map((secret, i) => [`ANY_${i}`, secret]))

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
        const failures = []
        for (const call of [
          () => codex.request(/** @type {any} */ ('x/refuse'), /** @type {any} */ ({})),
          () => thread.run('go'),
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
