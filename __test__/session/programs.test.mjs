// Rows C12 and C13 of the failure cases: programs and workers that end, and what they leave.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startHost } from '../support/host.mjs'
import { gone } from '../support/processes.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'
import { endless, servers, stubborn, withoutClient } from '../support/servers.mjs'

const addon = fileURLToPath(new URL('../../index.js', import.meta.url))

/** A turn that talks a little. */
const short = ['turnBegin', 'messageStarted', { flood: { count: 100, bytes: 16 } }, 'turnEnd']

/** A turn that never stops talking. */
const flood = ['turnBegin', 'messageStarted', { flood: { count: 100_000_000, bytes: 300, perSecond: 5_000 } }]

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
