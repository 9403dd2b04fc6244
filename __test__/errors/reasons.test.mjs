// Errors whose reasons can be told apart.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  ConfigLoadError,
  InvalidRequestError,
  JsonRpcError,
  ProtocolError,
  ServerExitedError,
  ThreadNotFoundError,
  TransportError,
} from '../../index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rig } from '../support/rig.mjs'

const nobody = '00000000-0000-7000-8000-000000000000'

describe('reasons', { concurrency: true, timeout: 60_000 }, () => {
  test('a missing thread is a ThreadNotFoundError, whatever was wanted of it', async (t) => {
    const { codex } = await real(t)
    for (const id of [nobody, 'no-id-at-all']) {
      const calls = [
        codex.resumeThread(id),
        codex.forkThread(id),
        codex.readThread(id),
        codex.archiveThread(id),
        codex.unarchiveThread(id),
        codex.deleteThread(id),
        codex.setThreadName(id, 'name'),
      ]
      for (const error of await Promise.all(calls.map((call) => rejection(call, ThreadNotFoundError)))) {
        assert.ok(error instanceof InvalidRequestError && error instanceof JsonRpcError)
        assert.deepEqual([error.code, error.rpcCode], ['THREAD_NOT_FOUND', -32600])
        assert.equal(error.threadId, id === nobody ? id : null)
      }
    }
  })

  test('so is each call of a handle whose thread was deleted', async (t) => {
    const { codex, provider, home } = await real(t)
    provider.enqueue('Hello.')
    const thread = await codex.startThread({ cwd: home.workspace })
    await thread.run('Hi')
    await codex.deleteThread(thread.id)
    for (const call of [
      () => thread.read(),
      () => thread.run('x'),
      () => thread.turn('x'),
      () => thread.proceed(),
      () => thread.send('x'),
      () => thread.setName('x'),
      () => thread.archive(),
      () => thread.unarchive(),
      () => thread.delete(),
      () => thread.fork(),
      () => thread.goal.get(),
      () => collect(thread.turns()),
      () => collect(thread.items()),
      () => thread.rollback(1),
      () => thread.review({ type: 'uncommittedChanges' }),
      () => thread.compact(),
      () => thread.export(),
      () => thread.updateDefaults({ model: 'gpt-5.4' }),
      () => thread.outcomeOf('x'),
    ]) {
      const error = await rejection(call(), ThreadNotFoundError)
      assert.equal(error.threadId, thread.id, String(call))
    }
  })

  test('what is refused of a thread that is there is another error', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    const error = await rejection(thread.setName('name'), InvalidRequestError)
    assert.equal(error.code, 'INVALID_REQUEST')
  })

  test('a configuration that does not load has a code', async (t) => {
    const { codex, home } = await real(t)
    await codex.connect()
    writeFileSync(join(String(home.env.CODEX_HOME), 'config.toml'), '= = =\n')
    const error = await rejection(codex.startThread(), ConfigLoadError)
    assert.equal(error.code, 'CONFIG_LOAD')
    assert.match(error.message, /config\.toml/)
  })

  test('a configuration with which codex does not start has the same code', async (t) => {
    const { codex, home } = await real(t)
    // It was there once, and is fatal now.
    writeFileSync(join(String(home.env.CODEX_HOME), 'config.toml'), 'approval_policy = "untrusted"\n')
    const { codex: exec, env } = await realExec(t)
    writeFileSync(join(String(env.CODEX_HOME), 'config.toml'), 'model = 5\n')
    const wrong = await real(t, { config: { sandbox_mode: 'nope' } })
    for (const call of [
      () => codex.connect(),
      () => exec.startThread({ skipGitRepoCheck: true }).run('Hi'),
      () => wrong.codex.connect(),
    ]) {
      const error = await rejection(call(), ServerExitedError)
      assert.deepEqual([error.code, error.exitCode], ['CONFIG_LOAD', 1])
      assert.equal(typeof error.path, 'string')
    }
  })

  test('what is asked for before the handshake is no failed start', async (t) => {
    const { codex } = rig(t)
    assert.throws(() => codex.metadata, { name: 'TransportError', code: 'NOT_CONNECTED' })
  })

  test("an answer that can't be read is no failed start", async (t) => {
    const { codex } = rig(t, { on: { 'thread/start': { reply: { thread: 5 } } } })
    const error = await rejection(codex.startThread(), ProtocolError)
    assert.deepEqual([error.code, error.method], ['PROTOCOL_ERROR', 'thread/start'])
    assert.ok(error instanceof TransportError)
  })

  test('a handler that threw is told apart from none', async (t) => {
    const legacy = {
      method: 'execCommandApproval',
      params: { conversationId: '$threadId', callId: 'c', command: ['ls'] },
    }
    const script = { on: { 'turn/start': [['turnBegin', { request: legacy }, 'agentMessage', 'turnEnd']] } }
    /** @param {import('../../index.js').Handlers} handlers */
    const said = async (handlers) => {
      const { codex, log } = rig(t, script, handlers)
      await (await codex.startThread()).run('go')
      return log.messages().find((message) => message.result?.decision !== undefined).result.decision.denied
        .rejection
    }
    assert.match(await said({}), /no handler/)
    const threw = await said({
      onApproval: () => {
        throw new Error('the database is away')
      },
    })
    assert.match(threw, /handler of this client failed: onApproval: the database is away/)
  })

  test('a wrong item is a TypeError that names its index, and nothing is sent', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    for (const [item, named] of /** @type {[unknown, RegExp][]} */ ([
      [5, /input\[1\]/],
      [{ type: 'nope' }, /input\[1\]/],
      [{ type: 'text' }, /input\[1\]/],
      [{ type: 'image', url: 'x', data: new Uint8Array() }, /input\[1\]/],
      [{ type: 'text', text: new Map() }, /input\[1\]\.text: a Map/],
    ])) {
      const input = /** @type {any} */ ([{ type: 'text', text: 'a' }, item])
      for (const call of [thread.run(input), thread.turn(input), codex.run(input)]) {
        assert.match((await rejection(call, TypeError)).message, named)
      }
    }
    assert.deepEqual(log.messages('turn/start'), [])
  })
})
