// Machines that die, stand still, or lose their codex: every job ends once, and no command runs twice.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { JobLostError } from '../../fleet/index.mjs'
import { command, createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { gone, kill } from '../support/processes.mjs'
import { startFleet } from './support/fleet.mjs'

/** @typedef {import('./support/fleet.mjs').Machine} Machine */

describe('death', () => {
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  let count = 0
  before(async () => {
    it = await startFleet({ after: (f) => void cleanups.push(f) }, { leaseMs: 2_000 })
  })
  after(async () => {
    for (const clean of cleanups) await clean()
  })

  /** @param {import('../../fleet/index.js').Job} job */
  async function workerOf(job) {
    for await (const { method, params } of job.events()) {
      if (method === 'fleet/begun')
        return /** @type {Machine} */ (it.machines.find(({ name }) => name === params.worker))
    }
    throw new Error('it never began')
  }
  /**
   * What the model says to a thread that goes on after somebody died.
   *
   * @param {string} prompt what the thread had been asked
   * @param {...import('../../testing/index.js').ScriptStep} steps
   */
  function goesOn(prompt, ...steps) {
    it.provider.when(
      ({ userText, userMessages }) =>
        /stopped in the middle/.test(userText ?? '') && userMessages.includes(prompt),
      ...steps,
    )
  }
  /** @param {Record<string, unknown>} [options] */
  async function started(options) {
    const machine = await it.machine(`m${++count}`, options)
    await machine.heard('ready')
    return machine
  }
  const living = () => it.machines.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  const ofEffect = (/** @type {string} */ text) => it.effects().filter((line) => line === text).length
  /** @param {import('../../fleet/index.js').Job} job */
  async function methods(job) {
    const all = []
    for await (const { method } of job.events()) all.push(method)
    return all
  }

  test('SIGKILL in a turn: another goes on with the thread, and what was done is not done again', async () => {
    await Promise.all([started(), started()])
    const gate = createGate()
    it.provider.when(
      /^kill in a turn$/,
      command(it.effect('killed')),
      reply([say('Half. '), waitFor(gate), say('x')]),
    )
    goesOn('kill in a turn', say('I went on.'))
    const job = await it.fleet.submit('kill in a turn', { key: 'killed' })
    const next = await it.fleet.submit('and then', { key: 'killed' })
    await gate.reached
    const first = await workerOf(job)
    const codex = it.codexOf(first.pid)
    assert.equal(codex.length, 1)
    await first.kill()
    const result = await job.result()
    gate.open()
    assert.equal(result.finalResponse, 'I went on.')
    assert.equal(ofEffect('killed'), 1)
    const asked = it.provider.requests
      .filter(({ userText }) => /stopped in the middle/.test(userText ?? ''))
      .at(-1)
    assert.equal(asked?.userMessages[0], 'kill in a turn')
    assert.equal(asked?.userMessages.length, 2)
    assert.equal((await methods(job)).filter((method) => method === 'fleet/begun').length, 2)
    const { threadId } = await next.result()
    assert.equal(threadId, result.threadId)
    assert.notEqual((await workerOf(next)).name, first.name)
    // Its codex has gone with it.
    for (const pid of codex) await gone(pid)
  })

  test('SIGKILL before a turn and after one: nothing is lost, nothing is asked twice', async () => {
    const [one, two] = [await started(), living()[0]]
    it.provider.when(/^count me \d+$/, command(it.effect('counted')), say('Counted.'))
    const jobs = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        it.fleet.submit(`count me ${index}`, { key: `before ${index % 6}` }),
      ),
    )
    await jobs[0]?.result()
    await (one.name === (await workerOf(/** @type {any} */ (jobs[0]))).name ? one : (two ?? one)).kill()
    if (living().length === 0) await started()
    for (const job of jobs) assert.equal(typeof (await job.result()).finalResponse, 'string')
    assert.ok(ofEffect('counted') <= 12)
  })

  test('SIGKILL while a thread is kept: another goes on with what was kept before, and half a file is nowhere left', async () => {
    const machine = await started({ hangs: 'Exported.' })
    for (const other of living()) if (other !== machine) await other.kill()
    it.provider.when(/^export$/, command(it.effect('exported')), say('Exported.'))
    goesOn('export', say('Kept.'))
    const job = await it.fleet.submit('export', { key: 'export' })
    const threadId = await machine.heard('putting')
    assert.equal((await job.status()).state, 'running')
    await machine.kill()
    await started()
    const result = await job.result()
    assert.equal(result.finalResponse, 'Kept.')
    assert.equal(result.threadId, threadId)
    assert.equal(ofEffect('exported'), 1)
    const files = await readdir(join(it.folder, 'threads', threadId))
    assert.deepEqual(
      files.map((file) => /^\d+\.jsonl$/.test(file)),
      [true],
      `${files}`,
    )
  })

  for (const [onLost, wanted] of /** @type {const} */ ([
    ['fail', 1],
    ['resend', 2],
  ])) {
    test(`onLost: ${onLost}`, async () => {
      while (living().length < 2) await started()
      const gate = createGate()
      const step = reply([say('Half.'), waitFor(gate)])
      let asked = 0
      it.provider.when(
        (request) =>
          request.userText === `lost ${onLost}` && request.toolOutputs.length <= asked && ++asked <= 2,
        command(it.effect(onLost)),
        step,
      )
      const job = await it.fleet.submit(`lost ${onLost}`, { key: `lost ${onLost}`, onLost })
      await gate.reached
      await (await workerOf(job)).kill()
      if (onLost === 'fail') await assert.rejects(job.result(), JobLostError)
      else {
        gate.open()
        assert.equal((await job.result()).status, 'completed')
      }
      gate.open()
      assert.ok(ofEffect(onLost) <= wanted)
    })
  }

  test('SIGSTOP past the lease, then SIGCONT: it finds itself fenced, and its late events are refused', async () => {
    while (living().length < 2) await started()
    const gate = createGate()
    it.provider.when(
      /^stand still$/,
      command(it.effect('still')),
      reply([say('Before. '), waitFor(gate), say('LATE.')]),
    )
    goesOn('stand still', say('Somebody else went on.'))
    const job = await it.fleet.submit('stand still', { key: 'still' })
    await gate.reached
    const stopped = await workerOf(job)
    const before = stopped.said.filter(({ event }) => event === 'ready').length
    stopped.signal('SIGSTOP')
    const result = await job.result()
    assert.equal(result.finalResponse, 'Somebody else went on.')
    const sealed = await methods(job)
    stopped.signal('SIGCONT')
    gate.open()
    await stopped.heard('lost')
    await stopped.heard('ready', before + 1)
    assert.deepEqual(await methods(job), sealed)
    assert.equal(ofEffect('still'), 1)
    assert.equal(JSON.stringify(await job.result()).includes('LATE'), false)
    // It is a worker again, and the key is somebody else's.
    const after = await it.fleet.submit('and on', { key: 'still' })
    assert.notEqual((await workerOf(after)).name, stopped.name)
    await after.result()
  })

  test('SIGKILL with a question open: it is withdrawn, and asked again by whoever goes on', async () => {
    while (living().length < 2) await started()
    it.provider.when(/^may I$/, command(it.effect('asked')), say('Thanks.'))
    goesOn('may I', command(it.effect('asked')), say('Thanks, again.'))
    const job = await it.fleet.submit('may I', { key: 'ask', approvalPolicy: 'untrusted' })
    const requests = it.fleet.requests()
    const first = (await requests.next()).value
    assert.equal(first?.jobId, job.id)
    await (await workerOf(job)).kill()
    const second = (await requests.next()).value
    assert.notEqual(second?.id, first?.id)
    assert.equal(first?.signal.aborted, true)
    assert.equal(await first?.answer('accept'), false)
    assert.equal(await second?.answer('accept'), true)
    assert.equal((await job.result()).finalResponse, 'Thanks, again.')
    assert.equal(ofEffect('asked'), 1)
    await requests.return()
  })

  test('SIGKILL of codex alone: the worker starts another and goes on', async () => {
    while (living().length < 2) await started()
    const gate = createGate()
    it.provider.when(/^kill codex$/, command(it.effect('codex')), reply([say('Half. '), waitFor(gate)]))
    goesOn('kill codex', say('With a new codex.'))
    const job = await it.fleet.submit('kill codex', { key: 'codex' })
    await gate.reached
    const machine = /** @type {any} */ (await workerOf(job))
    for (const pid of it.codexOf(machine.pid)) kill(pid)
    assert.equal((await job.result()).finalResponse, 'With a new codex.')
    gate.open()
    assert.equal((await workerOf(job)).name, machine.name)
    assert.equal(ofEffect('codex'), 1)
  })

  test('afterwards nobody dead owns a key, and nothing of a dead worker is left', async () => {
    const names = new Set(living().map(({ name }) => name))
    const { redis } = it.redis
    const sessions = async () =>
      (await redis.keys('{codex-fleet}*'))
        .map((key) => /(?:turns-|\.s:|\.sk:|\.c:)(m\d+)-/.exec(key)?.[1])
        .filter((name) => name !== undefined && !names.has(name))
    for (const end = Date.now() + 20_000; (await sessions()).length > 0 && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.deepEqual(await sessions(), [])
    const stats = await it.fleet.stats()
    assert.equal(stats.jobs.pending, 0)
    assert.equal(stats.questions, 0)
    assert.deepEqual(
      stats.workers.filter(({ name }) => !names.has(name)),
      [],
    )
    const pids = living().map(({ pid }) => pid)
    for (const machine of living()) {
      machine.signal('SIGTERM')
      assert.equal((await machine.exited).signal, 'SIGTERM')
    }
    for (const pid of pids) await gone(pid)
    // What remains expires, or is what a key is.
    for (const key of await redis.keys('{codex-fleet}*')) {
      const kept = /\.(k:|t:|keys$|token$|beat$|graves$)|:entry:/.test(key)
      assert.ok(kept || (await redis.pttl(key)) > 0, key)
    }
  })
})
