// Rows R of the failure cases (R5 is in server-requests.test.mjs), and request(), notify(), notifications() and
// retryOnOverload() as they are used.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  AbortError,
  ClosedError,
  Codex,
  CodexError,
  IndeterminateError,
  InternalRpcError,
  InvalidParamsError,
  InvalidRequestError,
  isRetryableError,
  JsonRpcError,
  MethodNotFoundError,
  retryOnOverload,
  ServerBusyError,
  ServerExitedError,
  TimeoutError,
  TransportError,
  TurnFailedError,
} from '../../index.mjs'
import { httpError } from '../../testing/index.mjs'
import { assertContains } from '../support/contains.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigPath, temporaryFolder } from '../support/rig.mjs'

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
  /** @type {Codex} */ codex,
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

/** A server that answers `test/say` with the notifications named in its `methods`, and then. */
const saying = {
  on: {
    'test/say': [[{ notify: { method: '$params.method', params: { n: '$params.n' } } }, { reply: 'said' }]],
  },
}

describe('notifications()', { concurrency: true }, () => {
  test('gives those that come from now on, as they come, to each reader', async (t) => {
    const { codex } = rig(t, saying)
    await codex.request('test/say', { method: 'test/early', n: 0 })
    const readers = [codex.notifications(), codex.notifications()]
    await codex.request('test/say', { method: 'test/a', n: 1 })
    await codex.request('test/say', { method: 'test/b', n: 'é' })
    for (const reader of readers) {
      const [a, b] = [(await reader.next()).value, (await reader.next()).value]
      assert.deepEqual([a?.method, a?.params], ['test/a', { n: 1 }])
      assert.deepEqual([b?.method, b?.params], ['test/b', { n: 'é' }])
      assert.equal(typeof (/** @type {any} */ (a).emittedAtMs), 'number')
      assert.equal(reader.dropped, 0)
    }
  })

  test('gives those of the methods that were asked for', async (t) => {
    const { codex } = rig(t, saying)
    const reader = codex.notifications({ methods: ['test/b', 'test/c'] })
    const none = codex.notifications({ methods: [] })
    for (const method of ['test/a', 'test/b', 'test/bc', 'test/c']) {
      await codex.request('test/say', { method, n: 0 })
    }
    await codex.close()
    assert.deepEqual(
      (await collect(reader)).map((event) => event.method),
      ['test/b', 'test/c'],
    )
    assert.deepEqual(await collect(none), [])
  })

  test('wakes a reader that waits', async (t) => {
    const { codex } = rig(t, saying)
    const reader = codex.notifications({ methods: ['test/a'] })
    const next = reader.next()
    await codex.request('test/say', { method: 'test/a', n: 1 })
    assert.deepEqual((await next).value?.params, { n: 1 })
  })

  test('does not give what belongs to a turn of this client', async (t) => {
    const { codex } = rig(t)
    const reader = codex.notifications()
    const thread = await codex.startThread()
    await thread.run('go')
    await codex.close()
    const methods = (await collect(reader)).map((event) => event.method)
    assert.ok(methods.includes('thread/started'), methods.join())
    assert.deepEqual(
      methods.filter((method) => /^(turn|item)\//.test(method)),
      [],
    )
  })

  for (const [bound, flood, kept] of /** @type {[string, object, number][]} */ ([
    ['4,096 of them', { count: 5_000, bytes: 8, numbered: true }, 4_096],
    ['16 MiB', { count: 40, bytes: 1024 * 1024, numbered: true }, 15],
  ])) {
    test(`keeps ${bound} for a reader that is behind, and counts the rest`, async (t) => {
      const what = { ...flood, method: 'test/flood', params: { text: '$fill' } }
      const { codex } = rig(t, { on: { 'test/flood': [[{ flood: what }, { reply: null }]] } })
      const count = /** @type {{ count: number }} */ (flood).count
      await codex.connect()
      const reader = codex.notifications({ methods: ['test/flood'] })
      await codex.request('test/flood')
      await codex.close()
      const numbers = (await collect(reader)).map((event) =>
        Number.parseInt(/** @type {any} */ (event).params.text, 10),
      )
      assert.equal(reader.dropped, count - kept)
      assert.deepEqual(
        numbers,
        Array.from({ length: kept }, (_, n) => count - kept + n),
      )
    })
  }

  test('loses nothing for a reader that keeps up', async (t) => {
    const flood = { count: 3_000, bytes: 8, method: 'test/flood', params: { text: '$fill' } }
    const { codex } = rig(t, { on: { 'test/flood': [[{ flood }, { reply: null }]] } })
    await codex.connect()
    const reader = codex.notifications({ methods: ['test/flood'] })
    for (let round = 0; round < 5; round++) {
      await codex.request('test/flood')
      for (let n = 0; n < flood.count; n++) assert.equal((await reader.next()).done, false)
    }
    assert.equal(reader.dropped, 0)
  })

  test('ends at close(), after what had come; a reader that waits ends, too', async (t) => {
    const { codex } = rig(t, saying)
    const [reader, waiting] = [
      codex.notifications({ methods: ['test/a'] }),
      codex.notifications({ methods: ['test/none'] }),
    ]
    const ended = waiting.next()
    await codex.request('test/say', { method: 'test/a', n: 1 })
    await codex.close()
    assert.deepEqual(await ended, { value: undefined, done: true })
    assert.equal((await collect(reader)).length, 1)
    assert.throws(() => codex.notifications(), ClosedError)
  })

  test('may be left by break; later ones are not affected', async (t) => {
    const { codex } = rig(t, saying)
    const [left, other] = [
      codex.notifications({ methods: ['test/a'] }),
      codex.notifications({ methods: ['test/a'] }),
    ]
    await codex.request('test/say', { method: 'test/a', n: 1 })
    for await (const event of left) {
      assert.deepEqual(event.params, { n: 1 })
      break
    }
    assert.deepEqual(await left.next(), { value: undefined, done: true })
    await codex.request('test/say', { method: 'test/a', n: 2 })
    assert.deepEqual((await other.next()).value?.params, { n: 1 })
    assert.deepEqual((await other.next()).value?.params, { n: 2 })
  })

  test('goes on with the next server when one has died', async (t) => {
    const { codex } = rig(t, { runs: [{ on: { 'test/die': [[{ exit: 1 }]] } }, saying] })
    const reader = codex.notifications({ methods: ['test/a'] })
    await rejection(codex.request('test/die'), ServerExitedError)
    await codex.request('test/say', { method: 'test/a', n: 1 })
    assert.deepEqual((await reader.next()).value?.params, { n: 1 })
  })

  test('real: gives what the server tells of itself and of threads', async (t) => {
    const { codex } = await real(t)
    const reader = codex.notifications({ methods: ['thread/started'] })
    const thread = await codex.startThread()
    const { value } = await reader.next()
    assert.equal(value?.method === 'thread/started' && value.params.thread.id, thread.id)
  })
})

describe('retryOnOverload()', () => {
  /**
   * Timers of the test's own, which fire at once.
   *
   * @param {import('node:test').TestContext} t
   * @param {number} random what Math.random() gives
   */
  function recordPauses(t, random) {
    /** @type {number[]} */
    const pauses = []
    t.mock.method(Math, 'random', () => random)
    t.mock.method(
      globalThis,
      'setTimeout',
      (/** @type {() => void} */ callback, /** @type {number} */ ms) => {
        pauses.push(ms)
        queueMicrotask(callback)
      },
    )
    return pauses
  }

  const busyError = Object.assign(new ServerBusyError('busy'), { code: 'SERVER_BUSY', retryable: true })

  /** Fails so often before it gives 'done'. */
  function failing(/** @type {number} */ times, error = /** @type {Error} */ (busyError)) {
    const operation = () => {
      operation.calls++
      if (operation.calls <= times) throw error
      return 'done'
    }
    operation.calls = 0
    return operation
  }

  test('gives what the operation gives', async () => {
    assert.equal(await retryOnOverload(() => 5), 5)
    assert.equal(await retryOnOverload(async () => 'text', {}), 'text')
  })

  test('repeats what failed, each pause twice as long as the one before', async (t) => {
    const pauses = recordPauses(t, 0.5)
    const operation = failing(5)
    assert.equal(await retryOnOverload(operation, { maxAttempts: 6 }), 'done')
    assert.equal(operation.calls, 6)
    assert.deepEqual(pauses, [250, 500, 1000, 2000, 2000])
  })

  test('makes the pauses longer and shorter by the jitter', async (t) => {
    for (const [random, jitter, expected] of /** @type {const} */ ([
      [0, undefined, [200, 400]],
      [1, undefined, [300, 600]],
      [1, 1, [500, 1000]],
      [0, 0, [250, 500]],
    ])) {
      const pauses = recordPauses(t, random)
      await retryOnOverload(failing(2), { jitter })
      assert.deepEqual(pauses, expected)
      t.mock.restoreAll()
    }
  })

  test('takes other pauses', async (t) => {
    const pauses = recordPauses(t, 0.5)
    await retryOnOverload(failing(4), { maxAttempts: 5, initialDelayMs: 10, maxDelayMs: 25 })
    assert.deepEqual(pauses, [10, 20, 25, 25])
  })

  test('gives up after three attempts with the last error', async (t) => {
    recordPauses(t, 0.5)
    const operation = failing(10)
    assert.equal(await rejection(retryOnOverload(operation), ServerBusyError), busyError)
    assert.equal(operation.calls, 3)
  })

  test('does not repeat what is not retryable', async () => {
    const error = new Error('broken')
    const operation = failing(1, error)
    assert.equal(await rejection(retryOnOverload(operation), Error), error)
    assert.equal(operation.calls, 1)
  })

  test('a signal ends the attempts: before the first, in a pause, in the operation', async () => {
    const never = failing(0)
    const before = retryOnOverload(never, { signal: AbortSignal.abort('early') })
    assert.equal((await rejection(before, AbortError)).cause, 'early')
    assert.equal(never.calls, 0)

    for (const abortIn of ['pause', 'operation']) {
      const controller = new AbortController()
      const abort = () => controller.abort(abortIn)
      const operation = () => {
        if (abortIn === 'pause') setImmediate(abort)
        else abort()
        throw busyError
      }
      const retried = retryOnOverload(operation, { initialDelayMs: 60_000, signal: controller.signal })
      const error = await rejection(retried, AbortError)
      assert.equal(error.code, 'ABORT_ERR')
      assert.equal(error.cause, abortIn)
    }
  })

  test('repeats a call to a server that is overloaded', async (t) => {
    const { codex, log } = rig(t, { on: { 'thread/start': [busy, busy, 'default'] } })
    const thread = await retryOnOverload(() => codex.startThread(), { initialDelayMs: 1 })
    assert.equal(thread.id, 'thread-3')
    assert.equal(log.messages('thread/start').length, 3)
  })

  test('real: isRetryableError of a provider that is overloaded, and of one that refuses', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(
      httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'too many' } } }),
      httpError(400, { body: { error: { message: 'no' } } }),
    )
    const thread = await codex.startThread()
    const overloaded = await rejection(thread.run('one'), TurnFailedError)
    assert.equal(isRetryableError(overloaded), true)
    const refused = await rejection(thread.run('two'), TurnFailedError)
    assert.equal(isRetryableError(refused), false)
  })

  test('isRetryableError is false for whatever is no error of this package', () => {
    for (const value of [null, undefined, 5, 'busy', {}, { retryable: true }, new Error('busy')]) {
      assert.equal(isRetryableError(value), false)
    }
  })
})
