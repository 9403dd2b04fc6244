'use strict'

/** @typedef {import('./iterator.js').NativeReader} NativeReader */

/**
 * A native reader whose waiting keeps Node alive, as one whose waiting does not: a promise that nobody on the native
 * side holds.
 *
 * @param {NativeReader & { onWake: (wake: (() => void) | undefined) => void }} reader
 * @returns {NativeReader}
 */
function inBackground(reader) {
  /** @type {(nothing: undefined) => void} */
  let resume = () => {}
  reader.onWake(() => resume(undefined))
  return {
    ...reader,
    nextBatch() {
      const batch = reader.nextBatch()
      if (batch === undefined) {
        return new Promise((resolve) => {
          resume = resolve
        })
      }
      if (batch === null) reader.onWake(undefined)
      return batch
    },
    async leave(leaveRunning) {
      await reader.leave(leaveRunning)
      resume(undefined)
      reader.onWake(undefined)
    },
  }
}

module.exports = { inBackground }
