// One server for several clients and programs.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import {
  AbortError,
  BinaryNotFoundError,
  ClosedError,
  FileError,
  ServerExitedError,
  serve,
  TimeoutError,
} from '../../index.mjs'
import { command, createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { startHost } from '../support/host.mjs'
import { listening } from '../support/listening.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive, withArgument } from '../support/processes.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { withoutClient } from '../support/servers.mjs'

const onUnix = { skip: process.platform === 'win32' }
const index = new URL('../../index.mjs', import.meta.url).href

const shared = await listening({ after })

describe('several clients', { concurrency: 4, timeout: 60_000 }, () => {
  /**
   * A thread of a first client that a second one follows.
   *
   * @param {import('node:test').TestContext} t
   * @param {import('../../testing/index.js').ScriptStep[]} steps
   * @param {{ first?: import('../../index.js').Handlers, second?: import('../../index.js').Handlers, options?: import('../../index.js').StartThreadOptions }} [more]
   */
  async function together(t, steps, { first: firstHandlers, second: secondHandlers, options } = {}) {
    const first = connect(t, { url: shared.url, ...firstHandlers }).codex
    const second = connect(t, { url: shared.url, ...secondHandlers }).codex
    const thread = await first.startThread({ cwd: shared.home.workspace, ...options })
    shared.provider.when(
      (request) => request.threadId === thread.id && request.userText === 'begin',
      say('to begin with'),
    )
    shared.provider.when((request) => request.threadId === thread.id, ...steps)
    // A thread is on disk from its first turn on.
    await thread.run('begin')
    const same = await second.resumeThread(thread.id)
    return { first, second, thread, same }
  }

  test('each sees the events of a thread, the second by notifications()', async (t) => {
    const { second, thread } = await together(t, [say('both hear this')])
    const heard = second.notifications()
    const turn = await thread.turn('go')
    const own = await collect(turn.stream())
    const seen = []
    for await (const event of heard) {
      if ('turnId' in event.params || 'turn' in event.params) seen.push(event)
      if (event.method === 'turn/completed') break
    }
    const kind = (/** @type {any} */ event) => [event.method, event.params.item?.id]
    const withoutDeltas = (/** @type {any[]} */ events) =>
      events.filter(({ method }) => !method.endsWith('delta')).map(kind)
    assert.deepEqual(withoutDeltas(seen), withoutDeltas(own))
  })

  test('the second begins a turn when that of the first is over', async (t) => {
    const gate = createGate()
    const { thread, same, second } = await together(t, [reply([say('one'), waitFor(gate), say('two')])])
    const heard = second.notifications({ methods: ['turn/started'] })
    const turn = await thread.turn('first')
    await heard.next()
    const next = same.run('second')
    gate.open()
    const [one, two] = await Promise.all([turn.run(), next])
    assert.notEqual(one.turnId, two.turnId, 'they are not merged')
    assert.equal(one.status, 'completed')
    assert.equal(two.status, 'completed')
  })

  test('an approval is answered once, and the signal of the others aborts', async (t) => {
    const file = join(shared.home.workspace, 'approved-once')
    /** @type {(value?: unknown) => void} */
    let firstAsked = () => {}
    const asked = new Promise((resolve) => {
      firstAsked = resolve
    })
    /** @type {(value?: unknown) => void} */
    let aborted = () => {}
    const wasAborted = new Promise((resolve) => {
      aborted = resolve
    })
    const { first, thread } = await together(t, [command(`echo yes >> '${file}'`), say('done')], {
      first: {
        onApproval: (_, { signal }) => {
          firstAsked()
          return new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              aborted()
              resolve('decline')
            })
          })
        },
      },
      second: {
        onApproval: () => asked.then(() => /** @type {const} */ ('accept')),
      },
      options: { approvalPolicy: 'untrusted' },
    })
    const observed = first.serverRequests()
    const result = await thread.run('go')
    await wasAborted
    assert.equal(readFileSync(file, 'utf8'), 'yes\n')
    assert.deepEqual(
      result.items.map((item) => item.type),
      ['userMessage', 'commandExecution', 'agentMessage'],
    )
    const record = await observed.next()
    assert.equal(record.done === false && record.value.answeredBy, 'elsewhere')
  })

  test('one that closes takes nothing from the others', async (t) => {
    const gate = createGate()
    const { first, thread, same, second } = await together(t, [
      reply([say('one'), waitFor(gate), say('two')]),
    ])
    const completed = second.notifications({ methods: ['turn/completed'] })
    await thread.turn('go')
    await gate.reached
    await first.close()
    gate.open()
    const event = await completed.next()
    assert.equal(
      event.done === false && event.value.method === 'turn/completed' && event.value.params.turn.status,
      'completed',
    )
    assert.equal((await same.run('more')).status, 'completed')
  })

  test('a thread is taken over by one that connects while its turn runs', async (t) => {
    const gate = createGate()
    const first = connect(t, { url: shared.url }).codex
    const thread = await first.startThread({ cwd: shared.home.workspace })
    shared.provider.when(
      (request) => request.threadId === thread.id,
      reply([say('one'), waitFor(gate), say('two')]),
    )
    const turn = await thread.turn('go')
    await gate.reached
    await first.close()
    await rejection(turn.run(), ClosedError)
    const second = connect(t, { url: shared.url }).codex
    const heard = second.notifications()
    const same = await second.resumeThread(thread.id)
    const next = same.run('go on')
    gate.open()
    const seen = []
    for await (const event of heard) {
      if (!('turnId' in event.params || 'turn' in event.params)) continue
      seen.push(event)
      if (event.method === 'turn/completed') break
    }
    const completed = seen.flatMap((event) => (event.method === 'item/completed' ? [event.params.item] : []))
    assert.equal(
      completed.some((item) => item.type === 'agentMessage' && item.text === 'two'),
      true,
    )
    const result = await next
    assert.notEqual(result.turnId, turn.id, 'it is not merged into the turn that runs')
    assert.equal(result.status, 'completed')
    assert.equal(result.items[0]?.type, 'userMessage')
  })

  test('runningTurn() takes over a turn that a client began which is gone', async (t) => {
    const gate = createGate()
    const first = connect(t, { url: shared.url }).codex
    const thread = await first.startThread({ cwd: shared.home.workspace })
    shared.provider.when(
      (request) => request.threadId === thread.id,
      reply([say('one'), waitFor(gate), say('two')]),
    )
    const turn = await thread.turn('go')
    await gate.reached
    await first.close()
    const second = connect(t, { url: shared.url }).codex
    const same = await second.resumeThread(thread.id)
    const taken = await same.runningTurn()
    assert.ok(taken !== null)
    assert.equal(taken.id, turn.id)
    const next = same.run('go on')
    const events = collect(taken.stream())
    gate.open()
    const result = await taken.run()
    assert.deepEqual(
      result.items.map((item) => item.type),
      ['userMessage', 'agentMessage', 'agentMessage'],
    )
    assert.equal(result.finalResponse, 'two')
    const completed = (await events).flatMap((event) =>
      event.method === 'item/completed' ? [event.params.item.id] : [],
    )
    assert.deepEqual(
      completed,
      result.items.map((item) => item.id),
    )
    assert.notEqual((await next).turnId, turn.id)
    assert.equal(await same.runningTurn(), null)
  })

  test('an approval that waits is answered by the client that takes over', async (t) => {
    const file = join(shared.home.workspace, 'approved-by-another')
    /** @type {(value?: unknown) => void} */
    let asked = () => {}
    const wasAsked = new Promise((resolve) => {
      asked = resolve
    })
    const first = connect(t, {
      url: shared.url,
      onApproval: () => {
        asked()
        return new Promise(() => {})
      },
    }).codex
    const thread = await first.startThread({ cwd: shared.home.workspace, approvalPolicy: 'untrusted' })
    shared.provider.when(
      (request) => request.threadId === thread.id,
      command(`echo yes >> '${file}'`),
      say('done'),
    )
    await thread.turn('go')
    await wasAsked
    await first.close()
    let calls = 0
    const second = connect(t, { url: shared.url }).codex
    const same = await second.resumeThread(thread.id, {
      onApproval: () => {
        calls += 1
        return 'accept'
      },
    })
    const taken = await same.runningTurn()
    const result = await taken?.run()
    assert.equal(result?.finalResponse, 'done')
    assert.equal(readFileSync(file, 'utf8'), 'yes\n')
    assert.equal(calls, 1)
  })
})

/** Waits until a file is gone. @param {string} file */
async function disappears(file) {
  const deadline = performance.now() + 5_000
  while (existsSync(file)) {
    assert.ok(performance.now() < deadline, `${file} is still there`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('serve()', { concurrency: 4, timeout: 60_000 }, () => {
  test('a port of its own, a token, and a file with it that only this user can read', async (t) => {
    const { provider, home } = await withoutClient(t)
    const server = await serve({ env: home.env })
    t.after(() => server.close())
    assert.match(server.url, /^ws:\/\/127\.0\.0\.1:\d+$/)
    assert.match(server.token, /^[0-9a-f]{64}$/)
    assert.equal(readFileSync(server.tokenFile, 'utf8').trim(), server.token)
    if (process.platform !== 'win32') assert.equal(statSync(server.tokenFile).mode & 0o777, 0o600)
    provider.enqueue(say('served'))
    const { codex } = connect(t, { url: server.url, token: server.token })
    const thread = await codex.startThread({ cwd: home.workspace })
    assert.equal((await thread.run('go')).finalResponse, 'served')
    const stranger = connect(t, { url: server.url, token: 'f'.repeat(64) })
    assert.equal(/** @type {any} */ (await rejection(stranger.codex.connect(), Error)).status, 401)
    const another = await serve({ env: home.env })
    t.after(() => another.close())
    assert.notEqual(another.token, server.token)
    assert.notEqual(another.url, server.url)
  })

  test('what it prints may be coloured', async (t) => {
    const { home } = await withoutClient(t)
    const server = await serve({ env: { ...home.env, FORCE_COLOR: '1', CLICOLOR_FORCE: '1' } })
    t.after(() => server.close())
    const { codex } = connect(t, { url: server.url, token: server.token })
    assert.ok((await codex.connect()).codexHome)
  })

  test('close() ends it and what is below it, twice as well, and takes the file along', async (t) => {
    const { provider, home } = await withoutClient(t)
    const server = await serve({ env: home.env })
    const { codex, events } = connect(t, { url: server.url, token: server.token, reconnectTimeoutMs: 100 })
    const marker = join(home.workspace, 'marker-of-the-command')
    provider.enqueue(command(`echo $$ > '${marker}'; exec sleep 600`))
    const thread = await codex.startThread({ cwd: home.workspace })
    const output = codex.notifications()
    const turn = await thread.turn('go')
    for await (const event of turn.stream({ leaveRunning: true }))
      if (event.method === 'item/started' && event.params.item.type === 'commandExecution') break
    while (!existsSync(marker) || readFileSync(marker, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 10))
    const pid = Number(readFileSync(marker, 'utf8'))
    assert.ok(isAlive(pid))
    const pids = withArgument(server.tokenFile)
    assert.ok(pids.length > 0)
    const running = rejection(turn.run(), Error)
    await Promise.all([server.close(), server.close()])
    await server.close()
    assert.deepEqual(pids.filter(isAlive), [])
    await gone(pid)
    assert.ok(!existsSync(server.tokenFile))
    assert.equal(/** @type {any} */ (await running).code, 'CONNECTION_LOST')
    await events.next('closed')
    void output
  })

  test('await using', async (t) => {
    const { home } = await withoutClient(t)
    const server = await serve({ env: home.env })
    const pids = withArgument(server.tokenFile)
    await server[Symbol.asyncDispose]()
    assert.ok(pids.length > 0 && pids.every((pid) => !isAlive(pid)))
  })

  test('a port that was asked for, and one that is taken', async (t) => {
    const { home } = await withoutClient(t)
    const taken = net.createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = /** @type {net.AddressInfo} */ (taken.address())
    const error = await rejection(serve({ env: home.env, port }), ServerExitedError)
    assert.match(error.message, /in use/i)
    await new Promise((resolve) => taken.close(resolve))
    const server = await serve({ env: home.env, port })
    t.after(() => server.close())
    assert.equal(server.url, `ws://127.0.0.1:${port}`)
  })

  for (const [name, length] of /** @type {const} */ ([
    ['a unix socket', 0],
    ['a unix socket whose path is too long for the system', 150],
  ])) {
    test(name, onUnix, async (t) => {
      const { provider, home } = await withoutClient(t)
      const folder = join(temporaryFolder(t), 'x'.repeat(length))
      mkdirSync(folder, { recursive: true })
      const socketPath = join(folder, 'codex.sock')
      const server = await serve({ env: home.env, socketPath })
      t.after(() => server.close())
      assert.equal(server.url, `unix://${socketPath}`)
      provider.enqueue(say('served'))
      const { codex } = connect(t, { url: server.url, token: server.token })
      const thread = await codex.startThread({ cwd: home.workspace })
      assert.equal((await thread.run('go')).finalResponse, 'served')
      await codex.close()
      await server.close()
      const again = await serve({ env: home.env, socketPath })
      t.after(() => again.close())
      assert.equal(again.url, server.url, 'the same place can be used again')
    })
  }

  test('a unix socket that another server has', onUnix, async (t) => {
    const { home } = await withoutClient(t)
    const socketPath = join(temporaryFolder(t), 'codex.sock')
    const server = await serve({ env: home.env, socketPath })
    t.after(() => server.close())
    const error = await rejection(serve({ env: home.env, socketPath }), FileError)
    assert.match(error.message, /socketPath.*another server/)
    // The first is none the worse.
    await connect(t, { url: server.url, token: server.token }).codex.connect()
  })

  test('cwd, config and configOverrides reach the server', async (t) => {
    const { home } = await withoutClient(t)
    const server = await serve({
      env: home.env,
      cwd: home.workspace,
      config: { model_reasoning_effort: 'low' },
      configOverrides: ['model="from-an-override"'],
    })
    t.after(() => server.close())
    const { codex } = connect(t, { url: server.url, token: server.token })
    const { config } = await codex.config.read()
    assert.equal(config.model_reasoning_effort, 'low')
    assert.equal(config.model, 'from-an-override')
  })

  test('no codex, one that does not listen, and a folder that is missing', async (t) => {
    const missing = join(temporaryFolder(t), 'missing')
    const error = await rejection(serve({ codexPath: missing }), BinaryNotFoundError)
    assert.ok(error.message.includes(missing))
    const silent = join(temporaryFolder(t), 'silent')
    writeFileSync(silent, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
    if (process.platform !== 'win32') {
      const late = await rejection(serve({ codexPath: silent, connectTimeoutMs: 300 }), TimeoutError)
      assert.equal(late.timeoutMs, 300)
      assert.deepEqual(withArgument(silent), [])
    }
    const cwd = await rejection(serve({ codexPath: rigPath, cwd: missing }), Error)
    assert.ok(cwd.message.includes(missing), cwd.message)
    const home = await rejection(serve({ env: { CODEX_HOME: missing } }), FileError)
    assert.ok(home.message.includes(missing), home.message)
  })

  test('an abort while it starts leaves nothing behind', async (t) => {
    // It never listens, so that it is not up before the abort.
    const { folder, env, log } = rigEnvironment(t, { onEof: 'ignore' })
    const socketPath = join(folder, 'aborted.sock')
    const options = { codexPath: rigPath, env, socketPath }
    await rejection(serve({ ...options, signal: AbortSignal.abort() }), AbortError)
    const controller = new AbortController()
    const starting = rejection(serve({ ...options, signal: controller.signal }), AbortError)
    const { run, pid } = await log.find((entry) =>
      entry.argv?.some((/** @type {string} */ argument) => argument.includes(socketPath)),
    )
    assert.equal(run, 0, 'the first was not started')
    controller.abort()
    await starting
    await gone(pid)
    assert.deepEqual(withArgument(socketPath), [])
  })

  /** @type {[string, string, number | string][]} */
  const ends = [
    ['returns from its last line', '', 0],
    ['calls process.exit()', 'process.exit(5)', 5],
    ['throws', "setImmediate(() => { throw new Error('a bug') }); await new Promise(() => {})", 1],
    ['is killed', "process.kill(process.pid, 'SIGKILL')", 'SIGKILL'],
    ['gets SIGTERM', "process.kill(process.pid, 'SIGTERM')", 'SIGTERM'],
  ]
  for (const [name, end, how] of ends) {
    test(`it ends with a program that ${name}`, async (t) => {
      const { home } = await withoutClient(t)
      const host = startHost(
        t,
        `const { serve } = await import(${JSON.stringify(index)})
        const server = await serve({ env: data.env })
        const codex = new Codex({ url: server.url, token: server.token })
        await codex.connect()
        process.channel.ref()
        tell(server.tokenFile)
        await new Promise((resolve) => process.once('message', resolve))
        process.channel.unref()
        ${end}`,
        { env: home.env },
      )
      const tokenFile = await host.told()
      const pids = withArgument(tokenFile)
      assert.ok(pids.length > 0)
      host.child.send('end')
      const { code, signal } = await host.exited
      assert.equal(code ?? signal, how)
      await Promise.all(pids.map((pid) => gone(pid)))
      assert.deepEqual(withArgument(tokenFile), [])
      await disappears(tokenFile)
    })
  }

  test('it ends with the worker that started it', async (t) => {
    const { home } = await withoutClient(t)
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
      const { serve } = require(workerData.addon)
      serve({ env: workerData.env }).then((server) => parentPort.postMessage(server.tokenFile))
      setInterval(() => {}, 60_000)`,
      {
        eval: true,
        workerData: { addon: fileURLToPath(new URL('../../index.js', import.meta.url)), env: home.env },
      },
    )
    const [tokenFile] = await once(worker, 'message')
    const pids = withArgument(tokenFile)
    assert.ok(pids.length > 0)
    await worker.terminate()
    await Promise.all(pids.map((pid) => gone(pid)))
    await disappears(tokenFile)
  })

  test('it lives for as long as its program, whether anybody holds it or not', async (t) => {
    const { home } = await withoutClient(t)
    const host = startHost(
      t,
      `const { serve } = await import(${JSON.stringify(index)})
      const { setFlagsFromString } = await import('node:v8')
      setFlagsFromString('--expose-gc')
      const gc = (await import('node:vm')).runInNewContext('gc')
      let server = await serve({ env: data.env })
      const { url, token } = server
      server = undefined
      for (let count = 0; count < 5; count++) {
        gc()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const codex = new Codex({ url, token })
      tell((await codex.connect()).codexHome)
      await codex.close()`,
      { env: home.env },
    )
    assert.equal(await host.told(), home.codexHome)
    assert.equal((await host.exited).code, 0, 'it keeps no program alive')
  })

  test('a server that has died is noticed, and close() is well', async (t) => {
    const { home } = await withoutClient(t)
    const server = await serve({ env: home.env })
    const { codex, events } = connect(t, { url: server.url, token: server.token, reconnectTimeoutMs: 100 })
    await codex.connect()
    for (const pid of withArgument(server.tokenFile)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {}
    }
    await events.next('closed')
    await server.close()
  })
})
