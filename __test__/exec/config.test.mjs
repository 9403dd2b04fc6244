// `codex-node/exec`: the option `config`, as TOML and as what the real codex makes of it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex } from '../../exec/index.mjs'
import { ServerExitedError } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

/** @typedef {NonNullable<import('../../exec/index.js').CodexOptions['config']>} Config */

/** @type {[string, Config, string[]][]} */
const flattened = [
  [
    'strings, quoted as JSON',
    { a: 'plain', b: 'say "hi"\n\\ \u0001 ünï🙂' },
    ['a="plain"', 'b="say \\"hi\\"\\n\\\\ \\u0001 ünï🙂"'],
  ],
  ['DEL, which TOML wants escaped', { a: 'x\u007f' }, ['a="x\\u007F"']],
  [
    'numbers, as JavaScript prints them',
    { a: 1, b: -1.5, c: 1e21, d: 1e-7, e: 0, f: 1.0 },
    ['a=1', 'b=-1.5', 'c=1e+21', 'd=1e-7', 'e=0', 'f=1'],
  ],
  ['an integer beyond those of TOML, as a float', { a: 1e20 }, ['a=1e20']],
  ['booleans', { a: true, b: false }, ['a=true', 'b=false']],
  ['tables, as dotted keys in their order', { z: { y: { x: 1 }, w: 2 }, a: 3 }, ['z.y.x=1', 'z.w=2', 'a=3']],
  [
    'arrays, with inline tables in them',
    { a: [1, 'two', [true], { k: 1, 'not bare': 'v' }] },
    ['a=[1, "two", [true], {k = 1, "not bare" = "v"}]'],
  ],
  ['empty ones', { a: {}, b: [], c: '' }, ['a={}', 'b=[]', 'c=""']],
  [
    'a key that is not bare: its parent goes out whole',
    { p: { 'my.key': { x: 1 }, other: 2 }, q: { r: 3 } },
    ['p={"my.key" = {x = 1}, other = 2}', 'q.r=3'],
  ],
  ['a dotted key of the caller, as it is', { 'a.b': 1 }, ['a.b=1']],
]

/** @type {[string, any, RegExp][]} */
const refused = [
  ['null', { a: { b: null } }, /options\.config: `a\.b` is null/],
  ['null below an array', { a: { b: [1, { c: null }] } }, /options\.config: `a\.b\[1\]\.c` is null/],
  ['null below a key that is not bare', { a: { 'b.c': null } }, /options\.config: `a\.b\.c` is null/],
  ['NaN', { a: { b: [Number.NaN] } }, /options\.config\.a\.b\[0\]: NaN/],
  ['Infinity', { a: { b: Infinity } }, /options\.config\.a\.b: Infinity/],
  ['a function', { a: () => {} }, /options\.config\.a: a function/],
  ['a bigint', { a: 1n }, /options\.config\.a: a bigint/],
  ['an empty key', { '': 1 }, /options\.config: a key is empty/],
  ['an empty key below', { a: { b: [{ '': 1 }] } }, /options\.config: a key is empty/],
  ['an array', [], /options\.config: must be a plain object/],
  ['a string', 'a=1', /options\.config: must be a plain object/],
]

describe('config of codex exec', { concurrency: true, timeout: 120_000 }, () => {
  for (const [name, config, expected] of flattened) {
    test(`TOML: ${name}`, async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn(), { config })
      await codex.startThread().run('Hi')
      const values = expected.flatMap((value) => ['--config', value])
      assert.deepEqual(starts()[0].argv, ['exec', '--experimental-json', ...values])
    })
  }

  for (const [name, config, message] of refused) {
    test(`${name} is refused with its path, when the client is made`, () => {
      assert.throws(() => new Codex({ config }), { name: 'TypeError', code: 'INVALID_ARGUMENT', message })
    })
  }

  test('undefined is left out', async (t) => {
    const config = /** @type {any} */ ({ a: undefined, b: { c: undefined, d: 1 } })
    const { codex, starts } = scriptedExec(t, says.turn(), { config })
    await codex.startThread().run('Hi')
    assert.deepEqual(starts()[0].argv.slice(2), ['--config', 'b.d=1'])
  })
})

describe('config in the real codex', { concurrency: 4, timeout: 120_000 }, () => {
  test('values of every kind', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const config = {
      model: 'gpt-5.4',
      model_reasoning_effort: 'low',
      developer_instructions: 'Say "it"\nin two \\ lines. ünï🙂\u007f\u0001',
      features: { plugins: false },
      project_doc_max_bytes: 1e4,
      mcp_servers: {
        off: { command: 'nothing', args: ['a "b"', 'c'], enabled: false, startup_timeout_sec: 1.5 },
      },
    }
    await new Codex({ env, config }).startThread(inWorkspace).run('Hi')
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.equal(body.model, 'gpt-5.4')
    assert.equal(body.reasoning.effort, 'low')
    const texts = body.input.flatMap((/** @type {any} */ item) =>
      item.content.map((/** @type {any} */ part) => part.text),
    )
    assert.ok(texts.some((/** @type {string} */ text) => text.includes(config.developer_instructions)))
  })

  test('a model provider whose name is no bare key', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const mine = {
      name: 'Mine',
      base_url: `${provider.url}/mine`,
      wire_api: 'responses',
      request_max_retries: 0,
      stream_max_retries: 0,
      supports_websockets: false,
    }
    const config = { model_providers: { 'my.prov': mine } }
    await new Codex({ env, config: { ...config, model_provider: 'my.prov' } })
      .startThread(inWorkspace)
      .run('Hi')
      .catch(() => {})
    assert.equal(provider.requests.at(-1)?.path, '/v1/mine/responses')
    await new Codex({ env, config }).startThread(inWorkspace).run('Hi')
    assert.equal(provider.requests.at(-1)?.path, '/v1/responses', 'those of config.toml are still there')
  })

  test('raw overrides come after config', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const options = {
      config: { model: 'gpt-5.4', model_verbosity: 'low' },
      configOverrides: ['model="gpt-5.5"'],
    }
    await new Codex({ env, ...options }).startThread(inWorkspace).run('Hi')
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.deepEqual([body.model, body.text.verbosity], ['gpt-5.5', 'low'])
  })

  test('a wrong value: what codex says of it', async (t) => {
    const { env, inWorkspace } = await realExec(t)
    const codex = new Codex({ env, config: { model_reasoning_effort: 7 } })
    const error = await rejection(codex.startThread(inWorkspace).run('Hi'), ServerExitedError)
    assert.match(error.message, /exited with code 1: (.|\n)*model_reasoning_effort/)
  })

  // codex 0.169 takes a profile by `--profile` alone, for which there is no option. Secrets in `config` go that way.
  for (const [name, config] of /** @type {[string, Config][]} */ ([
    ['alone', {}],
    ['beside secrets', { mcp_servers: { a: { command: 'x', enabled: false, env: { K: 'a-secret' } } } }],
  ])) {
    test(`a legacy profile, ${name}: codex's own error, which names it`, async (t) => {
      const { env, inWorkspace } = await realExec(t)
      const codex = new Codex({ env, config: { ...config, profile: 'mine' } })
      const error = await rejection(codex.startThread(inWorkspace).run('Hi'), ServerExitedError)
      assert.match(error.message, /legacy `profile = "mine"` config is no longer supported/)
    })
  }

  test('tables of legacy profiles in config.toml do not stand in the way of secrets', async (t) => {
    const { provider, env, inWorkspace, home } = await realExec(
      t,
      {},
      {
        extra: { profiles: { mine: { model: 'gpt-5.4' } } },
      },
    )
    // A profile as codex now takes it, which nobody asked for.
    writeFileSync(join(home.codexHome, 'mine.config.toml'), 'model = "gpt-5.4"\n')
    const config = { model_providers: { scripted: { http_headers: { 'X-Any': 'a-secret' } } } }
    await new Codex({ env, config }).startThread(inWorkspace).run('Hi')
    assert.equal(provider.requests.at(-1)?.headers['x-any'], 'a-secret')
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.equal(body.model, 'gpt-5.5')
  })
})
