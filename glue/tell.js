'use strict'

/**
 * Tells something to a callback of the program. What that throws, or what a promise of it rejects with, must not end the
 * host: it becomes a warning.
 *
 * @template {unknown[]} A
 * @param {((...args: A) => unknown) | undefined} callback
 * @param {string} name how the warning calls it
 * @param {A} args
 */
function tell(callback, name, ...args) {
  /** @param {unknown} thrown */
  const warn = (thrown) => process.emitWarning(`${name} given to codex-node threw: ${thrown}`)
  try {
    ignore(callback?.(...args), warn)
  } catch (thrown) {
    warn(thrown)
  }
}

/**
 * Hears what a value rejects with, should it be a promise that nobody waits for.
 *
 * @param {any} value
 * @param {(reason: unknown) => void} [rejected]
 */
function ignore(value, rejected = () => {}) {
  if (typeof value?.then === 'function') value.then(undefined, rejected)
}

module.exports = { ignore, tell }
