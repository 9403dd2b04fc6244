// Row R7 of the failure cases: programs that do not answer as codex does, and how the start of one fails.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Codex, InvalidRequestError, ServerExitedError, TimeoutError, TransportError } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { rig, rigPath } from '../support/rig.mjs'

describe('requests', { concurrency: true }, () => {
  test('R7: an initialize that is never answered rejects with the path and stderr; the child goes, the next call tries again', async (t) => {
    const { codex, log } = rig(
      t,
      { runs: [{ on: { initialize: [[{ stderr: 'thinking about it' }]] } }, {}] },
      { connectTimeoutMs: 4_000 },
    )
    const [error] = await Promise.all([
      rejection(codex.connect(), TimeoutError),
      rejection(codex.request('thread/loaded/list', {}), TimeoutError),
    ])
    assert.equal(error.method, 'initialize')
    assert.equal(error.timeoutMs, 4_000)
    for (const part of [rigPath, '4000 ms', 'thinking about it'])
      assert.ok(error.message.includes(part), error.message)
    await gone((await log.find((entry) => entry.run === 0)).pid)
    assert.deepEqual(await codex.request('thread/loaded/list', {}), { data: [], nextCursor: null })
    assert.equal(log.entries().filter((entry) => entry.run !== undefined).length, 2)
  })

  test('R7: a program that answers nothing and won’t go is gone when the deadline rejects', async (t) => {
    const { codex, log } = rig(
      t,
      { onEof: 'ignore', onSigterm: 'ignore', on: { initialize: ['never'] } },
      { connectTimeoutMs: 3_000 },
    )
    const begun = performance.now()
    await rejection(codex.connect(), TimeoutError)
    // The graces of an end would be 2,750 ms more.
    assert.ok(performance.now() - begun < 5_500, `${performance.now() - begun} ms`)
    assert.equal(isAlive((await log.find((entry) => entry.run === 0)).pid), false)
  })

  test('R7: a program that prints help and exits rejects with the path and stderr; the next call tries again', async (t) => {
    const { codex, log } = rig(t, { runs: [{ notCodex: true }, { notCodex: true }, {}] })
    for (const call of [() => codex.connect(), () => codex.startThread()]) {
      const error = await rejection(call(), ServerExitedError)
      assert.equal(error.exitCode, 2)
      assert.equal(error.signal, null)
      assert.match(error.stderr, /unrecognized arguments/)
      for (const part of [rigPath, 'code 2', 'unrecognized'])
        assert.ok(error.message.includes(part), error.message)
    }
    assert.equal(codex.pid, null)
    assert.equal((await codex.startThread()).id, 'thread-1')
    assert.equal(log.entries().filter((entry) => entry.run !== undefined).length, 3)
  })

  test('R7: a program that is not codex rejects with its path', async (t) => {
    // Node takes `app-server` for a file that is missing.
    const codex = new Codex({ codexPath: process.execPath })
    t.after(() => codex.close())
    const error = await rejection(codex.connect(), ServerExitedError)
    assert.ok(error.message.includes(process.execPath), error.message)
    assert.match(error.stderr, /app-server/)
  })

  for (const [how, actions, errorClass, parts] of /** @type {[string, unknown[], any, string[]][]} */ ([
    [
      'with something else',
      [{ reply: { hello: 1 } }],
      TransportError,
      [rigPath, 'initialize', 'is it codex?'],
    ],
    [
      'with an error',
      [{ error: { code: -32600, message: 'bad client' } }],
      InvalidRequestError,
      ['initialize', 'bad client'],
    ],
    [
      'by dying',
      [{ stderr: 'no license' }, { exit: 9 }],
      ServerExitedError,
      [rigPath, 'code 9', 'no license'],
    ],
    ['with the end of its output', ['closeStdout'], ServerExitedError, [rigPath]],
  ])) {
    test(`R7: an initialize that is answered ${how} rejects, and the child goes`, async (t) => {
      const { codex, log } = rig(t, { on: { initialize: [actions] } })
      const error = await rejection(codex.connect(), errorClass)
      for (const part of parts) assert.ok(error.message.includes(part), error.message)
      await gone((await log.find((entry) => entry.run === 0)).pid)
    })
  }
})
