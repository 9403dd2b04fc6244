// What a fleet costs: a turn through it against one at hand, deltas through the stream, memory in Redis, many keys.
//
//   npm run bench:fleet
//   npm run bench:fleet -- --turns 50 --deltas 300000 --keys 100,1000,10000 --no-write

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startFleet } from '../__test__/fleet/support/fleet.mjs'
import { rigEnvironment, rigPath } from '../__test__/support/rig.mjs'
import { EventLog, readEvents } from '../fleet/event-log.js'
import { FORMAT, Names } from '../fleet/names.js'
import { Channels, connect, disconnect, run } from '../fleet/redis.js'
import { Codex } from '../index.mjs'
import { createCodexHome, say } from '../testing/index.mjs'
import { format, median, table } from './table.mjs'

const readme = new URL('./README.md', import.meta.url)
const [BEGIN, END] = ['<!-- fleet -->', '<!-- end of fleet -->']

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '60' },
    deltas: { type: 'string', default: '300000' },
    keys: { type: 'string', default: '100,1000,10000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    'no-write': { type: 'boolean' },
  },
})
const cleanups = /** @type {(() => Promise<unknown>)[]} */ ([])
/** Ends what a part has started. */
async function clean() {
  for (const one of cleanups.splice(0).reverse()) await one()
}
const t = { after: (/** @type {() => any} */ f) => void cleanups.push(f) }
const parts = []
for (const part of [latency, stream, memory, growth]) {
  if (values.only !== undefined && values.only !== part.name) continue
  parts.push(await part())
  console.error(parts.at(-1))
  await clean()
}
const text = parts.join('\n\n')
if (!values['no-write'] && values.only === undefined) {
  const page = readFileSync(readme, 'utf8')
  const [before] = page.split(BEGIN)
  const after = page.split(END)[1]
  if (after === undefined) throw new Error('bench/README.md has no place for the results of the fleet')
  writeFileSync(readme, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`)
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url))
  execFileSync(process.execPath, [biome, 'format', '--write', fileURLToPath(readme)], { stdio: 'ignore' })
}

/** A turn of a warm thread through the fleet, and one by `thread.run()`, in turns so that both see the same machine. */
async function latency() {
  const it = await startFleet(t)
  it.provider.when(/./, say('Hello.'))
  const home = await createCodexHome(it.provider, { sandboxMode: 'danger-full-access' })
  t.after(() => home.remove())
  const { env } = rigEnvironment(/** @type {any} */ (t), {})
  const scripted = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
  const patient = { env: home.env, connectTimeoutMs: 120_000, requestTimeoutMs: 120_000 }
  const kinds = {
    'a script, nothing kept': { direct: scripted, options: { codex: scripted, store: null } },
    'codex, the thread kept each time': { direct: patient, options: { codex: patient } },
  }
  const rows = []
  for (const [name, { direct, options }] of Object.entries(kinds)) {
    const machine = await it.machine(`${rows.length}`, options)
    await machine.heard('ready')
    const codex = new Codex(direct)
    t.after(() => codex.close())
    const thread = await codex.startThread({ cwd: home.workspace })
    const byHand = () => timed(() => thread.run('Hi'))
    const through = () =>
      timed(async () => await (await it.fleet.submit('Hi', { key: `warm ${name}` })).result())
    for (let n = 0; n < 3; n++) await Promise.all([byHand(), through()])
    const pairs = []
    for (let n = 0; n < Number(values.turns); n++) {
      // Each is the first of its pair as often as the other.
      const second = n % 2 === 0 ? await byHand() : await through()
      pairs.push(n % 2 === 0 ? [second, await through()] : [await byHand(), second])
    }
    const added = pairs.map(([one = 0, other = 0]) => other - one).sort((one, other) => one - other)
    const quarter = (/** @type {number} */ part) => format(added[Math.floor(added.length * part)])
    rows.push([
      name,
      format(median(pairs.map(([one = 0]) => one))),
      format(median(pairs.map(([, other = 0]) => other))),
      format(median(added)),
      `${quarter(0.25)} to ${quarter(0.75)}`,
    ])
    console.error(rows.at(-1))
    machine.signal('SIGTERM')
    await machine.exited
  }
  const head = [
    'a turn of a warm thread',
    '`thread.run()`, ms',
    'through the fleet',
    'added',
    'the middle half',
  ]
  return `Medians of ${values.turns} turns each way, one after the other in pairs:\n\n${table(head, rows)}`
}

/** @param {() => Promise<unknown>} call */
async function timed(call) {
  const began = performance.now()
  await call()
  return performance.now() - began
}

/** Deltas through the stream alone, from the log of a worker to readers in another connection. */
async function stream() {
  const it = await startFleet(t)
  const names = new Names()
  const redis = connect(it.redis.url)
  t.after(() => disconnect(redis))
  const count = Number(values.deltas)
  const samples = new Map(/** @type {[number, number[]][]} */ ([1, 10].map((readers) => [readers, []])))
  for (let sample = 0; sample < 2 * Number(values.rounds); sample++) {
    const readers = sample % 2 === 0 ? 1 : 10
    const { id, log } = await begun(redis, names, `stream ${sample}`)
    const others = await Promise.all(
      Array.from({ length: readers }, async () => {
        const own = connect(it.redis.url)
        const channels = new Channels(connect(it.redis.url))
        t.after(() => disconnect(own))
        t.after(() => channels.close())
        return { redis: own, channels, names, check: () => {} }
      }),
    )
    const began = performance.now()
    const reading = others.map(async (fleet) => {
      let seen = 0
      for await (const _ of readEvents(fleet, id, {})) if (++seen === count) return
    })
    for (let n = 0; n < count; n++) {
      const params = { threadId: 'a-thread', turnId: 'a-turn', itemId: 'an-item', delta: 'token ' }
      const wait = log.push({ method: 'item/agentMessage/delta', params })
      if (wait !== undefined) await wait
    }
    await log.flush()
    await Promise.all(reading)
    samples.get(readers)?.push(count / ((performance.now() - began) / 1000))
    await redis.del(names.events(id))
  }
  const rows = [...samples].map(([readers, all]) => [
    `${readers}`,
    format(median(all)),
    format(median(all) * readers),
    `${format(Math.min(...all))} to ${format(Math.max(...all))}`,
  ])
  const head = ['readers', 'deltas/s', 'delivered/s', 'slowest and fastest']
  return `Deltas, each an event of its own, from one job to readers in the same process, medians of ${values.rounds}:\n\n${table(head, rows)}`
}

/**
 * A job that runs, without a worker.
 *
 * @param {import('ioredis').Redis} redis
 * @param {Names} names
 * @param {string} id
 */
async function begun(redis, names, id) {
  const key = `key of ${id}`
  const call = (/** @type {string} */ script, /** @type {(string | number)[]} */ ...args) =>
    run(redis, names.root, script, ...args)
  await call('register', 'bench', 600_000, '{}', FORMAT)
  await call('submit', id, key, 'digest', '{"v":1,"input":"Hi","options":{}}', '{}', 0, 0, FORMAT)
  await call('route', id, 'bench', 1)
  const token = (await call('begin', id, 'bench'))[2]
  await call('sent', id, key, 'bench', token, '01a2273f-29e7-7971-87ba-b5e447b64224', '{}')
  const writer = { redis, names, id, key, session: 'bench', token }
  const limits = { maxBytes: 2 ** 30, keepMs: 600_000 }
  const log = new EventLog(
    writer,
    1,
    limits,
    (again) => again(),
    () => {},
  )
  const finish = (/** @type {string} */ end) =>
    call('finish', id, key, 'bench', token, end, 600_000, 1, 0, '[]', 2 ** 30)
  return { id, log, finish }
}

/** What a key without jobs and a job that has ended take in Redis. */
async function memory() {
  const it = await startFleet(t)
  const names = new Names()
  const redis = connect(it.redis.url)
  t.after(() => disconnect(redis))
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
  const count = 2_000
  // The scripts themselves are kept, too.
  await (await begun(redis, names, 'the first')).finish('{}')
  const before = await used()
  const ids = Array.from({ length: count }, (_, n) => `job-${n}-0123456789abcdef0123456789abcdef`)
  let bytes = 0
  for (const id of ids) {
    const { log, finish } = await begun(redis, names, id)
    const events = [
      'turn/started',
      'item/started',
      'item/completed',
      'item/agentMessage/delta',
      'turn/completed',
    ]
    for (const method of events) void log.push({ method, params: { delta: 'x'.repeat(200) } })
    await log.flush()
    const end = JSON.stringify({
      method: 'fleet/ended',
      params: { result: { finalResponse: 'x'.repeat(200) } },
    })
    bytes += 5 * 250 + end.length
    await finish(end)
  }
  const after = await used()
  for (const id of ids) await redis.del(names.job(id), names.events(id))
  const idle = await used()
  const rows = [
    ['a key without jobs', format((idle - before) / count)],
    ['a turn that is kept, beside its text', format((after - idle - bytes) / count)],
  ]
  return `Memory in Redis:\n\n${table(['', 'bytes'], rows)}`
}

/** @param {number} pid @returns {number} the processor time that a process has had, in ms (Linux) */
function processorMs(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [user = 0, system = 0] = text.slice(text.lastIndexOf(')')).split(' ').slice(12, 14).map(Number)
    return 10 * (user + system)
  } catch {
    return 0
  }
}

/** Jobs on many keys: four workers whose codex is a scripted server that answers at once. */
async function growth() {
  const rows = []
  for (const keys of values.keys.split(',').map(Number)) {
    const it = await startFleet(t, { store: 'redis' })
    const { env } = rigEnvironment(/** @type {any} */ (t), {})
    const codex = { codexPath: rigPath, env, connectTimeoutMs: 60_000 }
    const options = { codex, store: null, concurrency: 16, leaseMs: 60_000 }
    const machines = await Promise.all(['a', 'b', 'c', 'd'].map((name) => it.machine(name, options)))
    await Promise.all(machines.map((machine) => machine.heard('ready')))
    const used = async () => Number(/used_memory:(\d+)/.exec(await it.redis.redis.info('memory'))?.[1])
    const spent = () => [
      processorMs(it.redis.pid),
      machines.reduce((sum, { pid }) => sum + processorMs(pid), 0),
      processorMs(process.pid),
    ]
    const before = await used()
    const round = async () => {
      const start = spent()
      const ms = await timed(async () => {
        const jobs = []
        for (let at = 0; at < keys; at += 200) {
          const some = Array.from({ length: Math.min(200, keys - at) }, (_, n) =>
            it.fleet.submit('Hi', { key: `${at + n}` }),
          )
          jobs.push(...(await Promise.all(some)))
        }
        await Promise.all(jobs.map((job) => job.result()))
      })
      return [keys / (ms / 1000), ...spent().map((all, index) => (all - (start[index] ?? 0)) / keys)]
    }
    const first = await round()
    const perKey = (await used()) - before
    const rounds = /** @type {number[][]} */ ([])
    for (let n = 0; n < Number(values.rounds); n++) rounds.push(await round())
    const middle = (/** @type {number} */ column) => median(rounds.map((one) => one[column] ?? 0))
    const { workers } = await it.fleet.stats()
    const share = workers.map((worker) => worker.keys)
    rows.push([
      format(keys),
      format(first[0]),
      format(middle(0)),
      [1, 2, 3].map((column) => format(first[column])).join(', '),
      [1, 2, 3].map((column) => format(middle(column))).join(', '),
      format(perKey, 1 / keys / 1024),
      `${Math.min(...share)} to ${Math.max(...share)}`,
    ])
    console.error(rows.at(-1))
    await clean()
  }
  const head = [
    'keys',
    'new keys/s',
    'jobs/s',
    'processor ms, new',
    'processor ms',
    'KB/key with a job',
    'keys of a worker',
  ]
  const text = `Many keys on four workers, all on this machine, codex being a script; the median of ${values.rounds} rounds of a job for each key. The
processor time of a job is that of Redis, of the worker, and of who submits and waits:`
  return `${text}\n\n${table(head, rows)}`
}
