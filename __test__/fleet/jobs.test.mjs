// What jobs are, on one or two machines that live.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fleet, FleetError, JobCancelledError, JobEndedError, JobNotFoundError } from '../../fleet/index.mjs'
import { TurnFailedError } from '../../index.mjs'
import {
  command,
  createGate,
  deltas,
  functionCall,
  httpError,
  reply,
  say,
  waitFor,
} from '../../testing/index.mjs'
import { startFleet } from './support/fleet.mjs'

describe('jobs', () => {
  /** @type {import('./support/fleet.mjs').TestFleet} */
  let it
  /** @type {Fleet} */
  let fleet
  const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
  before(async () => {
    it = await startFleet({ after: (f) => void cleanups.push(f) })
    fleet = it.fleet
    const machines = await Promise.all([it.machine('a', { notes: `${it.folder}/notes` }), it.machine('b')])
    await Promise.all(machines.map((machine) => machine.heard('ready')))
  })
  after(async () => {
    for (const clean of cleanups) await clean()
  })

  test('jobs of a key run one at a time, as they were submitted, on one machine and one thread', async () => {
    const prompts = Array.from({ length: 10 }, (_, index) => `order ${index}`)
    for (const prompt of prompts) it.provider.when(new RegExp(`^${prompt}$`), say(`answer to ${prompt}`))
    const jobs = await Promise.all(prompts.map((prompt) => fleet.submit(prompt, { key: 'order' })))
    // Beside them another key goes on: it does not wait behind ten.
    const aside = await (await fleet.submit('aside', { key: 'aside' })).result()
    const results = await Promise.all(jobs.map((job) => job.result()))
    assert.ok((aside.completedAt ?? 0) <= (results.at(-1)?.completedAt ?? 0))
    assert.deepEqual(
      results.map(({ finalResponse }) => finalResponse),
      prompts.map((prompt) => `answer to ${prompt}`),
    )
    assert.equal(new Set(results.map(({ threadId }) => threadId)).size, 1)
    const last = it.provider.requests.filter(({ userText }) => userText === 'order 9').at(-1)
    assert.deepEqual(last?.userMessages, prompts)
    const begun = await Promise.all(
      jobs.map(async (job) => /** @type {any} */ ((await job.events().next()).value).params.worker),
    )
    assert.equal(new Set(begun).size, 1)
  })

  test('events: from the start, after an id, live, late, and sealed', async () => {
    const gate = createGate()
    it.provider.when('tell', reply([say('Half. '), waitFor(gate), say('Whole.')]))
    const job = await fleet.submit('tell', { key: 'events' })
    const live = []
    for await (const event of job.events()) {
      live.push(event)
      if (event.method === 'item/agentMessage/delta') gate.open()
    }
    assert.deepEqual(
      live.map(({ seq }) => seq),
      live.map((_, index) => index + 1),
    )
    assert.equal(live[0]?.method, 'fleet/begun')
    assert.equal(live.at(-1)?.method, 'fleet/ended')
    // From another client, by the id alone.
    const other = new Fleet({ connection: it.redis.url })
    const late = []
    for await (const event of other.job(job.id).events()) late.push(event)
    assert.deepEqual(late, live)
    const rest = []
    for await (const event of other.job(job.id).events({ after: `${live.length - 3}` })) rest.push(event)
    assert.deepEqual(rest, live.slice(-3))
    for await (const _ of other.job(job.id).events({ after: live.length }))
      assert.fail('nothing comes after the end')
    await other.close()
    await assert.rejects(other.job(job.id).result(), Error)
  })

  test('one idempotency key is one job, also from two clients at once; with another content it is refused', async () => {
    it.provider.when('only once', command(it.effect('once')), say('Once.'))
    const other = new Fleet({ connection: it.redis.url })
    const options = { key: 'idem', idempotencyKey: 'mail 7' }
    const jobs = await Promise.all([
      ...[1, 2, 3].map(() => fleet.submit('only once', options)),
      ...[1, 2, 3].map(() => other.submit('only once', options)),
    ])
    assert.equal(new Set(jobs.map(({ id }) => id)).size, 1)
    assert.equal((await jobs[0]?.result())?.finalResponse, 'Once.')
    assert.equal((await (await fleet.submit('only once', options)).result()).finalResponse, 'Once.')
    assert.equal(it.effects().filter((line) => line === 'once').length, 1)
    await assert.rejects(fleet.submit('something else', options), { code: 'IDEMPOTENCY_CONFLICT' })
    assert.equal(fleet.jobOf('mail 7').id, jobs[0]?.id)
    await other.close()
  })

  test('cancel: one that waits never runs, one that runs is interrupted, one that has ended stays', async () => {
    const gate = createGate()
    it.provider.when('hold', reply([say('Working. '), waitFor(gate), say('Done.')]))
    const running = await fleet.submit('hold', { key: 'cancel' })
    await gate.reached
    const waiting = await fleet.submit('never', { key: 'cancel' })
    const after = await fleet.submit('after', { key: 'cancel' })
    assert.equal(await waiting.cancel('not needed'), true)
    await assert.rejects(waiting.result(), (error) => {
      return (
        error instanceof JobCancelledError &&
        error.code === 'JOB_CANCELLED' &&
        /not needed/.test(error.message)
      )
    })
    assert.equal(await running.cancel(), true)
    await assert.rejects(running.result(), JobCancelledError)
    gate.open()
    const result = await after.result()
    assert.equal(await after.cancel(), false)
    assert.equal((await after.result()).finalResponse, result.finalResponse)
    assert.ok(!it.provider.requests.some(({ userMessages }) => userMessages.includes('never')))
    await assert.rejects(fleet.job('nobody').cancel(), JobNotFoundError)
    await assert.rejects(fleet.job('nobody').result(), JobNotFoundError)
    await assert.rejects(async () => {
      for await (const _ of fleet.job('nobody').events());
    }, JobNotFoundError)
    assert.equal((await running.status()).state, 'ended')
  })

  test('cancel against finish: it ends once, either way', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 6 }, (_, i) => fleet.submit(`race ${i}`, { key: `race ${i}` })),
    )
    const outcomes = await Promise.all(
      jobs.map(async (job, index) => {
        for await (const { method } of job.events()) {
          if (method === ['fleet/begun', 'item/agentMessage/delta', 'turn/completed'][index % 3])
            void job.cancel()
        }
        const methods = []
        for await (const { method } of job.events()) methods.push(method)
        assert.equal(methods.filter((method) => method === 'fleet/ended').length, 1)
        return job.result().then(
          () => 'completed',
          (error) => {
            assert.ok(error instanceof JobCancelledError, String(error))
            return 'cancelled'
          },
        )
      }),
    )
    assert.equal(outcomes[0], 'cancelled')
  })

  test('steer: a running turn takes it, one that waits gets it when it begins, one that has ended says so', async () => {
    const gate = createGate()
    it.provider.when('dig', reply([say('Digging. '), waitFor(gate)]))
    const job = await fleet.submit('dig', { key: 'steer' })
    await gate.reached
    const next = await fleet.submit('dig on', { key: 'steer' })
    const early = next.steer('carefully')
    await job.steer('deeper')
    gate.open()
    const result = await job.result()
    assert.equal(result.status, 'completed')
    assert.ok(it.provider.requests.some(({ userMessages }) => userMessages.includes('deeper')))
    await assert.rejects(job.steer('too late'), JobEndedError)
    await early.catch((error) => assert.ok(error instanceof Error))
    await next.result()
  })

  test('a tool and a profile live in the worker by name', async () => {
    it.provider.when('use the tool', functionCall('note', { text: 'from afar' }), say('Noted.'))
    const job = await fleet.submit('use the tool', { key: 'tools', tools: ['note'], profile: 'yes' })
    const result = await job.result()
    assert.equal(result.finalResponse, 'Noted.')
    assert.ok(result.items.some((/** @type {any} */ item) => item.type === 'dynamicToolCall' && item.success))
    for (const options of [{ tools: ['no such'] }, { profile: 'nobody' }]) {
      const unknown = await fleet.submit('x', { key: 'unknown', ...options })
      await assert.rejects(unknown.result(), { code: 'JOB_UNSUPPORTED' })
    }
  })

  test('a failed turn rejects with the error of its class, after the attempts that were asked for', async () => {
    it.provider.when('fail', httpError(500))
    const job = await fleet.submit('fail', { key: 'fail' })
    await assert.rejects(job.result(), (error) => error instanceof TurnFailedError && error.threadId !== '')
    it.provider.when((request) => request.userMessages.includes('try twice'), httpError(500))
    const twice = await fleet.submit('try twice', { key: 'retry', job: { attempts: 2, backoff: 50 } })
    const methods = []
    for await (const { method } of twice.events()) methods.push(method)
    assert.equal(methods.filter((method) => method === 'fleet/begun').length, 2)
    await assert.rejects(twice.result(), TurnFailedError)
  })

  test('delayed and scheduled jobs wait in BullMQ', async () => {
    const before = Date.now()
    const job = await fleet.submit('later', { key: 'later', job: { delay: 500 } })
    const soon = await fleet.submit('sooner', { key: 'later' })
    const [late, early] = await Promise.all([job.result(), soon.result()])
    assert.ok((early.startedAt ?? 0) <= (late.startedAt ?? 0) && Date.now() - before >= 500)
    it.provider.when('every now and then', command(it.effect('tick')), say('Tick.'))
    await fleet.schedule('clock', { every: 300, limit: 2 }, 'every now and then', { key: 'clock' })
    const ticks = () => it.effects().filter((line) => line === 'tick').length
    for (const end = Date.now() + 120_000; ticks() < 2 && Date.now() < end; )
      await new Promise((r) => setTimeout(r, 50))
    assert.equal(ticks(), 2)
    await fleet.unschedule('clock')
  })

  test('a million characters in one event, and many events, arrive whole', async () => {
    const text = 'é'.repeat(1_000_000)
    it.provider.when('shout', say(text))
    const job = await fleet.submit('shout', { key: 'big' })
    assert.equal((await job.result()).finalResponse, text)
    it.provider.when('chatter', deltas(5_000, { text: 'tok ' }))
    const many = await fleet.submit('chatter', { key: 'big' })
    const readers = await Promise.all(
      [1, 2, 3].map(async () => {
        let heard = ''
        for await (const piece of many.text()) heard += piece
        return heard
      }),
    )
    for (const heard of readers) assert.equal(heard, 'tok '.repeat(5_000))
  })

  test('what can not be a job is refused before anything is queued', async () => {
    const jobs = async () => (await it.redis.redis.keys('*.j:*')).length
    const before = await jobs()
    const small = new Fleet({ connection: it.redis.url, maxPayloadBytes: 1_000 })
    await assert.rejects(small.submit('x'.repeat(2_000), { key: 'x' }), { code: 'PAYLOAD_TOO_LARGE' })
    await small.close()
    for (const [options, why] of /** @type {[any, RegExp][]} */ ([
      [{ env: { A: 'b' } }, /never enters Redis/],
      [{ onApproval: () => 'accept' }, /profile/],
      [{ ephemeral: true }, /outlives/],
      [{ config: { mcp_servers: { x: { env: { TOKEN: 'a' } } } } }, /may be a secret/],
      [{ config: { model_providers: { x: { experimental_bearer_token: 'a' } } } }, /may be a secret/],
      [{ modle: 'x' }, /options.modle is unknown/],
      [Promise.resolve({ key: 'x' }), /options: a promise, which was not awaited/],
      [{ key: '' }, /options.key/],
      [{ onLost: 'maybe' }, /fail, continue, resend/],
      [{ job: { jobId: 'x' } }, /options.job.jobId is unknown/],
      [{ tools: [{ name: 'x' }] }, /names of tools/],
    ])) {
      await assert.rejects(
        fleet.submit('x', options),
        (error) => error instanceof TypeError && why.test(error.message),
      )
    }
    await assert.rejects(fleet.submit(/** @type {any} */ (5)), TypeError)
    assert.equal(await jobs(), before)
  })

  test('wrong, old and newer data of a job end it with an error that says so', async () => {
    const newer = '{"v":99,"input":"x","options":{}}'
    for (const data of ['no json', '[]', '{"v":1}', '{"v":0,"input":"x","options":{}}', newer]) {
      const job = await fleet.submit('data', { key: `data ${data}`, job: { delay: 200 } })
      await it.redis.redis.set(`{codex-fleet}.jd:${job.id}`, data)
      await assert.rejects(job.result(), { code: 'JOB_UNSUPPORTED' })
    }
    // What others put into the queue of BullMQ harms nobody.
    await fleet.queue.add('turn', { nonsense: true })
    await fleet.queue.add('turn', { id: 'nobody' })
    assert.ok((await (await fleet.submit('fine', { key: 'fine' })).result()).finalResponse)
  })

  test('structured answers come parsed; stats tell who has what; a key can be forgotten', async () => {
    it.provider.when('as data', say('{"n":5}'))
    const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
    const job = await fleet.submit('as data', { key: 'forget', outputSchema: schema })
    assert.deepEqual((await job.result()).parsed, { n: 5 })
    const stats = await fleet.stats()
    assert.deepEqual(stats.workers.map(({ name }) => name).sort(), ['a', 'b'])
    assert.equal(stats.jobs.pending, 0)
    // A key of which no job has run yet is nobody's.
    assert.ok(stats.workers.reduce((sum, { keys }) => sum + keys, 0) <= stats.keys)
    assert.ok(stats.workers.every(({ state, leaseMs }) => state === 'ready' && leaseMs > 0))
    const { keys } = stats
    assert.ok(keys > 0)
    await (await fleet.submit('without a key')).result()
    assert.equal((await fleet.stats()).keys, keys)
    const { threadId } = await job.result()
    assert.equal(await fleet.forget('forget'), true)
    assert.equal(await fleet.forget('forget'), false)
    assert.notEqual((await (await fleet.submit('anew', { key: 'forget' })).result()).threadId, threadId)
    assert.ok(new FleetError('x') instanceof Error)
  })
})
