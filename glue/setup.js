'use strict'

// What only JavaScript can do, made known to the native side: error classes, the iterator protocol, abort signals.
const { aroundOf } = require('./again.js')
const { abortable, ofTurn, ties } = require('./abort.js')
const { settle, takeArguments } = require('./arguments.js')
const { evaluate } = require('./evaluation.js')
const { afterEvents, listen } = require('./events.js')
const { context } = require('./handlers.js')
const { makeError } = require('./errors.js')
const { continuationOf, iterate } = require('./iterator.js')
const { encode, encodeOptions } = require('./json.js')
const native = require('./native.js')
const { takeOptions } = require('./options.js')
const { withOutputOf } = require('./output.js')
const { pages } = require('./pages.js')
const { folder } = require('./place.js')
const { searchFrom } = require('./program.js')
const { recordSink } = require('./log.js')
// Not late: a result must not hang on whether there is a file descriptor left.
const { withReview } = require('./review.js')
const { ofRollouts } = require('./rollout.js')
const { added } = require('./running.js')
const { surroundings } = require('./surroundings.js')

const hooks = {
  searchFrom: searchFrom(folder),
  version: require('../package.json').version,
  parse: JSON.parse,
  makeError,
  encode,
  encodeOptions,
  takeOptions,
  takeArguments,
  settle,
  abortable,
  context,
  /** @type {(promise: Promise<any>, turn: object) => Promise<any>} */
  async ofTurn(promise, turn) {
    const result = await ofTurn(withOutputOf(promise, turn, ties.get(turn)?.signal), turn)
    return isReview(result) ? withReview(result) : result
  },
  recordSink,
  pages,
  continuationOf,
  listen,
  afterEvents,
  // Loaded late: few need it, and it keeps nothing.
  /** @type {typeof import('./transport.js').attachTransport} */
  attachTransport: (...given) => require('./transport.js').attachTransport(...given),
  iterate,
  // Whoever starts a process asks for them.
  surroundings() {
    endWithProcess()
    return surroundings()
  },
}
const { called, evaluation, own } = evaluate(hooks, aroundOf, [...added, ...ofRollouts])

/** @param {any} result */
function isReview(result) {
  return result?.items?.some?.((/** @type {any} */ item) => item?.type === 'exitedReviewMode') ?? false
}

let endsWithProcess = false

/**
 * process.exit() and uncaught exceptions run no destructors; a codex that ignores the end of its input would stay. A
 * worker's end runs them, and its clients are its own. One listener, however often this is evaluated.
 */
function endWithProcess() {
  if (endsWithProcess) return
  endsWithProcess = true
  // Loaded late: it is large.
  const { isMainThread } = require('node:worker_threads')
  if (isMainThread && !process.listeners('exit').includes(native.endAll)) process.on('exit', native.endAll)
}

module.exports = { called, evaluation, own }
