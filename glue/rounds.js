'use strict'

// Taken here: programs under test put clocks of their own in place of the global ones.
const { setImmediate } = require('node:timers')

/**
 * Waits for what the native side has queued: it comes within some rounds of the event loop, by queues that keep no program
 * alive.
 *
 * @param {number} most
 * @param {() => boolean} [isHere] whether it has come already
 */
async function rounds(most, isHere = () => false) {
  for (let round = 0; round < most && !isHere(); round++)
    await new Promise((resolve) => setImmediate(resolve))
}

module.exports = { rounds }
