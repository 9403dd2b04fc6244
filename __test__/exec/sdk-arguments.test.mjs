// What codex is given, by @openai/codex-sdk and by this package: the same argument list, environment and prompt, and
// where they differ, as it is meant to be.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import * as sdk from '@openai/codex-sdk'
import * as exec from 'codex-node/exec'
import { temporaryFolder } from '../support/rig.mjs'

/**
 * @typedef {object} Given
 * @property {sdk.CodexOptions} [options]
 * @property {sdk.ThreadOptions} [thread]
 * @property {sdk.TurnOptions} [turn]
 * @property {sdk.Input} [input]
 * @property {string} [resume]
 */

const ORIGINATOR = 'CODEX_INTERNAL_ORIGINATOR_OVERRIDE'
const recorder = new URL('../support/recording-exec.mjs', import.meta.url).href

/**
 * What codex gets from each of the two for one turn.
 *
 * @param {import('node:test').TestContext} t
 * @param {Given} given
 */
async function record(t, given) {
  const folder = temporaryFolder(t)
  const codexHome = join(folder, 'home')
  mkdirSync(codexHome)
  const input = Array.isArray(given.input) ? given.input.map((item) => placed(item, folder)) : given.input
  const recordings = []
  for (const [name, { Codex }] of Object.entries({ sdk, exec })) {
    const file = join(folder, `${name}.json`)
    const recording = { NODE_OPTIONS: `--import ${recorder}`, RECORD_TO: file }
    // Where the options have no environment, that of this process is asked for.
    if (given.options?.env === undefined) {
      Object.assign(process.env, recording)
      t.after(() => {
        for (const name of Object.keys(recording)) delete process.env[name]
      })
    }
    const env = given.options?.env && { CODEX_HOME: codexHome, ...given.options.env, ...recording }
    const codex = new Codex({ codexPathOverride: process.execPath, ...given.options, ...(env && { env }) })
    const thread =
      given.resume === undefined
        ? codex.startThread(given.thread)
        : codex.resumeThread(given.resume, given.thread)
    await thread.run(input ?? 'Hello', given.turn)
    const { RECORD_TO: _, ...seen } = JSON.parse(readFileSync(file, 'utf8')).env
    recordings.push({ ...JSON.parse(readFileSync(file, 'utf8')), env: seen })
  }
  const [theirs, ours] = recordings
  return { theirs, ours }
}

/**
 * An item whose image is there.
 *
 * @param {any} item
 * @param {string} folder
 */
function placed(item, folder) {
  if (item.type !== 'local_image' || existsSync(item.path)) return item
  const path = join(folder, basename(item.path))
  writeFileSync(path, 'pixels')
  return { ...item, path }
}

/** @param {any} recording what must be the same: all but the name of the temporary file, and who says hello */
function comparable({ argv, env, ...rest }) {
  const { [ORIGINATOR]: _, ...others } = env
  const masked = argv.map((/** @type {string} */ value, /** @type {number} */ at) =>
    argv[at - 1] === '--output-schema' ? 'the schema' : value,
  )
  return { ...rest, argv: masked, env: others }
}

/** Nothing, but on Windows, where no program runs without some of its variables. */
const base = process.platform === 'win32' ? /** @type {Record<string, string>} */ (process.env) : {}
const clean = { env: { ...base, LANG: 'C' } }

/** @type {Record<string, Given>} */
const same = {
  'no options': {},
  'an environment, which replaces that of the process': { options: clean },
  'an empty environment': { options: { env: base } },
  'an API key, over the one of the environment': {
    options: { apiKey: 'key-of-the-option', env: { ...base, CODEX_API_KEY: 'key-of-the-environment' } },
  },
  'a base URL': { options: { ...clean, baseUrl: 'https://example.com/v1?a="b"' } },
  'an originator that is set': { options: { env: { ...base, [ORIGINATOR]: 'my_program' } } },
  'empty strings': {
    options: { ...clean, apiKey: '', baseUrl: '' },
    thread: { model: '', workingDirectory: '' },
  },
  'config of every kind, in its order': {
    options: {
      ...clean,
      config: {
        b: { d: 'x "y" \\ \n é 😀', c: [1, true, { k: 1.5, 'not bare': 'x' }] },
        a: {},
        none: [],
        sandbox_workspace_write: { network_access: true },
        large: 1e21,
        small: 1e-7,
        zero: -0,
        integer: 2 ** 53,
      },
    },
  },
  'config that is undefined, in part or whole': {
    options: {
      ...clean,
      // @ts-expect-error: their types know no undefined, their code leaves it out
      config: { a: undefined, b: { c: undefined, d: { e: undefined } }, f: { g: undefined, h: 1 } },
    },
  },
  'config, raw overrides and a base URL, in that order': {
    options: {
      ...clean,
      baseUrl: 'https://example.com',
      configOverrides: ['permissions.audit.filesystem={":root"="read"}', 'model="raw"'],
      config: { model: 'structured' },
    },
  },
  'every option of a thread': {
    options: clean,
    thread: {
      model: 'gpt-5.5',
      threadSource: 'review',
      sandboxMode: 'workspace-write',
      workingDirectory: tmpdir(),
      skipGitRepoCheck: true,
      modelReasoningEffort: 'xhigh',
      networkAccessEnabled: true,
      webSearchMode: 'cached',
      webSearchEnabled: true,
      approvalPolicy: 'on-request',
      additionalDirectories: ['/srv/b', '/srv/c'],
    },
  },
  'options of a thread that say no': {
    options: clean,
    thread: {
      skipGitRepoCheck: false,
      networkAccessEnabled: false,
      webSearchEnabled: false,
      additionalDirectories: [],
    },
  },
  'web search as true': { options: clean, thread: { webSearchEnabled: true } },
  'web search as true and a mode that says no': {
    options: clean,
    thread: { webSearchEnabled: true, webSearchMode: 'disabled' },
  },
  'an output schema and a cyber access program': {
    options: clean,
    thread: { modelReasoningEffort: 'low' },
    turn: {
      outputSchema: { type: 'object', properties: { b: { type: 'string' }, a: {} }, required: ['b', 'a'] },
      cyberAccessProgram: 'standard',
    },
  },
  'texts and images': {
    options: clean,
    input: [
      { type: 'text', text: 'first' },
      { type: 'local_image', path: 'a b.png' },
      { type: 'text', text: 'second\n' },
      { type: 'local_image', path: '/tmp/c.jpg' },
    ],
  },
  'images alone': { options: clean, input: [{ type: 'local_image', path: 'a.png' }] },
  'a prompt of every kind of character': { options: clean, input: '-- "x" $y `z`\r\n\u2028 é 😀 \ud800\n' },
  'a large prompt': { options: clean, input: 'line\n'.repeat(200_000) },
  'an empty prompt': { options: clean, input: '' },
  'a thread that goes on, with images and all': {
    resume: '0199a213-81c0-7800-8aa1-bbab2a035a53',
    options: { ...clean, config: { a: 1 } },
    thread: { model: 'gpt-5.5', threadSource: 'review', approvalPolicy: 'never' },
    turn: { outputSchema: {} },
    input: [
      { type: 'text', text: 'more' },
      { type: 'local_image', path: 'a.png' },
    ],
  },
}

describe('codex gets the same from @openai/codex-sdk and codex-node/exec:', () => {
  for (const [name, given] of Object.entries(same)) {
    test(name, async (t) => {
      const { theirs, ours } = await record(t, given)
      assert.deepEqual(comparable(ours), comparable(theirs))
    })
  }

  test('the second turn of a thread', async (t) => {
    const folder = temporaryFolder(t)
    const [theirs, ours] = await Promise.all(
      Object.entries({ sdk, exec }).map(async ([name, { Codex }]) => {
        const file = join(folder, `${name}.json`)
        const env = { ...base, NODE_OPTIONS: `--import ${recorder}`, RECORD_TO: file }
        const codex = new Codex({ codexPathOverride: process.execPath, env })
        const thread = codex.startThread({ threadSource: 'once', model: 'gpt-5.5' })
        assert.equal(thread.id, null)
        await thread.run('first')
        assert.equal(thread.id, 'thread-1')
        await thread.run('second')
        return JSON.parse(readFileSync(file, 'utf8')).argv
      }),
    )
    assert.deepEqual(ours, theirs)
    assert.deepEqual(ours.slice(-2), ['resume', 'thread-1'])
  })
})

describe('codex gets something else from codex-node/exec:', () => {
  test('its own name as the originator', async (t) => {
    const { theirs, ours } = await record(t, { options: clean })
    assert.equal(theirs.env[ORIGINATOR], 'codex_sdk_ts')
    assert.equal(ours.env[ORIGINATOR], 'codex-node')
  })

  test('an originator that is an empty string is none, for both', async (t) => {
    const { theirs, ours } = await record(t, { options: { env: { ...base, [ORIGINATOR]: '' } } })
    assert.deepEqual([theirs.env[ORIGINATOR], ours.env[ORIGINATOR]], ['codex_sdk_ts', 'codex-node'])
  })

  test('a key that is not bare stands in an inline table, not in a path that means another key', async (t) => {
    const config = { model_providers: { 'my.prov': { name: 'x' }, other: { name: 'y' } } }
    const { theirs, ours } = await record(t, { options: { ...clean, config } })
    assert.deepEqual(theirs.argv.slice(2), [
      ...['--config', 'model_providers.my.prov.name="x"'],
      ...['--config', 'model_providers.other.name="y"'],
    ])
    assert.deepEqual(ours.argv.slice(2), [
      ...['--config', 'model_providers={"my.prov" = {name = "x"}, other = {name = "y"}}'],
    ])
  })

  test('secrets of config by a file, not by the argument list', async (t) => {
    const config = {
      model: 'gpt-5.5',
      mcp_servers: {
        files: { command: 'files', env: { FILES_KEY: 'secret-1' } },
        web: { url: 'https://example.com', http_headers: { 'X-Key': 'secret-2' }, bearer_token: 'secret-3' },
      },
      model_providers: { mine: { name: 'mine', http_headers: { Authorization: 'secret-4' } } },
    }
    const { theirs, ours } = await record(t, { options: { env: base, config } })
    const secrets = ['secret-1', 'secret-2', 'secret-3', 'secret-4']
    const shown = (/** @type {unknown} */ value) =>
      secrets.filter((secret) => JSON.stringify(value).includes(secret))
    assert.deepEqual(shown(theirs.argv), secrets)
    assert.deepEqual(shown(ours.argv), [])
    assert.deepEqual(shown(ours.env), [])
    assert.deepEqual(shown(ours.profile), secrets)
    // The rest goes as it goes with them.
    const plain = theirs.argv.filter((/** @type {string} */ value) => shown(value).length === 0)
    const others = ours.argv.filter(
      (/** @type {string} */ value) => !/^(--profile|codex-node-.*)$/.test(value),
    )
    assert.deepEqual(unpaired(others), unpaired(plain))
  })

  test('a copy of an image whose path has a comma, which ends a path for codex', async (t) => {
    const path = join(temporaryFolder(t), 'a,b.png')
    writeFileSync(path, 'pixels')
    const { theirs, ours } = await record(t, { options: clean, input: [{ type: 'local_image', path }] })
    assert.deepEqual(theirs.argv.slice(2), ['--image', path])
    assert.deepEqual([ours.argv.length, ours.argv[2]], [4, '--image'])
    assert.match(ours.argv[3], /^[^,]+\.png$/)
    assert.equal(existsSync(ours.argv[3]), false)
  })

  test('numbers and characters that TOML does not have, in a way that it has', async (t) => {
    const config = { integer: 1e20, text: 'a\u007fb', half: '\ud800' }
    const { theirs, ours } = await record(t, { options: { ...clean, config } })
    assert.deepEqual(unpaired(theirs.argv).slice(2), [
      'integer=100000000000000000000',
      'text="a\u007fb"',
      'half="\\ud800"',
    ])
    assert.deepEqual(unpaired(ours.argv).slice(2), ['integer=1e20', 'text="a\\u007Fb"', 'half="\ufffd"'])
  })

  for (const [what, config, path] of /** @type {[string, any, string][]} */ ([
    ['null', { a: { b: [1, { c: null }] } }, 'a.b[1].c'],
    ['NaN', { a: { b: Number.NaN } }, 'a.b'],
    ['Infinity', { a: [Number.POSITIVE_INFINITY] }, 'a[0]'],
    ['a function', { a: { b() {} } }, 'a.b'],
  ])) {
    test(`${what} in config is refused with its path, by the constructor and not by the first turn`, async () => {
      const theirs = new sdk.Codex({ codexPathOverride: process.execPath, config })
      await assert.rejects(theirs.startThread().run('Hello'), (/** @type {Error} */ error) =>
        error.message.includes(path),
      )
      assert.throws(
        () => new exec.Codex({ codexPathOverride: process.execPath, config }),
        (/** @type {Error} */ error) => error instanceof TypeError && error.message.includes(path),
      )
    })
  }
})

/** @param {string[]} argv the list without `--config`, of which there is one for each value */
function unpaired(argv) {
  return argv.filter((value) => value !== '--config')
}
