import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { codexConfig, codexConfigToml, createCodexHome } from '../../testing/index.mjs'

// What waits for ever must fail its test, not the whole run.
describe('config and home', { timeout: 10_000 }, () => {
  const provider = { url: 'http://127.0.0.1:1/v1' }

  test('the configuration as an object', () => {
    const config = codexConfig(provider, {
      approvalPolicy: 'never',
      sandboxMode: 'read-only',
      features: { goals: true },
      streamIdleTimeoutMs: 500,
      streamMaxRetries: 2,
      extra: { model_providers: { scripted: { env_key: 'KEY' } }, mcp_servers: { s: { command: 'x' } } },
    })
    assert.deepEqual(config, {
      model: 'gpt-5.5',
      model_provider: 'scripted',
      approval_policy: 'never',
      sandbox_mode: 'read-only',
      check_for_update_on_startup: false,
      model_providers: {
        scripted: {
          name: 'Scripted provider',
          base_url: provider.url,
          wire_api: 'responses',
          request_max_retries: 0,
          stream_max_retries: 2,
          stream_idle_timeout_ms: 500,
          supports_websockets: false,
          env_key: 'KEY',
        },
      },
      features: { plugins: false, goals: true },
      mcp_servers: { s: { command: 'x' } },
    })
  })

  test('the configuration as TOML', () => {
    const extra = {
      text: 'a "quote", a \\ and a \u007f\n',
      list: ['a', 1.5, { 'b c': true }],
      gone: undefined,
      'dotted.key': { x: {} },
    }
    assert.equal(
      codexConfigToml(provider, { model: 'm', extra }),
      `model = "m"
model_provider = "scripted"
check_for_update_on_startup = false
text = "a \\"quote\\", a \\\\ and a \\u007f\\n"
list = ["a", 1.5, { "b c" = true }]

[model_providers.scripted]
name = "Scripted provider"
base_url = "http://127.0.0.1:1/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false

[features]
plugins = false

["dotted.key".x]
`,
    )
  })

  test('wrong options are refused', async () => {
    // @ts-expect-error a typo
    assert.throws(() => codexConfig(provider, { sandbox: 'read-only' }), /codexConfig\.sandbox: unknown key/)
    const untrusted = 'untrusted'
    // @ts-expect-error fatal to codex in a config file
    const fatal = () => codexConfig(provider, { approvalPolicy: untrusted })
    assert.throws(fatal, /expected "on-request" or "never", got "untrusted"/)
    const bad = { a: { b: null } }
    // @ts-expect-error TOML has no null
    const noNull = () => codexConfigToml(provider, { extra: bad })
    assert.throws(noNull, /^TypeError: a\.b: expected .* got null/)
    const noNaN = () => codexConfigToml(provider, { extra: { a: [Number.NaN] } })
    assert.throws(noNaN, /^TypeError: a: expected/)
    // @ts-expect-error a typo
    await assert.rejects(createCodexHome(provider, { modle: 'x' }), /createCodexHome\.modle: unknown key/)
  })

  test('a home is empty but for its config, and goes away', async () => {
    const home = await createCodexHome(provider, { model: 'm' })
    assert.deepEqual(await readdir(home.home), [])
    assert.deepEqual(await readdir(home.workspace), [])
    assert.deepEqual(await readdir(home.codexHome), ['config.toml'])
    const toml = await readFile(join(home.codexHome, 'config.toml'), 'utf8')
    assert.equal(toml, codexConfigToml(provider, { model: 'm' }))
    assert.equal(home.env.HOME, home.home)
    assert.equal(home.env.CODEX_HOME, home.codexHome)
    await home.remove()
    await assert.rejects(stat(join(home.home, '..')), { code: 'ENOENT' })
    await home.remove()
  })

  test('a home goes away while files are still written to it', async () => {
    const home = await createCodexHome(provider)
    const until = performance.now() + 150
    const write = async () => {
      for (let i = 0; performance.now() < until; i += 1) {
        const folder = join(home.codexHome, `sessions-${i % 7}`)
        await mkdir(folder, { recursive: true }).catch(() => {})
        await writeFile(join(folder, `${i}`), 'x').catch(() => {})
      }
    }
    const writing = write()
    await home.remove()
    await writing
    // The writer may have brought the folder back after it was gone.
    await home.remove()
    await assert.rejects(stat(home.codexHome), { code: 'ENOENT' })
  })

  test('disposal removes', { skip: !Symbol.asyncDispose }, async () => {
    const home = await createCodexHome(provider)
    await home[Symbol.asyncDispose]()
    await assert.rejects(stat(home.home), { code: 'ENOENT' })
  })
})
