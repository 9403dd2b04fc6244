// `codex-node/exec`: what keeps Node alive, and what becomes of a codex whose host ends.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command } from '../../testing/index.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { gone, isAlive, kill } from '../support/processes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigPath } from '../support/rig.mjs'
import {
  atGate,
  below,
  endless,
  forever,
  pids,
  says,
  scriptedExec,
  stubborn,
} from '../support/scripted-exec.mjs'

/** The bound of C10 and C12. */
const BOUND_MS = 5_000
const entry = new URL('../../exec/index.mjs', import.meta.url).href
const mcpServer = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url))

describe('what keeps Node alive', { concurrency: 3, timeout: 60_000 }, () => {
  /**
   * A program of its own with `codex` and `thread`.
   *
   * @param {import('node:test').TestContext} t
   * @param {string} program
   * @param {import('../support/scripted-exec.mjs').Script} script
   */
  function program(t, program, script) {
    const { env, log, open } = scriptedExec(t, script)
    const prepared = `const { Codex: Exec } = await import(data.entry)
    const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env })
    const thread = codex.startThread()
    ${program}`
    return { ...startHost(t, prepared, { entry, rigPath, env }), log, open }
  }

  for (const [name, waits] of [
    ['run()', "thread.run('Hi').then(({ finalResponse }) => tell(finalResponse))"],
    [
      'next()',
      `const { events, result } = await thread.runStreamed('Hi')
     const read = () => events.next().then(({ done }) => done ? result().then(({ finalResponse }) => tell(finalResponse)) : read())
     read()`,
    ],
    [
      'run() in the queue',
      "thread.run('one'); thread.run('two').then(({ finalResponse }) => tell(finalResponse))",
    ],
  ]) {
    test(`a pending ${name} does`, async (t) => {
      const script = [...says.begin(), atGate, says.message('Done.'), says.turnCompleted()]
      const { told, exited, log, open } = program(t, `${waits}; tell('waiting')`, script)
      assert.equal(await told(), 'waiting')
      await log.find((entry) => entry.eof)
      open()
      assert.equal(await told(), 'Done.')
      assert.deepEqual(await exited, { code: 0, signal: null, stderr: '' })
    })
  }

  /** @type {[string, string, import('../support/scripted-exec.mjs').Script?][]} */
  const idle = [
    ['a client and a thread', ''],
    ['a thread after its turn', "await thread.run('Hi')"],
    ['a thread whose codex lingers', "await thread.run('Hi')", [...says.turn(), forever]],
    ['events that nobody asked for', "globalThis.kept = await thread.runStreamed('Hi')"],
    ['events that were read', "for await (const _ of (await thread.runStreamed('Hi')).events);"],
    ['events that were left', "for await (const _ of (await thread.runStreamed('Hi')).events) break"],
    [
      'events that are read no further',
      "globalThis.kept = await thread.runStreamed('Hi'); await kept.events.next()",
      endless,
    ],
  ]
  for (const [name, code, script = says.turn()] of idle) {
    test(`${name}: does not, and no codex survives`, async (t) => {
      const { told, exited, log } = program(t, `${code}; tell('end')`, script)
      assert.equal(await told(), 'end')
      assert.deepEqual(await exited, { code: 0, signal: null, stderr: '' })
      await Promise.all(pids(log).map((pid) => gone(pid, BOUND_MS)))
    })
  }

  for (const signal of /** @type {const} */ (['SIGKILL', 'SIGINT'])) {
    test(`C10: nothing survives a host that ${signal} ends in the middle of a turn`, {
      skip: process.platform === 'win32',
    }, async (t) => {
      const { provider, env, home, inWorkspace } = await realExec(t)
      const [server, file] = [join(home.workspace, 'server'), join(home.workspace, 'command')]
      provider.enqueue(command(`sleep 600 & echo $! > '${file}'; wait`))
      const { child, exited, told } = startHost(
        t,
        `const { Codex: Exec } = await import(data.entry)
         const codex = new Exec({ env: data.env, config: { mcp_servers: { probe: data.probe } } })
         const { events } = await codex.startThread(data.inWorkspace).runStreamed('Hi')
         for await (const { type } of events) if (type === 'item.started') tell(type)`,
        { entry, env, inWorkspace, probe: { command: process.execPath, args: [mcpServer, server] } },
      )
      const { pid, ppid } = JSON.parse(await appears(server))
      const all = [ppid, pid, Number(await appears(file))]
      assert.deepEqual(all.filter(isAlive), all)
      // From now on codex has nothing to say, so it can't notice by that.
      assert.equal(await told(), 'item.started')
      child.kill(signal)
      assert.equal((await exited).signal, signal)
      await Promise.all(all.map((pid) => gone(pid, BOUND_MS)))
    })
  }

  test('C10: a codex that ignores everything does not survive its host either', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const { told, exited, log, child } = program(
      t,
      `const { events } = await thread.runStreamed('Hi')
       await events.next()
       tell('begun')
       await events.next().then(() => events.next()).then(() => events.next())`,
      stubborn,
    )
    assert.equal(await told(), 'begun')
    child.kill('SIGKILL')
    await exited
    // Of those below, who left the session and its group is out of reach: nobody is left to look for it.
    const [codex = 0, ...rest] = pids(log)
    await Promise.all([codex, rest[0] ?? 0].map((pid) => gone(pid, BOUND_MS)))
    for (const pid of rest) kill(pid)
  })

  test('C12: a worker that ends takes its turns along', async (t) => {
    const { told, exited, log, child } = program(
      t,
      `const { Worker } = await import('node:worker_threads')
     const worker = new Worker(
       \`const { workerData, parentPort } = require('node:worker_threads')
        import(workerData.entry).then(async ({ Codex }) => {
          const codex = new Codex({ codexPathOverride: workerData.rigPath, env: workerData.env })
          codex.startThread().run('Hi').catch(() => {})
          const { events } = await codex.startThread().runStreamed('Hi')
          await events.next()
          events.next().catch(() => {})
          parentPort.postMessage('begun')
        })\`,
       { eval: true, execArgv: [], workerData: data },
     )
     worker.on('message', tell)
     process.once('message', async () => {
       await worker.terminate()
       tell('terminated')
     })
     setInterval(() => {}, 1000)`,
      [...below, ...endless],
    )
    assert.equal(await told(), 'begun')
    // The codex of run() as well: one that is about to start a process could not be told of it.
    await log.find(() => pids(log).length === 2 * (1 + below.length))
    child.send('end the worker')
    assert.equal(await told(), 'terminated')
    await Promise.all(pids(log).map((pid) => gone(pid, BOUND_MS)))
    assert.equal(child.exitCode, null, 'the host lives')
    child.kill('SIGKILL')
    await exited
  })

  test('a reader that was collected ends its turn; a run() goes on without its thread', async (t) => {
    const { told, log, open, exited } = program(
      t,
      `const { setFlagsFromString } = await import('node:v8')
     const { runInNewContext } = await import('node:vm')
     setFlagsFromString('--expose-gc')
     const gc = runInNewContext('gc')
     const running = codex.startThread().run('Hi')
     await (async () => {
       const { events } = await codex.startThread().runStreamed('Hi')
       await events.next()
     })()
     const timer = setInterval(gc, 10)
     tell('begun')
     tell((await running).finalResponse)
     clearInterval(timer)`,
      [...says.begin(), atGate, says.message('Done.'), says.turnCompleted()],
    )
    assert.equal(await told(), 'begun')
    await log.find((entry) => entry.signal === 'SIGTERM')
    open()
    assert.equal(await told(), 'Done.')
    assert.equal((await exited).code, 0)
  })
})
