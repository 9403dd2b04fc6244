'use strict'

const { candidates, whyNot } = require('./candidates.js')
const checks = require('./checks.js')
const { run } = require('./run.js')

/**
 * @typedef {import('./checks.js').Check} Check
 * @typedef {import('./candidates.js').Candidate} Candidate
 *
 * @typedef {object} Sources
 * @property {Record<string, any>} options those of a client
 * @property {Record<string, string | undefined>} env what codex would get
 * @property {string[]} searchFrom folders from which an installed codex is looked for
 * @property {() => any} client a client with these options, to be closed by whoever asked for it
 * @property {AbortSignal} [signal]
 */

/**
 * Looks at everything that a start of codex needs, and starts it once. Never rejects for what it finds.
 *
 * @param {Sources} sources
 */
async function diagnose(sources) {
  const { options, env, signal } = sources
  const isElsewhere = options.url !== undefined || options.transport !== undefined
  const found = isElsewhere
    ? []
    : await judged(await candidates({ ...sources, codexPath: options.codexPath }), env, signal)
  signal?.throwIfAborted()
  const handshake = await checks.handshake(sources)
  signal?.throwIfAborted()
  const taken = chosen(found, options)
  /** @type {Check[]} */
  const all = [
    checks.node(),
    checks.addon(),
    ...(isElsewhere ? [] : [checks.codex(found, taken, handshake.version)]),
    ...(isElsewhere ? [] : [await checks.home(env)]),
    checks.network(env, options),
    handshake.check,
    handshake.account,
    ...(isElsewhere || taken === undefined ? [] : [await checks.sandbox(taken.path, env, signal)]),
  ]
  signal?.throwIfAborted()
  const wrong = all.find((check) => check.status === 'failed')
  return {
    ok: wrong === undefined,
    todo: wrong === undefined ? null : (wrong.hint ?? wrong.summary),
    versions: checks.versions(handshake.version),
    candidates: found,
    codexPath: taken?.path ?? null,
    timing: handshake.timing,
    stderr: handshake.stderr,
    checks: all,
  }
}

/**
 * The one that would be started: what is named by an option or variable, or else the first that is there.
 *
 * @param {Candidate[]} found
 * @param {Record<string, any>} options
 */
function chosen(found, options) {
  const [first] = found
  if (first !== undefined && (options.codexPath !== undefined || first.origin === 'CODEX_PATH')) return first
  return found.find((candidate) => candidate.exists)
}

/**
 * @param {{ origin: string, path: string }[]} places
 * @param {Record<string, string | undefined>} env
 * @param {AbortSignal} [signal]
 * @returns {Promise<Candidate[]>}
 */
function judged(places, env, signal) {
  return Promise.all(
    places.map(async (place) => {
      const problem = await whyNot(place.path)
      if (problem !== undefined) return { ...place, exists: false, version: null, problem }
      const { ok, stdout, why } = await run(place.path, ['--version'], env, signal)
      const version = /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] ?? null
      const odd = ok ? (version === null ? 'it does not say its version: is it codex?' : null) : why
      return { ...place, exists: true, version, problem: odd }
    }),
  )
}

module.exports = { diagnose }
