// One writer a thread: what another process gets, and when it gets the thread.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Codex as ExecCodex } from '../../exec/index.mjs'
import {
  Codex,
  InvalidRequestError,
  isRetryableError,
  retryOnOverload,
  ThreadInUseError,
} from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'

test('a thread that another process has open is in use, and free when that ends', async (t) => {
  const { codex, provider, home } = await real(t)
  const other = new Codex({ env: home.env })
  t.after(() => other.close())
  const thread = await codex.startThread({ cwd: home.workspace })
  provider.enqueue(say('x'))
  await thread.run('x')
  for (const call of [() => other.resumeThread(thread.id), () => other.deleteThread(thread.id)]) {
    const error = await rejection(call(), ThreadInUseError)
    assert.ok(error instanceof InvalidRequestError)
    assert.deepEqual(
      [error.code, error.threadId, isRetryableError(error)],
      ['THREAD_IN_USE', thread.id, true],
    )
    assert.match(error.message, /serve\(\)/)
  }
  // It can be read and forked meanwhile.
  assert.equal((await other.readThread(thread.id)).thread.id, thread.id)
  assert.notEqual((await other.forkThread(thread.id)).id, thread.id)
  const resumed = retryOnOverload(() => other.resumeThread(thread.id), {
    maxAttempts: 100,
    initialDelayMs: 10,
    maxDelayMs: 50,
    onRetry: ({ attempt }) => {
      if (attempt === 1) void codex.close()
    },
  })
  assert.equal((await resumed).id, thread.id)
})

test('codex-node/exec says the same', async (t) => {
  const { codex, provider, home } = await real(t)
  const thread = await codex.startThread({ cwd: home.workspace })
  provider.enqueue(say('x'))
  await thread.run('x')
  const exec = new ExecCodex({ env: home.env })
  const options = { workingDirectory: home.workspace, skipGitRepoCheck: true }
  const error = await rejection(exec.resumeThread(thread.id, options).run('x'), ThreadInUseError)
  assert.deepEqual([error.code, error.threadId], ['THREAD_IN_USE', thread.id])
})
