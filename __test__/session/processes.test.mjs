// Rows C3, C4 and C8 to C13 of the failure cases: whatever ends, and however, no process stays.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  AbortError,
  ClosedError,
  Codex,
  InvalidRequestError,
  ServerExitedError,
  TimeoutError,
} from '../../index.mjs'
import { command, createCodexHome, hang, say, startScriptedProvider } from '../../testing/index.mjs'
import { watchConnection } from '../support/connection.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'

/** The bound of C3, C4 and C10. */
const BOUND_MS = 5_000
const support = fileURLToPath(new URL('../support', import.meta.url))
const addon = fileURLToPath(new URL('../../index.js', import.meta.url))

/** A turn that runs until it is interrupted. */
const endless = ['turnBegin', 'messageStarted', { deltas: { text: 'working', pieces: 1 } }]
/** A turn that talks a little. */
const short = ['turnBegin', 'messageStarted', { flood: { count: 100, bytes: 16 } }, 'turnEnd']
/** A turn that never stops talking. */
const flood = ['turnBegin', 'messageStarted', { flood: { count: 100_000_000, bytes: 300, perSecond: 5_000 } }]
/** A server that neither the end of its input nor SIGTERM ends. */
const stubborn = { onEof: 'ignore', onSigterm: 'ignore' }

const grandchildren = [
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: false, holdStdout: true } },
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: true, holdStdout: true } },
]

/** @param {import('../support/rig.mjs').RigLog} log @returns {number[]} */
const spawned = (log) => log.entries().flatMap((entry) => entry.spawned ?? [])
/** @param {import('../support/rig.mjs').RigLog} log @returns {number[]} */
const servers = (log) => log.entries().flatMap((entry) => (entry.run === undefined ? [] : entry.pid))

/**
 * How long something takes, in milliseconds.
 *
 * @param {() => Promise<unknown>} work
 */
async function timed(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

// A few at a time: they have bounds to keep.
describe('servers and what is below them', { concurrency: 6 }, () => {
  test('C3: a server that ignores the end of its input and SIGTERM is dead within the bound', async (t) => {
    const { codex, log } = rig(t, { ...stubborn, on: { 'turn/start': [endless], 'x/never': [['never']] } })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    const pid = /** @type {number} */ (codex.pid)
    const closed = [
      rejection(codex.request('x/never', {}), ClosedError),
      rejection(turn.run(), ClosedError),
      rejection(collect(turn.text()), ClosedError),
    ]
    const took = await timed(async () => {
      await codex.close()
      await Promise.all(closed)
      assert.equal(isAlive(pid), false)
    })
    assert.ok(took < BOUND_MS, `it took ${took} ms`)
    const ends = log.entries().filter((entry) => entry.eof || entry.signal)
    assert.deepEqual(ends, [{ eof: true }, { signal: 'SIGTERM' }], 'asked nicely, in this order')
  })

  test('C3: a stubborn server that never finishes the handshake is dead within the bound', async (t) => {
    const { codex, log } = rig(
      t,
      { ...stubborn, on: { initialize: [['never']] } },
      { connectTimeoutMs: 2_000 },
    )
    const connecting = rejection(codex.connect(), TimeoutError)
    const { pid } = await log.find((entry) => entry.run !== undefined)
    await log.message('initialize')
    await Promise.all([connecting, gone(pid, 2_000 + BOUND_MS)])
  })

  test('C3: close() during the handshake does not wait for its deadline', async (t) => {
    const { codex, log } = rig(t, { ...stubborn, on: { initialize: [['never']] } })
    const connecting = rejection(codex.connect(), ClosedError)
    const starting = rejection(codex.startThread(), ClosedError)
    const { pid } = await log.find((entry) => entry.run !== undefined)
    await log.message('initialize')
    const took = await timed(() => Promise.all([codex.close(), connecting, starting]))
    assert.equal(isAlive(pid), false)
    assert.ok(took < BOUND_MS, `it took ${took} ms`)
  })

  for (const [name, script] of /** @type {const} */ ([
    ['that goes by itself', {}],
    ['that must be killed', stubborn],
  ])) {
    test(`C4: nothing below a server ${name} survives close()`, async (t) => {
      const own = { spawn: { argv: ['setsid', '$exe', '--sleep-ms', '600000'] } }
      const { codex, log } = rig(t, {
        ...script,
        on: { 'thread/start': [[...grandchildren, own, 'default']] },
      })
      await codex.startThread()
      const pids = [...servers(log), ...spawned(log)]
      assert.equal(pids.filter(isAlive).length, 4)
      const took = await timed(() => codex.close())
      assert.deepEqual(pids.filter(isAlive), [], 'resolves when all are gone')
      assert.ok(took < BOUND_MS, `it took ${took} ms`)
    })
  }

  test('C4: an aborted turn leaves the server and what is below it, and close() ends them', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [[...grandchildren, ...endless]] } })
    const controller = new AbortController()
    const turn = await (await codex.startThread()).turn('go', { signal: controller.signal })
    controller.abort()
    await rejection(turn.run(), AbortError)
    const pids = [...servers(log), ...spawned(log)]
    assert.equal(pids.filter(isAlive).length, 3)
    await codex.close()
    assert.deepEqual(pids.filter(isAlive), [])
  })

  test('C4: nothing below a server survives its failed handshake', async (t) => {
    // A refusal, not a deadline: by then they have been started.
    const refusal = { error: { code: -32600, message: 'not today' } }
    const { codex, log } = rig(t, { on: { initialize: [[...grandchildren, refusal]] } })
    await rejection(codex.connect(), InvalidRequestError)
    const pids = [...servers(log), ...spawned(log)]
    assert.equal(pids.length, 3)
    assert.deepEqual(pids.filter(isAlive), [])
  })

  test('C4: nothing in the session of a server survives its crash', async (t) => {
    const { codex, log } = rig(t, { on: { 'x/crash': [[...grandchildren, { kill: 'SIGKILL' }]] } })
    await rejection(codex.request('x/crash', {}), ServerExitedError)
    assert.equal(spawned(log).length, 2)
    await Promise.all(spawned(log).map((pid) => gone(pid)))
  })

  test('C4: real: no MCP server and no shell survives close()', async (t) => {
    const folder = temporaryFolder(t)
    const { codex, provider, home } = await real(t, { config: mcp(join(folder, 'mcp.json')) })
    provider.enqueue(command(shell(folder)), say('done'))
    const thread = await codex.startThread({ cwd: home.workspace })
    const running = rejection(thread.run('go'), ClosedError)
    const pids = await childrenOfCodex(folder)
    assert.equal(pids.filter(isAlive).length, 2)
    await codex.close()
    assert.deepEqual(pids.filter(isAlive), [])
    await running
  })

  test('C8: a server that exits before it has read a long prompt', async (t) => {
    const codex = new Codex({
      codexPath: process.execPath,
      launchArgs: [join(support, 'early-exit.mjs')],
    })
    t.after(() => codex.close())
    const thread = await codex.startThread()
    const error = await rejection(thread.run('x'.repeat(8 << 20)), ServerExitedError)
    assert.equal(error.exitCode, 3)
    assert.match(error.stderr, /I have seen enough/)
    // The next call starts another server.
    assert.ok((await codex.startThread()).id)
  })

  test('C9: SIGKILL of the server with three turns running', async (t) => {
    const { codex, log } = rig(t, {
      runs: [
        { on: { 'turn/start': [endless], 'x/never': [['never']] }, start: [{ stderr: 'about to die\n' }] },
        {},
      ],
    })
    const options = { model: 'gpt-5.5', developerInstructions: 'Be brief.' }
    const threads = await Promise.all([1, 2, 3].map(() => codex.startThread(options)))
    const turns = await Promise.all(threads.map((thread) => thread.turn('go')))
    const pid = /** @type {number} */ (codex.pid)
    const errors = [
      ...turns.map((turn) => rejection(turn.run(), ServerExitedError)),
      ...turns.map((turn) => rejection(collect(turn), ServerExitedError)),
      rejection(codex.request('x/never', {}), ServerExitedError),
    ]
    await log.message('x/never')
    process.kill(pid, 'SIGKILL')
    for (const error of await Promise.all(errors)) {
      assert.equal(error.code, 'SERVER_EXITED')
      assert.equal(error.exitCode, null)
      assert.equal(error.signal, 'SIGKILL')
      assert.equal(error.stderr, 'about to die')
      assert.match(error.message, /SIGKILL.*\nabout to die/s)
    }
    assert.equal(codex.pid, null)

    const results = await Promise.all(threads.map((thread) => thread.run('again')))
    for (const result of results) assert.equal(result.finalResponse, 'Hello from the rig.')
    assert.equal(servers(log).length, 2, 'one new server for all')
    const resumed = log.messages('thread/resume').map((message) => message.params)
    assert.deepEqual(
      resumed.map((params) => params.threadId).sort(),
      threads.map((thread) => thread.id).sort(),
      'each thread once',
    )
    for (const params of resumed) {
      assert.equal(params.developerInstructions, 'Be brief.', 'with the options that it was opened with')
      assert.equal(params.excludeTurns, true)
    }
    await threads[0]?.run('once more')
    assert.equal(log.messages('thread/resume').length, 3, 'it is loaded by now')
  })

  test('C9: real: SIGKILL of the server with three turns running', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('never', hang(say('working')))
    provider.when('first', say('one'))
    provider.when('again', say('two'))
    const threads = await Promise.all([1, 2, 3].map(() => codex.startThread()))
    await Promise.all(threads.map((thread) => thread.run('first')))
    const turns = await Promise.all(threads.map((thread) => thread.turn('never')))
    const errors = turns.map((turn) => rejection(turn.run(), ServerExitedError))
    const pid = /** @type {number} */ (codex.pid)
    process.kill(pid, 'SIGKILL')
    for (const error of await Promise.all(errors)) assert.equal(error.signal, 'SIGKILL')

    const results = await Promise.all(threads.map((thread) => thread.run('again')))
    for (const result of results) assert.equal(result.finalResponse, 'two')
    assert.notEqual(codex.pid, pid)
    const again = provider.requests.filter((request) => request.userText === 'again')
    assert.deepEqual(
      again.map((request) => request.userMessages[0]),
      ['first', 'first', 'first'],
      'the conversation is still there',
    )
  })

  test('C9: restart: false: after the death of the server every call rejects as the first did', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [endless] } }, { restart: false })
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    await rejection(turn.run(), ServerExitedError)
    for (const call of [
      () => codex.connect(),
      () => codex.startThread(),
      () => codex.request('thread/list', {}),
      () => thread.run('again'),
      () => thread.read(),
    ]) {
      assert.equal((await rejection(call(), ServerExitedError)).signal, 'SIGKILL')
    }
    assert.equal(servers(log).length, 1)
    await codex.close()
    await rejection(codex.connect(), ClosedError)
  })

  test('C9: restart: false: a server that has never come up may be started again', async (t) => {
    const { codex, log } = rig(t, { runs: [{ on: { initialize: [[{ exit: 3 }]] } }, {}] }, { restart: false })
    await rejection(codex.connect(), ServerExitedError)
    await codex.connect()
    assert.equal(servers(log).length, 2)
  })

  test('C9: the connection events of a server that dies, and of the next one', async (t) => {
    const { codex } = rig(t, { runs: [{ on: { 'x/crash': [[{ kill: 'SIGKILL' }]] } }, {}] })
    const events = watchConnection(codex)
    await codex.connect()
    const error = await rejection(codex.request('x/crash', {}), ServerExitedError)
    // Not before the end of the first was told, and all is told when close() resolves.
    await codex.connect()
    await codex.close()
    assert.deepEqual(events.types(), [
      'connecting',
      'connected',
      'closed',
      'connecting',
      'connected',
      'closed',
    ])
    const [closed, last] = events.seen.filter((event) => event.type === 'closed')
    assert.ok(closed?.error instanceof ServerExitedError)
    assert.equal(closed.error.message, error.message)
    assert.deepEqual(last, { type: 'closed' })
    const attempts = events.seen.flatMap((event) => (event.type === 'connecting' ? event.attempt : []))
    assert.deepEqual(attempts, [1, 1])
  })

  test('C13: a listener of the connection keeps no program alive', async (t) => {
    const { env } = rigEnvironment(t)
    const host = startHost(
      t,
      `const codex = new Codex(data.options)
       codex.on('connection', (event) => tell(event.type))
       await codex.connect()`,
      { options: { codexPath: rigPath, env } },
    )
    assert.equal(await host.told(), 'connecting')
    assert.deepEqual(await host.exited, { code: 0, signal: null, stderr: '' })
  })

  test('C10: real: SIGKILL of the host with an MCP server and a shell running', async (t) => {
    const folder = temporaryFolder(t)
    const { provider, home } = await withoutClient(t)
    provider.enqueue(command(shell(folder)), say('done'))
    const host = startHost(
      t,
      `const codex = new Codex({ env: data.env, config: data.config })
       const thread = await codex.startThread({ cwd: data.cwd })
       tell(codex.pid)
       await thread.run('go')`,
      { env: home.env, cwd: home.workspace, config: mcp(join(folder, 'mcp.json')) },
    )
    const pids = [await host.told(), ...(await childrenOfCodex(folder))]
    assert.equal(pids.filter(isAlive).length, 3)
    host.child.kill('SIGKILL')
    await Promise.all(pids.map((pid) => gone(pid, BOUND_MS)))
    assert.equal((await host.exited).signal, 'SIGKILL')
  })

  test('C11: close() delivers the answers that are on the way, and rejects the rest', async (t) => {
    const folder = temporaryFolder(t)
    const gate = join(folder, 'gate')
    const { codex, log } = rig(
      t,
      { on: { 'x/soon': [[{ waitForFile: gate }, { reply: { late: true } }]], 'x/never': [['never']] } },
      { maxInFlight: 2 },
    )
    await codex.connect()
    const soon = codex.request('x/soon', {})
    const never = rejection(codex.request('x/never', {}), ClosedError)
    const queued = rejection(codex.request('x/queued', {}), ClosedError)
    await log.message('x/never')
    const closing = codex.close()
    const later = rejection(codex.request('x/later', {}), ClosedError)
    // What has not left is refused at once, while the answer that may come is still waited for.
    await Promise.all([queued, later])
    writeFileSync(gate, '')
    assert.deepEqual(await soon, { late: true })
    await Promise.all([closing, never])
    const seen = log.messages().map((message) => message.method)
    assert.deepEqual(seen, ['initialize', 'initialized', 'x/soon', 'x/never'])
    assert.equal((await log.find((entry) => entry.eof)).eof, true)
  })

  test('C11: close() may be called by anyone, any number of times, and ends every call after it', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await turn.run()
    const notifications = codex.notifications()
    const pid = /** @type {number} */ (codex.pid)
    const reading = collect(notifications)
    await Promise.all([codex.close(), codex.close(), codex[Symbol.asyncDispose]()])
    assert.equal(isAlive(pid), false)
    await codex.close()
    await reading
    for (const call of [
      () => codex.connect(),
      () => codex.startThread(),
      () => codex.resumeThread('t'),
      () => codex.run('go'),
      () => codex.request('model/list', {}),
      () => codex.notify('initialized'),
      () => thread.run('go'),
      () => thread.turn('go'),
      () => thread.read(),
      () => thread.setName('name'),
    ]) {
      const error = await rejection(call(), ClosedError)
      assert.equal(error.code, 'CLOSED')
    }
    // What was collected of a turn that has ended stays.
    assert.equal((await turn.run()).finalResponse, 'Hello from the rig.')
    assert.equal((await collect(turn)).at(-1)?.method, 'turn/completed')
  })

  test('C11: close() of a client that never connected starts nothing', async (t) => {
    const { codex, log } = rig(t)
    await codex.close()
    await rejection(codex.startThread(), ClosedError)
    assert.deepEqual(log.entries(), [])
  })

  test('C11: real: close() with calls in flight and turns running', async (t) => {
    const { codex, provider } = await real(t)
    provider.when('never', hang(say('working')))
    const threads = await Promise.all([1, 2, 3].map(() => codex.startThread()))
    const turns = await Promise.all(threads.map((thread) => thread.turn('never')))
    const runs = turns.map((turn) => rejection(turn.run(), ClosedError))
    const pid = /** @type {number} */ (codex.pid)
    const calls = Array.from({ length: 300 }, () => codex.request('thread/loaded/list', {}))
    const settled = Promise.allSettled(calls)
    const took = await timed(() => codex.close())
    assert.equal(isAlive(pid), false)
    // 2.5 s to put things away, 1 s after SIGTERM, and some for each thread.
    assert.ok(took < BOUND_MS, `it took ${took} ms`)
    const answers = await settled
    const answered = answers.filter((answer) => answer.status === 'fulfilled')
    for (const { value } of answered) assert.equal(value.data.length, 3)
    assert.ok(answered.length >= 64, `${answered.length} answers: those on the wire are delivered`)
    for (const answer of answers) {
      if (answer.status === 'rejected') assert.ok(answer.reason instanceof ClosedError, answer.reason)
    }
    await Promise.all(runs)
  })
})

describe('programs and workers that end', { concurrency: 16 }, () => {
  for (const how of /** @type {const} */ (['terminate', 'exit', 'throw'])) {
    test(`C12: workers that end while they stream: ${how}`, async (t) => {
      const { env, log } = rigEnvironment(t, { on: { 'turn/start': [flood] } })
      await workersEnd(t, { env, codexPath: rigPath, addon, how, rounds: 2, workers: 3 }, log)
    })
  }

  test('C13: what a listener and a logger have to hear has come when close() resolves', async (t) => {
    const { env } = rigEnvironment(t)
    const host = startHost(
      t,
      `const records = []
       const logger = (record) => records.push(record)
       const codex = new Codex({ ...data.options, logLevel: 'trace', logger })
       const events = []
       codex.on('connection', (event) => events.push(event.type))
       await codex.connect()
       await codex.close()
       const heard = [events.join(), records.length]
       await new Promise((resolve) => setTimeout(resolve, 100))
       tell([heard, [events.join(), records.length]])`,
      { options: { codexPath: rigPath, env } },
    )
    const [atClose, later] = await host.told()
    assert.equal(atClose[0], 'connecting,connected,closed')
    assert.ok(atClose[1] > 0)
    assert.deepEqual(later, atClose)
  })

  test('C13: a program whose timers are replaced by those of a test', async (t) => {
    const { env } = rigEnvironment(t, { on: { 'turn/start': [short] } })
    const host = startHost(
      t,
      `globalThis.setImmediate = globalThis.setTimeout = globalThis.setInterval = () => {}
       const codex = new Codex(data.options)
       const turn = await (await codex.startThread()).turn('go')
       let count = 0
       for await (const event of turn.stream({ coalesce: false })) {
         if (event.method === 'item/agentMessage/delta') count++
         for (const until = performance.now() + 0.5; performance.now() < until; );
       }
       await codex.close()
       tell(count)`,
      { options: { codexPath: rigPath, env } },
    )
    assert.equal(await host.told(), 100)
    assert.deepEqual(await host.exited, { code: 0, signal: null, stderr: '' })
  })

  test('C12: a worker that ends with an idle client, an open reader, a logger and calls in flight', async (t) => {
    const { env, log } = rigEnvironment(t, { on: { 'x/never': [['never']] } })
    const host = startHost(
      t,
      `import { Worker } from 'node:worker_threads'
       import { once } from 'node:events'
       const code = \`
         const { workerData, parentPort } = require('node:worker_threads')
         const { Codex } = require(workerData.addon)
         const { codexPath, env } = workerData
         const codex = new Codex({ codexPath, env, logLevel: 'trace', logger() {} })
         codex.notifications().next()
         codex.startThread().then(async (thread) => {
           await thread.run('go')
           for (let n = 0; n < 100; n++) codex.request('x/never', {}).catch(() => {})
           parentPort.postMessage(codex.pid)
         })\`
       const worker = new Worker(code, { eval: true, execArgv: [], workerData: data })
       const [pid] = await once(worker, 'message')
       await worker.terminate()
       tell(pid)`,
      { env, codexPath: rigPath, addon },
    )
    const pid = await host.told()
    const { code, signal, stderr } = await host.exited
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
    await gone(pid)
    assert.equal(log.entries().filter((entry) => entry.run !== undefined).length, 1)
  })

  test('C12: a worker that is done ends by itself, and its server with it', async (t) => {
    const { env } = rigEnvironment(t)
    const host = startHost(
      t,
      `import { Worker } from 'node:worker_threads'
       import { once } from 'node:events'
       const code = \`
         const { workerData, parentPort } = require('node:worker_threads')
         const { Codex } = require(workerData.addon)
         const codex = new Codex({ codexPath: workerData.codexPath, env: workerData.env })
         codex.run('go').then(() => parentPort.postMessage(codex.pid))\`
       const worker = new Worker(code, { eval: true, execArgv: [], workerData: data })
       const exited = once(worker, 'exit')
       const [pid] = await once(worker, 'message')
       tell([pid, ...(await exited)])
       process.channel.ref() // The program goes on.`,
      { env, codexPath: rigPath, addon },
    )
    const [pid, code] = await host.told()
    assert.equal(code, 0)
    await gone(pid)
    assert.equal(host.child.exitCode, null)
  })

  test('C12: stubborn servers of workers that were terminated', async (t) => {
    const { env, log } = rigEnvironment(t, { ...stubborn, on: { 'turn/start': [endless] } })
    await workersEnd(t, { env, codexPath: rigPath, addon, how: 'terminate', rounds: 1, workers: 2 }, log)
  })

  test('C12: a program that ends straight after its workers leaves no server of theirs', async (t) => {
    const { env, log } = rigEnvironment(t, { ...stubborn, on: { 'turn/start': [endless] } })
    const data = { env, codexPath: rigPath, addon, how: 'terminate', rounds: 1, workers: 2 }
    const { code, signal, stderr } = await startHost(t, workerProgram, data).exited
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
    assert.equal(servers(log).length, 3)
    await Promise.all(servers(log).map((pid) => gone(pid, 1_000)))
  })

  const opened = `
    const codex = new Codex(data.options)
    const thread = await codex.startThread()`
  for (const [name, script, program, expected] of /** @type {const} */ ([
    ['ends with an idle client', {}, `${opened}; await thread.run('go'); tell(codex.pid)`, { code: 0 }],
    [
      'ends with a turn that nobody waits for',
      { on: { 'turn/start': [endless] } },
      `${opened}; await thread.turn('go'); tell(codex.pid)`,
      { code: 0 },
    ],
    [
      'sets process.exitCode',
      {},
      `${opened}; await codex.connect(); process.exitCode = 7; tell(codex.pid)`,
      { code: 7 },
    ],
    [
      'calls process.exit() in a turn',
      { on: { 'turn/start': [endless] } },
      `${opened}; const turn = await thread.turn('go'); turn.run()
       process.send(codex.pid, () => process.exit(3))`,
      { code: 3 },
    ],
    [
      'calls process.exit() in a flood',
      { on: { 'turn/start': [flood] } },
      `${opened}; let seen = 0
       for await (const event of await thread.turn('go')) {
         if (++seen === 50) process.send(codex.pid, () => process.exit(3))
       }`,
      { code: 3 },
    ],
    [
      'calls process.exit() during the handshake',
      { on: { initialize: [['never']] } },
      `const codex = new Codex(data.options); codex.connect()
       const timer = setInterval(() => {
         if (codex.pid === null) return
         clearInterval(timer)
         process.send(codex.pid, () => process.exit(3))
       }, 5)`,
      { code: 3 },
    ],
    [
      'throws',
      { on: { 'turn/start': [endless] } },
      `${opened}; const turn = await thread.turn('go'); turn.run()
       process.send(codex.pid, () => { throw new Error('out of luck') })`,
      { code: 1, stderr: /out of luck/ },
    ],
    [
      'ends by a rejection that nobody handles',
      { on: { 'turn/start': [['turnBegin', { play: 'turnFailed', with: { message: 'no luck' } }]] } },
      `${opened}; process.send(codex.pid, () => { thread.run('go') })`,
      { code: 1, stderr: /TurnFailedError: no luck/ },
    ],
  ])) {
    for (const kind of /** @type {const} */ (['polite', 'stubborn'])) {
      test(`C13: a program that ${name}, with a ${kind} server`, async (t) => {
        const { env } = rigEnvironment(t, { ...script, ...(kind === 'stubborn' ? stubborn : {}) })
        const host = startHost(t, program, { options: { codexPath: rigPath, env } })
        const pid = await host.told()
        const { code, signal, stderr } = await host.exited
        assert.deepEqual({ code, signal }, { code: expected.code, signal: null }, stderr)
        if ('stderr' in expected) assert.match(stderr, expected.stderr)
        else assert.equal(stderr, '')
        await gone(pid, 1_000)
      })
    }
  }

  test('C13: a program that makes a client and does nothing with it', async (t) => {
    const host = startHost(t, 'new Codex({ logger() {} })', {})
    assert.deepEqual(await host.exited, { code: 0, signal: null, stderr: '' })
  })

  test('C13: a client that nobody holds any more ends its server', async (t) => {
    const { env, log } = rigEnvironment(t)
    // With --expose-gc in its options the program can collect what it has dropped.
    const host = startHost(
      t,
      `import { setFlagsFromString } from 'node:v8'
       import { runInNewContext } from 'node:vm'
       setFlagsFromString('--expose-gc')
       const gc = runInNewContext('gc')
       await (async () => {
         const codex = new Codex(data.options)
         await codex.run('go')
       })()
       process.channel.ref()
       setInterval(gc, 50)`,
      { options: { codexPath: rigPath, env } },
    )
    const { pid } = await log.find((entry) => entry.run !== undefined)
    await gone(pid, 15_000)
    assert.equal(host.child.exitCode, null, 'the program itself goes on')
  })

  test('C13: real: a program that ends without close()', async (t) => {
    const { home } = await withoutClient(t)
    const host = startHost(
      t,
      `const codex = new Codex(data.options)
       const thread = await codex.startThread()
       await thread.run('go')
       tell(codex.pid)`,
      { options: { env: home.env } },
    )
    const pid = await host.told()
    assert.deepEqual(await host.exited, { code: 0, signal: null, stderr: '' })
    await gone(pid)
  })
})

/** Workers that stream while the main thread uses a client of its own, and end in the way that was asked for. */
const workerProgram = `
  import { once } from 'node:events'
  import { Worker } from 'node:worker_threads'
  const code = \`
    const { workerData, parentPort } = require('node:worker_threads')
    const { Codex } = require(workerData.addon)
    const { codexPath, env, how } = workerData
    async function work() {
      const codex = new Codex({ codexPath, env, logLevel: 'debug', logger() {} })
      const thread = await codex.startThread()
      const turn = await thread.turn('go')
      turn.run().catch(() => {})
      const text = turn.text()
      text.next()
      let told = false
      for await (const event of turn.stream({ coalesce: false })) {
        if (event.method !== 'item/agentMessage/delta') continue
        if (how === 'exit') process.exit(0)
        if (how === 'throw') setImmediate(() => { throw new Error('out of luck') })
        if (!told) parentPort.postMessage('streaming')
        told = true
      }
    }
    work()\`
  const codex = new Codex({ codexPath: data.codexPath, env: data.env })
  const thread = await codex.startThread()
  for (let round = 0; round < data.rounds; round++) {
    await Promise.all(Array.from({ length: data.workers }, async () => {
      const worker = new Worker(code, { eval: true, execArgv: [], workerData: data })
      const exited = new Promise((resolve) => worker.on('exit', resolve))
      const failed = new Promise((resolve) => worker.on('error', resolve))
      if (data.how === 'terminate') {
        await once(worker, 'message')
        await worker.terminate()
      } else if (data.how === 'throw') {
        if ((await failed).message !== 'out of luck') throw await failed
      }
      await exited
    }))
    // The main thread goes on.
    await thread.read()
  }`

/**
 * Lets workers end while their program goes on: their servers end with them, that of the program stays.
 *
 * @param {import('node:test').TestContext} t
 * @param {{ rounds: number, workers: number, [name: string]: unknown }} data
 * @param {import('../support/rig.mjs').RigLog} log
 */
async function workersEnd(t, data, log) {
  const goOn = `
    tell(codex.pid)
    process.channel.ref()
    await once(process, 'message')
    process.channel.unref()
    await thread.read()`
  const host = startHost(t, workerProgram + goOn, data)
  const own = await host.told()
  const others = servers(log).filter((pid) => pid !== own)
  assert.equal(others.length, data.rounds * data.workers)
  await Promise.all(others.map((pid) => gone(pid, 15_000)))
  host.child.send('end')
  const { code, signal, stderr } = await host.exited
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  await gone(own, 1_000)
}

/**
 * Configuration with an MCP server that writes its process id to a file.
 *
 * @param {string} file
 */
function mcp(file) {
  const probe = { command: process.execPath, args: [join(support, 'mcp-server.mjs'), file] }
  return { mcp_servers: { probe } }
}

/**
 * A command that writes its process id and stays.
 *
 * @param {string} folder
 */
function shell(folder) {
  return `echo $$ > '${folder}/shell.pid'; exec sleep 600`
}

/**
 * The process ids of the MCP server and the shell, once both run.
 *
 * @param {string} folder
 */
async function childrenOfCodex(folder) {
  const [server, shell] = await Promise.all([
    appears(join(folder, 'mcp.json')),
    appears(join(folder, 'shell.pid')),
  ])
  return [JSON.parse(server).pid, Number(shell)]
}

/**
 * A home and a provider for a codex that another process starts.
 *
 * @param {import('node:test').TestContext} t
 */
async function withoutClient(t) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  return { provider, home }
}
