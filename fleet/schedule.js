'use strict'

const { createHash } = require('node:crypto')
const { argumentError, checkObject } = require('../glue/json.js')
const { messageOf } = require('./errors.js')
const { bullmq, run } = require('./redis.js')

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

/**
 * What BullMQ would take as it is, or refuse as if Redis had.
 *
 * @param {unknown} name
 * @param {any} repeat
 */
async function checkSchedule(name, repeat) {
  if (typeof name !== 'string' || name === '') throw argumentError('name must be a text')
  checkObject(repeat, 'repeat')
  const { pattern, every, limit, startDate, endDate, immediately } = repeat
  if ((pattern === undefined) === (every === undefined)) {
    throw argumentError('repeat must have a pattern, or every how many milliseconds it is')
  }
  for (const [of, value] of Object.entries({ every, limit })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue
    throw argumentError(`repeat.${of} must be an integer above 0, not ${value}`)
  }
  for (const [of, value] of Object.entries({ startDate, endDate })) {
    if (value !== undefined && Number.isNaN(new Date(value).getTime()))
      throw argumentError(`repeat.${of} must be a date, not ${value}`)
  }
  if (immediately && startDate !== undefined)
    throw argumentError('repeat can have no startDate and be immediately')
  if (pattern === undefined) return
  try {
    await bullmq().defaultRepeatStrategy(Date.now(), repeat)
  } catch (error) {
    throw argumentError(`repeat.pattern: ${messageOf(error)}`)
  }
}

module.exports = { checkSchedule, digest, idOf, submitScheduled }
