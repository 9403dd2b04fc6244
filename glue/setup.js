'use strict'

// What only JavaScript can do, made known to the native side: error classes, the iterator protocol, abort signals.
const { dirname } = require('node:path')
const { isMainThread } = require('node:worker_threads')
const { abortable, ofTurn, ties } = require('./abort.js')
const { evaluate } = require('./evaluation.js')
const { afterEvents, listen } = require('./events.js')
const { context } = require('./handlers.js')
const { makeError } = require('./errors.js')
const { continuationOf, iterate } = require('./iterator.js')
const { encode, encodeOptions } = require('./json.js')
const native = require('./native.js')
const { encodeHandled, encodeOutput } = require('./options.js')
const { withOutput, withOutputOf } = require('./output.js')
const { pages } = require('./pages.js')
const { searchFrom } = require('./program.js')
const { recordSink } = require('./log.js')
const { surroundings } = require('./surroundings.js')
const { attachTransport } = require('./transport.js')

const { called, evaluation, own } = evaluate({
  searchFrom: searchFrom(dirname(__dirname)),
  version: require('../package.json').version,
  parse: JSON.parse,
  makeError,
  encode,
  encodeOptions,
  encodeHandled,
  encodeOutput,
  abortable,
  context,
  /** @type {(promise: Promise<any>, turn: object) => Promise<any>} */
  ofTurn: (promise, turn) => ofTurn(withOutputOf(promise, turn, ties.get(turn)?.signal), turn),
  withOutput,
  recordSink,
  pages,
  continuationOf,
  listen,
  afterEvents,
  attachTransport,
  iterate,
  surroundings,
})

// process.exit() and uncaught exceptions run no destructors; a codex that ignores the end of its input would
// stay. A worker's end runs them, and its clients are its own. One listener, however often this is evaluated.
if (isMainThread && !process.listeners('exit').includes(native.endAll)) process.on('exit', native.endAll)

module.exports = { called, evaluation, own }
