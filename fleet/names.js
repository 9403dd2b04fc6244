'use strict'

const { argumentError } = require('../glue/json.js')

// What the fleet's keys in Redis are called. All lie in one hash slot, so that a script may touch several of them.

/** What this version writes into jobs; a worker that knows only lower ones passes the job on to one that knows it. */
const FORMAT = 1

const DEFAULT_NAME = 'codex-fleet'

class Names {
  /** @param {string} [name] of the fleet */
  constructor(name = DEFAULT_NAME) {
    if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
      throw argumentError(
        `options.fleet must be 1 to 64 letters, digits, ".", "_" or "-", not ${JSON.stringify(name)}`,
      )
    }
    this.name = name
    /** BullMQ's prefix. */
    this.queues = `{${name}}`
    /** What the fleet's own keys begin with. */
    this.root = `{${name}}.`
  }

  /** @param {string} id */
  job = (id) => `${this.root}j:${id}`
  /** @param {string} id of a job; also the channel that says it has grown */
  events = (id) => `${this.root}e:${id}`
  /** @param {string} key */
  key = (key) => `${this.root}k:${key}`
  /** @param {string} session of a worker */
  control = (session) => `${this.root}c:${session}`
  /** @param {string} id of a job */
  steers = (id) => `${this.root}st:${id}`
  /** @param {string} threadId */
  thread = (threadId) => `${this.root}t:${threadId}`
  /** Open questions; also the channel that says they have changed. */
  get questions() {
    return `${this.root}q`
  }
  get pending() {
    return `${this.root}pend`
  }
  get alive() {
    return `${this.root}alive`
  }
  /** @param {string} session */
  session = (session) => `${this.root}s:${session}`
  /** @param {string} session */
  keysOf = (session) => `${this.root}sk:${session}`
}

/** The queue of jobs whose key has no worker, and of those that are delayed or scheduled. */
const ENTRY = 'entry'
/** @param {string} session */
const queueOf = (session) => `turns-${session}`

module.exports.ENTRY = ENTRY
module.exports.FORMAT = FORMAT
module.exports.Names = Names
module.exports.queueOf = queueOf
