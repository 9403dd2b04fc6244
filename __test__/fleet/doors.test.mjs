// Whatever a call or a loop of a fleet is rejected with says who called; the other entries are in package/doors.test.mjs.

import { describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { Fleet, FleetWorker, FolderStore, RedisStore } from '../../fleet/index.mjs'
import { Names } from '../../fleet/names.js'
import { assertAll, assertNames, failureOf, publicDoors } from '../support/doors.mjs'
import { startRedis } from './support/redis.mjs'

/** What is no door of ours, or has nothing to reject with. */
const OTHERS = {
  'what the program gives to us': ['ThreadStore.delete', 'ThreadStore.get', 'ThreadStore.put'],
  'never rejects': ['Fleet.close', 'FleetWorker.close', 'RedisStore.close'],
}

/** @param {import('node:test').TestContext} t @returns {Promise<Record<string, () => any>>} */
async function doorsOf(t) {
  const redis = await startRedis(t)
  const fleet = new Fleet({ connection: redis.url })
  t.after(() => fleet.close())
  const job = fleet.job('nope')
  // One with a question that is open.
  const asked = { id: 'q', jobId: 'j', key: 'k', handler: 'onApproval', request: {}, until: Date.now() }
  const client = new Redis(redis.url)
  await client.hset(new Names('codex-fleet').questions, asked.id, JSON.stringify(asked))
  await client.quit()
  const loop = fleet.requests()
  const { value: request } = /** @type {any} */ (await loop.next())
  await loop.return()
  const closed = new Fleet({ connection: redis.url })
  const ended = await closed.submit('x')
  await ended.cancel()
  const turn = await ended.turn()
  await closed.close()
  const worker = new FleetWorker({
    connection: redis.url,
    codex: { codexPath: '/no/such/codex' },
    signals: [],
  })
  t.after(() => worker.close())
  const store = new RedisStore({ connection: redis.url })
  await store.close()
  const folder = new FolderStore('/dev/null')
  const bytes = Buffer.from('x')
  const token = { token: 1 }
  return {
    'Fleet.forget': () => closed.forget('k'),
    'Fleet.requests': () => closed.requests(),
    'Fleet.schedule': () => closed.schedule('s', { every: 1_000 }, 'x', { key: 'k' }),
    'Fleet.stats': () => closed.stats(),
    'Fleet.submit': () => closed.submit('x'),
    'Fleet.unschedule': () => closed.unschedule('s'),
    'FleetRequest.answer': () => request.answer(undefined),
    'FleetWorker.ready': () => worker.ready(),
    'FolderStore.delete': () => folder.delete('t', token),
    'FolderStore.get': () => folder.get('t'),
    'FolderStore.put': () => folder.put('t', bytes, token),
    'Job.[Symbol.asyncIterator]': () => job[Symbol.asyncIterator](),
    'Job.cancel': () => job.cancel(),
    'Job.events': () => job.events(),
    'Job.requests': () => closed.job('nope').requests(),
    'Job.result': () => job.result(),
    'Job.run': () => job.run(),
    'Job.status': () => job.status(),
    'Job.steer': () => job.steer('x'),
    'Job.stream': () => job.stream(),
    'Job.text': () => job.text(),
    'Job.turn': () => job.turn(),
    'JobTurn.interrupt': () => turn.interrupt(),
    'JobTurn.result': () => turn.result(),
    'JobTurn.run': () => turn.run(),
    'JobTurn.steer': () => turn.steer('x'),
    'JobTurn.stream': () => turn.stream(),
    'JobTurn.text': () => turn.text(),
    'RedisStore.delete': () => store.delete('t', token),
    'RedisStore.get': () => store.get('t'),
    'RedisStore.put': () => store.put('t', bytes, token),
  }
}

describe('what a fleet rejects with says who called', { timeout: 60_000 }, () => {
  test('calls and loops', async (t) => {
    const doors = await doorsOf(t)
    for (const [name, call] of Object.entries(doors)) {
      await t.test(name, async () => assertNames(await failureOf(call)))
    }
    const known = [...Object.keys(doors), ...Object.values(OTHERS).flat()]
    assertAll(
      known.map((door) => `fleet: ${door}`),
      publicDoors().filter((door) => door.startsWith('fleet: ')),
    )
  })
})
