// `codex-node/exec`: which thread goes on, and whose turn it is.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex } from '../../exec/index.mjs'
import { ThreadNotFoundError } from '../../index.mjs'
import { startHost } from '../support/host.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigPath, temporaryFolder } from '../support/rig.mjs'
import { atGate, forever, says, scriptedExec } from '../support/scripted-exec.mjs'

const entry = new URL('../../exec/index.mjs', import.meta.url).href
const OLD = '01a22686-8b3c-7d62-b71d-09857cc416e4'
const OTHER = '01a22686-8dad-7f71-8af8-afdf96b0f067'

describe('threads of codex exec', { concurrency: 4, timeout: 120_000 }, () => {
  for (const [what, id] of [
    ['a word', 'nope'],
    ['an id', '0199a213-81c0-7800-8aa1-bbab2a035a53'],
  ]) {
    test(`resuming ${what} that is no thread of the real codex rejects`, async (t) => {
      const { codex, inWorkspace } = await realExec(t)
      const thread = codex.resumeThread(`${id}`, inWorkspace)
      const error = await rejection(thread.run('Hi'), ThreadNotFoundError)
      assert.equal(error.code, 'THREAD_NOT_FOUND')
      assert.equal(error.threadId, id)
      assert.ok(error.message.includes(`${id}`), error.message)
      assert.equal(thread.id, id)
      const { events } = await codex.resumeThread(`${id}`, inWorkspace).runStreamed('Hi')
      await rejection(collect(events), ThreadNotFoundError)
    })
  }

  test('of a thread that codex began by mistake nothing is left', async (t) => {
    const { codex, env, inWorkspace } = await realExec(t)
    await codex.startThread(inWorkspace).run('one')
    const sessions = join(String(env.CODEX_HOME), 'sessions')
    const stored = () => readdirSync(sessions, { recursive: true }).filter((name) => /jsonl$/.test(`${name}`))
    const before = stored()
    assert.equal(before.length, 1)
    const error = await rejection(codex.resumeThread('nope', inWorkspace).run('Hi'), ThreadNotFoundError)
    assert.deepEqual(
      [error.rpcCode, error.data, error.method, error.codexVersion],
      [-32600, null, 'exec resume', null],
    )
    assert.deepEqual(stored(), before)
  })

  test('another id than the one that was asked for rejects, whatever it looks like', async (t) => {
    for (const [asked, given] of [
      ['nope', 'thread-1'],
      ['nope', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
      [OLD, 'thread-1'],
    ]) {
      const { codex } = scriptedExec(t, [...says.begin(given), forever])
      const error = await rejection(codex.resumeThread(`${asked}`).run('Hi'), ThreadNotFoundError)
      assert.equal(error.threadId, asked)
    }
  })

  test('another thread than the one of the id rejects before its first event', async (t) => {
    const { codex, log } = scriptedExec(t, [...says.begin(OTHER), forever])
    const { events } = await codex.resumeThread(OLD).runStreamed('Hi')
    const error = await rejection(events.next(), ThreadNotFoundError)
    assert.equal(error.threadId, OLD)
    assert.equal(log.entries().filter((one) => one.run !== undefined).length, 1)
  })

  test('a thread that is resumed by another name than its id goes on', async (t) => {
    const { codex } = scriptedExec(t, says.turn('Fine.', OLD))
    const thread = codex.resumeThread('my-thread')
    assert.equal((await thread.run('Hi')).finalResponse, 'Fine.')
    assert.equal(thread.id, OLD)
  })

  test('turns of one thread wait for each other in the real codex, whoever holds it', async (t) => {
    const { codex, env, inWorkspace } = await realExec(t)
    const first = codex.startThread(inWorkspace)
    await first.run('one')
    const id = `${first.id}`
    const threads = [
      first,
      codex.resumeThread(id, inWorkspace),
      new Codex({ env }).resumeThread(id, inWorkspace),
    ]
    const results = await Promise.all(threads.map((thread) => thread.run('more')))
    assert.deepEqual(
      results.map(({ finalResponse }) => typeof finalResponse),
      ['string', 'string', 'string'],
    )
  })

  test('turns of one thread wait for each other, whether it is resumed by its name or its id', async (t) => {
    const { env, log, open } = scriptedExec(t, [atGate, ...says.turn('Done.', OLD)])
    const home = temporaryFolder(t)
    const names = [{ id: OLD, thread_name: 'my name', updated_at: '2026-11-29T10:00:00Z' }]
    writeFileSync(join(home, 'session_index.jsonl'), `${names.map((name) => JSON.stringify(name))}\n`)
    const runs = ['my name', OLD, 'my name'].map((asked) =>
      new Codex({ codexPathOverride: rigPath, env: { ...env, CODEX_HOME: home } })
        .resumeThread(asked)
        .run('Hi'),
    )
    await log.find((entry) => entry.run !== undefined)
    open()
    await Promise.all(runs)
    const order = log
      .entries()
      .flatMap(({ run, exit }) => (run !== undefined ? 'run' : exit !== undefined ? 'exit' : []))
    assert.deepEqual(order, ['run', 'exit', 'run', 'exit', 'run', 'exit'])
  })

  test('threads of one id in two homes do not wait for each other', async (t) => {
    const { env, log, open } = scriptedExec(t, [atGate, ...says.turn('Done.', OLD)])
    const runs = [1, 2].map(() =>
      new Codex({ codexPathOverride: rigPath, env: { ...env, CODEX_HOME: temporaryFolder(t) } })
        .resumeThread(OLD)
        .run('Hi'),
    )
    await log.find(() => log.entries().filter((one) => one.run !== undefined).length === 2)
    open()
    await Promise.all(runs)
  })

  test('values that begin with a dash are values', async (t) => {
    const { codex, starts } = scriptedExec(t, says.turn(), { configOverrides: ['-a=1'] })
    const thread = codex.startThread({
      model: '-m',
      threadSource: '--s',
      additionalDirectories: ['-a', '--b'],
    })
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, '-i.png'), 'pixels')
    const { cwd } = process
    process.cwd = () => folder
    const run = thread.run([{ type: 'local_image', path: '-i.png' }])
    process.cwd = cwd
    await run
    assert.deepEqual(starts()[0].argv.slice(2), [
      '--config=-a=1',
      '--model=-m',
      '--thread-source=--s',
      '--add-dir=-a',
      '--add-dir=--b',
      '--image=-i.png',
    ])
  })

  test('the real codex takes values that begin with a dash', async (t) => {
    const { codex, provider, inWorkspace } = await realExec(t)
    const thread = codex.startThread({ ...inWorkspace, model: '-m', additionalDirectories: ['-a'] })
    await thread.run('Hi')
    assert.equal(/** @type {any} */ (provider.requests.at(-1)?.body)?.model, '-m')
  })

  test('a folder beside a working directory is from where this process is', async (t) => {
    const workingDirectory = temporaryFolder(t)
    const { codex, starts } = scriptedExec(t, says.turn())
    await codex.startThread({ workingDirectory, additionalDirectories: ['beside'] }).run('Hi')
    const { argv } = starts()[0]
    assert.equal(argv[argv.indexOf('--add-dir') + 1], join(process.cwd(), 'beside'))
  })

  test('long config goes to the real codex, in one value and in all', async (t) => {
    const { provider, env, inWorkspace } = await realExec(t)
    const long = `long ${'x'.repeat(200 * 1024)} end`
    const config = {
      developer_instructions: long,
      mcp_servers: Object.fromEntries(
        Array.from({ length: 64 }, (_, at) => [
          `s${at}`,
          { command: 'nothing', args: ['y'.repeat(60 * 1024)], enabled: false },
        ]),
      ),
    }
    await new Codex({ env, config }).startThread(inWorkspace).run('Hi')
    assert.ok(JSON.stringify(provider.requests.at(-1)?.body).includes(long))
  })
})

describe('what is too long to start codex with', { timeout: 60_000 }, () => {
  const long = 'x'.repeat(200_000)
  /** @type {[string, any, any, any, RegExp][]} */
  const cases = [
    ['a variable', { env: { BIG: long } }, {}, 'Hi', /options\.env.* BIG: 200004 bytes .*131071/],
    [
      'an override',
      { configOverrides: [`a.b="${long}"`] },
      {},
      'Hi',
      /options\.configOverrides: `a\.b`: .*131071/,
    ],
    [
      'a folder',
      {},
      { additionalDirectories: [`/${long}`] },
      'Hi',
      /options\.additionalDirectories: 200001 .*131071/,
    ],
    ['an image', {}, {}, [{ type: 'local_image', path: `/${long}` }], /input: .*image: 200001 .*131071/],
  ]
  for (const [what, options, threadOptions, input, message] of cases) {
    test(`${what}: a TypeError that names it and the limit`, {
      skip: process.platform !== 'linux',
    }, async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn(), options)
      const run = codex.startThread(threadOptions).run(input)
      const error = await rejection(run, TypeError)
      assert.match(error.message, message)
      assert.deepEqual(starts(), [])
    })
  }
})

describe('what codex exec is given and leaves', { concurrency: 4, timeout: 120_000 }, () => {
  test('a reader that is behind holds codex up, and misses nothing', async (t) => {
    const size = 64 * 1024
    const count = 200
    const items = Array.from({ length: count }, (_, at) =>
      says.item({ id: `item_${at}`, type: 'reasoning', text: 'x'.repeat(size) }, 'item.updated'),
    )
    const folder = temporaryFolder(t)
    const over = join(folder, 'over')
    const { codex } = scriptedExec(t, [
      ...says.begin(),
      ...items,
      { writeFile: over },
      ...says.turn().slice(2),
    ])
    const { events, result } = await codex.startThread().runStreamed('Hi')
    let seen = 0
    for await (const _ of events) {
      seen += 1
      // A batch, what waits, and the pipe are a third of it at most.
      if (seen === count / 2) assert.equal(existsSync(over), false)
    }
    assert.equal(seen, count + 4)
    assert.equal((await result()).finalResponse, 'Done.')
    assert.ok(existsSync(over))
  })

  test('events and results in errors hold no secret', async (t) => {
    const secret = 'k33p-this-to-yourself'
    const pem = `-----BEGIN KEY-----\n${secret}\nMIIEvQIBADANBg\n-----END KEY-----`
    const { codex } = scriptedExec(
      t,
      [...says.begin(), says.message(`it is ${pem}`), says.turnFailed(`no ${secret}`)],
      { env: { DEPLOY_PRIVATE_KEY: pem } },
    )
    const error = await rejection(codex.startThread().run('Hi'), Error)
    const { events } = await codex.startThread().runStreamed('Hi')
    /** @type {unknown[]} */
    const seen = []
    await rejection(
      (async () => {
        for await (const event of events) seen.push(event)
      })(),
      Error,
    )
    // The result is beside what a logged error shows.
    const { result } = /** @type {{ result?: unknown }} */ (error)
    for (const value of [{ ...error, message: error.message }, result, seen]) {
      const text = JSON.stringify(value)
      assert.ok(!text.includes(secret) && !text.includes('MIIEvQ'), text)
    }
    for (const value of [result, seen]) {
      const text = JSON.stringify(value)
      assert.ok(text.includes('it is [secret]'), text)
    }
  })

  test('nothing is left in the temporary folder when the host is killed', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const folder = temporaryFolder(t)
    const TMPDIR = join(folder, 'tmp')
    const image = join(folder, 'a,b.png')
    mkdirSync(TMPDIR)
    writeFileSync(image, 'pixels')
    const { env, log } = scriptedExec(t, [...says.begin(), forever])
    const host = startHost(
      t,
      `process.env.TMPDIR = data.TMPDIR
       const { Codex: Exec } = await import(data.entry)
       const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env })
       const thread = codex.startThread()
       const image = { type: 'local_image', path: data.image }
       const { events } = await thread.runStreamed([image], { outputSchema: {} })
       await events.next()
       tell('running')
       for await (const _ of events);`,
      { entry, rigPath, env, image, TMPDIR },
    )
    await host.told()
    const { argv } = await log.find((one) => one.run !== undefined)
    const left = readdirSync(TMPDIR)
    assert.deepEqual(
      left.map((name) => name.replace(/run-.*/, 'run')),
      ['codex-node-run'],
    )
    for (const option of ['--output-schema', '--image']) {
      assert.ok(existsSync(argv[argv.indexOf(option) + 1]), option)
    }
    host.child.kill('SIGKILL')
    await host.exited
    const deadline = performance.now() + 5_000
    while (readdirSync(TMPDIR).length > 0 && performance.now() < deadline) await new Promise(setImmediate)
    assert.deepEqual(readdirSync(TMPDIR), [])
  })
})
