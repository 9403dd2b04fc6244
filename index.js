'use strict'

// The classes are native, but for the one that a program makes: it says to which evaluation of this package it belongs.
const { asCalled } = require('./glue/caller.js')
const { made } = require('./glue/clients.js')
const { doctor } = require('./glue/doctor.js')
const { classes } = require('./glue/errors.js')
const native = require('./glue/native.js')
const { isRetryableError, retryOnOverload } = require('./glue/retry.js')
const { called, evaluation, own } = require('./glue/setup.js')
const { ask } = require('./glue/ask.js')
const { defineTool } = require('./glue/tools.js')

/** A client, which belongs to this evaluation of the package. */
class Codex extends native.Codex {
  /** @type {Record<string, any>} */
  #options

  /** @param {any} [options] */
  constructor(options) {
    super(options, evaluation.id)
    this.#options = { ...options }
    own(this)
    made(this, options)
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  doctor(options = {}) {
    const client = () => new Codex({ ...this.#options, logger: undefined, handlers: undefined })
    return asCalled(this.doctor, async () => doctor(this, this.#options, client, options))
  }
}
// Its own, so that whoever looks at it or replaces one finds them here.
const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(native.Codex.prototype)
Object.defineProperties(Codex.prototype, methods)

module.exports = {
  Codex,
  Thread: native.Thread,
  Turn: native.Turn,
  Goal: native.Goal,
  Account: native.Account,
  Login: native.Login,
  Config: native.Config,
  CommandProcess: native.CommandProcess,
  AppServer: native.AppServer,
  serve: called(native.serve),
  signedBearerToken: called(native.signedBearerToken),
  isRetryableError,
  retryOnOverload,
  defineTool,
  ask,
  ...classes,
}
