'use strict'

const { constants, promises: fs, existsSync } = require('node:fs')
const { homedir, tmpdir } = require('node:os')
const { join } = require('node:path')
const manifest = require('../package.json')
const { clock } = require('../glue/clock.js')
const { untilAborted } = require('../glue/signals.js')
const { hintOf } = require('../glue/hints.js')
const { run } = require('./run.js')

/**
 * @typedef {'ok' | 'warning' | 'failed'} Status
 *
 * @typedef {object} Check
 * @property {string} name
 * @property {Status} status
 * @property {string} summary
 * @property {string} [hint] what to do
 * @property {Record<string, unknown>} [details]
 */

/** @returns {Check} */
function node() {
  const [major = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < 20
  /** @type {Check} */
  const check = {
    name: 'node',
    status: isOld ? 'failed' : 'ok',
    summary: `${runtime()} on ${process.platform}-${process.arch}`,
  }
  return isOld ? { ...check, hint: 'Install Node 20 or later.' } : check
}

function runtime() {
  const { bun, deno, node: version } = /** @type {Record<string, string | undefined>} */ (process.versions)
  if (bun !== undefined) return `Bun ${bun}`
  return deno === undefined ? `Node ${version}` : `Deno ${deno}`
}

/** @returns {Check} */
function addon() {
  // It is loaded, or nothing of this would run.
  return { name: 'addon', status: 'ok', summary: `codex-node ${manifest.version}, its native part is loaded` }
}

/** @param {string | null} running of the codex that answered */
function versions(running) {
  return {
    'codex-node': manifest.version,
    node: process.versions.node,
    codex: running,
    oldestCodex: manifest.peerDependencies['@openai/codex'].replace(/[^\d.]/g, ''),
    testedCodex: manifest.devDependencies['@openai/codex'],
  }
}

/**
 * @param {import('./candidates.js').Candidate[]} found
 * @param {import('./candidates.js').Candidate | undefined} taken
 * @param {string | null} running
 * @returns {Check}
 */
function codex(found, taken, running) {
  const details = { candidates: found.length }
  if (taken === undefined || !taken.exists) {
    const summary =
      taken === undefined
        ? 'no codex executable was found'
        : `${taken.path} (${taken.origin}): ${taken.problem}`
    return { name: 'codex', status: 'failed', summary, hint: hintOf('BINARY_NOT_FOUND') ?? '', details }
  }
  const version = running ?? taken.version
  const { oldestCodex, testedCodex } = versions(null)
  if (version !== null && isBefore(version, oldestCodex)) {
    const summary = `codex ${version} at ${taken.path} is older than ${oldestCodex}, the oldest that is supported`
    return { name: 'codex', status: 'failed', summary, hint: hintOf('UNSUPPORTED_VERSION') ?? '', details }
  }
  if (taken.problem !== null) {
    return {
      name: 'codex',
      status: 'failed',
      summary: `${taken.path}: ${taken.problem}`,
      hint: hintOf('SPAWN_FAILED') ?? '',
      details,
    }
  }
  const summary = `codex ${version} at ${taken.path} (${taken.origin})`
  if (version !== null && isBefore(testedCodex, version)) {
    return {
      name: 'codex',
      status: 'warning',
      summary: `${summary}; newer than ${testedCodex}, the newest that was tested`,
      details,
    }
  }
  return { name: 'codex', status: 'ok', summary, details }
}

/** @param {string} one @param {string} other */
function isBefore(one, other) {
  const numbers = (/** @type {string} */ version) => version.split(/[-+]/)[0]?.split('.').map(Number) ?? []
  const [a, b] = [numbers(one), numbers(other)]
  const at = a.findIndex((number, index) => number !== b[index])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}

/**
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<Check>}
 */
async function home(env) {
  const named = env.CODEX_HOME
  const path = named || join(env.HOME || env.USERPROFILE || homedir(), '.codex')
  const details = { path, named: named !== undefined && named !== '' }
  if (!existsSync(path)) {
    if (!details.named)
      return { name: 'home', status: 'ok', summary: `${path} is not there yet; codex makes it`, details }
    return {
      name: 'home',
      status: 'failed',
      summary: `CODEX_HOME names ${path}, which does not exist`,
      hint: `Make the folder ${path}, or unset CODEX_HOME.`,
      details,
    }
  }
  try {
    await fs.access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return {
      name: 'home',
      status: 'failed',
      summary: `this user may not write in ${path}`,
      hint: `Give this user the right to write in ${path}, or set CODEX_HOME to another folder.`,
      details,
    }
  }
  const locks = await fs.readdir(join(path, 'thread-writer-locks')).catch(() => [])
  const summary = `${path} can be written${locks.length > 0 ? `; ${locks.length} threads have had a writer` : ''}`
  return { name: 'home', status: 'ok', summary, details: { ...details, writerLocks: locks.length } }
}

const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY']
const CERTIFICATES = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'CODEX_CA_CERTIFICATE']

/**
 * @param {Record<string, string | undefined>} env
 * @param {Record<string, any>} options
 * @returns {Check}
 */
function network(env, options) {
  const proxies = PROXIES.flatMap((name) => [name, name.toLowerCase()])
    .filter((name) => env[name])
    .map((name) => `${name}=${withoutCredentials(env[name] ?? '')}`)
  const files = CERTIFICATES.filter((name) => env[name]).map((name) => ({ name, path: env[name] ?? '' }))
  if (options.caFile !== undefined) files.push({ name: 'caFile', path: String(options.caFile) })
  const missing = files.find(({ path }) => !existsSync(path))
  const details = { proxies, certificates: files }
  if (missing !== undefined) {
    return {
      name: 'network',
      status: 'failed',
      summary: `${missing.name} names ${missing.path}, which does not exist`,
      hint: `Correct or unset ${missing.name}.`,
      details,
    }
  }
  const summary = [...proxies, ...files.map(({ name, path }) => `${name}=${path}`)].join(', ')
  return {
    name: 'network',
    status: 'ok',
    summary: summary || 'no proxy, no certificates of its own',
    details,
  }
}

/** @param {string} proxy */
function withoutCredentials(proxy) {
  return proxy.replace(/\/\/[^/@]*@/, '//[secret]@').replace(/^[^/@]*:[^/@]*@/, '[secret]@')
}

/**
 * Starts codex, or opens a line to it, and asks for the account.
 *
 * @param {import('./index.js').Sources} sources
 */
async function handshake({ client, signal }) {
  const begun = clock()
  /** @type {any} */
  let codex
  try {
    codex = client()
    const metadata = await untilAborted(codex.connect(), signal, () => signal?.reason)
    const connectMs = Math.round(clock() - begun)
    const account = await login(codex, signal)
    const { version } = metadata.serverInfo
    /** @type {Check} */
    const check = {
      name: 'handshake',
      status: 'ok',
      summary: `codex answered after ${connectMs} ms`,
      details: { connectMs },
    }
    return {
      check,
      account,
      version: /** @type {string | null} */ (version),
      timing: { connectMs },
      stderr: null,
    }
  } catch (error) {
    signal?.throwIfAborted()
    const { message, code, stderr } = /** @type {any} */ (error)
    const hint = hintOf(code)
    /** @type {Check} */
    const check = {
      name: 'handshake',
      status: 'failed',
      summary: String(message),
      ...(hint === undefined ? {} : { hint }),
      details: { code },
    }
    /** @type {Check} */
    const account = { name: 'account', status: 'warning', summary: 'not asked: codex did not answer' }
    return { check, account, version: null, timing: { connectMs: null }, stderr: stderr ?? null }
  } finally {
    await codex?.close()
  }
}

/**
 * @param {any} codex
 * @param {AbortSignal} [signal]
 * @returns {Promise<Check>}
 */
async function login(codex, signal) {
  try {
    const { account, requiresOpenaiAuth } = await untilAborted(
      codex.account.read(),
      signal,
      () => signal?.reason,
    )
    if (account === null && requiresOpenaiAuth) {
      return {
        name: 'account',
        status: 'failed',
        summary: 'nobody is logged in',
        hint: 'Log in with `npx codex login`, or give the option apiKey.',
      }
    }
    const kind =
      account === null ? 'none is needed: the model provider has its own credentials' : account.type
    return { name: 'account', status: 'ok', summary: String(kind), details: { type: account?.type ?? null } }
  } catch (error) {
    signal?.throwIfAborted()
    return {
      name: 'account',
      status: 'warning',
      summary: `could not be asked: ${/** @type {Error} */ (error).message}`,
    }
  }
}

/**
 * @param {string} path
 * @param {Record<string, string | undefined>} env
 * @param {AbortSignal} [signal]
 * @returns {Promise<Check>}
 */
async function sandbox(path, env, signal) {
  if (process.platform === 'win32') {
    return { name: 'sandbox', status: 'ok', summary: 'not tried on Windows' }
  }
  const { ok, why } = await run(
    path,
    ['sandbox', '--', '/bin/sh', '-c', ':'],
    { ...env, TMPDIR: env.TMPDIR ?? tmpdir() },
    signal,
  )
  if (ok) return { name: 'sandbox', status: 'ok', summary: 'commands can be run in it' }
  return {
    name: 'sandbox',
    status: 'warning',
    summary: `a command in codex's sandbox failed: ${why}`,
    hint: 'In a container allow user namespaces or Landlock, or use an outer sandbox and `sandbox: "danger-full-access"`.',
  }
}

module.exports = { addon, codex, handshake, home, network, node, sandbox, versions }
