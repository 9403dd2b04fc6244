import assert from 'node:assert/strict'

/**
 * Of what a server sent, the fields that are named are these: a newer codex adds others. Arrays are compared whole, their
 * members by the same rule.
 *
 * @param {unknown} actual
 * @param {unknown} expected
 */
export function assertContains(actual, expected) {
  assert.deepEqual(named(actual, expected), expected)
}

/** @param {any} actual @param {any} expected @returns {unknown} */
function named(actual, expected) {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.map((one, i) => (i < expected.length ? named(one, expected[i]) : one))
  }
  if (![actual, expected].every((one) => typeof one === 'object' && one !== null)) return actual
  const fields = Object.entries(actual).filter(([name]) => Object.hasOwn(expected, name))
  return Object.fromEntries(fields.map(([name, value]) => [name, named(value, expected[name])]))
}
