'use strict'

const { createHash } = require('node:crypto')
const { run } = require('./redis.js')

/** @param {string} text */
const digest = (text) => createHash('sha256').update(text).digest('base64url')

/**
 * The id of a job. That of an idempotency key is always the same.
 *
 * @param {string} idempotencyKey
 */
const idOf = (idempotencyKey) => `i${digest(idempotencyKey).slice(0, 32)}`

/**
 * A job that a schedule of BullMQ has made due: submitted like any other, once for each time that it is due.
 *
 * @param {{ redis: import('ioredis').Redis, names: import('./names.js').Names, queues: import('./queues.js').Queues }} fleet
 * @param {import('bullmq').Job} job
 */
async function submitScheduled({ redis, names, queues }, job) {
  const { key, payload, opts } = job.data
  const id = idOf(`${job.id}`)
  const args = [id, key, digest(payload), payload, JSON.stringify(opts), 0, 0, JSON.parse(payload).v]
  const [how, queue, place] = await run(redis, names.root, 'submit', ...args)
  if (how === 'new' || how === 'known') await queues.put(queue, id, place, key, opts)
}

module.exports = { digest, idOf, submitScheduled }
