'use strict'

const { callerOf, withCaller } = require('../glue/caller.js')
const { Call } = require('./call.js')
const { contentOf } = require('./content.js')
const { versionForCaller } = require('./version.js')

/** A model of codex, for AI SDK 7 (`LanguageModelV4`) and 6 (`LanguageModelV3`). */
class CodexLanguageModel {
  #shared
  #modelId
  #settings
  #version

  /**
   * @param {import('./call.js').Shared} shared
   * @param {string | undefined} modelId
   * @param {Record<string, any>} settings
   * @param {'v3' | 'v4' | undefined} version for whoever uses it, where the program says so
   */
  constructor(shared, modelId, settings, version) {
    this.#shared = shared
    this.#modelId = modelId
    this.#settings = settings
    this.#version = version
  }

  get specificationVersion() {
    const { get } = /** @type {{ get: Function }} */ (
      Object.getOwnPropertyDescriptor(CodexLanguageModel.prototype, 'specificationVersion')
    )
    return this.#version ?? versionForCaller(get)
  }

  get provider() {
    return 'codex'
  }

  get modelId() {
    return this.#modelId ?? 'default'
  }

  /** None: codex takes images inline, and the AI SDK downloads what is elsewhere. */
  get supportedUrls() {
    return {}
  }

  /** @param {any} options */
  doGenerate(options) {
    const version = this.#version ?? versionForCaller(this.doGenerate)
    return calledBy(callerOf(this.doGenerate), async () => contentOf(await this.#begun(options, version)))
  }

  /** @param {any} options */
  async doStream(options) {
    const version = this.#version ?? versionForCaller(this.doStream)
    const caller = callerOf(this.doStream)
    const call = await calledBy(caller, () => this.#begun(options, version))
    const parts = call.parts()
    const stream = new ReadableStream(
      {
        async pull(controller) {
          const { value, done } = await calledBy(caller, () => parts.next())
          if (done) return controller.close()
          for (const part of value) {
            if (part.type === 'error') framed(part.error, caller)
            controller.enqueue(part)
          }
        },
        async cancel(reason) {
          await call.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
    return { stream }
  }

  /** @param {any} options @param {'v3' | 'v4'} version */
  async #begun(options, version) {
    const call = new Call(this.#shared, this.#modelId, this.#settings, options)
    await call.begin(version)
    return call
  }
}

/**
 * @template T
 * @param {import('../glue/caller.js').Caller} caller
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function calledBy(caller, call) {
  try {
    return await call()
  } catch (error) {
    throw framed(error, caller)
  }
}

/**
 * An error that says who called, and so does the one of codex that it is made of.
 *
 * @param {any} error
 * @param {import('../glue/caller.js').Caller} caller
 */
function framed(error, caller) {
  // Of whichever evaluation of this package.
  if (error?.cause !== undefined) withCaller(error.cause, caller)
  return withCaller(error, caller)
}

module.exports = { CodexLanguageModel }
