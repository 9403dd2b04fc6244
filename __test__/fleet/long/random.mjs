// Many jobs on few keys while machines are killed all the time: every job ends once, no command runs twice, the order of
// each key holds, and nothing is left. The seed is printed; with it the same jobs and faults are drawn again.

import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { command, reply, say, sleep } from '../../../testing/index.mjs'
import { startFleet } from '../support/fleet.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    jobs: { type: 'string', default: '500' },
    keys: { type: 'string', default: '20' },
    workers: { type: 'string', default: '4' },
    'kill-every': { type: 'string', default: '1000' },
    lease: { type: 'string', default: '2000' },
    // No job ends for this long: it stands still.
    stall: { type: 'string', default: '120000' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`npm run test:fleet -- [--seed N] [--jobs 500] [--keys 20] [--workers 4] [--kill-every 1000] [--lease 2000] [--stall 120000]

Jobs on keys by workers, one of which is killed, stopped or loses its codex every --kill-every ms. Leases are of --lease ms.
Prints its seed, with which it draws the same again, and fails when no job has ended for --stall ms.`)
  process.exit()
}
for (const [name, value] of Object.entries(values)) {
  if (name !== 'help' && !/^\d+$/.test(String(value)))
    throw new TypeError(`--${name} must be a number, not ${value}`)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const [jobCount, keyCount, workerCount, killEveryMs] = [
  values.jobs,
  values.keys,
  values.workers,
  values['kill-every'],
].map(Number)
console.log(
  `seed ${seed}: ${jobCount} jobs, ${keyCount} keys, ${workerCount} workers, a fault every ${killEveryMs} ms`,
)

/** mulberry32 */
let state = seed
function random() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const pick = (/** @type {any[]} */ list) => list[Math.floor(random() * list.length)]

const cleanups = /** @type {(() => Promise<void>)[]} */ ([])
const it = await startFleet(
  { after: (f) => void cleanups.push(f) },
  { store: random() < 0.5 ? 'folder' : 'redis' },
)
let exitCode = 1
try {
  await main()
  exitCode = 0
} catch (error) {
  console.error(error)
} finally {
  for (const clean of cleanups) await clean()
}
process.exit(exitCode)

/** @param {import('../support/fleet.mjs').Machine} machine whether it has a session, as far as it has said */
function isReady({ said }) {
  return said.findLast(({ event }) => event === 'ready' || event === 'lost')?.event === 'ready'
}

async function main() {
  // What the model does for job N: a command with an effect of its own, sometimes slowly.
  it.provider.when(({ userText }) => /^job \d+ quick$/.test(userText ?? ''), say('Quick.'))
  for (let n = 0; n < Number(jobCount); n++) {
    it.provider.when(new RegExp(`^job ${n} effect$`), command(it.effect(`${n}`)), say('Done.'))
    it.provider.when(
      new RegExp(`^job ${n} slow$`),
      command(it.effect(`${n}`)),
      reply([say('Slowly. '), sleep(200 + Math.floor(random() * 800)), say('Done.')]),
    )
  }
  const homes = new Map()
  let made = 0
  const start = async () => {
    const name = `w${made++}`
    // Half of them come back with the disk that they had.
    const home = random() < 0.5 ? [...homes.values()].find(({ free }) => free) : undefined
    if (home) home.free = false
    const machine = await it.machine(name, {
      leaseMs: Number(values.lease),
      ...(home ? { home: home.home } : {}),
    })
    const own = home ?? { home: machine.home, free: false }
    homes.set(machine.home.codexHome, own)
    void machine.exited.then(() => {
      own.free = true
    })
    return machine
  }
  let machines = await Promise.all(Array.from({ length: Number(workerCount) }, start))
  const began = Date.now()
  /** @type {{ n: number, key: string, kind: string, job: import('../../../fleet/index.js').Job, cancelled: boolean }[]} */
  const jobs = []
  for (let n = 0; n < Number(jobCount); n++) {
    const key = `key ${Math.floor(random() * Number(keyCount))}`
    const kind = pick(['quick', 'effect', 'effect', 'slow'])
    const job = await it.fleet.submit(`job ${n} ${kind}`, { key, idempotencyKey: `job ${n}` })
    jobs.push({ n, key, kind, job, cancelled: random() < 0.05 })
  }
  const faults = { SIGKILL: 0, SIGSTOP: 0, codex: 0, spared: 0 }
  let over = false
  const breaking = (async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, killEveryMs))
      if (over) break
      // One that has not begun to work has nothing to lose. One is spared, so that a slow computer, on which a machine
      // takes longer to start than to be killed, gets to an end.
      const ready = machines.filter(isReady)
      if (ready.length < 2) {
        faults.spared++
        continue
      }
      const machine = pick(ready)
      const dice = random()
      if (dice < 0.75) {
        faults.SIGKILL++
        await machine.kill()
        machines = machines.filter((one) => one !== machine)
        machines.push(await start())
      } else if (dice < 0.9) {
        faults.SIGSTOP++
        machine.signal('SIGSTOP')
        const timer = setTimeout(() => {
          try {
            machine.signal('SIGCONT')
          } catch {}
        }, 1.5 * Number(values.lease))
        timer.unref()
      } else {
        faults.codex++
        const [pid] = it.codexOf(machine.pid)
        try {
          if (pid !== undefined) process.kill(pid, 'SIGKILL')
        } catch {}
      }
    }
  })()
  let ended = 0
  let endedAt = Date.now()
  /** @type {(error: Error) => void} */
  let stands
  const stalled = new Promise((_, reject) => {
    stands = reject
  })
  const watching = setInterval(async () => {
    const seconds = Math.round((Date.now() - began) / 1000)
    console.log(
      `${seconds} s: ${ended} of ${jobCount} ended, ${machines.filter(isReady).length} ready, ${made} made`,
    )
    if (Date.now() - endedAt < Number(values.stall)) return
    clearInterval(watching)
    console.log(JSON.stringify(await it.fleet.stats(), null, 1))
    console.log(machines.map(({ name, said }) => `${name} ${JSON.stringify(said.slice(-5))}`).join('\n'))
    stands(new Error(`no job ended for ${values.stall} ms`))
  }, 10_000)
  const all = Promise.all(
    jobs.map(async ({ n, kind, job, cancelled }) => {
      if (cancelled) void job.cancel('at random').catch(() => {})
      const result = await job.result().then(
        ({ status }) => status,
        (error) => error.code,
      )
      let ends = 0
      let last = 0
      for await (const { seq, method } of job.events()) {
        assert.equal(seq, last + 1, `job ${n} has a gap`)
        last = seq
        if (method === 'fleet/ended') ends++
      }
      assert.equal(ends, 1, `job ${n} ended ${ends} times`)
      ended++
      endedAt = Date.now()
      return { n, kind, cancelled, result }
    }),
  )
  const outcomes = await Promise.race([all, stalled.then(() => [])]).finally(() => {
    clearInterval(watching)
    over = true
  })
  await breaking
  const seconds = (Date.now() - began) / 1000
  /** @type {Record<string, number>} */
  const counts = {}
  for (const { result } of outcomes) counts[result] = (counts[result] ?? 0) + 1
  for (const { n, cancelled, result } of outcomes) {
    assert.ok(cancelled || ['completed', 'JOB_LOST'].includes(result), `job ${n}: ${result}`)
  }
  // At most once, and in the order of each key.
  const effects = it.effects().map(Number)
  const twice = effects.filter((n, index) => effects.indexOf(n) !== index)
  assert.deepEqual(twice, [], `commands that ran twice`)
  for (let k = 0; k < Number(keyCount); k++) {
    /** @type {Set<number>} */
    const own = new Set(jobs.filter(({ key }) => key === `key ${k}`).map(({ n }) => n))
    /** @type {number[]} */
    const order = effects.filter((n) => own.has(n))
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      `the order of key ${k}`,
    )
  }
  const done = outcomes.filter(({ kind, result }) => kind !== 'quick' && result === 'completed').length
  // Nothing is left of the dead.
  const living = new Set(machines.map(({ name }) => name))
  const ofTheDead = async () =>
    (await it.redis.redis.keys('{codex-fleet}*')).filter((key) => {
      const name = /(?:turns-|\.s:|\.sk:)(w\d+)-/.exec(key)?.[1]
      return name !== undefined && !living.has(name)
    })
  for (const end = Date.now() + 30_000; (await ofTheDead()).length > 0 && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  assert.deepEqual(await ofTheDead(), [])
  const stats = await it.fleet.stats()
  assert.equal(stats.jobs.pending, 0)
  assert.equal(stats.questions, 0)
  console.log(
    JSON.stringify(
      { seed, seconds, faults, machines: made, counts, effects: effects.length, ofJobs: done },
      null,
      1,
    ),
  )
}
