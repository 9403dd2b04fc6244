// A Redis that takes TLS alone, with the ACL user of docs/fleet.md.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { Fleet, FleetUnavailableError } from '../../fleet/index.mjs'
import { command, say } from '../../testing/index.mjs'
import { startFleet } from './support/fleet.mjs'

const page = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')
const rules = /^ACL SETUSER (codex on >password .*)$/m.exec(page)?.[1]

test('TLS and an ACL user as the docs have it: everything works, and nothing more is allowed', async (t) => {
  const user = { username: 'codex', password: 'password', acl: `user ${rules}` }
  const it = await startFleet(t, { store: 'redis', user })
  const machine = await it.machine('a')
  await machine.heard('ready')
  it.provider.when(/^secured$/, command(it.effect('secured')), say('Secured.'))
  const options = { key: 'secured', approvalPolicy: /** @type {const} */ ('untrusted') }
  const job = await it.fleet.submit('secured', options)
  for await (const request of job.requests()) await request.answer('accept')
  assert.equal((await job.result()).finalResponse, 'Secured.')
  assert.deepEqual(it.effects(), ['secured'])
  await it.fleet.schedule('clock', { every: 100, limit: 1 }, 'now and then', { key: 'clock' })
  await it.fleet.unschedule('clock')
  assert.equal((await it.fleet.stats()).workers.length, 1)
  assert.equal(await it.fleet.forget('secured'), true)
  machine.signal('SIGTERM')
  await machine.exited
  assert.deepEqual(machine.errors, [])
  // RESTORE, which only saves memory, is among the dangerous ones.
  const denied = /** @type {string[][]} */ (await it.redis.redis.call('ACL', 'LOG'))
  const what = denied.map((entry) => entry[entry.indexOf('object') + 1])
  assert.deepEqual(
    [...new Set(what)].filter((object) => object !== 'restore'),
    [],
  )

  // The same user elsewhere, another password, an authority that nobody knows, no TLS.
  const { tls: _, ...plain } = it.redis.at
  for (const connection of [
    { .../** @type {any} */ (it.connection), password: 'wrong' },
    { .../** @type {any} */ (it.connection), tls: {} },
    { ...plain, username: 'codex', password: 'password' },
  ]) {
    const stranger = new Fleet({ connection, timeoutMs: 500 })
    await assert.rejects(stranger.submit('x', { key: 'x' }), FleetUnavailableError)
    await stranger.close()
  }
  const other = new Fleet({ connection: it.connection, fleet: 'another' })
  await assert.rejects(other.submit('x', { key: 'x' }), (error) => /NOPERM|permission/i.test(String(error)))
  await other.close()
  const client = new Redis(/** @type {any} */ (it.connection))
  await assert.rejects(client.get('something else'), /NOPERM/)
  await assert.rejects(client.flushall(), /NOPERM/)
  client.disconnect()
})
