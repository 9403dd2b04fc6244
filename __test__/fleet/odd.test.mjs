// What is named oddly, what a text is read as, and what of a failed turn comes to who waits.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Fleet, FleetWorker, JobUnsupportedError } from '../../fleet/index.mjs'
import { TurnFailedError } from '../../index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { startRedis } from './support/redis.mjs'

describe('odd jobs', { timeout: 60_000 }, () => {
  const cleanups = /** @type {(() => unknown)[]} */ ([])
  const inside = { after: (/** @type {() => any} */ f) => void cleanups.push(f) }
  /** @type {Awaited<ReturnType<typeof startRedis>>} */
  let redis
  /** @type {Fleet} */
  let fleet
  let folder = ''
  before(async () => {
    redis = await startRedis(inside)
    folder = temporaryFolder(inside)
    // What is done depends on the model that is asked for.
    const says = (/** @type {string} */ itemId, /** @type {string} */ text) => ({
      play: 'agentMessage',
      with: { itemId, text },
    })
    const whole = {
      method: 'item/completed',
      params: {
        threadId: '$threadId',
        turnId: '$turnId',
        item: { type: 'agentMessage', id: 'w', text: 'Whole.' },
      },
    }
    const script = {
      fragments: {
        plain: ['turnBegin', 'agentMessage', 'turnEnd'],
        several: [
          'turnBegin',
          says('a', 'One.'),
          { waitForFile: join(folder, 'go') },
          says('b', 'Two.'),
          { notify: whole },
          'turnEnd',
        ],
        silent: ['turnBegin', { waitForFile: join(folder, 'word') }, 'agentMessage', 'turnEnd'],
        fails: ['turnBegin', says('a', 'So far.'), 'turnFailed'],
        wide: [
          'turnBegin',
          { bigLine: { bytes: 60_000, text: '€' } },
          { bigLine: { bytes: 120_000, text: '€' } },
          'turnEnd',
        ],
      },
      on: { 'turn/start': [{ play: '$params.model' }] },
    }
    const { env } = rigEnvironment(/** @type {any} */ (inside), script)
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const worker = new FleetWorker({
      connection: redis.url,
      codex,
      store: null,
      leaseMs: 60_000,
      maxEventBytes: 100_000,
      signals: [],
    })
    fleet = new Fleet({ connection: redis.url })
    cleanups.push(() => worker.close({ drainMs: 0 }))
    cleanups.push(() => fleet.close())
    await worker.ready()
  })
  after(async () => {
    for (const clean of cleanups.reverse()) await clean()
  })
  const submit = (/** @type {string} */ model, options = {}) => fleet.submit('Hi', { model, ...options })

  for (const key of ['~', '~home', ' a  b ', 'a\nb', '\0', '__proto__', '{x}:*?', 'ü€😀']) {
    test(`the key ${JSON.stringify(key)} has a thread like any other`, async () => {
      const results = []
      for (const _ of [1, 2]) results.push(await (await submit('plain', { key })).result())
      assert.equal(results[0]?.threadId, results[1]?.threadId)
      assert.equal((await (await submit('plain', { key })).status()).key, key)
      const { keys } = await fleet.stats()
      while (!(await fleet.forget(key).catch(() => false)));
      assert.equal((await fleet.stats()).keys, keys - 1)
    })
  }

  test('a profile is one of those that the worker was given', async () => {
    for (const profile of ['constructor', '__proto__', 'toString', 'none'])
      await rejection((await submit('plain', { profile })).result(), JobUnsupportedError)
  })

  test('attempts that follow each other in a way that nobody knows are refused, and hold up nobody', async () => {
    const backoff = { type: 'weird', delay: 1 }
    const job = await submit('fails', { key: 'weird', job: { attempts: 2, backoff } })
    const next = await submit('plain', { key: 'weird' })
    assert.match((await rejection(job.result(), JobUnsupportedError)).message, /weird/)
    assert.equal((await next.result()).status, 'completed')
  })

  test('the next of a key is called whenever the one before ends, also while it is being asked for', async () => {
    for (let n = 0; n < 100; n++) {
      const key = `quick-${n}`
      await rejection((await submit('plain', { profile: 'none' })).result(), JobUnsupportedError)
      const refused = await submit('plain', { key, profile: 'none' })
      const next = await submit('plain', { key })
      await rejection(refused.result(), JobUnsupportedError)
      assert.equal((await next.result()).status, 'completed')
    }
  })

  test('the text of several messages has a blank line between them, and can be left while it comes', async () => {
    const job = await submit('several')
    const stream = /** @type {any} */ (ReadableStream).from(job.text()).getReader()
    let read = ''
    while (read !== 'One.') read += (await stream.read()).value
    const waiting = stream.read()
    await stream.cancel()
    await waiting
    writeFileSync(join(folder, 'go'), '')
    assert.equal((await collect(job.text())).join(''), 'One.\n\nTwo.\n\nWhole.')
    const turn = await job.turn()
    assert.equal((await collect(turn.text())).join(''), 'One.\n\nTwo.\n\nWhole.')
  })

  test('what a turn had come to when it failed comes with its error, to readers of its text as well', async () => {
    const job = await submit('fails')
    for (const call of [
      () => job.result(),
      () => fleet.job(job.id).result(),
      () => job.turn().then((turn) => turn.run()),
    ]) {
      const error = await rejection(call(), TurnFailedError)
      assert.equal(error.result.finalResponse, 'So far.')
      assert.equal(error.result.status, 'failed')
    }
    let text = ''
    const reading = async () => {
      for await (const piece of job.text()) text += piece
    }
    await rejection(reading(), TurnFailedError)
    assert.equal(text, 'So far.')
  })

  test('the limit of events counts bytes, and begins anew where all of them have gone by their age', async () => {
    const job = await submit('wide')
    await job.result()
    const events = await collect(job.events())
    const omitted = events.filter(({ method }) => method === 'fleet/omitted')
    assert.equal(omitted.length, 1, 'the one that has more than 100,000 bytes')
    const silent = await submit('silent')
    for await (const { method } of silent.events()) if (method === 'turn/started') break
    const name = (/** @type {string} */ kind) => `{codex-fleet}.${kind}:${silent.id}`
    // As after a day without a word.
    await redis.redis.hset(name('j'), 'held', 90_000)
    await redis.redis.del(name('e'))
    writeFileSync(join(folder, 'word'), '')
    await silent.result()
    assert.ok(Number(await redis.redis.hget(name('j'), 'held')) < 90_000)
    assert.equal((await collect(silent.events()))[0]?.method, 'fleet/trimmed')
  })
})
