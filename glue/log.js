'use strict'

const { tell } = require('./tell.js')

/**
 * A logger as a function that takes a record as JSON, or nothing, which only its answer is wanted for.
 *
 * @param {(record: object) => void} logger
 * @returns {(json: string) => void}
 */
function recordSink(logger) {
  return (json) => {
    if (json !== '') tell(logger, 'the logger', JSON.parse(json))
  }
}

module.exports = { recordSink }
