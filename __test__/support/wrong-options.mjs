// The options of each call with wrong values for each, and those that do not go together.

import {
  bytes,
  noBoolean,
  noData,
  noFilledText,
  noHandler,
  noMilliseconds,
  noSignal,
  noString,
  noTable,
  noText,
  noTexts,
  noWord,
  wrong,
} from './wrong-values.mjs'

/** @typedef {import('./wrong-values.mjs').Wrong} Wrong */

export const handlers = {
  onApproval: noHandler,
  onUserInput: noHandler,
  onElicitation: noHandler,
  onPermissions: noHandler,
  onToolCall: noHandler,
  onAuthTokensRefresh: noHandler,
  onServerRequest: noHandler,
}

/** @type {Record<string, Wrong[]>} */
export const clientOptions = {
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
export const remoteOptions = {
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
export const noUrl = [
  ...noFilledText,
  ...wrong(/ws:\/\/, wss:\/\/ or unix:\/\//, 'http://h', 'localhost:4500', 'ws:/h', 'unix:/x', 'x'),
  ...wrong(/not a valid URL|names no host/, 'ws://', 'wss://:80', 'ws://a b'),
  ...wrong(/user name or password.*token/, 'ws://me:secret@h', 'wss://me@h'),
]

/** @type {Record<string, Wrong[]>} */
export const serveOptions = {
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

export const SECRET = 'a secret of at least thirty-two bytes'
/** @type {Record<string, Wrong[]>} */
export const tokenOptions = {
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

export const sandbox = noWord(/`read-only`, `workspace-write`, `danger-full-access`/)
export const approvalMode = [
  ...noWord(/`auto_review`.*`deny_all`/),
  ...wrong(/`auto_review`/, null, 'on-request'),
]
export const approvalPolicy = [
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
export const personality = noWord(/`none`, `friendly`, `pragmatic`/)

/** @type {Record<string, Wrong[]>} */
export const threadOptions = {
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
export const turnOptions = {
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
export const inputs = [
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

/** Only some of the options. @param {Record<string, Wrong[]>} options @param {string[]} names */
export const without = (options, ...names) =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))

/** Options of which each is right, but not together. */
export const threadExclusive = /** @type {[string, any, RegExp][]} */ ([
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
export const turnExclusive = /** @type {[string, any, RegExp][]} */ ([
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
export const unknownNames = (...known) =>
  /** @type {[string, any, RegExp][]} */ ([
    ...['modle', 'Model', '', '__proto__x', 'constructor'].map((name) => [
      `options.${name}`,
      { [name]: 'x' },
      new RegExp(`unknown.*${known.map((option) => `\`${option}\``).join('.*')}`),
    ]),
    ['options.onAproval', { onAproval: () => 'accept' }, /function.*onApproval, onUserInput/],
  ])
