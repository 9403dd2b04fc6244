// A Redis that restarts, is away, or is full.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fleet, FleetUnavailableError } from '../../fleet/index.mjs'
import { command, createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { startFleet } from './support/fleet.mjs'

describe('Redis', () => {
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  /** @type {import('./support/fleet.mjs').Machine} */
  let machine
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  before(async () => {
    it = await startFleet({ after: (f) => void cleanups.push(f) }, { store: 'redis', leaseMs: 2_000 })
    machine = await it.machine('a')
    await machine.heard('ready')
  })
  after(async () => {
    for (const clean of cleanups) await clean()
  })
  const ofEffect = (/** @type {string} */ text) => it.effects().filter((line) => line === text).length
  const until = async (/** @type {() => unknown} */ condition) => {
    for (const end = Date.now() + 20_000; !(await condition()); ) {
      if (Date.now() > end) throw new Error('it never came')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  test('it restarts with AOF in a turn: readers and the job go on where they were', async () => {
    const gate = createGate()
    it.provider.when(
      'restart',
      command(it.effect('restart')),
      reply([say('Before. '), waitFor(gate), say('After.')]),
    )
    const job = await it.fleet.submit('restart', { key: 'restart' })
    const behind = await it.fleet.submit('behind it', { key: 'restart' })
    /** @type {import('../../fleet/index.js').JobEvent[]} */
    const events = []
    const reading = (async () => {
      for await (const event of job.events()) events.push(event)
    })()
    await gate.reached
    await until(() => events.some(({ method }) => method === 'item/agentMessage/delta'))
    await it.redis.stop()
    await it.redis.start()
    gate.open()
    const result = await job.result()
    await reading
    assert.ok(
      ['After.', 'Before. After.'].includes(result.finalResponse ?? '') || result.finalResponse,
      'it has an answer',
    )
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index + 1),
    )
    assert.equal(ofEffect('restart'), 1)
    assert.ok((await behind.result()).finalResponse)
  })

  test('it is away for longer than the lease: the turn is interrupted, goes on after, and nothing runs twice', async () => {
    const gate = createGate()
    it.provider.when(
      /^away$/,
      command(it.effect('away')),
      reply([say('Before. '), waitFor(gate), say('LATE.')]),
    )
    it.provider.when(
      ({ userText, userMessages }) =>
        /stopped in the middle/.test(userText ?? '') && userMessages.includes('away'),
      say('Went on.'),
    )
    const job = await it.fleet.submit('away', { key: 'away' })
    await gate.reached
    const readies = machine.said.filter(({ event }) => event === 'ready').length
    it.redis.pause()
    const impatient = new Fleet({ connection: it.redis.url, timeoutMs: 200 })
    await assert.rejects(impatient.submit('meanwhile', { key: 'meanwhile' }), (error) => {
      return error instanceof FleetUnavailableError && error.retryable
    })
    await machine.heard('lost')
    it.redis.resume()
    await machine.heard('ready', readies + 1)
    gate.open()
    assert.equal((await job.result()).finalResponse, 'Went on.')
    assert.equal(ofEffect('away'), 1)
    await impatient.close()
  })

  test('it is full: what is new is refused with an error, what runs ends when there is room again', async () => {
    const gate = createGate()
    it.provider.when(
      /^full$/,
      command(it.effect('full')),
      reply([say('Before. '), waitFor(gate), say('After.')]),
    )
    it.provider.when(
      ({ userText, userMessages }) =>
        /stopped in the middle/.test(userText ?? '') && userMessages.includes('full'),
      say('After.'),
    )
    const job = await it.fleet.submit('full', { key: 'full' })
    await gate.reached
    await it.redis.redis.config('SET', 'maxmemory', '1')
    await assert.rejects(it.fleet.submit('no room', { key: 'room' }), FleetUnavailableError)
    gate.open()
    await machine.heard('error')
    await it.redis.redis.config('SET', 'maxmemory', '0')
    assert.match((await job.result()).finalResponse ?? '', /After\.$/)
    assert.equal(ofEffect('full'), 1)
    assert.equal(
      (await it.fleet.submit('room again', { key: 'room' }).then((one) => one.result())).status,
      'completed',
    )
  })
})
