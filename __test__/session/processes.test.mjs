// Rows C3, C4 and C8 to C13 of the failure cases: whatever ends, and however, no process stays. What programs and workers leave is in
// programs.test.mjs.

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
import { command, hang, say } from '../../testing/index.mjs'
import { watchConnection } from '../support/connection.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { endless, servers, stubborn, withoutClient } from '../support/servers.mjs'

const support = fileURLToPath(new URL('../support', import.meta.url))

/** The bound of C3, C4 and C10. */
const BOUND_MS = 5_000
const grandchildren = [
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: false, holdStdout: true } },
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: true, holdStdout: true } },
]

/** @param {import('../support/rig.mjs').RigLog} log @returns {number[]} */
const spawned = (log) => log.entries().flatMap((entry) => entry.spawned ?? [])

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
