'use strict'

const { wellFormed } = require('./json.js')

/**
 * What a call takes of the program: the variables that it sees now, as a child of its own would get them, and its
 * folder. `process.env` may be a copy, another object than before, or that of a worker.
 *
 * @returns {string} JSON
 */
function surroundings() {
  // Asked for each time: a test runner or the program itself may exchange it.
  const { env = {} } = process
  const variables = Object.entries(env).filter(([, value]) => value !== undefined)
  return wellFormed(
    JSON.stringify({ variables: variables.map(([name, value]) => [name, String(value)]), folder: folder() }),
  )
}

function folder() {
  try {
    return process.cwd()
  } catch {
    // It was removed.
    return undefined
  }
}

module.exports = { surroundings }
