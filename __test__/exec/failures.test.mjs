// `codex-node/exec`, rows E1 to E5, C1, C3, C4, C5 and C8 of the failure cases, on a scripted `codex exec`.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortError, ServerExitedError } from '../../index.mjs'
import { startHost } from '../support/host.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive, kill } from '../support/processes.mjs'
import { rigPath } from '../support/rig.mjs'
import { forever, line, says, scriptedExec, usage } from '../support/scripted-exec.mjs'

/** @typedef {import('../../exec/index.js').ThreadEvent} ThreadEvent */

/** The bound of C3 and C4. */
const BOUND_MS = 5_000
const entry = new URL('../../exec/index.mjs', import.meta.url).href

/** A turn that runs until it is ended. */
const endless = [...says.begin(), says.message('so far'), forever]
/** Processes below: one like a command, one like an MCP server, one that left the session. */
const grandchildren = [
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], holdStdout: true } },
  { spawn: { argv: ['$exe', '--sleep-ms', '600000'], ownGroup: true, holdStdout: true } },
  ...(process.platform === 'linux'
    ? [{ spawn: { argv: ['setsid', '$exe', '--sleep-ms', '600000'], holdStdout: true } }]
    : []),
]

/** @param {import('../support/rig.mjs').RigLog} log @returns {number[]} all that was started, codex first */
const pids = (log) =>
  log.entries().flatMap((entry) => (entry.run === undefined ? (entry.spawned ?? []) : entry.pid))

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
 * Reads until the iteration ends, and tells how.
 *
 * @param {AsyncIterable<ThreadEvent>} events
 */
async function drain(events) {
  /** @type {ThreadEvent[]} */
  const seen = []
  try {
    for await (const event of events) seen.push(event)
    return { seen }
  } catch (error) {
    return { seen, error }
  }
}

describe('failures of codex exec', { concurrency: 4, timeout: 120_000 }, () => {
  describe('E1: a stream that ends too early', { concurrency: 4, timeout: 60_000 }, () => {
    /** @type {[string, import('../support/scripted-exec.mjs').Action[]][]} */
    const truncated = [
      ['nothing at all', []],
      ['no turn.completed', [...says.begin(), says.message('Half of it')]],
      ['half of turn.completed', [...says.begin(), { raw: '{"type":"turn.comp' }]],
      ['turn.completed in an item', [...says.begin(), says.item({ id: 'i', type: 'turn.completed' })]],
    ]
    for (const [name, script] of truncated) {
      test(`E1: exit 0 after ${name} rejects`, async (t) => {
        const { codex } = scriptedExec(t, script)
        const error = await rejection(codex.startThread().run('Hi'), ServerExitedError)
        assert.equal(error.exitCode, 0)
        assert.match(error.message, /exited with code 0 before the turn was completed/)
        const { events, result } = await codex.startThread().runStreamed('Hi')
        const { seen, error: thrown } = await drain(events)
        assert.equal(
          seen.length,
          script.filter((action) => typeof action === 'object' && 'line' in action).length,
        )
        assert.ok(thrown instanceof ServerExitedError, String(thrown))
        assert.equal((await rejection(result(), ServerExitedError)).exitCode, 0)
      })
    }

    test('E1: stdout that ends while codex goes on rejects within the bound, and codex is ended', async (t) => {
      const { codex, log } = scriptedExec(t, [...says.begin(), 'closeStdout', forever])
      const took = await timed(() => rejection(codex.startThread().run('Hi'), ServerExitedError))
      assert.ok(took < BOUND_MS, `it took ${took} ms`)
      assert.equal(isAlive(pids(log)[0] ?? 0), false)
    })

    test('E1: another exit code, and a signal: the error tells them, and what stderr said', async (t) => {
      const { codex } = scriptedExec(t, [
        [...says.begin(), { stderr: 'Reading prompt from stdin...\nthis is why\n' }, { exit: 7 }],
        [...says.begin(), { kill: 'SIGKILL' }],
      ])
      const thread = codex.startThread()
      const exited = await rejection(thread.run('Hi'), ServerExitedError)
      assert.equal(exited.exitCode, 7)
      assert.equal(exited.message, 'Codex Exec exited with code 7: Reading prompt from stdin...\nthis is why')
      assert.equal(exited.stderr, 'Reading prompt from stdin...\nthis is why')
      if (process.platform === 'win32') return
      const killed = await rejection(thread.run('Hi'), ServerExitedError)
      assert.equal(killed.signal, 'SIGKILL')
      assert.match(killed.message, /^Codex Exec exited with signal SIGKILL: /)
    })

    test('a turn that was completed counts, whatever codex exits with', async (t) => {
      const { codex } = scriptedExec(t, [...says.turn('Fine.'), { stderr: 'oh\n' }, { exit: 1 }])
      assert.equal((await codex.startThread().run('Hi')).finalResponse, 'Fine.')
    })

    test('F8: a last line without its newline is read', async (t) => {
      const { codex } = scriptedExec(t, [
        ...says.begin(),
        { raw: JSON.stringify({ type: 'turn.completed', usage: usage() }) },
      ])
      assert.deepEqual((await codex.startThread().run('Hi')).usage, usage())
    })
  })

  describe('E2 and E4: what codex may print', { concurrency: 4, timeout: 60_000 }, () => {
    test('E2: lines that are no events are skipped', async (t) => {
      const { codex } = scriptedExec(t, [
        { raw: 'a banner\n\u001b[32mgreen\u001b[0m\n\n[1,2]\n"text"\nnull\n{"type":\n' },
        { rawBase64: Buffer.from([0xff, 0xfe, 0x0a]).toString('base64') },
        ...says.turn('Done.'),
      ])
      const { events, result } = await codex.startThread().runStreamed('Hi')
      assert.deepEqual(
        (await collect(events)).map((event) => event.type),
        ['thread.started', 'turn.started', 'item.completed', 'turn.completed'],
      )
      assert.equal((await result()).finalResponse, 'Done.')
    })

    for (const [name, given] of /** @type {const} */ ([
      ['null', null],
      ['missing', undefined],
    ])) {
      test(`E2: usage that is ${name}`, async (t) => {
        const { codex } = scriptedExec(t, [...says.begin(), line({ type: 'turn.completed', usage: given })])
        const result = await codex.startThread().run('Hi')
        assert.deepEqual([result.usage, result.turnUsage], [null, null])
      })
    }

    test('E2: usage of an older codex gets what it lacks, in the event and in the result', async (t) => {
      const { cache_write_input_tokens: _, ...older } = usage()
      const { codex } = scriptedExec(t, [...says.begin(), says.turnCompleted({ ...older, more: { of: {} } })])
      const { events, result } = await codex.startThread().runStreamed('Hi')
      const expected = { ...usage(), more: { of: {} } }
      assert.deepEqual((await collect(events)).at(-1), { type: 'turn.completed', usage: expected })
      assert.deepEqual((await result()).usage, expected)
    })

    test('E2: unknown events, items, fields and statuses pass as they are', async (t) => {
      const declined = { id: 'i', type: 'command_execution', status: 'declined', extra: [1] }
      const unknown = { id: 'j', type: 'hologram', depth: 3 }
      const event = { type: 'thread.dreamed', about: null }
      const { codex } = scriptedExec(t, [
        ...says.begin(),
        says.item(declined),
        line(event),
        says.item(unknown),
        says.item({ id: 'k', type: 'todo_list', items: [] }, 'item.updated'),
        says.turnCompleted(),
      ])
      const { events, result } = await codex.startThread().runStreamed('Hi')
      assert.deepEqual((await collect(events)).slice(2, 5), [
        { type: 'item.completed', item: declined },
        event,
        { type: 'item.completed', item: unknown },
      ])
      const { items, finalResponse } = await result()
      assert.deepEqual(items, [declined, unknown], 'completed ones alone')
      assert.equal(finalResponse, '')
    })

    test('E2: a key that is there twice: the last one counts, as in JSON.parse', async (t) => {
      const item = '{"id":"a","type":"agent_message","text":"first","text":"second","id":"b"}'
      const { codex } = scriptedExec(t, [
        ...says.begin(),
        { raw: `{"type":"x","type":"item.completed","item":${item}}\n` },
        says.turnCompleted(),
      ])
      const { items, finalResponse } = await codex.startThread().run('Hi')
      assert.deepEqual(items, [{ id: 'b', type: 'agent_message', text: 'second' }])
      assert.equal(finalResponse, 'second')
    })

    test('E4: "Reconnecting" is an event and no failure', async (t) => {
      const { codex } = scriptedExec(t, [
        ...says.begin(),
        says.error('Reconnecting... 1/5'),
        says.error('Reconnecting... 2/5'),
        says.message('Done.'),
        says.turnCompleted(),
      ])
      assert.equal((await codex.startThread().run('Hi')).finalResponse, 'Done.')
      const { events } = await codex.startThread().runStreamed('Hi')
      const errors = (await collect(events)).filter((event) => event.type === 'error')
      assert.deepEqual(
        errors.map((event) => event.message),
        ['Reconnecting... 1/5', 'Reconnecting... 2/5'],
      )
    })
  })

  describe('E3: what holds stdout', { concurrency: 4, timeout: 60_000 }, () => {
    test('E3: a grandchild that keeps stdout open after completion: run() returns at once', async (t) => {
      const { codex, log } = scriptedExec(t, [...grandchildren, ...says.turn('Done.')])
      const took = await timed(async () => {
        assert.equal((await codex.startThread().run('Hi')).finalResponse, 'Done.')
      })
      for (const pid of pids(log)) kill(pid)
      assert.ok(took < BOUND_MS, `it took ${took} ms`)
    })

    test('E1, E3: a grandchild that keeps stdout open after an early exit: it rejects', async (t) => {
      const { codex, log } = scriptedExec(t, [...grandchildren, ...says.begin()])
      const took = await timed(() => rejection(codex.startThread().run('Hi'), ServerExitedError))
      for (const pid of pids(log)) kill(pid)
      assert.ok(took < BOUND_MS, `it took ${took} ms`)
    })

    test('E3: a codex that lingers after the turn holds up the next turn of its thread alone, and not for long', async (t) => {
      const { codex, log, starts } = scriptedExec(t, [
        { onEof: [...says.turn('One.'), forever], onSigterm: 'ignore' },
        { onEof: says.turn('Two.') },
      ])
      const thread = codex.startThread()
      const took = await timed(() => thread.run('one'))
      assert.ok(took < BOUND_MS, `it took ${took} ms`)
      const [pid = 0] = pids(log)
      assert.equal(isAlive(pid), true)
      await codex.startThread().run('another thread')
      assert.equal(isAlive(pid), true)
      assert.equal((await thread.run('two')).finalResponse, 'Two.')
      assert.equal(isAlive(pid), false, 'both would have written the same thread')
      assert.equal(starts().length, 3)
    })
  })

  describe('E5: the file of an output schema', { concurrency: 4, timeout: 60_000 }, () => {
    const outputSchema = { type: 'object', properties: { ü: { type: 'string' } } }

    /** @param {any[]} argv */
    const fileOf = (argv) => String(argv[argv.indexOf('--output-schema') + 1])

    for (const [name, rest] of /** @type {[string, import('../support/scripted-exec.mjs').Action[]][]} */ ([
      ['success', [says.turnCompleted()]],
      ['failure', [says.turnFailed('no')]],
      ['an early exit', [{ exit: 1 }]],
    ])) {
      test(`E5: it is removed on ${name}`, async (t) => {
        const { codex, starts } = scriptedExec(t, [...says.begin(), ...rest])
        const running = codex.startThread().run('Hi', { outputSchema })
        await running.catch(() => {})
        assert.equal(existsSync(fileOf(starts()[0].argv)), false)
      })
    }

    /**
     * A turn that has begun and does not end by itself, and the file of its schema.
     *
     * @param {import('node:test').TestContext} t
     * @param {AbortSignal} [signal]
     */
    async function running(t, signal) {
      const { codex, starts } = scriptedExec(t, endless)
      const { events } = await codex
        .startThread()
        .runStreamed('Hi', { outputSchema, ...(signal && { signal }) })
      await events.next()
      const file = fileOf(starts()[0].argv)
      assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), outputSchema)
      return { events, file }
    }

    test('E5: it is there while codex runs, and removed on an abort', async (t) => {
      const controller = new AbortController()
      const { events, file } = await running(t, controller.signal)
      controller.abort()
      await rejection(collect(events), AbortError)
      assert.equal(existsSync(file), false)
    })

    test('E5: it is removed on an early break', async (t) => {
      const { events, file } = await running(t)
      for await (const _ of events) break
      assert.equal(existsSync(file), false)
    })

    test('E5: none is written for a turn that does not begin', async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      await rejection(
        codex.startThread().run('Hi', { outputSchema, signal: AbortSignal.abort() }),
        AbortError,
      )
      assert.deepEqual(starts(), [])
    })

    test('E5: it is removed when the host exits', async (t) => {
      const { env, log, folder } = scriptedExec(t, endless)
      const host = startHost(
        t,
        `const { Codex: Exec } = await import(data.entry)
       const { existsSync } = await import('node:fs')
       const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env })
       const { events } = await codex.startThread().runStreamed('Hi', { outputSchema: { type: 'object' } })
       await events.next()
       tell('begun')
       while (!existsSync(data.go)) await new Promise((resolve) => setTimeout(resolve, 5))
       process.exit(0)`,
        { entry, rigPath, env, go: join(folder, 'go') },
      )
      await host.told()
      const { argv, pid } = await log.find((entry) => entry.run !== undefined)
      assert.equal(existsSync(fileOf(argv)), true)
      writeFileSync(join(folder, 'go'), '')
      assert.equal((await host.exited).code, 0)
      assert.equal(existsSync(fileOf(argv)), false)
      await gone(pid, BOUND_MS)
    })
  })

  describe('C8: a codex that does not read its prompt', { concurrency: 4, timeout: 60_000 }, () => {
    const prompt = 'x'.repeat(8 << 20)

    test('C8: it exits before reading 8 MiB: one rejection with stderr, and the host lives', async (t) => {
      const { env } = scriptedExec(t, { start: [{ stderr: 'no thanks\n' }, { exit: 3 }] })
      const host = startHost(
        t,
        `const { Codex: Exec } = await import(data.entry)
       process.on('uncaughtException', (error) => tell({ uncaught: String(error) }))
       process.on('unhandledRejection', (error) => tell({ unhandled: String(error) }))
       const codex = new Exec({ codexPathOverride: data.rigPath, env: data.env })
       const prompt = 'x'.repeat(8 << 20)
       await codex.startThread().run(prompt).catch(({ exitCode, stderr }) => tell({ exitCode, stderr }))
       const { events } = await codex.startThread().runStreamed(prompt)
       try {
         for await (const event of events) tell({ event })
       } catch ({ exitCode, stderr }) {
         tell({ exitCode, stderr })
       }
       tell('lives')`,
        { entry, rigPath, env },
      )
      const failure = { exitCode: 3, stderr: 'no thanks' }
      assert.deepEqual([await host.told(), await host.told(), await host.told()], [failure, failure, 'lives'])
      assert.equal((await host.exited).code, 0)
    })

    test('C8: it answers without reading it', async (t) => {
      const { codex } = scriptedExec(t, { start: [...says.turn('Whatever.'), { exit: 0 }] })
      assert.equal((await codex.startThread().run(prompt)).finalResponse, 'Whatever.')
    })

    test('a prompt of 8 MiB arrives whole', async (t) => {
      const { codex, log } = scriptedExec(t, says.turn())
      await codex.startThread().run(prompt)
      assert.equal(log.entries().find((entry) => entry.in !== undefined)?.in, prompt)
    })
  })
})

// By itself: reading so much takes a core, and tests above have bounds in time.
describe('a codex exec that says much', { timeout: 60_000 }, () => {
  test('a message of 8 MiB, split anywhere', async (t) => {
    const text = 'äöü🙂'.repeat(700_000)
    const { codex } = scriptedExec(t, [
      ...says.begin(),
      { chunked: { bytes: 65_521, do: [says.message(text)] } },
      says.turnCompleted(),
      // At the end of a list the rig waits one second for its reader, at this for ten.
      { exit: 0 },
    ])
    assert.equal((await codex.startThread().run('Hi')).finalResponse, text)
  })

  test('20,000 events are all read, in order', async (t) => {
    const item = { type: 'agent_message', text: '$n' }
    const { codex } = scriptedExec(t, [
      ...says.begin(),
      { repeat: 20_000, do: [says.item({ id: 'i', ...item })] },
      says.turnCompleted(),
      // At the end of a list the rig waits one second for its reader, at this for ten.
      { exit: 0 },
    ])
    const { events, result } = await codex.startThread().runStreamed('Hi')
    let count = 0
    for await (const event of events) {
      if (event.type !== 'item.completed' || event.item.type !== 'agent_message') continue
      assert.equal(event.item.text, count)
      count += 1
    }
    assert.equal(count, 20_000)
    assert.equal((await result()).items.length, 20_000)
  })
})
