// Wrong arguments: each is refused by a TypeError that names it and what is accepted, before anything is started or
// sent.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Codex, retryOnOverload, serve, signedBearerToken } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig } from '../support/rig.mjs'
import {
  clientOptions,
  inputs,
  noUrl,
  remoteOptions,
  SECRET,
  serveOptions,
  threadExclusive,
  threadOptions,
  tokenOptions,
  turnExclusive,
  turnOptions,
  unknownNames,
  without,
} from '../support/wrong-options.mjs'
import {
  eachOption,
  emptyMethod,
  noBoolean,
  noId,
  noMethod,
  noMilliseconds,
  noOptions,
  noParams,
  noSignal,
  noTexts,
  rejects,
  sentNothing,
  throws,
  wrong,
} from '../support/wrong-values.mjs'

/** @typedef {import('../support/wrong-values.mjs').Wrong} Wrong */

/** A getter that throws is the caller's own matter: its error comes as it is. */
const ownError = new Error('from a getter')
const throwing = {
  get model() {
    throw ownError
  },
}

test('new Codex()', (t) => {
  const cases = [
    ...eachOption(clientOptions),
    ...eachOption(remoteOptions, { url: 'ws://localhost:1' }),
    ...eachOption({ url: noUrl }),
    .../** @type {[string, any, RegExp][]} */ (
      Object.entries({
        token: 'a-token',
        headers: {},
        caFile: '/ca.pem',
        allowInsecure: false,
        keepAliveMs: 5,
        reconnectTimeoutMs: 5,
      }).map(([name, value]) => [`options.${name}`, { [name]: value }, /options\.url, which is missing/])
    ),
    .../** @type {[string, any, RegExp][]} */ (
      Object.entries({
        codexPath: '/x',
        launchArgs: [],
        cwd: '/',
        env: {},
        inheritEnv: true,
        config: {},
        configOverrides: [],
        baseUrl: 'http://x',
      }).map(([name, value]) => [
        `options.${name}`,
        { url: 'ws://localhost', [name]: value },
        /with options\.url none is/,
      ])
    ),
    /** @type {[string, any, RegExp]} */ ([
      'options.headers',
      { url: 'ws://localhost', token: 'a-token', headers: { Authorization: 'x' } },
      /options\.token exclude/,
    ]),
    ...noOptions.map(([value, says]) => /** @type {[string, any, RegExp]} */ (['options', value, says])),
    ...unknownNames('codexPath', 'logLevel', 'onApproval', 'logger'),
    ...['config', 'configOverrides', 'baseUrl'].map(
      (other) =>
        /** @type {[string, any, RegExp]} */ ([
          'options',
          { launchArgs: [], [other]: { config: {}, configOverrides: [], baseUrl: 'http://x' }[other] },
          new RegExp(`\`launchArgs\` and \`${other}\` exclude`),
        ]),
    ),
    /** @type {[string, any, RegExp]} */ (['options.signal', { signal: AbortSignal.abort() }, /unknown/]),
  ]
  for (const [name, options, says] of cases) throws(() => new Codex(options), name, says)
  assert.throws(() => new Codex(/** @type {any} */ (throwing)), ownError)
  assert.ok(cases.length > 200)
  assert.ok(t)
})

describe('of a client', { concurrency: true }, () => {
  /** Every call of a client that is made wrongly, and what of it is wrong. */
  const calls = /** @type {Record<string, (codex: any) => any[]>} */ ({
    startThread: (codex) =>
      [
        ...eachOption(without(threadOptions, 'includeTurns')),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ...unknownNames('model', 'webSearch', 'onApproval', 'signal'),
        ...threadExclusive,
        ['options.includeTurns', { includeTurns: true }, /startThread/],
        ['options.lastTurnId', { lastTurnId: 'turn-1' }, /startThread/],
        ['options.logger', { logger: () => {} }, /function/],
      ].map(([name, options, says]) => [() => codex.startThread(options), name, says]),
    resumeThread: (codex) => [
      ...noId.map(([id, says]) => [() => codex.resumeThread(id), 'id', says]),
      ...[
        ...eachOption(without(threadOptions, 'ephemeral', 'serviceName')),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ...unknownNames('model', 'webSearch', 'onApproval', 'signal'),
        ...threadExclusive,
        ['options.ephemeral', { ephemeral: true }, /resumeThread/],
        ['options.serviceName', { serviceName: 'me' }, /resumeThread/],
        ['options.lastTurnId', { lastTurnId: 'turn-1' }, /resumeThread/],
      ].map(([name, options, says]) => [() => codex.resumeThread('thread-1', options), name, says]),
    ],
    forkThread: (codex) => [
      ...noId.map(([id, says]) => [() => codex.forkThread(id), 'id', says]),
      ...[
        ...eachOption(without(threadOptions, 'personality', 'serviceName')),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ...unknownNames('model', 'webSearch', 'lastTurnId', 'onApproval', 'signal'),
        ...threadExclusive,
        ['options.lastTurnId', { lastTurnId: ' ' }, /must not be empty/],
        ['options.personality', { personality: 'none' }, /forkThread/],
        ['options.serviceName', { serviceName: 'me' }, /forkThread/],
      ].map(([name, options, says]) => [() => codex.forkThread('thread-1', options), name, says]),
    ],
    resumeLatestThread: (codex) =>
      [
        ...eachOption(without(threadOptions, 'ephemeral', 'serviceName')),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ...unknownNames('model', 'webSearch', 'onApproval', 'signal'),
        ...threadExclusive,
        ['options.ephemeral', { ephemeral: true }, /resumeThread/],
      ].map(([name, options, says]) => [() => codex.resumeLatestThread(options), name, says]),
    run: (codex) => [
      ...inputs.map(([input, says]) => [() => codex.run(input), 'input', says]),
      ...[
        ...eachOption(without(threadOptions, 'includeTurns')),
        ...eachOption({
          inactivityTimeoutMs: turnOptions.inactivityTimeoutMs ?? [],
          summary: turnOptions.summary ?? [],
          sandboxPolicy: turnOptions.sandboxPolicy ?? [],
          serviceTierForTurn: turnOptions.serviceTierForTurn ?? [],
          outputSchema: turnOptions.outputSchema ?? [],
          source: turnOptions.source ?? [],
          clientUserMessageId: turnOptions.clientUserMessageId ?? [],
          collaborationMode: turnOptions.collaborationMode ?? [],
        }),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ...unknownNames('model', 'webSearch', 'outputSchema', 'onApproval', 'signal'),
        ...threadExclusive,
        ['options.includeTurns', { includeTurns: true }, /startThread/],
      ].map(([name, options, says]) => [() => codex.run('go', options), name, says]),
    ],
    request: (codex) => [
      ...[...noMethod, ...emptyMethod].map(([method, says]) => [
        () => codex.request(method, {}),
        'method',
        says,
      ]),
      ...noParams.map(([params, says]) => [() => codex.request('thread/list', params), 'params', says]),
      ...[
        ...eachOption({ timeoutMs: noMilliseconds, signal: noSignal }),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ['options.timeout', { timeout: 5 }, /unknown.*`timeoutMs`.*`signal`/],
      ].map(([name, options, says]) => [() => codex.request('thread/list', {}, options), name, says]),
    ],
    continueTurn: (codex) => [
      ...[
        undefined,
        null,
        5,
        'turn-1',
        {},
        { threadId: 5 },
        ['thread-1', 'turn-1', 0, 'run'],
        { threadId: 'thread-1', turnId: 'turn-1', cursor: -1, mode: 'run' },
      ].map((continuation) => [
        () => codex.continueTurn(continuation),
        'continuation',
        /threadId, turnId, cursor, mode/,
      ]),
      ...[
        ...eachOption({
          inactivityTimeoutMs: turnOptions.inactivityTimeoutMs ?? [],
          outputSchema: turnOptions.outputSchema ?? [],
          signal: noSignal,
        }),
        ...noOptions.map(([value, says]) => ['options', value, says]),
        ['options.model', { model: 'm' }, /unknown.*`inactivityTimeoutMs`.*`outputSchema`.*`signal`/],
        ['options.onApproval', { onApproval: () => 'accept' }, /a function is not accepted/],
      ].map(([name, options, says]) => [
        () =>
          codex.continueTurn(
            { threadId: 'thread-1', turnId: 'turn-1', cursor: 0, mode: 'run' },
            /** @type {any} */ (options),
          ),
        name,
        says,
      ]),
    ],
    notify: (codex) => [
      ...[...noMethod, ...emptyMethod].map(([method, says]) => [() => codex.notify(method), 'method', says]),
      ...noParams.map(([params, says]) => [() => codex.notify('initialized', params), 'params', says]),
    ],
  })

  for (const [name, wrongCalls] of Object.entries(calls)) {
    test(`${name}() rejects, and starts nothing`, async (t) => {
      const { codex, log } = rig(t)
      const cases = wrongCalls(codex)
      assert.ok(cases.length > 15)
      for (const [call, argument, says] of cases) await rejects(call, argument, says)
      assert.equal(codex.pid, null)
      assert.deepEqual(log.entries(), [])
    })

    test(`${name}() rejects while there is a server, and sends nothing`, async (t) => {
      const { codex, log } = rig(t)
      await codex.connect()
      for (const [call, argument, says] of wrongCalls(codex)) await rejects(call, argument, says)
      await sentNothing(codex, log, ['initialize', 'initialized'])
    })
  }

  test('notifications() throws, and starts nothing', (t) => {
    const { codex, log } = rig(t)
    const cases = [
      ...eachOption({ methods: [...noTexts, ...wrong(/\[0\].*a string/, [{}])] }),
      ...noOptions.map(([value, says]) => /** @type {[string, any, RegExp]} */ (['options', value, says])),
      /** @type {[string, any, RegExp]} */ (['options.method', { method: ['x'] }, /unknown.*`methods`/]),
      /** @type {[string, any, RegExp]} */ ([
        'options.signal',
        { signal: AbortSignal.abort() },
        /unknown.*`methods`/,
      ]),
    ]
    for (const [name, options, says] of cases) throws(() => codex.notifications(options), name, says)
    assert.equal(codex.pid, null)
    assert.deepEqual(log.entries(), [])
  })

  test('what a getter of the options throws comes as it is', async (t) => {
    const { codex, log } = rig(t)
    const options = /** @type {any} */ (throwing)
    for (const call of [
      () => codex.startThread(options),
      () => codex.resumeThread('thread-1', options),
      () => codex.run('go', options),
      () => codex.run(options),
      () => codex.request('thread/start', options),
      () => codex.request('thread/start', {}, options),
      () => codex.notify('test', options),
    ]) {
      assert.equal(await rejection(call(), Error), ownError)
    }
    assert.deepEqual(log.entries(), [])
  })
})

test('serve() rejects, and starts nothing', async () => {
  const cases = /** @type {[string, any, RegExp][]} */ ([
    ...eachOption(serveOptions),
    ...noOptions.map(([value, says]) => ['options', value, says]),
    ['options.url', { url: 'ws://localhost:1' }, /unknown.*`port`/],
    ['options.onApproval', { onApproval: () => 'accept' }, /function|unknown/],
    ['options', { port: 1, socketPath: '/x' }, /`port` and `socketPath` exclude/],
  ])
  for (const [name, options, says] of cases) await rejects(() => serve(options), name, says)
})

test('signedBearerToken() throws, and shows no secret', () => {
  const cases = /** @type {[string, any, RegExp][]} */ ([
    ...eachOption(tokenOptions, { secret: SECRET }),
    ...noOptions.map(([value, says]) => ['options', value, says]),
    ['options', undefined, /object|secret/],
    ['options.secret', {}, /secret/],
    ['options.expires', { secret: SECRET, expires: 5 }, /unknown.*`expiresInMs`/],
  ])
  for (const [name, options, says] of cases) {
    throws(() => signedBearerToken(options), name, says)
    assert.throws(
      () => signedBearerToken(options),
      (/** @type {Error} */ error) => !error.message.includes(SECRET),
    )
  }
})

describe('of a thread and a turn', { concurrency: true }, () => {
  for (const method of /** @type {const} */ (['run', 'turn'])) {
    test(`Thread.${method}() rejects, sends nothing, and takes no place among the turns`, async (t) => {
      const { codex, log } = rig(t)
      const thread = await codex.startThread()
      for (const [input, says] of inputs)
        await rejects(() => thread[method](/** @type {any} */ (input)), 'input', says)
      const cases = [
        ...eachOption(turnOptions),
        ...noOptions.map(([value, says]) => /** @type {[string, any, RegExp]} */ (['options', value, says])),
        ...unknownNames('model', 'outputSchema', 'onApproval', 'signal'),
        ...turnExclusive,
      ]
      for (const [name, options, says] of cases)
        await rejects(() => thread[method]('go', options), name, says)
      await sentNothing(codex, log, ['initialize', 'initialized', 'thread/start'])
      assert.equal((await thread.run('go')).status, 'completed')
    })
  }

  test('Thread.read() and Thread.setName() reject, and send nothing', async (t) => {
    const { codex, log } = rig(t)
    const thread = /** @type {any} */ (await codex.startThread())
    const cases = [
      ...eachOption({ includeTurns: [...noBoolean, ...wrong(/a boolean/, null)] }),
      ...noOptions.map(([value, says]) => /** @type {[string, any, RegExp]} */ (['options', value, says])),
      /** @type {[string, any, RegExp]} */ (['options.turns', { turns: true }, /unknown.*`includeTurns`/]),
      /** @type {[string, any, RegExp]} */ (['options.signal', { signal: AbortSignal.abort() }, /unknown/]),
    ]
    for (const [name, options, says] of cases) await rejects(() => thread.read(options), name, says)
    for (const [name, says] of noId) await rejects(() => thread.setName(name), 'name', says)
    await sentNothing(codex, log, ['initialize', 'initialized', 'thread/start'])
  })

  test('Turn.steer() rejects, and sends nothing', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = await (await codex.startThread()).turn('go')
    for (const [input, says] of inputs)
      await rejects(() => turn.steer(/** @type {any} */ (input)), 'input', says)
    const external = { type: /** @type {const} */ ('external'), toolName: 'mail', content: 'x' }
    await rejects(() => turn.steer(external), 'input', /external/)
    await sentNothing(codex, log, ['initialize', 'initialized', 'thread/start', 'turn/start'])
  })

  test('Turn.stream() and Turn.text() throw, and count as no reader', async (t) => {
    const { codex, log } = rig(t, { on: { 'turn/start': [['turnBegin']] } })
    const turn = /** @type {any} */ (await (await codex.startThread()).turn('go'))
    const boolean = [...noBoolean, ...wrong(/a boolean/, null)]
    const cases = /** @type {[string, any, RegExp][]} */ ([
      ...eachOption({ leaveRunning: boolean }),
      ...noOptions.map(([value, says]) => ['options', value, says]),
      ['options.leave', { leave: true }, /unknown.*`leaveRunning`/],
      ['options.signal', { signal: AbortSignal.abort() }, /unknown/],
    ])
    for (const [name, options, says] of [...cases, ...eachOption({ coalesce: boolean })]) {
      throws(() => turn.stream(options), name, says)
    }
    for (const [name, options, says] of cases) throws(() => turn.text(options), name, says)
    for (const coalesce of [true, false])
      throws(() => turn.text({ coalesce }), 'options.coalesce', /stream\(\)/)
    await sentNothing(codex, log, ['initialize', 'initialized', 'thread/start', 'turn/start'])
  })
})

test('retryOnOverload() rejects, and does not call the operation', async () => {
  let calls = 0
  const operation = () => calls++
  for (const wrongOperation of [undefined, null, 5, 'x', {}, Promise.resolve()]) {
    await rejects(() => retryOnOverload(/** @type {any} */ (wrongOperation)), 'operation', /a function/)
  }
  const noNumber = wrong(
    /a number from/,
    '5',
    null,
    {},
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    5n,
    () => 5,
  )
  const cases = /** @type {[string, any, RegExp][]} */ ([
    ...eachOption({
      maxAttempts: [...noNumber, ...wrong(/from 1/, 0)],
      initialDelayMs: noNumber,
      maxDelayMs: noNumber,
      jitter: [...noNumber, ...wrong(/from 0 to 1/, 1.1)],
      signal: noSignal,
    }),
    ...noOptions.map(([value, says]) => ['options', value, says]),
    ['options.attempts', { attempts: 3 }, /unknown.*maxAttempts, initialDelayMs, maxDelayMs, jitter, signal/],
    ['options.toString', { toString: 3 }, /unknown/],
  ])
  for (const [name, options, says] of cases)
    await rejects(() => retryOnOverload(operation, options), name, says)
  assert.equal(calls, 0)
})

test('what looks odd but is right is taken', async (t) => {
  const { codex, log } = rig(t)
  const shared = { twice: [1] }
  const config = { 'a.b': { c: shared }, a: shared, list: [shared, shared] }
  const bare = Object.assign(Object.create(null), {
    model: 'bare',
    config,
    onApproval: undefined,
    signal: undefined,
  })
  const thread = await codex.startThread(bare)
  const { params } = await log.message('thread/start')
  assert.equal(params.model, 'bare')
  assert.deepEqual(params.config, JSON.parse(JSON.stringify(config)))
  await codex.startThread(undefined)
  await thread.run('', {})
  await thread.run(
    { type: 'image', data: new Uint8Array(0), mimeType: 'image/png', url: undefined },
    undefined,
  )
  class Own {
    effort = 'high'
  }
  await thread.run([{ type: 'text', text: 'go' }], new Own())
  assert.equal(log.messages('turn/start').at(-1).params.effort, 'high')
})

test('every option of the types has its wrong values here', () => {
  const folder = new URL('../../types/', import.meta.url)
  const types = readdirSync(folder)
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n')
  /** The names in an interface. */
  const names = (/** @type {string} */ name) => {
    const body = new RegExp(`export interface ${name} [^]*?\\n}`).exec(types)?.[0] ?? assert.fail(name)
    return [...body.matchAll(/^ {2}(\w+)\??: /gm)].map((match) => String(match[1]))
  }
  for (const [table, interfaces] of /** @type {[Record<string, Wrong[]>, string[]][]} */ ([
    [{ ...clientOptions, ...remoteOptions, url: noUrl }, ['ClientSettings', 'CodexOptions', 'Handlers']],
    [serveOptions, ['ServeSettings', 'Abortable']],
    [tokenOptions, ['SignedTokenOptions']],
    [threadOptions, ['ThreadSettings', 'Handlers', 'Abortable']],
    [turnOptions, ['TurnSettings', 'Handlers', 'Abortable']],
  ])) {
    assert.deepEqual(new Set(Object.keys(table)), new Set(interfaces.flatMap(names)), interfaces.join())
  }
})
