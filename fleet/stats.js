'use strict'

const { ENTRY, queueOf } = require('./names.js')
const { run } = require('./redis.js')

/** How many workers are told of. */
const WORKERS = 5_000

/**
 * @param {{ redis: import('ioredis').Redis, names: import('./names.js').Names }} fleet
 * @param {import('./queues.js').Queues} queues
 */
async function readStats({ redis, names }, queues) {
  const [now, keys, pending, oldest, questions, sessions] = await run(redis, names.root, 'stats', WORKERS)
  const workers = sessions.map(
    (/** @type {any[]} */ [session, until, info, load, draining, owned, since]) => {
      const { name, host, pid, version, concurrency, account } = JSON.parse(info)
      const { running = 0, waiting = 0, limitedUntil = 0 } = JSON.parse(load)
      return {
        name,
        session,
        host,
        pid,
        version,
        account,
        concurrency,
        running,
        waiting,
        keys: owned,
        since: new Date(Number(since)),
        leaseMs: Math.round(Number(until) - now),
        state:
          Number(until) <= now
            ? 'dead'
            : draining === '1'
              ? 'draining'
              : limitedUntil > now
                ? 'limited'
                : 'ready',
        limitedUntil: limitedUntil > now ? new Date(limitedUntil) : null,
      }
    },
  )
  const counts = (/** @type {string} */ queue) =>
    queues.get(queue).getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'failed')
  const entry = await counts(ENTRY)
  return {
    keys,
    jobs: { pending, oldestMs: Number(oldest) === 0 ? 0 : now - Number(oldest) },
    questions,
    entry,
    workers: await Promise.all(
      workers.map(async (/** @type {any} */ worker) => ({
        ...worker,
        queue: await counts(queueOf(worker.session)),
      })),
    ),
  }
}

module.exports = { readStats }
