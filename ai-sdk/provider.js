'use strict'

const { asCalled } = require('../glue/caller.js')
const { Codex } = require('../index.js')
const { AskedOfAll } = require('./asked.js')
const { merged } = require('./lasting.js')
const { Limits } = require('./limits.js')
const { CodexLanguageModel } = require('./model.js')
const { FOLLOW } = require('./resume.js')
const { checkOptions, defined, invalid } = require('./options.js')
const { Sessions } = require('./session.js')
const { versionForCaller } = require('./version.js')

/**
 * A provider of the AI SDK over codex.
 *
 * @param {any} [codexOrOptions] a client, which stays its maker's to close, or options of one
 * @param {Record<string, any>} [settings] of all models
 */
function createCodex(codexOrOptions = {}, settings = {}) {
  const isClient = typeof codexOrOptions?.startThread === 'function'
  /** @type {import('../index.js').Codex} */
  const codex = isClient ? codexOrOptions : new Codex(codexOrOptions)
  checkSettings(settings, 'settings')
  const { specificationVersion, ...defaults } = settings
  const limits = new Limits()
  const sessions = new Sessions(codex, new AskedOfAll())
  const shared = { sessions, limits }

  /** @param {string} [modelId] @param {Record<string, any>} [own] */
  const languageModel = (modelId, own = {}) => {
    checkSettings(own, 'settings')
    limits.watch(codex)
    sessions.watch()
    const { specificationVersion: version = specificationVersion, ...rest } = own
    const id = modelId === undefined || modelId === 'default' ? undefined : modelId
    return new CodexLanguageModel(shared, id, merged(defaults, defined(rest)), version)
  }
  /** @param {string} kind */
  const none = (kind) => (/** @type {string} */ modelId) => {
    throw noSuchModel(modelId, kind)
  }
  const provider = (
    /** @type {string | undefined} */ modelId,
    /** @type {Record<string, any> | undefined} */ own,
  ) => languageModel(modelId, own)
  const close = () =>
    asCalled(close, async () => {
      await sessions.close()
      await limits.close()
      if (!isClient) await codex.close()
    })
  /** @type {() => 'v3' | 'v4'} */
  const version = () => specificationVersion ?? versionForCaller(version)
  return Object.defineProperties(
    Object.assign(provider, {
      codex,
      [FOLLOW]: (/** @type {string} */ id) => sessions.follow(id),
      languageModel,
      embeddingModel: none('embeddingModel'),
      textEmbeddingModel: none('embeddingModel'),
      imageModel: none('imageModel'),
      models: (/** @type {any} */ query) => codex.models(query),
      thread: (/** @type {string} */ id, /** @type {any} */ options) => codex.resumeThread(id, options),
      close,
    }),
    { specificationVersion: { get: version, enumerable: true } },
  )
}

/**
 * @param {any} settings
 * @param {string} what
 */
function checkSettings(settings, what) {
  checkOptions(settings, what)
  const { specificationVersion } = settings
  if (specificationVersion === undefined || ['v3', 'v4'].includes(specificationVersion)) return
  throw invalid(`${what}.specificationVersion: must be 'v3' or 'v4'`)
}

/** @param {string} modelId @param {string} modelType */
function noSuchModel(modelId, modelType) {
  const error = new Error(`codex has no ${modelType}: ${modelId}`)
  const marks = {
    [Symbol.for('vercel.ai.error')]: true,
    [Symbol.for('vercel.ai.error.AI_NoSuchModelError')]: true,
  }
  return Object.assign(error, marks, { name: 'AI_NoSuchModelError', modelId, modelType })
}

module.exports = { createCodex }
