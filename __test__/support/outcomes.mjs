// What came of a promise or an async iterable.

import assert from 'node:assert/strict'

/**
 * Reads to the end.
 *
 * @template T
 * @param {AsyncIterable<T>} iterable
 * @returns {Promise<T[]>}
 */
export async function collect(iterable) {
  const values = []
  for await (const value of iterable) values.push(value)
  return values
}

/**
 * The error that a promise rejects with, which must be of that class.
 *
 * @template {Error} E
 * @param {Promise<unknown>} promise
 * @param {new (...args: any[]) => E} errorClass
 * @returns {Promise<E>}
 */
export async function rejection(promise, errorClass) {
  const error = await promise.then(
    (value) => assert.fail(`it did not reject, but gave ${JSON.stringify(value)?.slice(0, 300)}`),
    (error) => error,
  )
  assert.ok(error instanceof errorClass, error)
  return error
}
