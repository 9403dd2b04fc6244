'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones. Not `performance`: Node loads much
// when that is first named.
const { hrtime } = process

/** Milliseconds from some point in the past. */
function clock() {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

module.exports = { clock }
