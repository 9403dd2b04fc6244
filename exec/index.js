'use strict'

// One `codex exec` per turn, with the names of @openai/codex-sdk.
const native = require('../glue/native.js')
const { evaluation, own } = require('../glue/setup.js')
const { asCalled, callerOf } = require('../glue/caller.js')
const { EventStream } = require('./events.js')
const { argumentError, checkObject, checkSignal } = require('../glue/json.js')
const { takeOutput, readOutput } = require('../glue/output.js')
const { isStandardSchema } = require('../glue/schema.js')
const { withoutUndefined } = require('./tables.js')
const { watchTurn } = require('./watch.js')

/** @typedef {import('../glue/output.js').Output} Output */

class Codex {
  #native

  /** @param {{ config?: unknown }} [options] */
  constructor(options) {
    if (options != null) checkObject(options, 'options')
    const config = options?.config
    const given = config ? { ...options, config: withoutUndefined(config) } : options
    this.#native = new native.ExecCodex(given, evaluation.id)
  }

  /** @param {object} [options] */
  startThread(options) {
    return new Thread(new native.ExecThread(this.#native, null, options, evaluation.id))
  }

  /**
   * @param {string} id
   * @param {object} [options]
   */
  resumeThread(id, options) {
    return new Thread(new native.ExecThread(this.#native, id ?? '', options, evaluation.id))
  }
}

class Thread {
  #native

  /** @param {any} thread the native one: threads are made by `Codex` */
  constructor(thread) {
    if (!(thread instanceof native.ExecThread)) {
      throw argumentError('threads are made by startThread() and resumeThread() of a Codex')
    }
    this.#native = thread
    own(thread)
  }

  get id() {
    return this.#native.id
  }

  /**
   * @param {unknown} input
   * @param {Record<string, any>} [options]
   */
  run(input, options = {}) {
    return asCalled(this.run, async () => {
      const { rest: watched, watch } = watchTurn(this.id, 'run', input, options)
      const { rest, output } = takeSchema(watched)
      // Who looks on at it has to see its events.
      const result = await (watch === undefined
        ? this.#native.run(input, rest)
        : this.#watched(input, rest, watch))
      return withStructure(result, output, options.signal)
    })
  }

  /**
   * @param {unknown} input
   * @param {Record<string, any>} [options]
   */
  runStreamed(input, options = {}) {
    return asCalled(this.runStreamed, async () => {
      const { rest: watched, watch } = watchTurn(this.id, 'runStreamed', input, options)
      const { rest, output } = takeSchema(watched)
      const events = this.#stream(input, rest, watch)
      const { signal } = rest
      const result = () => asCalled(result, async () => withStructure(await events.result(), output, signal))
      return { events, result }
    })
  }

  /**
   * @param {unknown} input
   * @param {Record<string, any>} options
   * @param {import('./events.js').Watch} [watch]
   */
  #stream(input, { signal, ...settings }, watch) {
    if (signal !== undefined) checkSignal(signal, 'options')
    const begin = () => this.#native.stream(input, settings)
    const reader = watch === undefined ? begin() : watch.begin(begin)
    return new EventStream(reader, callerOf(this.runStreamed), signal, watch)
  }

  /**
   * @param {unknown} input
   * @param {Record<string, any>} options
   * @param {import('./events.js').Watch} watch
   */
  async #watched(input, options, watch) {
    try {
      const events = this.#stream(input, options, watch)
      for (let next = await events.next(); !next.done; ) next = await events.next()
      return await events.result()
    } catch (error) {
      watch.end(undefined, error)
      throw error
    }
  }
}

/**
 * Options with JSON Schema in the place of a Standard Schema. JSON Schema goes to codex as it is.
 *
 * @param {Record<string, any>} options
 * @returns {{ rest: Record<string, any>, output?: Output }}
 */
function takeSchema(options) {
  checkObject(options, 'options')
  const schema = options.outputSchema
  if (!isStandardSchema(schema)) return { rest: options }
  if (isJsonSchema(schema)) return { rest: options, output: { shape: schema, standard: schema } }
  return takeOutput(options, 'options')
}

/**
 * Whether it is JSON Schema that can validate besides, as `z.toJSONSchema()` gives it: a plain object that hides its
 * `~standard`. A schema of Zod hides it too, once it was asked for it, but is no plain object.
 *
 * @param {object} schema
 * @returns {schema is Record<string, unknown>}
 */
function isJsonSchema(schema) {
  const standard = Object.getOwnPropertyDescriptor(schema, '~standard')
  return Object.getPrototypeOf(schema) === Object.prototype && standard?.enumerable === false
}

/**
 * @param {any} result
 * @param {Output | undefined} output
 * @param {AbortSignal | undefined} signal
 */
async function withStructure(result, output, signal) {
  if (output === undefined) return result
  return Object.assign(result, { structuredResponse: await readOutput(result, output, signal) })
}

module.exports.Codex = Codex
module.exports.Thread = Thread
