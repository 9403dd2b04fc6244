// Wrong arguments: each is refused by a TypeError that names it and what is accepted, before anything is started or
// sent.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Codex, CodexError, retryOnOverload, serve, signedBearerToken } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig } from '../support/rig.mjs'

/**
 * A wrong value, and what the error says of it or of what is accepted.
 *
 * @typedef {[value: unknown, says: RegExp]} Wrong
 */

const bytes = new Uint8Array([1, 2, 3])
const cyclic = { within: {} }
cyclic.within = { again: [cyclic] }

/** @param {RegExp} says @param {unknown[]} values @returns {Wrong[]} */
const wrong = (says, ...values) => values.map((value) => [value, says])

/** What stands in no option that is data. */
const noData = [
  ...wrong(/a function|no function/, () => {}),
  ...wrong(/a symbol/, Symbol('s')),
  ...wrong(/a bigint/, 1n),
  ...wrong(/binary data/, bytes, Buffer.from('text'), new ArrayBuffer(1)),
  ...wrong(/contains itself/, cyclic),
]
const noString = [...noData, ...wrong(/a string/, 5, true, {}, ['x'])]
const noText = [...noString, ...wrong(/a string/, null)]
const noFilledText = [...noText, ...wrong(/must not be empty/, '', ' ')]
const noBoolean = [...noData, ...wrong(/a boolean/, 'yes', 0, {}, [])]
const noTexts = [
  ...noData,
  ...wrong(/an array/, 'x', 5, {}, null),
  ...wrong(/\[1\].*a string/, ['x', 5], ['x', null]),
]
const noTable = [
  ...noData,
  ...wrong(/an object/, 'a=1', 5, true, ['a']),
  ...wrong(/\.a\.b.*a function/, { a: { b: () => {} } }),
  ...wrong(/\.a\[1\].*NaN.*finite/, { a: [1, Number.NaN] }),
  ...wrong(/\.a.*Map or Set/, { a: new Map([['b', 1]]) }),
]
const noMilliseconds = [
  ...noData,
  ...wrong(/whole number/, '5', -1, 1.5, 1e30, {}, [], true, null),
  ...wrong(/finite/, Number.NaN, Number.POSITIVE_INFINITY),
  ...wrong(/at least 1 \(milliseconds\)/, 0),
]
/** Of a few words. @param {RegExp} words @returns {Wrong[]} */
const noWord = (words) => [...noData, ...wrong(words, 'no-such-word', '', 5, true, {}, [])]
const noHandler = wrong(/must be a function/, 5, 'accept', {}, null, true)
const noSignal = wrong(/must be an AbortSignal/, 5, 'abort', {}, null, new AbortController(), () => {})

const handlers = {
  onApproval: noHandler,
  onUserInput: noHandler,
  onElicitation: noHandler,
  onPermissions: noHandler,
  onToolCall: noHandler,
  onAuthTokensRefresh: noHandler,
  onServerRequest: noHandler,
}

/** @type {Record<string, Wrong[]>} */
const clientOptions = {
  codexPath: noFilledText,
  launchArgs: [...noTexts, ...wrong(/NUL/, ['\0'])],
  cwd: noFilledText,
  env: [
    ...noData,
    ...wrong(/an object/, 'A=1', 5, ['A=1'], null),
    ...wrong(/\.A.*a string/, { A: 1 }, { A: null }, { A: ['x'] }),
    ...wrong(/`A=B`/, { 'A=B': 'x' }),
    ...wrong(/``/, { '': 'x' }),
    ...wrong(/NUL/, { A: 'a\0b' }, { A: '\0' }),
  ],
  inheritEnv: [...noBoolean, ...wrong(/a boolean/, null)],
  config: [
    ...noTable,
    ...wrong(/an object/, null),
    ...wrong(/`a\.b`.*null/, { a: { b: null } }),
    ...wrong(/`a\[0\]`.*null/, { a: [undefined] }),
    ...wrong(/`a\.b`.*9223372036854775807/, { a: { b: 2 ** 63 } }, { a: { b: -1e19 } }, { a: { b: 1e20 } }),
    ...wrong(/`a\[1\]`.*whole numbers/, { a: [1, 2 ** 64] }),
    ...wrong(/empty/, { '': 1 }),
  ],
  configOverrides: [...noTexts, ...wrong(/key=value/, ['model']), ...wrong(/NUL/, ['a=\0'])],
  apiKey: noFilledText,
  baseUrl: noFilledText,
  clientInfo: [
    ...noData,
    ...wrong(/`name`, `version`/, 'me', 5, [], ['me', '1'], ['me', 'Me', '1'], null),
    ...wrong(/missing.*`version`/, { name: 'me' }),
    ...wrong(/missing.*`name`/, { version: '1' }),
    ...wrong(/\.url.*`title`/, { name: 'me', version: '1', url: 'x' }),
    ...wrong(/\.title.*a string/, { name: 'me', version: '1', title: 5 }),
    ...wrong(/printable ASCII/, { name: 'mé', version: '1' }, { name: 'a\nb', version: '1' }),
    ...wrong(/not empty/, { name: '', version: '1' }, { name: 'me', version: '' }),
  ],
  experimentalApi: [...noBoolean, ...wrong(/a boolean/, null)],
  optOutNotificationMethods: noTexts,
  requestTimeoutMs: noMilliseconds,
  connectTimeoutMs: noMilliseconds,
  inactivityTimeoutMs: noMilliseconds,
  maxInFlight: [
    ...noData,
    ...wrong(/whole number/, '5', -1, 1.5, 2 ** 32, null),
    ...wrong(/1 to 128/, 0, 129),
    ...wrong(/finite/, Number.NaN),
  ],
  restart: [...noBoolean, ...wrong(/a boolean/, null)],
  transport: [
    ...noData.map(([value]) => /** @type {Wrong} */ ([value, /Duplex/])),
    ...wrong(
      /a Node Duplex, or \{readable, writable\}/,
      null,
      'stdio',
      5,
      true,
      {},
      [],
      new ReadableStream(),
    ),
  ],
  logLevel: [...noWord(/`error`, `warn`, `info`, `debug`, `trace`/), ...wrong(/`error`/, null, 'INFO')],
  logger: wrong(/must be a function/, 5, 'stderr', {}, null, console),
  ...handlers,
}

/** Options of a server elsewhere: beside its address. @type {Record<string, Wrong[]>} */
const remoteOptions = {
  // A function gives one for each connection.
  token: [
    ...noFilledText.filter(([value]) => typeof value !== 'function'),
    ...wrong(/a character that a header/, 'a\nb', 'a\0'),
  ],
  headers: [
    ...noData,
    ...wrong(/an object/, 'a: b', 5, true, ['a'], null),
    ...wrong(/\.A.*a string/, { A: 5 }, { A: null }, { A: ['x'] }),
    ...wrong(/`a b` can't be the name/, { 'a b': 'x' }),
    ...wrong(/`` can't be the name/, { '': 'x' }),
    ...wrong(/set by the websocket itself/, { Host: 'x' }, { connection: 'x' }, { 'Sec-WebSocket-Key': 'x' }),
    ...wrong(/the value of `A`.*a character/, { A: 'x\ny' }),
  ],
  caFile: noFilledText,
  allowInsecure: [...noBoolean, ...wrong(/a boolean/, null)],
  maxMessageBytes: [
    ...noData,
    ...wrong(/whole number/, '5', -1, 1.5, {}, null),
    ...wrong(/finite/, Number.NaN, Number.POSITIVE_INFINITY),
    ...wrong(/at least 1$/, 0),
  ],
  keepAliveMs: noMilliseconds,
  // 0 does not try.
  reconnectTimeoutMs: noMilliseconds.filter(([value]) => value !== 0),
}
const noUrl = [
  ...noFilledText,
  ...wrong(/ws:\/\/, wss:\/\/ or unix:\/\//, 'http://h', 'localhost:4500', 'ws:/h', 'unix:/x', 'x'),
  ...wrong(/not a valid URL|names no host/, 'ws://', 'wss://:80', 'ws://a b'),
  ...wrong(/user name or password.*token/, 'ws://me:secret@h', 'wss://me@h'),
]

/** @type {Record<string, Wrong[]>} */
const serveOptions = {
  port: [
    ...noData,
    ...wrong(/whole number|from 0/, '5', -1, 1.5, 65_536, {}, null),
    ...wrong(/finite/, Number.NaN),
  ],
  socketPath: noFilledText,
  codexPath: noFilledText,
  cwd: noFilledText,
  env: clientOptions.env ?? [],
  inheritEnv: [...noBoolean, ...wrong(/a boolean/, null)],
  config: [
    ...(clientOptions.config ?? []),
    ...wrong(/is a secret.*config\.toml/, { mcp_servers: { a: { command: 'x', env: { KEY: 'x' } } } }),
  ],
  configOverrides: clientOptions.configOverrides ?? [],
  connectTimeoutMs: noMilliseconds,
  signal: noSignal,
}

const SECRET = 'a secret of at least thirty-two bytes'
/** @type {Record<string, Wrong[]>} */
const tokenOptions = {
  secret: [...noText, ...wrong(/at least 32 bytes/, '', 'short')],
  expiresInMs: [
    ...noData,
    ...wrong(/whole number/, '5', -1, 1.5, {}, null),
    ...wrong(/at least 1000/, 0, 999),
  ],
  issuer: [...noText, ...wrong(/empty/, '')],
  audience: [...noText, ...wrong(/empty/, '')],
  subject: [...noText, ...wrong(/empty/, '')],
}

const sandbox = noWord(/`read-only`, `workspace-write`, `danger-full-access`/)
const approvalMode = [...noWord(/`auto_review`.*`deny_all`/), ...wrong(/`auto_review`/, null, 'on-request')]
const approvalPolicy = [
  ...noWord(/`untrusted`, `on-request`, `never`, `granular`/),
  ...wrong(/`never`/, 'on-failure', { often: {} }),
  ...wrong(/missing.*`sandbox_approval`/, { granular: {} }),
  ...wrong(/\.rules.*a boolean/, {
    granular: { sandbox_approval: true, rules: 'yes', mcp_elicitations: true },
  }),
  ...wrong(/`mcpElicitations`.*`mcp_elicitations`/, {
    granular: { sandbox_approval: true, rules: true, mcp_elicitations: true, mcpElicitations: true },
  }),
]
const personality = noWord(/`none`, `friendly`, `pragmatic`/)

/** @type {Record<string, Wrong[]>} */
const threadOptions = {
  model: [...noString, ...wrong(/must not be empty/, '', ' ')],
  modelProvider: [...noString, ...wrong(/must not be empty/, '')],
  cwd: [...noString, ...wrong(/must not be empty/, '')],
  sandbox,
  approvalMode,
  approvalPolicy,
  approvalsReviewer: noWord(/`user`, `auto_review`, `guardian_subagent`/),
  baseInstructions: noString,
  developerInstructions: noString,
  personality,
  ephemeral: noBoolean,
  config: noTable,
  serviceName: noString,
  serviceTier: noString,
  effort: noFilledText,
  additionalDirectories: noTexts,
  networkAccess: [...noBoolean, ...wrong(/a boolean/, null)],
  webSearch: [...noWord(/`disabled`, `cached`, `indexed`, `live`/), ...wrong(/`live`/, null, true)],
  includeTurns: [...noBoolean, ...wrong(/a boolean/, null)],
  lastTurnId: noText,
  ...handlers,
  signal: noSignal,
}

/** @type {Record<string, Wrong[]>} */
const turnOptions = {
  inactivityTimeoutMs: noMilliseconds,
  model: [...noString, ...wrong(/must not be empty/, '')],
  effort: [...noString, ...wrong(/must not be empty/, '')],
  summary: noWord(/`auto`, `concise`, `detailed`, `none`/),
  cwd: [...noString, ...wrong(/must not be empty/, '')],
  sandbox: [...sandbox, ...wrong(/`read-only`/, null)],
  sandboxPolicy: [
    ...noData,
    ...wrong(/an object with a `type`/, 'readOnly', 5, true, ['readOnly'], ['dangerFullAccess', {}]),
    ...wrong(/`type`/, {}),
    ...wrong(/`dangerFullAccess`, `readOnly`, `externalSandbox`, `workspaceWrite`/, { type: 'read-only' }),
    ...wrong(/`writableRoots`.*`networkAccess`/, { type: 'readOnly', writableRoots: [] }),
    ...wrong(/a boolean/, { type: 'workspaceWrite', networkAccess: 'on' }),
    ...wrong(/`restricted`/, { type: 'externalSandbox', networkAccess: 'on' }),
    ...wrong(/a string/, { type: 'workspaceWrite', writableRoots: [5] }),
  ],
  approvalMode,
  approvalPolicy,
  approvalsReviewer: noWord(/`user`, `auto_review`, `guardian_subagent`/),
  personality,
  serviceTier: noString,
  serviceTierForTurn: noString,
  outputSchema: [
    ...noData.map(([value]) => /** @type {Wrong} */ ([value, /object|itself/])),
    ...wrong(/object/, 'object', 5, null, [], true),
  ],
  source: noString,
  clientUserMessageId: [...noString, ...wrong(/must not be empty/, '', ' ')],
  collaborationMode: [
    ...noData,
    ...wrong(/'plan', 'default' or \{mode, settings\}/, 'no-such-word', '', 5, true, {}, []),
    ...wrong(/with both in full/, { mode: 'plan' }, { mode: 'plan', settings: 5 }),
  ],
  ...handlers,
  signal: noSignal,
}

/** @type {Wrong[]} */
const inputs = [
  ...noData,
  ...wrong(
    /a string, or one or more items of type text.*external/,
    undefined,
    null,
    5,
    true,
    [[]],
    [5],
    [null],
  ),
  ...wrong(/promise.*await/, Promise.resolve('go')),
  ...wrong(/no items.*text.*external/, []),
  ...wrong(/missing.*`type`/, {}, { text: 'go' }),
  ...wrong(/`picture`.*`text`.*`localImage`/, { type: 'picture' }),
  ...wrong(/missing.*`text`/, { type: 'text' }),
  ...wrong(/text: .*a string/, { type: 'text', text: 5 }, { type: 'text', text: null }),
  ...wrong(/text: binary data/, { type: 'text', text: bytes }),
  ...wrong(/`txet`/, { type: 'text', text: 'go', txet: 'go' }),
  ...wrong(/either `url`, or `data` with `mimeType`/, { type: 'image' }, { type: 'image', data: bytes }),
  ...wrong(/either `url`/, { type: 'image', url: 'https://x', data: bytes, mimeType: 'image/png' }),
  ...wrong(/either `url`/, { type: 'image', url: 'https://x', mimeType: 'image/png' }),
  ...wrong(/data: must be a Uint8Array/, { type: 'image', data: 'AAEC', mimeType: 'image/png' }),
  ...wrong(/data: must be a Uint8Array/, { type: 'image', data: [1, 2], mimeType: 'image/png' }),
  ...wrong(/data: must be a Uint8Array/, { type: 'image', data: new ArrayBuffer(3), mimeType: 'image/png' }),
  ...wrong(/url: .*a string/, { type: 'image', url: null }, { type: 'audio', url: 5 }),
  ...wrong(/missing.*`path`/, { type: 'localImage' }, { type: 'localAudio' }, { type: 'skill', name: 'n' }),
  ...wrong(/missing.*`name`/, { type: 'skill', path: '/p' }, { type: 'mention', path: '/p' }),
  ...wrong(/missing.*`url`/, { type: 'audio' }),
  ...wrong(/missing.*`toolName`/, { type: 'external', content: 'x' }),
  ...wrong(/missing.*`content`/, { type: 'external', toolName: 't' }),
  ...wrong(/`content` must be a string or an array/, { type: 'external', toolName: 't', content: 5 }),
  ...wrong(/\[1\].*stands alone/, [
    { type: 'text', text: 'go' },
    { type: 'external', toolName: 't', content: 'x' },
  ]),
  ...wrong(/^input\[1\].*missing.*`text`/, [{ type: 'text', text: 'go' }, { type: 'text' }]),
  ...wrong(
    /^input\[1\]: an image takes either/,
    [{ type: 'text', text: 'go' }, { type: 'image' }],
    [
      { type: 'text', text: 'go' },
      { type: 'image', url: undefined, data: undefined, mimeType: 'image/png' },
    ],
    [
      { type: 'text', text: 'go' },
      { type: 'image', url: 'https://x', data: bytes, mimeType: 'image/png' },
    ],
  ),
  ...wrong(/^input\[2\].*`picture`/, [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
    { type: 'picture' },
  ]),
]

const noMethod = wrong(/must be a string/, undefined, null, 5, {}, ['x'], () => {}, Symbol('s'))
const emptyMethod = wrong(/empty.*method of the protocol/, '', ' ')
const noId = [
  ...wrong(/must be a string/, undefined, null, 5, {}, [], () => {}),
  ...wrong(/is empty/, '', ' ', '\n'),
]
const noParams = [
  ...wrong(/^params: a function/, () => {}),
  ...wrong(/^params\.a: a symbol/, { a: Symbol('s') }),
  ...wrong(/^params\.a\[0\]: a bigint/, { a: [1n] }),
  ...wrong(/^params\.a: NaN.*finite/, { a: Number.NaN }),
  ...wrong(/^params\[0\]: -Infinity.*finite/, [Number.NEGATIVE_INFINITY]),
  ...wrong(/^params\.within\.again\[0\]: .*itself/, cyclic),
  ...wrong(/^params\.a: a Map or Set/, { a: new Set([1]) }),
  ...wrong(/^params: a promise/, Promise.resolve({})),
]
const noOptions = wrong(/^options: .*object/, null, 5, 'x', true, [])

/**
 * The error is a TypeError of this package that names its argument.
 *
 * @param {unknown} error
 * @param {string} name
 * @param {RegExp} says
 */
function check(error, name, says) {
  assert.ok(error instanceof TypeError, String(error))
  assert.ok(!(error instanceof CodexError))
  assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT', error.message)
  assert.ok(error.message.startsWith(name), `${error.message} does not begin with ${name}`)
  assert.match(error.message, says)
}

/**
 * An asynchronous call rejects, and never throws.
 *
 * @param {() => Promise<unknown>} call
 * @param {string} name
 * @param {RegExp} says
 */
async function rejects(call, name, says) {
  const promise = call()
  assert.ok(promise instanceof Promise)
  check(await rejection(promise, TypeError), name, says)
}

/** @param {() => unknown} call @param {string} name @param {RegExp} says */
function throws(call, name, says) {
  assert.throws(call, (error) => {
    check(error, name, says)
    return true
  })
}

/**
 * Every wrong value of every option.
 *
 * @param {Record<string, Wrong[]>} options
 * @param {object} [beside] what has to be there as well
 * @returns {[name: string, options: any, says: RegExp][]}
 */
function eachOption(options, beside = {}) {
  return Object.entries(options).flatMap(([name, values]) =>
    values.map(
      ([value, says]) =>
        /** @type {[string, any, RegExp]} */ ([`options.${name}`, { ...beside, [name]: value }, says]),
    ),
  )
}

/** Only some of the options. @param {Record<string, Wrong[]>} options @param {string[]} names */
const without = (options, ...names) =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))

/** Options of which each is right, but not together. */
const threadExclusive = /** @type {[string, any, RegExp][]} */ ([
  [
    'options',
    { approvalMode: 'deny_all', approvalPolicy: 'never' },
    /`approvalMode` and `approvalPolicy` exclude/,
  ],
  [
    'options',
    { approvalMode: 'deny_all', approvalPolicy: null },
    /`approvalMode` and `approvalPolicy` exclude/,
  ],
  [
    'options',
    { approvalMode: 'auto_review', approvalsReviewer: 'user' },
    /`approvalMode` and `approvalsReviewer` exclude/,
  ],
])
const turnExclusive = /** @type {[string, any, RegExp][]} */ ([
  [
    'options',
    { approvalMode: 'deny_all', approvalPolicy: 'never' },
    /`approvalMode` and `approvalPolicy` exclude/,
  ],
  [
    'options',
    { sandbox: 'read-only', sandboxPolicy: { type: 'readOnly' } },
    /`sandbox` and `sandboxPolicy` exclude/,
  ],
  ['options', { sandbox: 'read-only', sandboxPolicy: null }, /`sandbox` and `sandboxPolicy` exclude/],
  [
    'options',
    { approvalMode: 'deny_all', approvalsReviewer: 'user' },
    /`approvalMode` and `approvalsReviewer` exclude/,
  ],
])

/** Names that are no options. @param {string[]} known some of those that are named instead */
const unknownNames = (...known) =>
  /** @type {[string, any, RegExp][]} */ ([
    ...['modle', 'Model', '', '__proto__x', 'constructor'].map((name) => [
      `options.${name}`,
      { [name]: 'x' },
      new RegExp(`unknown.*${known.map((option) => `\`${option}\``).join('.*')}`),
    ]),
    ['options.onAproval', { onAproval: () => 'accept' }, /function.*onApproval, onUserInput/],
  ])

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

/**
 * The server has got nothing but these messages.
 *
 * @param {Codex} codex
 * @param {import('../support/rig.mjs').RigLog} log
 * @param {string[]} methods
 */
async function sentNothing(codex, log, methods) {
  // What was sent before is in the log before this.
  await codex.notify('test/fence')
  await log.message('test/fence')
  assert.deepEqual(
    log.messages().map((message) => message.method),
    [...methods, 'test/fence'],
  )
}
