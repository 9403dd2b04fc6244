// Rows R of the failure cases (R5 is in server-requests.test.mjs, R7 in handshake.test.mjs), and request() and notify()
// as they are used.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  AbortError,
  ClosedError,
  CodexError,
  IndeterminateError,
  InternalRpcError,
  InvalidParamsError,
  InvalidRequestError,
  isRetryableError,
  JsonRpcError,
  MethodNotFoundError,
  ServerBusyError,
  TimeoutError,
} from '../../index.mjs'
import { assertContains } from '../support/contains.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const busy = { error: { code: -32001, message: 'Server overloaded; retry later.' } }
const answer = { reply: { config: {} } }
/** The methods in the order in which the server got them, without the handshake. */
const methodsOf = (/** @type {import('../support/rig.mjs').RigLog} */ log) =>
  log
    .messages()
    .map((message) => message.method)
    .filter((method) => !['initialize', 'initialized'].includes(method))
/** The server has read what was sent before: notifications do not wait for a place. */
const fence = async (
  /** @type {import('../../index.js').Codex} */ codex,
  /** @type {import('../support/rig.mjs').RigLog} */ log,
  method = 'test/fence',
) => {
  await codex.notify(method)
  await log.message(method)
}

describe('requests', { concurrency: true }, () => {
  test('R1: real: 5,000 calls at once all settle, none lost', async (t) => {
    const { codex } = await real(t)
    const calls = Array.from({ length: 5_000 }, () => codex.request('thread/loaded/list', {}))
    const outcomes = await Promise.allSettled(calls)
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.deepEqual(failed, [])
    for (const outcome of outcomes) {
      assertContains('value' in outcome && outcome.value, { data: [], nextCursor: null })
    }
  })

  for (const [maxInFlight, most] of /** @type {const} */ ([
    [undefined, 64],
    [3, 3],
    [128, 128],
  ])) {
    test(`R1: with maxInFlight ${maxInFlight} no more than ${most} are on the wire, the rest wait in order`, async (t) => {
      const open = join(temporaryFolder(t), 'open')
      const script = { on: { 'test/wait': [[{ waitForFile: open }, { reply: '$params.n' }]] } }
      const { codex, log } = rig(t, script, { maxInFlight })
      await codex.connect()
      const calls = Array.from({ length: 200 }, (_, n) => codex.request('test/wait', { n }))
      await log.find((entry) => entry.in?.params?.n === most - 1)
      await fence(codex, log)
      assert.equal(log.messages('test/wait').length, most)
      writeFileSync(open, '')
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      assert.deepEqual(await Promise.all(calls), numbers)
      assert.deepEqual(
        log.messages('test/wait').map((message) => message.params.n),
        numbers,
      )
    })
  }

  test('requests made before the connection is up go out in the order of their calls, after the handshake', async (t) => {
    const { codex, log } = rig(t, { on: { '*': [{ reply: {} }] } })
    const numbers = Array.from({ length: 100 }, (_, n) => n)
    await Promise.all(numbers.map((n) => codex.request(`test/${n}`)))
    assert.deepEqual(
      log.messages().map((message) => message.method),
      ['initialize', 'initialized', ...numbers.map((n) => `test/${n}`)],
    )
  })

  for (const when of ['before the connection is up', 'on a connection']) {
    test(`calls of every kind are on the wire in their order: ${when}`, async (t) => {
      const { codex, log } = rig(t, { on: { '*': [{ reply: {} }] } })
      if (when === 'on a connection') await codex.connect()
      /** @type {[string, () => Promise<unknown>][]} */
      const kinds = [
        ['thread/start', () => codex.startThread()],
        ['test/request', () => codex.request('test/request', {})],
        ['test/notify', () => codex.notify('test/notify')],
        ['thread/resume', () => codex.resumeThread('thread-1')],
        ['thread/read', () => codex.readThread('thread-1')],
        ['thread/fork', () => codex.forkThread('thread-1')],
        ['account/logout', () => codex.account.logout()],
        ['config/value/write', () => codex.config.write('model', 'm')],
        ['command/exec', () => codex.execCommand(['true'])],
      ]
      // No more than may be on the wire at once.
      const calls = Array.from({ length: 60 }, (_, n) => kinds[n % kinds.length] ?? assert.fail())
      await Promise.allSettled(calls.map(([, call]) => call()))
      assert.deepEqual(
        // What was resumed by an answer that can't be read is let go.
        methodsOf(log).filter((method) => method !== 'thread/unsubscribe'),
        calls.map(([method]) => method),
      )
    })
  }

  test('turns of several threads are started in the order of their calls', async (t) => {
    const { codex, log } = rig(t)
    const threads = await Promise.all(Array.from({ length: 20 }, () => codex.startThread()))
    await Promise.all(threads.map((thread, n) => (n % 2 === 0 ? thread.run('go') : thread.turn('go'))))
    assert.deepEqual(
      log.messages('turn/start').map(({ params }) => params.threadId),
      threads.map(({ id }) => id),
    )
  })

  test('undefined leaves parameters and fields out, null is sent', async (t) => {
    const { codex, log } = rig(t, { on: { '*': [{ reply: null }] } })
    assert.equal(await codex.request('test/none'), null)
    await codex.request('test/undefined', undefined)
    await codex.request('test/null', null)
    await codex.request('test/fields', { a: undefined, b: null, c: [] })
    assert.deepEqual(
      log.messages().flatMap(({ id, ...message }) => (message.method.startsWith('test/') ? [message] : [])),
      [
        { method: 'test/none' },
        { method: 'test/undefined' },
        { method: 'test/null', params: null },
        { method: 'test/fields', params: { b: null, c: [] } },
      ],
    )
  })

  test('an answer comes as it is on the wire', async (t) => {
    const result = {
      text: 'é€😀\u2028"\\',
      numbers: [0, -1.5, 1e300, 9007199254740991],
      none: null,
      __proto__x: true,
      '': { '': [] },
    }
    const { codex } = rig(t, { on: { 'test/echo': [{ reply: result }] } })
    assert.deepEqual(await codex.request('test/echo', {}), result)
  })

  test('R2: what only reads is asked again while the server is overloaded, later each time', async (t) => {
    const { codex, log } = rig(t, { on: { 'config/read': [busy, busy, answer] } })
    await codex.connect()
    const start = performance.now()
    assert.deepEqual(await codex.request('config/read', {}), { config: {} })
    assert.equal(log.messages('config/read').length, 3)
    // Jitter only adds to 250 and 500 ms.
    assert.ok(performance.now() - start >= 740)
  })

  test('R2: a read gives up in the end with ServerBusyError', async (t) => {
    const { codex, log } = rig(t, { on: { 'config/read': [busy] } })
    const error = await rejection(codex.request('config/read', {}), ServerBusyError)
    assert.equal(error.retryable, true)
    assert.equal(log.messages('config/read').length, 4)
  })

  test('R2: a read is not asked again after its deadline', async (t) => {
    const { codex, log } = rig(t, { on: { 'config/read': [busy] } })
    await codex.connect()
    // The third pause ends after 1,750 ms at the earliest.
    const error = await rejection(codex.request('config/read', {}, { timeoutMs: 1_600 }), CodexError)
    // The third answer may itself be too late.
    assert.match(error.code, /^(SERVER_BUSY|TIMEOUT)$/)
    await fence(codex, log)
    assert.ok(log.messages('config/read').length <= 3)
  })

  test('R2: what may take effect twice is not asked again', async (t) => {
    const { codex, log } = rig(t, { on: { 'thread/start': [busy], 'thread/name/set': [busy] } })
    const named = () => codex.request('thread/name/set', { threadId: 'x', name: 'n' })
    for (const call of [() => codex.startThread(), named]) {
      const error = await rejection(call(), ServerBusyError)
      assert.equal(error.code, 'SERVER_BUSY')
      assert.equal(error.rpcCode, -32001)
      assert.equal(error.retryable, true)
      assert.ok(isRetryableError(error))
    }
    await fence(codex, log)
    assert.deepEqual(methodsOf(log), ['thread/start', 'thread/name/set', 'test/fence'])
  })

  test('R2: turn/start is not asked again, and the thread goes on', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [busy, 'default'] } })
    const thread = await codex.startThread()
    await rejection(thread.run('one'), ServerBusyError)
    assert.equal((await thread.run('two')).status, 'completed')
    assert.equal(log.messages('turn/start').length, 2)
  })

  test('R3: an answer that never comes rejects at the deadline, and its slot is free again', async (t) => {
    const { codex } = rig(t, { on: { 'test/never': 'never', 'config/read': [answer] } }, { maxInFlight: 1 })
    await codex.connect()
    const start = performance.now()
    const never = rejection(codex.request('test/never', {}, { timeoutMs: 250 }), TimeoutError)
    // There is no place for it before the other is given up.
    assert.deepEqual(await codex.request('config/read', {}), { config: {} })
    const error = await never
    assert.ok(performance.now() - start >= 245)
    assert.equal(error.code, 'TIMEOUT')
    assert.equal(error.method, 'test/never')
    assert.equal(error.timeoutMs, 250)
    assert.equal(error.retryable, false)
    assert.match(error.message, /test\/never.*250 ms/)
  })

  test('R3: the deadline counts from the call, also while it waits for its place', async (t) => {
    const { codex, log } = rig(t, { on: { 'test/never': 'never' } }, { maxInFlight: 1 })
    await codex.connect()
    const first = rejection(codex.request('test/never', {}), ClosedError)
    const error = await rejection(codex.request('test/waits', {}, { timeoutMs: 100 }), TimeoutError)
    assert.equal(error.method, 'test/waits')
    await fence(codex, log)
    assert.deepEqual(methodsOf(log), ['test/never', 'test/fence'])
    await codex.close()
    await first
  })

  test("R3: requestTimeoutMs is every request's deadline, and timeoutMs goes before it", async (t) => {
    const { codex } = rig(
      t,
      { on: { 'test/never': 'never', 'thread/start': 'never' } },
      { requestTimeoutMs: 200 },
    )
    await codex.connect()
    const start = performance.now()
    const own = rejection(codex.request('test/never', {}, { timeoutMs: 600 }), TimeoutError)
    assert.equal((await rejection(codex.request('test/never', {}), TimeoutError)).timeoutMs, 200)
    assert.equal((await rejection(codex.startThread(), TimeoutError)).method, 'thread/start')
    assert.equal((await own).timeoutMs, 600)
    assert.ok(performance.now() - start >= 595)
  })

  test('R3: a late answer is ignored', async (t) => {
    const open = join(temporaryFolder(t), 'open')
    /** @type {string[]} */
    const records = []
    const after = { notify: { method: 'test/after', params: {} } }
    const { codex } = rig(
      t,
      { on: { 'test/late': [[{ waitForFile: open }, { reply: 'late' }, after], { reply: 'in time' }] } },
      { logLevel: 'debug', logger: ({ message }) => records.push(message) },
    )
    const heard = codex.notifications({ methods: ['test/after'] })
    await codex.connect()
    await rejection(codex.request('test/late', {}, { timeoutMs: 500 }), TimeoutError)
    writeFileSync(open, '')
    await heard.next()
    assert.equal(await codex.request('test/late', {}), 'in time')
    await codex.close()
    assert.ok(records.some((message) => message.includes('late answer')))
  })

  test('R3: answers that nobody asked for are ignored', async (t) => {
    const strays = [
      { line: { id: 999, result: 'stray' } },
      { line: { id: 'text', result: 'stray' } },
      { line: { id: 1.5, result: 'stray' } },
      { line: { id: null, result: 'stray' } },
      { line: { id: -1, error: { code: 1, message: 'stray' } } },
    ]
    const { codex } = rig(t, { on: { 'test/it': [[...strays, { reply: 'mine' }, { reply: 'again' }]] } })
    assert.equal(await codex.request('test/it'), 'mine')
    assert.equal(await codex.request('test/it'), 'mine')
  })

  for (const method of /** @type {const} */ (['run', 'turn'])) {
    test(`R4: ${method}() whose turn/start is not answered in time is indeterminate, and not sent again`, async (t) => {
      const { codex, log } = rig(t, { on: { 'turn/start': [['turnStarted']] } }, { requestTimeoutMs: 2_000 })
      await codex.connect()
      const thread = await codex.startThread()
      const error = await rejection(thread[method]('go'), IndeterminateError)
      assert.equal(error.code, 'INDETERMINATE')
      assert.equal(error.method, 'turn/start')
      assert.equal(error.retryable, false)
      assert.match(error.message, /turn\/start.*2000 ms.*may have taken effect/)
      await fence(codex, log)
      assert.equal(log.messages('turn/start').length, 1)
    })
  }

  test('R4: a turn/start that found no place on the wire was not sent, so it is a timeout', async (t) => {
    const { codex, log } = rig(
      t,
      { on: { 'test/never': 'never' } },
      { requestTimeoutMs: 2_000, maxInFlight: 1 },
    )
    await codex.connect()
    const thread = await codex.startThread()
    const never = rejection(codex.request('test/never', {}, { timeoutMs: 30_000 }), ClosedError)
    const error = await rejection(thread.run('go'), TimeoutError)
    assert.equal(error.method, 'turn/start')
    assert.equal(log.messages('turn/start').length, 0)
    await codex.close()
    await never
  })

  test('R6: an unknown method is a MethodNotFoundError, its text trimmed', async (t) => {
    const known = Array.from({ length: 180 }, (_, n) => `\`some/method/of/the/server${n}\``).join(', ')
    const message = `Invalid request: unknown variant \`test/new\`, expected one of ${known}`
    assert.ok(message.length > 4_400)
    const { codex } = rig(t, {
      version: '0.170.1',
      on: { 'test/new': [{ error: { code: -32600, message } }] },
    })
    const error = await rejection(codex.request('test/new', {}), MethodNotFoundError)
    assert.equal(error.method, 'test/new')
    assert.equal(error.codexVersion, '0.170.1')
    assert.equal(error.rpcCode, -32600)
    assert.ok(error.message.length < 200, error.message)
    assert.match(error.message, /0\.170\.1.*test\/new/)
  })

  test('R6: a long text of another kind is trimmed, too', async (t) => {
    const { codex } = rig(t, { on: { '*': [{ error: { code: -32603, message: '€'.repeat(5_000) } }] } })
    const error = await rejection(codex.request('test/it', {}), InternalRpcError)
    assert.ok(error.message.length < 700)
    assert.match(error.message, /€ \.\.\.$/)
  })

  test('R6: real: unknown methods and wrong parameters, told apart', async (t) => {
    const { codex } = await real(t)
    const unknown = await rejection(codex.request('no/such/method', {}), MethodNotFoundError)
    assert.equal(unknown.method, 'no/such/method')
    assert.equal(unknown.codexVersion, codex.metadata.serverInfo.version)
    assert.equal(unknown.rpcCode, -32600)
    assert.ok(unknown.message.length < 200, unknown.message)

    const wrong = /** @type {[string, any, RegExp][]} */ ([
      ['thread/read', {}, /threadId/],
      ['thread/start', { sandbox: 'no-such-mode' }, /no-such-mode/],
      ['thread/read', undefined, /params/],
      ['thread/list', { limit: 'many' }, /many/],
    ])
    for (const [method, params, text] of wrong) {
      const error = await rejection(codex.request(method, params), InvalidParamsError)
      assert.match(error.message, text)
      assert.equal(error.code, 'INVALID_PARAMS')
      assert.equal(error.method, method)
      assert.equal(error.rpcCode, -32600)
    }

    const id = '00000000-0000-4000-8000-000000000000'
    const refused = await rejection(codex.request('thread/resume', { threadId: id }), InvalidRequestError)
    assert.match(refused.message, new RegExp(id))
  })

  test('the class of an error follows from its code, and data is passed on', async (t) => {
    const kinds = /** @type {[number, string, new (...args: any[]) => JsonRpcError, string][]} */ ([
      [-32600, 'thread not found: x', InvalidRequestError, 'INVALID_REQUEST'],
      [-32600, 'Invalid request: missing field `params`', InvalidParamsError, 'INVALID_PARAMS'],
      [-32601, 'no such method', MethodNotFoundError, 'METHOD_NOT_FOUND'],
      [-32602, 'input too large', InvalidParamsError, 'INVALID_PARAMS'],
      [-32603, 'it broke', InternalRpcError, 'INTERNAL_RPC_ERROR'],
      [-32001, 'Server overloaded; retry later.', ServerBusyError, 'SERVER_BUSY'],
      [-32099, 'something else', JsonRpcError, 'JSON_RPC_ERROR'],
      [7, '', JsonRpcError, 'JSON_RPC_ERROR'],
    ])
    const on = Object.fromEntries(
      kinds.map(([code, message], n) => [`test/${n}`, [{ error: { code, message, data: { n: [n] } } }]]),
    )
    const { codex } = rig(t, { on: { ...on, 'test/bare': [{ error: { code: -32603, message: 'm' } }] } })
    for (const [n, [rpcCode, message, errorClass, code]] of kinds.entries()) {
      const error = await rejection(codex.request(`test/${n}`, {}), errorClass)
      assert.equal(error.constructor, errorClass)
      assert.ok(error instanceof JsonRpcError && error instanceof CodexError)
      assert.deepEqual(
        { ...error },
        {
          code,
          rpcCode,
          retryable: rpcCode === -32001,
          method: `test/${n}`,
          codexVersion: '0.169.0',
          data: { n: [n] },
        },
      )
      assert.equal(error.message, `test/${n}: ${message}`)
    }
    assert.equal((await rejection(codex.request('test/bare'), InternalRpcError)).data, null)
  })

  test('a request that is aborted frees its place, and its answer is ignored', async (t) => {
    const open = join(temporaryFolder(t), 'open')
    const { codex, log } = rig(
      t,
      { on: { 'test/slow': [[{ waitForFile: open }, { reply: 'slow' }]], 'test/next': [{ reply: 'next' }] } },
      { maxInFlight: 1 },
    )
    const controller = new AbortController()
    const slow = codex.request('test/slow', {}, { signal: controller.signal })
    const next = codex.request('test/next', {})
    await log.message('test/slow')
    controller.abort('enough')
    const error = await rejection(slow, AbortError)
    assert.equal(error.cause, 'enough')
    assert.equal(await next, 'next')
    writeFileSync(open, '')
    assert.equal(await codex.request('test/next', {}), 'next')
  })

  test('a request with a signal that stays quiet keeps no listener on it', async (t) => {
    const { codex } = rig(t, { on: { 'test/it': [{ reply: 'it' }] } })
    const { signal } = new AbortController()
    let listeners = 0
    t.mock.method(signal, 'addEventListener', () => listeners++)
    t.mock.method(signal, 'removeEventListener', () => listeners--)
    assert.equal(await codex.request('test/it', {}, { signal }), 'it')
    assert.equal(listeners, 0)
  })

  test('deadlines of any length are deadlines', async (t) => {
    const { codex } = rig(
      t,
      { on: { 'test/it': [{ reply: 'it' }] } },
      { requestTimeoutMs: Number.MAX_SAFE_INTEGER },
    )
    assert.equal(await codex.request('test/it', {}), 'it')
    assert.equal(await codex.request('test/it', {}, { timeoutMs: Number.MAX_SAFE_INTEGER }), 'it')
  })

  test('notify() sends a notification', async (t) => {
    const { codex, log } = rig(t)
    assert.equal(await codex.notify('test/note', { a: ['é'] }), undefined)
    await codex.notify('test/bare')
    await codex.notify('test/null', null)
    assert.deepEqual(await log.message('test/note'), { method: 'test/note', params: { a: ['é'] } })
    assert.deepEqual(await log.message('test/bare'), { method: 'test/bare' })
    assert.deepEqual(await log.message('test/null'), { method: 'test/null', params: null })
  })
})
