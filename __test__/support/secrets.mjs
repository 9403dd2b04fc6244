// A generated set of secrets, what programs make of them when they print them, and whether any is in what this package
// says.

import assert from 'node:assert/strict'
import { generateSync } from 'json-schema-faker'

/** What tokens, keys, passwords and certificates look like. */
const PATTERNS = [
  '^sk-[A-Za-z0-9_-]{20,40}$',
  '^ghp_[A-Za-z0-9]{36}$',
  '^[0-9a-f]{64}$',
  '^[A-Za-z0-9+/]{43}=$',
  '^eyJ[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{24}\\.[A-Za-z0-9_-]{20}$',
  '^[A-Za-z0-9]{8}$',
  '^[!#-Z^-~]{12,20}$',
  '^[A-Za-z]{4}"[A-Za-z]{4}\\\\[A-Za-z0-9]{4}$',
  '^[a-z]{5} [a-z]{5} [a-z]{5}$',
  '^[a-zäöüß€]{12}$',
  '^[A-Za-z0-9]{4}[&%+=?/#]{3}[A-Za-z0-9]{6}$',
]
/** How many there are of each kind, one after the other. */
export const EACH = 4

/** @type {string[]} */
export const secrets = PATTERNS.flatMap((pattern) =>
  Array.from({ length: EACH }, (_, seed) =>
    String(generateSync({ type: 'string', pattern }, { seed: seed + 1 })),
  ),
)
secrets.push(
  ...[1, 2].map((seed) => {
    const line = { type: 'string', pattern: '^[A-Za-z0-9+/]{64}$' }
    const lines = [0, 1, 2].map((i) => generateSync(line, { seed: seed * 10 + i }))
    return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
  }),
)

/** What programs make of a secret when they print it. @type {Record<string, (secret: string) => string>} */
export const FORMS = {
  'as it is': (secret) => secret,
  'in JSON': (secret) => JSON.stringify({ key: secret }),
  'in JSON as Python writes it': (secret) => ascii(JSON.stringify({ key: secret })),
  'in JSON as PHP writes it': (secret) => ascii(JSON.stringify({ key: secret }).replaceAll('/', '\\/')),
  'in JSON within JSON': (secret) => JSON.stringify({ body: JSON.stringify({ key: secret }) }),
  'in the query of a URL': (secret) => `http://127.0.0.1/?${new URLSearchParams({ key: secret })}&x=1`,
  'as a part of a URL': (secret) => `http://127.0.0.1/${encodeURIComponent(secret)}/x`,
  'in a header': (secret) => `Authorization: Bearer ${secret}`,
}

/** @param {string} text what is not ASCII as escapes */
function ascii(text) {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Everything of a value that somebody may print. @param {unknown} value @returns {string} */
export function printed(value) {
  if (!(value instanceof Error)) return JSON.stringify(value) ?? ''
  // The result is not among the fields that are listed.
  const { cause, result, ...fields } = /** @type {any} */ (value)
  return `${value.stack} ${value.message} ${JSON.stringify([fields, result])} ${cause === undefined ? '' : printed(cause)}`
}

/**
 * No secret is in a text, in any form, nor a line of one.
 *
 * @param {string} text
 * @param {string[]} given
 * @param {string} where
 */
export function assertNone(text, given, where) {
  for (const secret of given) {
    const parts = secret.includes('\n') ? secret.split('\n').filter((line) => line.length === 64) : [secret]
    for (const part of parts) {
      const forms = [
        part,
        JSON.stringify(part).slice(1, -1),
        encodeURIComponent(part),
        new URLSearchParams({ '': part }).toString().slice(1),
        ascii(JSON.stringify(part)).slice(1, -1),
      ]
      for (const form of forms) {
        const at = text.indexOf(form)
        assert.ok(
          at < 0,
          `${where}: ${JSON.stringify(secret)} as ${form} in ${text.slice(Math.max(0, at - 120), at + 160)}`,
        )
      }
    }
  }
}

/** Values by names that say nothing. @param {string[]} given @returns {Record<string, string>} */
export const named = (given) => Object.fromEntries(given.map((secret, i) => [`ANY_${i}`, secret]))
