// Codex's configuration, and writing it without writing over others.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ConfigWriteError, JsonRpcError } from '../../index.mjs'
import { assertContains } from '../support/contains.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

describe('config', { concurrency: true, timeout: 60_000 }, () => {
  test('read tells the values and the layers they come from', async (t) => {
    const { codex, home } = await real(t)
    const { config, layers } = await codex.config.read({ cwd: home.workspace, includeLayers: true })
    assert.equal(config.model, 'gpt-5.5')
    assert.ok(layers && layers.length > 0)
    assert.equal((await codex.config.read()).layers ?? null, null)
    assert.equal((await codex.config.requirements()).requirements, null)
  })

  test('a value is written, put over a table, or put in its place, and null removes it', async (t) => {
    const { codex, home } = await real(t)
    const text = () => readFileSync(join(home.codexHome, 'config.toml'), 'utf8')
    await codex.config.write('model', 'gpt-5.4')
    assert.equal((await codex.config.read()).config.model, 'gpt-5.4')
    await codex.config.write('mcp_servers.docs', { command: 'docs', args: ['a'] })
    await codex.config.write('mcp_servers.docs', { command: 'other' })
    assert.match(text(), /command = "other"/)
    assert.match(text(), /args/)
    await codex.config.write('mcp_servers.docs', { command: 'third' }, { mergeStrategy: 'replace' })
    assert.doesNotMatch(text(), /args/)
    await codex.config.write('mcp_servers.docs', null)
    assert.doesNotMatch(text(), /third/)
  })

  test('a write with a version that is no longer there is a ConfigWriteError', async (t) => {
    const { codex } = await real(t)
    const { version } = await codex.config.write('model', 'gpt-5.4')
    const second = await codex.config.write('model', 'gpt-5.5', { expectedVersion: version })
    const error = await rejection(
      codex.config.write('model', 'gpt-5.2', { expectedVersion: version }),
      ConfigWriteError,
    )
    assert.ok(error instanceof JsonRpcError)
    assert.deepEqual(
      [error.name, error.code, error.configErrorCode, error.rpcCode, error.method, error.retryable],
      ['ConfigWriteError', 'CONFIG_WRITE', 'configVersionConflict', -32600, 'config/value/write', false],
    )
    assertContains(error.data, { config_write_error_code: 'configVersionConflict' })
    assert.equal((await codex.config.read()).config.model, 'gpt-5.5')
    const batch = codex.config.batchWrite([{ keyPath: 'model', value: 'x' }], { expectedVersion: version })
    assert.equal((await rejection(batch, ConfigWriteError)).configErrorCode, 'configVersionConflict')
    await codex.config.batchWrite([{ keyPath: 'model', value: 'gpt-5.4' }], {
      expectedVersion: second.version,
    })
  })

  test('a value that is not valid and a file that may not be written tell why', async (t) => {
    const { codex } = await real(t)
    const invalid = await rejection(codex.config.write('model', 5), ConfigWriteError)
    assert.equal(invalid.configErrorCode, 'configValidationError')
    assert.match(invalid.message, /expected a string/)
    const readonly = await rejection(
      codex.config.write('model', 'x', { filePath: join('/', 'etc', 'other.toml') }),
      ConfigWriteError,
    )
    assert.equal(readonly.configErrorCode, 'configLayerReadonly')
    // The same through `request`.
    const params = { keyPath: 'model', value: 5, mergeStrategy: /** @type {const} */ ('upsert') }
    await rejection(codex.request('config/value/write', params), ConfigWriteError)
  })

  test('batchWrite writes all or none', async (t) => {
    const { codex } = await real(t)
    await codex.config.batchWrite([
      { keyPath: 'model', value: 'gpt-5.4' },
      { keyPath: 'model_reasoning_effort', value: 'high', mergeStrategy: 'replace' },
    ])
    const { config } = await codex.config.read()
    assert.deepEqual([config.model, config.model_reasoning_effort], ['gpt-5.4', 'high'])
    const half = codex.config.batchWrite([
      { keyPath: 'model', value: 'gpt-5.5' },
      { keyPath: 'model_reasoning_effort', value: [] },
    ])
    await rejection(half, ConfigWriteError)
    assert.equal((await codex.config.read()).config.model, 'gpt-5.4')
  })

  test('what is asked is on the wire', async (t) => {
    const written = { status: 'ok', version: 'v', filePath: '/f', overriddenMetadata: null }
    const { codex, log } = rig(t, {
      on: {
        'config/read': { reply: { config: {}, origins: {} } },
        'config/value/write': { reply: written },
        'config/batchWrite': { reply: written },
        'configRequirements/read': { reply: { requirements: null } },
      },
    })
    await codex.config.read()
    await codex.config.read({ cwd: '/x', includeLayers: false })
    assert.deepEqual(await codex.config.write('a.b', { c: [1, 'x'] }), written)
    await codex.config.write('a', null, { mergeStrategy: 'replace', expectedVersion: 'v1', filePath: '/f' })
    await codex.config.batchWrite([{ keyPath: 'a', value: false }], { reloadUserConfig: true })
    await codex.config.requirements()
    const params = (/** @type {string} */ method) => log.messages(method).map((message) => message.params)
    assert.deepEqual(params('config/read'), [{}, { cwd: '/x', includeLayers: false }])
    assert.deepEqual(params('config/value/write'), [
      { keyPath: 'a.b', value: { c: [1, 'x'] }, mergeStrategy: 'upsert' },
      { keyPath: 'a', value: null, mergeStrategy: 'replace', expectedVersion: 'v1', filePath: '/f' },
    ])
    assert.deepEqual(params('config/batchWrite'), [
      { edits: [{ keyPath: 'a', value: false, mergeStrategy: 'upsert' }], reloadUserConfig: true },
    ])
    assert.deepEqual(params('configRequirements/read'), [undefined])
  })

  test('bad input is refused before anything is sent', async (t) => {
    const { codex, log } = rig(t)
    await codex.connect()
    // The handshake may be noted a moment later.
    await log.message('initialized')
    const sent = log.messages().length
    /** @type {any} */
    const config = codex.config
    /** @type {[() => Promise<unknown>, RegExp][]} */
    const cases = [
      [() => config.read({ layers: true }), /unknown field `layers`.*includeLayers/],
      [() => config.write('', 1), /^keyPath: must not be empty/],
      [() => config.write(5, 1), /^keyPath: must be a string/],
      [() => config.write('a'), /^value: undefined is no value/],
      [() => config.write('a', Number.NaN), /^value: NaN is not accepted/],
      [() => config.write('a', () => {}), /^value: a function is not accepted/],
      [
        () => config.write('a', 1, { mergeStrategy: 'merge' }),
        /options\.mergeStrategy: unknown variant `merge`.*upsert/,
      ],
      [() => config.write('a', 1, { version: 'v' }), /unknown field `version`.*expectedVersion/],
      [() => config.batchWrite(), /^edits: is missing/],
      [() => config.batchWrite({}), /^edits: an object is not accepted/],
      [() => config.batchWrite([]), /^edits is empty/],
      [() => config.batchWrite([['a', 1, 'upsert']]), /^edits\[0\].*an object with `keyPath`/],
      [
        () => config.batchWrite([{ keyPath: 'a', value: 1 }, { keyPath: 'b' }]),
        /^edits\[1\].*missing field `value`/,
      ],
      [() => config.batchWrite([{ keyPath: ' ', value: 1 }]), /^edits\[0\]\.keyPath: must not be empty/],
      [
        () => config.batchWrite([{ keyPath: 'a', value: 1, strategy: 'x' }]),
        /^edits\[0\].*unknown field `strategy`/,
      ],
      [
        () => config.batchWrite([{ keyPath: 'a', value: 1 }], { mergeStrategy: 'upsert' }),
        /unknown field `mergeStrategy`/,
      ],
    ]
    for (const [call, message] of cases) assert.match((await rejection(call(), TypeError)).message, message)
    assert.equal(log.messages().length, sent)
  })
})
