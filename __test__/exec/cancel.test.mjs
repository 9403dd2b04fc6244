// `codex-node/exec`, rows C1, C3, C4 and C5 of the failure cases: signals, and events that are not read to their end.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Codex } from '../../exec/index.mjs'
import { AbortError, CodexError } from '../../index.mjs'
import { command, hang, say } from '../../testing/index.mjs'
import { appears } from '../support/files.mjs'
import { startHost } from '../support/host.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigPath } from '../support/rig.mjs'
import { below, endless, pids, says, scriptedExec, stubborn } from '../support/scripted-exec.mjs'

/** The bound of C3 and C4. */
const BOUND_MS = 5_000
/** Less than codex has where the end of its input is what ends it. */
const GRACE_MS = 1_500
const entry = new URL('../../exec/index.mjs', import.meta.url).href
const mcpServer = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url))

/**
 * A turn whose first item was said.
 *
 * @param {import('../../exec/index.js').Thread} thread
 * @param {AbortSignal} [signal]
 */
async function begin(thread, signal) {
  const { events, result } = await thread.runStreamed('Hi', signal && { signal })
  for (let event = await events.next(); event.value?.type !== 'item.completed'; event = await events.next()) {
    assert.equal(event.done, false)
  }
  return { events, result }
}

/** @param {() => Promise<unknown>} work */
async function bounded(work) {
  const started = performance.now()
  await work()
  const took = performance.now() - started
  assert.ok(took < BOUND_MS, `it took ${took} ms`)
}

describe('leaving codex exec', { concurrency: 3, timeout: 120_000 }, () => {
  describe('aborting a turn of codex exec', { concurrency: 4, timeout: 60_000 }, () => {
    const reason = new Error('I changed my mind')

    test('C1: a signal that is already aborted: it rejects, nothing is started', async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      const signal = AbortSignal.abort(reason)
      const thread = codex.startThread()
      const error = await rejection(thread.run('Hi', { signal }), AbortError)
      assert.equal(error.name, 'AbortError')
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, reason)
      const { events, result } = await thread.runStreamed('Hi', { signal })
      assert.equal((await rejection(events.next(), AbortError)).cause, reason)
      assert.deepEqual(await events.next(), { value: undefined, done: true })
      assert.equal((await rejection(result(), AbortError)).cause, reason)
      assert.deepEqual(starts(), [])
      assert.equal((await thread.run('Hi')).finalResponse, 'Done.')
    })

    test('C1: aborted between runStreamed() and the first event', async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      const controller = new AbortController()
      const { events } = await codex.startThread().runStreamed('Hi', { signal: controller.signal })
      controller.abort(reason)
      assert.equal((await rejection(collect(events), AbortError)).cause, reason)
      assert.deepEqual(starts(), [])
    })

    test('a run() that is aborted rejects with the reason and what had come of it', async (t) => {
      const { codex, log } = scriptedExec(t, endless)
      const controller = new AbortController()
      const running = codex.startThread().run('Hi', { signal: controller.signal })
      await log.find((entry) => entry.eof)
      controller.abort(reason)
      const error = await rejection(running, AbortError)
      assert.equal(error.cause, reason)
      assert.ok(Array.isArray(/** @type {any} */ (error).result.items))
    })

    for (const [name, script] of /** @type {const} */ ([
      ['that goes at SIGTERM', { onEof: [...below, ...endless] }],
      ['that ignores SIGTERM', stubborn],
    ])) {
      test(`C3, C4: abort ends a codex ${name}, and all below it, within the bound`, async (t) => {
        const { codex, log } = scriptedExec(t, script)
        const controller = new AbortController()
        const { events } = await begin(codex.startThread(), controller.signal)
        const all = pids(log)
        assert.deepEqual(all.filter(isAlive), all)
        assert.equal(all.length, 1 + below.length)
        await bounded(async () => {
          controller.abort(reason)
          const error = await rejection(events.next(), AbortError)
          assert.equal(error.cause, reason)
          const { items, finalResponse } = /** @type {any} */ (error).result
          assert.deepEqual([items.length, finalResponse], [1, 'so far'])
        })
        assert.deepEqual(all.filter(isAlive), [], 'it rejects when all are gone')
      })

      test(`C4, C5: break ends a codex ${name}, and all below it, within the bound`, async (t) => {
        const { codex, log } = scriptedExec(t, script)
        const { events } = await begin(codex.startThread())
        const all = pids(log)
        await bounded(async () => {
          await events.return(undefined)
        })
        assert.equal(all.length, 1 + below.length)
        assert.deepEqual(all.filter(isAlive), [])
      })
    }

    test('C4: an abort of a codex that goes at SIGTERM waits for no grace', async (t) => {
      /** @type {number[]} */
      const took = []
      // What waits for a grace does so each time; what else takes long does not.
      while (took.length < 3 && !took.some((ms) => ms < GRACE_MS)) {
        const { codex } = scriptedExec(t, { onEof: endless })
        const controller = new AbortController()
        const { events } = await begin(codex.startThread(), controller.signal)
        const started = performance.now()
        controller.abort(reason)
        await rejection(events.next(), AbortError)
        took.push(performance.now() - started)
      }
      assert.ok(Number(took.at(-1)) < GRACE_MS, `it took ${took} ms`)
    })

    test('C4: what shares the session of a codex does not outlive its exit', async (t) => {
      const { codex, log } = scriptedExec(t, [...below.slice(0, 2), ...says.turn()])
      await codex.startThread().run('Hi')
      // The result does not wait long for the exit.
      await Promise.all(pids(log).map((pid) => gone(pid)))
    })

    test('a run() that waits for its turn is aborted at once, and never starts', async (t) => {
      const { codex, starts, log } = scriptedExec(t, endless)
      const controllers = [new AbortController(), new AbortController()]
      const thread = codex.startThread()
      const [first, second] = controllers.map(({ signal }) => thread.run('Hi', { signal }))
      await log.find((entry) => entry.run !== undefined)
      controllers[1]?.abort(reason)
      assert.equal((await rejection(second ?? Promise.resolve(), AbortError)).cause, reason)
      assert.equal(isAlive(starts()[0].pid), true)
      controllers[0]?.abort()
      await rejection(first ?? Promise.resolve(), AbortError)
      assert.equal(starts().length, 1)
    })

    test('after an abort the thread goes on, and says nothing of the tokens of the turn', async (t) => {
      const { codex, starts } = scriptedExec(t, [{ onEof: endless }, { onEof: says.turn() }])
      const controller = new AbortController()
      const thread = codex.startThread()
      const { events } = await begin(thread, controller.signal)
      controller.abort()
      await rejection(collect(events), AbortError)
      const { turnUsage } = await thread.run('Hi')
      assert.equal(turnUsage, null)
      assert.deepEqual(starts()[1].argv.slice(2), ['resume', 'thread-1'])
    })

    test('an abort after the end changes nothing', async (t) => {
      const { codex } = scriptedExec(t, says.turn())
      const controller = new AbortController()
      const { events, result } = await codex.startThread().runStreamed('Hi', { signal: controller.signal })
      await collect(events)
      controller.abort()
      assert.equal((await result()).finalResponse, 'Done.')
    })

    test('signals keep no listener of a turn that is over', async (t) => {
      const { codex } = scriptedExec(t, [
        { onEof: says.turn() },
        { onEof: says.turn() },
        { onEof: [...says.begin(), says.turnFailed('no')] },
        { onEof: endless },
      ])
      const { signal } = new AbortController()
      let listeners = 0
      const { addEventListener, removeEventListener } = signal
      signal.addEventListener = function (/** @type {any[]} */ ...args) {
        listeners += 1
        return Reflect.apply(addEventListener, this, args)
      }
      signal.removeEventListener = function (/** @type {any[]} */ ...args) {
        listeners -= 1
        return Reflect.apply(removeEventListener, this, args)
      }
      await codex.startThread().run('Hi', { signal })
      await collect((await codex.startThread().runStreamed('Hi', { signal })).events)
      await rejection(collect((await codex.startThread().runStreamed('Hi', { signal })).events), CodexError)
      const { events } = await begin(codex.startThread(), signal)
      await events.return(undefined)
      assert.equal(listeners, 0)
    })

    test('a turn of the real codex is ended with its command and its MCP server', {
      skip: process.platform === 'win32',
    }, async (t) => {
      const { provider, env, home, inWorkspace } = await realExec(t)
      const [server, file] = [join(home.workspace, 'server'), join(home.workspace, 'command')]
      const probe = { command: process.execPath, args: [mcpServer, server] }
      const codex = new Codex({ env, config: { mcp_servers: { probe } } })
      provider.enqueue(command(`sleep 600 & echo $! > '${file}'; wait`))
      const controller = new AbortController()
      const running = codex.startThread(inWorkspace).run('Hi', { signal: controller.signal })
      const { pid, ppid } = JSON.parse(await appears(server))
      const all = [ppid, pid, Number(await appears(file))]
      assert.deepEqual(all.filter(isAlive), all)
      await bounded(async () => {
        controller.abort(reason)
        const error = await rejection(running, AbortError)
        assert.equal(error.cause, reason)
      })
      assert.deepEqual(all.filter(isAlive), [])
      provider.enqueue('Later.')
      assert.equal((await codex.startThread(inWorkspace).run('Hi')).finalResponse, 'Later.')
    })

    test('a turn of the real codex that waits for the model is ended', async (t) => {
      const { provider, codex, inWorkspace } = await realExec(t)
      provider.enqueue(hang(say('part')), 'Again.')
      const thread = codex.startThread(inWorkspace)
      const { events } = await begin(thread)
      await bounded(async () => {
        await events.return(undefined)
      })
      assert.equal((await thread.run('Again')).finalResponse, 'Again.')
      assert.deepEqual(provider.requests.at(-1)?.userMessages, ['Hi', 'Again'])
    })
  })

  describe('events and result of codex exec', { concurrency: 4, timeout: 60_000 }, () => {
    const unread = {
      name: 'CodexError',
      code: 'EVENTS_NOT_READ',
      message: /`events` has been read to its end/,
    }

    test('the result is there once the events are fully read, and as often as asked for', async (t) => {
      const { codex } = scriptedExec(t, says.turn())
      const { events, result } = await codex.startThread().runStreamed('Hi')
      await assert.rejects(result(), unread)
      await events.next()
      await assert.rejects(result(), unread)
      await collect(events)
      assert.equal((await result()).finalResponse, 'Done.')
      assert.deepEqual(await result(), await result())
    })

    test('C5: after an early break the result rejects, and a later abort throws nowhere', async (t) => {
      const { env, log } = scriptedExec(t, endless)
      const host = startHost(
        t,
        `const { Codex: Exec } = await import(data.entry)
       process.on('uncaughtException', (error) => tell({ uncaught: String(error) }))
       process.on('unhandledRejection', (error) => tell({ unhandled: String(error) }))
       const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env })
       const controller = new AbortController()
       const { events, result } = await codex.startThread().runStreamed('Hi', { signal: controller.signal })
       for await (const event of events) break
       tell('left')
       controller.abort()
       await result().catch(({ code }) => tell(code))
       await new Promise((resolve) => setImmediate(resolve))
       tell('lives')`,
        { entry, rigPath, env },
      )
      assert.equal(await host.told(), 'left')
      assert.deepEqual(pids(log).filter(isAlive), [], 'break ends the turn')
      assert.deepEqual([await host.told(), await host.told()], ['EVENTS_NOT_READ', 'lives'])
      assert.equal((await host.exited).code, 0)
    })

    test('events that were left before the first start nothing', async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      const { events, result } = await codex.startThread().runStreamed('Hi')
      assert.deepEqual(await events.return('value'), { value: 'value', done: true })
      assert.deepEqual(await events.next(), { value: undefined, done: true })
      await assert.rejects(result(), unread)
      assert.deepEqual(starts(), [])
    })

    test('leaving settles a next() that waits', async (t) => {
      const { codex } = scriptedExec(t, endless)
      const { events } = await begin(codex.startThread())
      const waiting = events.next()
      await events.return(undefined)
      assert.deepEqual(await waiting, { value: undefined, done: true })
    })

    test('throw() leaves as well', async (t) => {
      const { codex, log } = scriptedExec(t, endless)
      const { events } = await begin(codex.startThread())
      const error = new Error('mine')
      assert.equal(await rejection(events.throw(error), Error), error)
      assert.deepEqual(pids(log).filter(isAlive), [])
      assert.deepEqual(await events.next(), { value: undefined, done: true })
    })

    test('an error in the loop leaves, and passes', async (t) => {
      const { codex, log } = scriptedExec(t, endless)
      const { events } = await codex.startThread().runStreamed('Hi')
      const error = new Error('mine')
      const reading = (async () => {
        for await (const _ of events) throw error
      })()
      assert.equal(await rejection(reading, Error), error)
      assert.deepEqual(pids(log).filter(isAlive), [])
    })

    test('several next() at once get the events in order', async (t) => {
      const { codex } = scriptedExec(t, says.turn())
      const { events } = await codex.startThread().runStreamed('Hi')
      const all = await Promise.all(Array.from({ length: 6 }, () => events.next()))
      assert.deepEqual(
        all.map(({ value }) => value?.type),
        ['thread.started', 'turn.started', 'item.completed', 'turn.completed', undefined, undefined],
      )
    })

    test('it is what an async generator is', async (t) => {
      const { codex, log } = scriptedExec(t, endless)
      const { events } = await begin(codex.startThread())
      assert.equal(events[Symbol.asyncIterator](), events)
      assert.equal(Object.prototype.toString.call(events), '[object AsyncGenerator]')
      await events[Symbol.asyncDispose]()
      assert.deepEqual(pids(log).filter(isAlive), [])
    })

    test('a turn that is left frees its place in the queue of the thread', async (t) => {
      const { codex } = scriptedExec(t, [{ onEof: endless }, { onEof: says.turn('Two.') }])
      const thread = codex.startThread()
      const { events } = await begin(thread)
      const second = thread.run('two')
      await events.return(undefined)
      assert.equal((await second).finalResponse, 'Two.')
    })
  })
})
