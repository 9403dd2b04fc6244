// `codex-node/exec`: how codex is found, and how each option reaches it.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Codex } from '../../exec/index.mjs'
import {
  BinaryNotFoundError,
  FileError,
  ServerExitedError,
  TransportError,
  UnsupportedVersionError,
} from '../../index.mjs'
import { command, say } from '../../testing/index.mjs'
import { startHost } from '../support/host.mjs'
import { rejection } from '../support/outcomes.mjs'
import { installCodex, installExecutable, installSelf } from '../support/package.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

/** @typedef {import('../../exec/index.js').ThreadOptions} ThreadOptions */
/** @typedef {import('../../exec/index.js').CodexOptions} CodexOptions */

/**
 * What one turn starts codex with.
 *
 * @param {import('node:test').TestContext} t
 * @param {CodexOptions} [options]
 * @param {ThreadOptions} [threadOptions]
 * @returns {Promise<string[]>} the arguments after those of every turn
 */
async function argumentsWith(t, options, threadOptions) {
  const { codex, starts } = scriptedExec(t, says.turn(), options)
  await codex.startThread(threadOptions).run('Hi')
  const [exec, json, ...rest] = starts()[0].argv
  assert.deepEqual([exec, json], ['exec', '--experimental-json'])
  return rest
}

/**
 * The codex that a program finds which has this package in `folder`: its path, or how that fails.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} folder
 * @param {Record<string, string>} variables
 */
async function found(t, folder, variables) {
  const { env, log } = rigEnvironment(t, { onEof: [{ stderr: '$exe' }, ...says.turn('$exe')] })
  const host = startHost(
    t,
    `const { Codex: Installed } = await import(data.entry)
     try {
       const { finalResponse } = await new Installed({ env: data.env }).startThread().run('Hi')
       tell({ path: finalResponse })
     } catch (error) {
       tell({ class: error.constructor.name, message: error.message, tried: error.tried })
     }`,
    {
      entry: pathToFileURL(join(folder, 'node_modules/codex-node/exec/index.mjs')).href,
      env: { ...env, ...variables },
    },
    { cwd: folder },
  )
  return { ...(await host.told()), starts: log.entries().filter((entry) => entry.run !== undefined) }
}

describe('finding codex for exec', { concurrency: true, timeout: 120_000 }, () => {
  for (const option of /** @type {const} */ (['codexPathOverride', 'codexPath'])) {
    test(`the option ${option} goes before CODEX_PATH`, async (t) => {
      const { env, log } = rigEnvironment(t, { onEof: says.turn() })
      const variables = { ...env, CODEX_PATH: join(temporaryFolder(t), 'missing') }
      await new Codex({ [option]: rigPath, env: variables }).startThread().run('Hi')
      assert.equal(log.entries()[0].argv[0], 'exec')
    })

    test(`the option ${option} leads nowhere: the error names it`, async (t) => {
      const path = join(temporaryFolder(t), 'no-codex')
      const error = await rejection(
        new Codex({ [option]: path }).startThread().run('Hi'),
        BinaryNotFoundError,
      )
      assert.deepEqual(error.tried, [`${path} (the option ${option}, does not exist)`])
      assert.match(error.message, /npm install @openai\/codex/)
    })
  }

  test('an option that is an empty string is none', async (t) => {
    const { env, log } = rigEnvironment(t, { onEof: says.turn() })
    const codex = new Codex({ codexPathOverride: '', env: { ...env, CODEX_PATH: rigPath } })
    await codex.startThread().run('Hi')
    assert.equal(log.entries()[0].argv[0], 'exec')
  })

  test('CODEX_PATH goes before the installed package', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    installCodex(join(folder, 'node_modules'), '0.169.1')
    const CODEX_PATH = installExecutable(join(folder, 'mine/codex'), '0.169.1')
    assert.equal((await found(t, folder, { CODEX_PATH })).path, CODEX_PATH)
  })

  test('the installed package goes before PATH, and its helpers come first on PATH', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    installCodex(join(folder, 'node_modules'), '0.169.1')
    const onPath = installExecutable(join(folder, 'bin/codex'), '0.169.1')
    const { path, starts } = await found(t, folder, { PATH: dirname(onPath) })
    assert.ok(path.startsWith(join(folder, 'node_modules/@openai/codex-')), path)
    assert.match(starts[0].env.PATH, /codex-path.*bin$/)
  })

  test('codex on PATH', async (t) => {
    const folder = temporaryFolder(t)
    installSelf(folder)
    const name = process.platform === 'win32' ? 'codex.exe' : 'codex'
    const onPath = installExecutable(join(folder, 'bin', name), '0.169.1')
    assert.equal((await found(t, folder, { PATH: dirname(onPath) })).path, onPath)
  })

  test('no codex anywhere: every place that was tried', async (t) => {
    const folder = temporaryFolder(t)
    const installed = installSelf(folder)
    const outcome = await found(t, folder, { PATH: '' })
    assert.equal(outcome.class, 'BinaryNotFoundError')
    assert.deepEqual(outcome.tried, [
      `node_modules/@openai/codex in ${installed} and the folders above it`,
      'codex on PATH',
    ])
    assert.match(outcome.message, /codexPath/)
  })

  test('a program that is no codex: its exit, and what it said', async (t) => {
    const { codex } = scriptedExec(t, { notCodex: true })
    const error = await rejection(codex.startThread().run('Hi'), ServerExitedError)
    assert.equal(error.exitCode, 2)
    assert.match(error.message, /exited with code 2: something-else: unrecognized arguments/)
  })
})

describe('the environment of codex exec', { concurrency: true, timeout: 120_000 }, () => {
  test('without env it is that of this process', async (t) => {
    const { env, log } = rigEnvironment(t, { onEof: says.turn() })
    const host = startHost(
      t,
      `const { Codex: Exec } = await import(data.entry)
       Object.assign(process.env, data.env)
       await new Exec({ codexPathOverride: data.rigPath }).startThread().run('Hi')
       tell('done')`,
      {
        entry: new URL('../../exec/index.mjs', import.meta.url).href,
        rigPath,
        env: { ...env, OF_THE_HOST: 'here' },
      },
    )
    await host.told()
    const started = log.entries()[0].env
    assert.equal(started.OF_THE_HOST, 'here')
    assert.equal(started.PATH, process.env.PATH)
  })

  test('env replaces it', async (t) => {
    const { env, log } = rigEnvironment(t, { onEof: says.turn() })
    await new Codex({ codexPathOverride: rigPath, env }).startThread().run('Hi')
    assert.deepEqual(Object.keys(log.entries()[0].env).sort(), [
      'CODEX_INTERNAL_ORIGINATOR_OVERRIDE',
      'CODEX_RIG_LOG',
      'CODEX_RIG_SCRIPT',
    ])
  })

  test('apiKey is CODEX_API_KEY, over what env has; an empty one is none', async (t) => {
    for (const [apiKey, expected] of /** @type {const} */ ([
      ['sk-mine', 'sk-mine'],
      ['sk-mine\n', 'sk-mine'],
      ['', 'sk-of-env'],
      [undefined, 'sk-of-env'],
    ])) {
      const options = { ...(apiKey === undefined ? {} : { apiKey }), env: { CODEX_API_KEY: 'sk-of-env' } }
      const { codex, starts } = scriptedExec(t, says.turn(), options)
      await codex.startThread().run('Hi')
      assert.equal(starts()[0].env.CODEX_API_KEY, expected)
      assert.ok(!starts()[0].argv.join().includes('sk-'))
    }
  })

  test('apiKey and baseUrl reach the provider of OpenAI', async (t) => {
    const { provider, inWorkspace, env } = await realExec(t)
    const codex = new Codex({
      env,
      apiKey: 'sk-mine',
      baseUrl: provider.url,
      config: { model_provider: 'openai' },
    })
    provider.enqueue('Hello.')
    assert.equal((await codex.startThread(inWorkspace).run('Hi')).finalResponse, 'Hello.')
    assert.equal(provider.requests.at(-1)?.headers.authorization, 'Bearer sk-mine')
  })

  test('the originator is ours only where none is set', async (t) => {
    const { provider, codex, inWorkspace, env } = await realExec(t)
    await codex.startThread(inWorkspace).run('Hi')
    assert.equal(provider.requests.at(-1)?.headers.originator, 'codex-node')
    const mine = { ...env, CODEX_INTERNAL_ORIGINATOR_OVERRIDE: 'my_program' }
    await new Codex({ env: mine }).startThread(inWorkspace).run('Hi')
    assert.equal(provider.requests.at(-1)?.headers.originator, 'my_program')
    const none = { ...env, CODEX_INTERNAL_ORIGINATOR_OVERRIDE: '' }
    await new Codex({ env: none }).startThread(inWorkspace).run('Hi')
    assert.equal(provider.requests.at(-1)?.headers.originator, 'codex-node')
  })
})

describe('the arguments of codex exec', { concurrency: true, timeout: 120_000 }, () => {
  test('without options there are none but the two of every turn', async (t) => {
    assert.deepEqual(await argumentsWith(t), [])
  })

  test('the prompt goes to stdin, empty lines and all', async (t) => {
    const { codex, starts, log } = scriptedExec(t, says.turn())
    await codex.startThread().run('--model x\nsecond line')
    assert.deepEqual(starts()[0].argv, ['exec', '--experimental-json'])
    const lines = log.entries().flatMap((entry) => entry.in ?? [])
    assert.deepEqual(lines, ['--model x', 'second line'])
  })

  test('all at once, in the order that the CLI needs', async (t) => {
    const folder = temporaryFolder(t)
    const { codex, starts } = scriptedExec(t, says.turn('Hi', 'thread-9'), {
      config: { a: 1, b: { c: true } },
      configOverrides: ['raw="value"', 'a=2'],
      baseUrl: 'http://127.0.0.1:1/v1',
    })
    const thread = codex.resumeThread('thread-9', {
      model: 'gpt-5.5',
      sandboxMode: 'workspace-write',
      workingDirectory: folder,
      additionalDirectories: ['/a', '/b'],
      skipGitRepoCheck: true,
      modelReasoningEffort: 'high',
      networkAccessEnabled: false,
      webSearchMode: 'cached',
      approvalPolicy: 'never',
    })
    const paths = ['1.png', '2.png'].map((name) => join(folder, name))
    for (const path of paths) writeFileSync(path, 'pixels')
    const images = paths.map((path) => /** @type {const} */ ({ type: 'local_image', path }))
    await thread.run([{ type: 'text', text: 'Hi' }, ...images], {
      outputSchema: { type: 'object' },
      cyberAccessProgram: 'standard',
    })
    const { argv } = starts()[0]
    const schema = argv[argv.indexOf('--output-schema') + 1]
    assert.match(schema, /codex-output-schema-.*\.json$/)
    assert.deepEqual(argv, [
      ...['exec', '--experimental-json'],
      ...['--config', 'a=1', '--config', 'b.c=true', '--config', 'raw="value"', '--config', 'a=2'],
      ...['--config', 'openai_base_url="http://127.0.0.1:1/v1"'],
      ...['--model', 'gpt-5.5', '--sandbox', 'workspace-write', '--cd', folder],
      ...['--add-dir', '/a', '--add-dir', '/b', '--skip-git-repo-check', '--output-schema', schema],
      ...['--cyber-access-program', 'standard'],
      ...['--config', 'model_reasoning_effort="high"'],
      ...['--config', 'sandbox_workspace_write.network_access=false'],
      ...['--config', 'web_search="cached"', '--config', 'approval_policy="never"'],
      ...['resume', 'thread-9', ...paths.flatMap((path) => ['--image', path])],
    ])
  })

  /** @type {[ThreadOptions, string[]][]} */
  const alone = [
    [{ model: 'gpt-5.5' }, ['--model', 'gpt-5.5']],
    [{ threadSource: 'mine' }, ['--thread-source', 'mine']],
    [{ sandboxMode: 'read-only' }, ['--sandbox', 'read-only']],
    [{ additionalDirectories: ['/a'] }, ['--add-dir', '/a']],
    [{ skipGitRepoCheck: true }, ['--skip-git-repo-check']],
    [{ modelReasoningEffort: 'xhigh' }, ['--config', 'model_reasoning_effort="xhigh"']],
    [{ networkAccessEnabled: true }, ['--config', 'sandbox_workspace_write.network_access=true']],
    [{ webSearchMode: 'live' }, ['--config', 'web_search="live"']],
    [{ webSearchEnabled: true }, ['--config', 'web_search="live"']],
    [{ webSearchEnabled: false }, ['--config', 'web_search="disabled"']],
    [{ webSearchMode: 'cached', webSearchEnabled: false }, ['--config', 'web_search="cached"']],
    [{ approvalPolicy: 'on-request' }, ['--config', 'approval_policy="on-request"']],
    // What is nothing to @openai/codex-sdk is nothing here.
    [{ model: '', workingDirectory: '', additionalDirectories: [], skipGitRepoCheck: false }, []],
  ]
  for (const [options, expected] of alone) {
    test(`the thread options ${JSON.stringify(options)}`, async (t) => {
      assert.deepEqual(await argumentsWith(t, {}, options), expected)
    })
  }

  test('a thread has a source only when it begins', async (t) => {
    const { codex, starts } = scriptedExec(t, says.turn())
    const thread = codex.startThread({ threadSource: 'mine' })
    await thread.run('one')
    await thread.run('two')
    assert.deepEqual(
      starts().map(({ argv }) => argv.slice(2)),
      [
        ['--thread-source', 'mine'],
        ['resume', 'thread-1'],
      ],
    )
  })

  test('a command in front of codex starts it, with its path and arguments behind', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const file = join(temporaryFolder(t), 'seen')
    const { codex, starts } = scriptedExec(t, says.turn('all well'), {
      commandPrefix: ['sh', '-c', `printf '%s ' "$@" > '${file}'; exec "$@"`, 'sh'],
    })
    const { finalResponse } = await codex.startThread().run('Hi')
    assert.equal(finalResponse, 'all well')
    assert.ok(readFileSync(file, 'utf8').startsWith(`${rigPath} exec --experimental-json`))
    assert.equal(starts().length, 1)
    assert.throws(() => new Codex({ commandPrefix: [] }), { name: 'TypeError', message: /commandPrefix/ })
    const missing = new Codex({ commandPrefix: ['no-such-program'], codexPathOverride: rigPath })
    const error = await rejection(missing.startThread().run('Hi'), TransportError)
    assert.deepEqual([error.code, error.path], ['SPAWN_FAILED', 'no-such-program'])
  })

  test('raw arguments come behind those of the options, and before resume', async (t) => {
    const { codex, starts } = scriptedExec(t, [says.turn(), says.turn()], {
      extraArgs: ['--color', 'never'],
    })
    const thread = codex.startThread({ model: 'm' })
    await thread.run('Hi')
    await thread.run('Hi')
    const behind = starts().map(({ argv }) => argv.slice(2))
    assert.deepEqual(behind[0], ['--model', 'm', '--color', 'never'])
    assert.deepEqual(behind[1].slice(0, 5), ['--model', 'm', '--color', 'never', 'resume'])
  })

  test('of a codex that fails and is too old the error says so', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const program = join(temporaryFolder(t), 'codex')
    const script =
      '[ "$1" = --version ] && echo codex-cli 0.125.0 && exit\necho config profile not found >&2; exit 1'
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const codex = new Codex({ codexPathOverride: program })
    const error = await rejection(codex.startThread().run('Hi'), UnsupportedVersionError)
    assert.deepEqual([error.found, error.path], ['0.125.0', program])
  })

  test('a working directory that is none is named, and nothing is started', async (t) => {
    const { codex, starts } = scriptedExec(t, says.turn())
    const workingDirectory = join(temporaryFolder(t), 'missing')
    const error = await rejection(codex.startThread({ workingDirectory }).run('Hi'), FileError)
    assert.deepEqual([error.code, error.path], ['FILE_ERROR', workingDirectory])
    assert.ok(error.message.includes(`options.workingDirectory: ${workingDirectory}`), error.message)
    assert.deepEqual(starts(), [])
  })
})

describe('what thread options do in the real codex', { concurrency: 4, timeout: 120_000 }, () => {
  /**
   * What one turn sends to the model.
   *
   * @param {import('node:test').TestContext} t
   * @param {ThreadOptions} options
   * @param {import('../../exec/index.js').TurnOptions} [turnOptions]
   */
  async function asked(t, options, turnOptions) {
    const { provider, codex, inWorkspace, home } = await realExec(t)
    await codex.startThread({ ...inWorkspace, ...options }).run('Hi', turnOptions)
    const request = /** @type {import('../../testing/index.js').RecordedRequest} */ (provider.requests.at(-1))
    const body = /** @type {any} */ (request.body)
    return { body, text: JSON.stringify(body.input), metadata: request.metadata, home }
  }

  test('model, modelReasoningEffort, threadSource', async (t) => {
    const { body, metadata } = await asked(t, {
      model: 'gpt-5.4',
      modelReasoningEffort: 'high',
      threadSource: 'mine',
    })
    assert.equal(body.model, 'gpt-5.4')
    assert.equal(body.reasoning.effort, 'high')
    assert.equal(metadata.thread_source, 'mine')
  })

  test('sandboxMode, networkAccessEnabled, additionalDirectories', async (t) => {
    const folder = temporaryFolder(t)
    /** @type {ThreadOptions} */
    const options = { sandboxMode: 'workspace-write', additionalDirectories: [folder] }
    const open = await asked(t, { ...options, networkAccessEnabled: true })
    assert.equal(open.metadata.sandbox_mode, 'workspace-write')
    assert.match(open.text, /Network access is enabled/)
    assert.ok(open.text.includes(`<root>${folder}</root>`), open.text)
    const closed = await asked(t, { ...options, networkAccessEnabled: false })
    assert.match(closed.text, /Network access is restricted/)
  })

  test('webSearchMode, webSearchEnabled', async (t) => {
    const search = async (/** @type {ThreadOptions} */ options) => {
      // With full access codex makes `live` of `cached`.
      const { tools } = (await asked(t, { sandboxMode: 'read-only', ...options })).body
      return tools.find((/** @type {any} */ tool) => tool.type === 'web_search')
    }
    assert.equal((await search({ webSearchMode: 'live' })).external_web_access, true)
    assert.equal((await search({ webSearchMode: 'cached' })).external_web_access, false)
    assert.equal((await search({ webSearchEnabled: true })).external_web_access, true)
    assert.equal(await search({ webSearchEnabled: false }), undefined)
  })

  test('workingDirectory is where commands run', async (t) => {
    const { provider, codex, inWorkspace, home } = await realExec(t)
    const folder = join(home.workspace, 'with space, ünïcode')
    mkdirSync(folder)
    provider.enqueue(command('touch here'), say('Done.'))
    await codex.startThread({ ...inWorkspace, workingDirectory: folder }).run('Hi')
    assert.ok(existsSync(join(folder, 'here')))
  })

  test('without skipGitRepoCheck codex refuses a folder that is no repository', async (t) => {
    const { codex, home } = await realExec(t)
    const thread = codex.startThread({ workingDirectory: home.workspace })
    const error = await rejection(thread.run('Hi'), ServerExitedError)
    assert.equal(error.exitCode, 1)
    assert.match(error.message, /exited with code 1: (.|\n)*--skip-git-repo-check was not specified/)
    assert.equal(thread.id, null)
  })

  test('approvalPolicy changes nothing: codex exec asks nobody', async (t) => {
    const { text } = await asked(t, { approvalPolicy: 'on-request', sandboxMode: 'read-only' })
    assert.match(text, /Approval policy is currently never/)
  })

  test('cyberAccessProgram', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const codex = new Codex({
      env,
      apiKey: 'sk-mine',
      baseUrl: provider.url,
      config: { model_provider: 'openai' },
    })
    await codex.startThread(inWorkspace).run('Hi', { cyberAccessProgram: 'daybreak_blue' })
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.deepEqual(body.access_programs, { cyber: 'daybreak_blue' })
  })
})
