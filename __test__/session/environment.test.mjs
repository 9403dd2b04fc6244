// Row S9 of the failure cases: the environment is that of the caller, at the call, and nobody else reads it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { ServerExitedError, serve } from '../../index.mjs'
import { startHost } from '../support/host.mjs'
import { rejection } from '../support/outcomes.mjs'
import { places, runProgram } from '../support/program.mjs'
import { rig, rigEnvironment, rigPath } from '../support/rig.mjs'
import { says } from '../support/scripted-exec.mjs'

const windows = process.platform === 'win32'

/** A run of `codex exec` that says one word. */
const turn = { onEof: says.turn('Hi') }

/** Each way to start a codex, as what a program does: `start` is called, then `after`. */
const ways = {
  connect: `const codex = new Codex({ codexPath: data.path, env: data.rig })
    const start = () => codex.connect().finally(() => codex.close())`,
  serve: `const start = () => serve({ codexPath: data.path, env: data.rig }).catch(() => {})`,
  exec: `Object.assign(process.env, data.rig)
    const thread = new ExecCodex({ codexPath: data.path }).startThread()
    const start = () => thread.run('go')`,
  'exec, streamed': `Object.assign(process.env, data.rig)
    const thread = new ExecCodex({ codexPath: data.path }).startThread()
    const start = async () => {
      const { events } = await thread.runStreamed('go')
      for await (const event of events);
    }`,
}

/** What the rig plays for a way to start it. @param {string} way */
const scriptOf = (way) => (way.startsWith('exec') ? turn : way === 'serve' ? { start: [{ exit: 3 }] } : {})

/** @param {import('../support/rig.mjs').RigLog} log @returns {Promise<Record<string, string>>} */
const environmentOf = async (log) => (await log.find((entry) => entry.run !== undefined)).env

describe('the environment', { concurrency: 4, timeout: 60_000 }, () => {
  for (const place of places) {
    for (const [way, code] of Object.entries(ways)) {
      test(`S9: ${way}: codex gets what ${place} sees at the call`, async (t) => {
        const { env, log } = rigEnvironment(t, scriptOf(way))
        const program = runProgram(
          t,
          place,
          `process.env.OF_TEST = 'before'
          ${code}
          process.env.OF_TEST = 'at the call'
          const started = start()
          process.env.OF_TEST = 'after'
          await started
          tell('done')`,
          { path: rigPath, rig: env },
        )
        assert.equal(await program.told(), 'done')
        assert.equal((await environmentOf(log)).OF_TEST, 'at the call')
      })

      test(`S9: ${way}: process.env may be another object, in ${place}`, async (t) => {
        const { env, log } = rigEnvironment(t, scriptOf(way))
        const program = runProgram(
          t,
          place,
          `process.env = { PATH: process.env.PATH, SYSTEMROOT: process.env.SYSTEMROOT, NUMBER: 1, GONE: undefined }
          ${code}
          await start()
          tell('done')`,
          { path: rigPath, rig: env },
        )
        assert.equal(await program.told(), 'done')
        const { PATH, CODEX_INTERNAL_ORIGINATOR_OVERRIDE: _, ...rest } = await environmentOf(log)
        assert.equal(PATH, process.env.PATH)
        if (!windows) assert.deepEqual(rest, { ...env, NUMBER: '1' })
      })

      test(`S9: ${way}: a relative codexPath and the folder are those of the call, in ${place}`, async (t) => {
        const { env, folder } = rigEnvironment(t, scriptOf(way))
        const program = runProgram(
          t,
          place,
          `const { basename, dirname } = await import('node:path')
          const folder = dirname(data.path)
          data.path = basename(data.path)
          // A worker can't change it.
          process.cwd = () => folder
          ${code}
          const started = start()
          process.cwd = () => data.elsewhere
          await started
          tell('done')`,
          { path: rigPath, rig: env, elsewhere: folder },
        )
        assert.equal(await program.told(), 'done')
      })
    }
  }

  test('S9: a worker has its own variables, and none of the main thread', async (t) => {
    const { env, log } = rigEnvironment(t)
    process.env.SECRET_OF_MAIN = 'not for the worker'
    t.after(() => delete process.env.SECRET_OF_MAIN)
    const own = { ...env, CODEX_PATH: rigPath, OF_WORKER: '1' }
    const program = runProgram(
      t,
      'a worker',
      `const codex = new Codex()
      await codex.connect()
      await codex.close()
      tell('done')`,
      { env: own },
    )
    assert.equal(await program.told(), 'done')
    const given = await environmentOf(log)
    if (windows) assert.equal(given.SECRET_OF_MAIN, undefined)
    else assert.deepEqual(given, own)
  })

  test('S9: the token in the variables of a worker is the one that goes out', async (t) => {
    const server = createServer()
    t.after(() => server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const asked = once(server, 'upgrade')
    runProgram(t, 'a worker', `await new Codex({ url: data.url }).connect().catch(() => {})`, {
      url: `ws://127.0.0.1:${port}`,
      env: { CODEX_APP_SERVER_TOKEN: 'token-of-the-worker' },
    })
    const [request, socket] = await asked
    socket.destroy()
    assert.equal(request.headers.authorization, 'Bearer token-of-the-worker')
  })

  for (const place of places) {
    test(`S9: token and proxy of a server elsewhere are those of the call, in ${place}`, async (t) => {
      const server = createServer()
      t.after(() => server.close())
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      const upgraded = once(server, 'upgrade')
      const proxied = once(server, 'connect')
      runProgram(
        t,
        place,
        `process.env.CODEX_APP_SERVER_TOKEN = 'token-of-before'
        const near = new Codex({ url: data.url })
        const far = new Codex({ url: 'ws://codex.example.com:4500', allowInsecure: true })
        process.env.CODEX_APP_SERVER_TOKEN = 'token-of-the-call'
        process.env.HTTP_PROXY = data.proxy
        const connecting = [near, far].map((codex) => codex.connect().catch(() => {}))
        process.env.CODEX_APP_SERVER_TOKEN = 'token-of-after'
        process.env.HTTP_PROXY = 'http://127.0.0.1:9'
        await Promise.all(connecting)`,
        { url: `ws://127.0.0.1:${port}`, proxy: `http://127.0.0.1:${port}`, env: {} },
      )
      const [request, socket] = await upgraded
      socket.destroy()
      assert.equal(request.headers.authorization, 'Bearer token-of-the-call')
      const [asked, tunnel] = await proxied
      tunnel.destroy()
      assert.equal(asked.url, 'codex.example.com:4500')
    })
  }

  test('S9: undefined in env takes an inherited variable away', async (t) => {
    for (const name of ['UNSET', 'KEPT']) process.env[`${name}_OF_TEST`] = 'inherited'
    t.after(() => {
      for (const name of ['UNSET', 'KEPT']) delete process.env[`${name}_OF_TEST`]
    })
    const own = { UNSET_OF_TEST: undefined, NEVER_OF_TEST: undefined }
    const { codex, log } = rig(t, {}, { env: own })
    await codex.connect()
    const served = rigEnvironment(t, { start: [{ exit: 3 }] })
    await rejection(serve({ codexPath: rigPath, env: { ...served.env, ...own } }), ServerExitedError)
    for (const given of [await environmentOf(log), await environmentOf(served.log)]) {
      assert.equal(given.KEPT_OF_TEST, 'inherited')
      for (const name of ['UNSET', 'NEVER']) assert.ok(!(`${name}_OF_TEST` in given), name)
    }
  })

  test('S9: a call that starts codex anew takes the variables anew', async (t) => {
    const { codex, log } = rig(t, { on: { 'x/crash': [[{ exit: 1 }]] } })
    process.env.OF_RESTART = 'first'
    t.after(() => delete process.env.OF_RESTART)
    await codex.connect()
    await rejection(codex.request('x/crash', {}), ServerExitedError)
    process.env.OF_RESTART = 'second'
    const connecting = codex.connect()
    process.env.OF_RESTART = 'third'
    await connecting
    const starts = log.entries().filter((entry) => entry.run !== undefined)
    assert.deepEqual(
      starts.map((entry) => entry.env.OF_RESTART),
      ['first', 'second'],
    )
  })

  test('S9: a start that no call of the moment asked for takes them when it happens', async (t) => {
    const turn = ['turnBegin', 'messageStarted', { waitForFile: '/nowhere/at/all' }]
    const { codex, log } = rig(t, { runs: [{ on: { 'turn/start': [turn] } }, {}] })
    const thread = await codex.startThread()
    const first = thread.run('one')
    // It waits for the first, whose codex dies.
    const second = thread.run('two')
    await log.message('turn/start')
    process.env.OF_QUEUED = 'when codex died'
    t.after(() => delete process.env.OF_QUEUED)
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    await rejection(first, ServerExitedError)
    await second
    const starts = log.entries().filter((entry) => entry.run !== undefined)
    assert.deepEqual(
      starts.map((entry) => entry.env.OF_QUEUED),
      [undefined, 'when codex died'],
    )
  })

  test('S9: a variable that no process can be given is named', async (t) => {
    const program = runProgram(
      t,
      'the main thread',
      `process.env = { ...process.env, 'OF\\0TEST': '1' }
      await new Codex({ codexPath: data.path }).connect().catch((error) => tell([error.name, error.message]))`,
      { path: rigPath },
    )
    const [name, message] = await program.told()
    assert.equal(name, 'TypeError')
    assert.match(message, /^process\.env: `OF\\0TEST` holds a NUL character/)
  })

  test('S9: variables that are set while codex is started end no process', { skip: windows }, async (t) => {
    // Each start is a moment in which the list of the variables is moved by setting more of them.
    const body = `
      const { Codex: ExecCodex } = await import(data.exec)
      const codexPath = '/nowhere/at/all'
      for (let round = 0; round < 100; round++) {
        const names = Array.from({ length: 300 }, (_, number) => 'LATER_' + round + '_' + number)
        const clients = [new Codex({ codexPath }), new Codex({ codexPath })]
        const started = [
          ...clients.map((codex) => codex.connect()),
          ...clients.map(() => new ExecCodex({ codexPath }).startThread().run('go')),
        ]
        for (const name of names) process.env[name] = name.repeat(names.length % 7)
        await Promise.allSettled(started)
        for (const name of names) delete process.env[name]
      }
      process.exit(0)`
    const exec = new URL('../../exec/index.mjs', import.meta.url).href
    const hosts = [1, 2].map(() => startHost(t, body, { exec }))
    for (const { exited } of hosts) {
      const { code, signal, stderr } = await exited
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    }
  })
})
