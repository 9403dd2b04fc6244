// A redis-server of the test's own.

import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { kill } from '../../support/processes.mjs'

const run = promisify(execFile)

/** @returns {string | undefined} */
function found() {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/bin',
    '/usr/local/bin',
    '/opt/homebrew/bin',
  ]
  for (const name of ['redis-server', 'valkey-server']) {
    const folder = folders.find((one) => one !== '' && existsSync(join(one, name)))
    if (folder !== undefined) return join(folder, name)
  }
}

/** The server from PATH, or as apt installs it; a test without one fails and says what is missing. */
async function server() {
  const here = found()
  if (here !== undefined) return here
  try {
    await run('apt-get', ['update', '-qq'])
    const args = ['install', '-y', '--no-install-recommends', 'redis-server']
    await run('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  } catch (error) {
    throw new Error('the tests of codex-node/fleet need redis-server (or valkey-server) on PATH', {
      cause: error,
    })
  }
  return found() ?? assertFound()
}
const assertFound = () => {
  throw new Error('redis-server was installed, and is not on PATH')
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const listener = createServer()
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (listener.address())
      listener.close(() => resolve(port))
    })
  })
}

/**
 * A certificate for 127.0.0.1 of an authority made for it, by openssl.
 *
 * @param {string} folder
 */
async function certify(folder) {
  const openssl = (/** @type {string[]} */ ...args) => run('openssl', args, { cwd: folder })
  const key = (/** @type {string} */ name) => {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    return [...kind, '-keyout', `${name}.key`, '-subj', `/CN=${name}`]
  }
  await openssl('req', '-x509', ...key('authority'), '-days', '2', '-out', 'authority.crt')
  await openssl('req', ...key('redis'), '-out', 'redis.csr')
  await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n')
  const by = ['-CA', 'authority.crt', '-CAkey', 'authority.key', '-CAcreateserial', '-days', '2']
  await openssl('x509', '-req', '-in', 'redis.csr', ...by, '-extfile', 'names', '-out', 'redis.crt')
  const inside = (/** @type {string} */ name) => join(folder, name)
  const files = ['--tls-cert-file', inside('redis.crt'), '--tls-key-file', inside('redis.key')]
  return {
    ca: await readFile(inside('authority.crt'), 'utf8'),
    args: [...files, '--tls-ca-cert-file', inside('authority.crt'), '--tls-auth-clients', 'no'],
  }
}

/**
 * A Redis that ends with the test. It keeps what it has over a restart, as one with AOF does. With `acl` it takes TLS
 * alone, and users of these lines beside its own.
 *
 * @param {import('node:test').TestContext | { after: (f: () => Promise<void>) => void }} t
 * @param {string[]} [args]
 * @param {{ acl?: string[] }} [options]
 */
export async function startRedis(t, args = [], { acl } = {}) {
  const program = await server()
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-redis-'))
  const port = await freePort()
  const tls = acl === undefined ? undefined : await certify(folder)
  const users = join(folder, 'users.acl')
  const admin = ['user admin on >admin ~* &* +@all', 'user default off']
  if (acl !== undefined) await writeFile(users, [...admin, ...acl, ''].join('\n'))
  /** Where it is, as a connection of ioredis. */
  const at = { host: '127.0.0.1', port, ...(tls === undefined ? {} : { tls: { ca: tls.ca } }) }
  const connection = { ...at, ...(tls === undefined ? {} : { username: 'admin', password: 'admin' }) }
  /** @type {import('node:child_process').ChildProcess} */
  let child
  const start = async () => {
    const options = [
      ...(tls === undefined ? ['--port', `${port}`] : ['--port', '0', '--tls-port', `${port}`]),
      ...(tls === undefined ? [] : [...tls.args, '--aclfile', users]),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
    ]
    child = spawn(program, [...options, '--appendfsync', 'everysec', ...args], { stdio: 'ignore' })
    const client = new Redis({ ...connection, retryStrategy: () => 20, maxRetriesPerRequest: null })
    client.on('error', () => {})
    // It answers with LOADING until it has read its file.
    while ((await client.ping().catch(() => '')) !== 'PONG') await new Promise((r) => setTimeout(r, 20))
    client.disconnect()
  }
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await ended
  }
  await start()
  const url = `redis://127.0.0.1:${port}`
  const redis = new Redis({ ...connection, retryStrategy: () => 50, maxRetriesPerRequest: null })
  redis.on('error', () => {})
  t.after(async () => {
    redis.disconnect()
    await stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return {
    url,
    at,
    redis,
    get pid() {
      return child.pid ?? 0
    },
    start,
    stop,
    pause: () => process.kill(child.pid ?? 0, 'SIGSTOP'),
    resume: () => process.kill(child.pid ?? 0, 'SIGCONT'),
    kill: () => kill(child.pid ?? 0),
  }
}
