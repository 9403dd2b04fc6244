import { UNIONS } from './places.mjs'

/** @typedef {import('./places.mjs').Places} Places */
/**
 * @typedef {object} Change
 * @property {'added' | 'gone' | 'changed'} what
 * @property {import('./places.mjs').Union | 'field' | 'value'} kind
 * @property {string} name the method, `Type.field` or `Type 'value'`
 * @property {string} type that it is of
 * @property {string} before
 * @property {string} after
 * @property {string[]} carriers the methods that carry it
 * @property {boolean} sent whether codex sends it
 * @property {boolean} gets whether codex is sent it
 */

/**
 * @param {Places} before
 * @param {Places} after
 * @returns {Change[]}
 */
export function differences(before, after) {
  /** @type {Change[]} */
  const changes = []
  for (const union of UNIONS) {
    const [then, now] = [before, after].map(
      (places) => new Map([...places.methods[union]].map(([method, params]) => [method, params ?? ''])),
    )
    compare(union, then ?? new Map(), now ?? new Map())
  }
  compare('field', textOf(before.fields), textOf(after.fields))
  compare('value', new Map(keys(before.values)), new Map(keys(after.values)))
  return changes

  /** @param {Change['kind']} kind @param {Map<string, string>} then @param {Map<string, string>} now */
  function compare(kind, then, now) {
    for (const name of [...new Set([...then.keys(), ...now.keys()])].sort()) {
      const [a, b] = [then.get(name), now.get(name)]
      if (a === b) continue
      const what = a === undefined ? 'added' : b === undefined ? 'gone' : 'changed'
      const type = kind === 'field' || kind === 'value' ? (/^\w+/.exec(name)?.[0] ?? '') : (b ?? a ?? '')
      const carriers = [...((b === undefined ? before : after).carriers.get(type) ?? [])]
      changes.push({
        what,
        kind,
        name,
        type,
        before: a ?? '',
        after: b ?? '',
        carriers: [...new Set(carriers.map((one) => one.slice(one.indexOf(' ') + 1)))].sort(),
        sent: carriers.some((one) => one.startsWith('sends ')),
        gets: carriers.some((one) => one.startsWith('gets ')),
      })
    }
  }
}

/** @param {Places['fields']} fields */
function textOf(fields) {
  return new Map([...fields].map(([name, { type, required }]) => [name, `${type}${required ? '' : ' ?'}`]))
}

/** @param {Set<string>} values @returns {[string, string][]} */
const keys = (values) => [...values].map((value) => [value, ''])
