'use strict'

/**
 * A logger as a function that takes a record as JSON, or nothing, which only its answer is wanted for. What the logger throws must not end the host: it becomes
 * a warning.
 *
 * @param {(record: object) => void} logger
 * @returns {(json: string) => void}
 */
function recordSink(logger) {
  return (json) => {
    if (json === '') return
    try {
      logger(JSON.parse(json))
    } catch (error) {
      process.emitWarning(`the logger given to codex-node threw: ${error}`)
    }
  }
}

module.exports = { recordSink }
