// Compiled by tsc, never run: each line below is a claim about index.d.ts, in a program that uses all of it. It is
// also compiled as a program of a user, against the packed package.

import type {
  Input,
  LogRecord,
  NotificationStream,
  Protocol,
  TurnEvent,
  TurnResult,
  TurnStream,
} from '../../index.js'
import {
  AbortError,
  BinaryNotFoundError,
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
  OutputValidationError,
  retryOnOverload,
  ServerBusyError,
  ServerExitedError,
  Thread,
  TimeoutError,
  TransportError,
  Turn,
  TurnFailedError,
  TurnInactiveError,
  TurnLostError,
  UnsupportedVersionError,
} from '../../index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
/** Whether there is `any` in a type, or one level below. */
type HasAny<T> =
  IsAny<T> extends true ? true : true extends { [K in keyof T]: IsAny<T[K]> }[keyof T] ? true : false
const is = <T extends true>(): T | undefined => undefined
const isNot = <T extends false>(): T | undefined => undefined

// Nothing that is known is `any`.
isNot<HasAny<Codex>>()
isNot<HasAny<Thread>>()
isNot<HasAny<Turn>>()
isNot<HasAny<TurnEvent>>()
isNot<HasAny<LogRecord>>()
isNot<HasAny<Awaited<ReturnType<Codex['connect']>>>>()
isNot<HasAny<Awaited<ReturnType<Codex['run']>>>>()
isNot<HasAny<Awaited<ReturnType<Thread['run']>>>>()
isNot<HasAny<Awaited<ReturnType<Thread['read']>>>>()
isNot<HasAny<NonNullable<Thread['usage']>>>()
isNot<HasAny<Parameters<Thread['run']>>>()
isNot<HasAny<NonNullable<Parameters<Thread['run']>[1]>>>()
isNot<HasAny<NonNullable<Parameters<Codex['startThread']>[0]>>>()
isNot<HasAny<NonNullable<ConstructorParameters<typeof Codex>[0]>>>()
isNot<HasAny<TurnFailedError>>()
isNot<HasAny<JsonRpcError>>()
is<Equal<Awaited<ReturnType<Codex['startThread']>>, Thread>>()
is<Equal<Awaited<ReturnType<Codex['resumeThread']>>, Thread>>()
is<Equal<Awaited<ReturnType<Thread['turn']>>, Turn>>()
is<Equal<ReturnType<Turn['text']>, TurnStream<string>>>()
is<Equal<ReturnType<Turn['stream']>, TurnStream<TurnEvent>>>()
is<Equal<ReturnType<Codex['notifications']>, NotificationStream>>()

// Options of a client.
async function clients() {
  new Codex()
  const controller = new AbortController()
  await using codex = new Codex({
    codexPath: '/bin/codex',
    cwd: '/',
    env: { A: '1', B: undefined },
    inheritEnv: true,
    config: {
      model: 'm',
      mcp_servers: { a: { command: 'x', args: ['y'], env: { K: 'v' } } },
      list: [1, true],
    },
    configOverrides: ['a.b=1'],
    apiKey: 'sk',
    baseUrl: 'http://127.0.0.1/v1',
    clientInfo: { name: 'a', title: 'A', version: '1' },
    experimentalApi: true,
    optOutNotificationMethods: ['item/agentMessage/delta'],
    requestTimeoutMs: 1,
    connectTimeoutMs: 1,
    inactivityTimeoutMs: 1,
    maxInFlight: 1,
    logLevel: 'trace',
    logger: (record) => {
      const { level, target, message, fields } = record
      const text: string = level + target + message
      // @ts-expect-error the value of a field may be anything
      const field: string = fields.a
      return [text, field]
    },
  })
  new Codex({ launchArgs: ['app-server'] })
  // @ts-expect-error a typo
  new Codex({ codexpath: '/bin/codex' })
  // @ts-expect-error times are numbers
  new Codex({ requestTimeoutMs: '30s' })
  // @ts-expect-error no such level
  new Codex({ logLevel: 'verbose' })
  // @ts-expect-error variables are strings
  new Codex({ env: { A: 1 } })
  // @ts-expect-error a client has a version
  new Codex({ clientInfo: { name: 'a' } })
  // @ts-expect-error null is no configuration
  new Codex({ config: { model: null } })

  const { userAgent, codexHome, serverInfo } = await codex.connect()
  const version: string = serverInfo.version
  const pid: number | null = codex.pid
  // @ts-expect-error it may be null
  const home: string = codexHome
  is<Equal<typeof codex.metadata, Awaited<ReturnType<typeof codex.connect>>>>()
  const result = await codex.run('go', { sandbox: 'read-only', outputSchema: {}, signal: controller.signal })
  await codex.close()
  return [userAgent, version, pid, home, result.finalResponse]
}

// Threads and turns.
async function threads(codex: Codex, signal: AbortSignal) {
  const thread = await codex.startThread({
    model: 'm',
    modelProvider: null,
    cwd: '/',
    sandbox: 'workspace-write',
    approvalMode: 'auto_review',
    baseInstructions: 'a',
    developerInstructions: 'b',
    ephemeral: true,
    config: { a: 1 },
    serviceName: 's',
    effort: 'low',
    additionalDirectories: ['/tmp'],
    networkAccess: false,
    webSearch: 'cached',
    signal,
  })
  await codex.startThread({ approvalPolicy: 'never', approvalsReviewer: 'user' })
  await codex.startThread({
    approvalPolicy: { granular: { sandbox_approval: true, rules: true, mcp_elicitations: true } },
  })
  await codex.resumeThread(thread.id, { includeTurns: true, model: 'm' })
  // @ts-expect-error a typo
  await codex.startThread({ sandBox: 'read-only' })
  // @ts-expect-error the word has hyphens
  await codex.startThread({ sandbox: 'readOnly' })
  // @ts-expect-error includeTurns is for threads that have some
  await codex.startThread({ includeTurns: true })
  // @ts-expect-error a thread that was kept is not ephemeral
  await codex.resumeThread(thread.id, { ephemeral: true })
  // @ts-expect-error which one
  await codex.resumeThread()

  const id: string = thread.id
  // @ts-expect-error it can't be set
  thread.id = id
  const total: number | undefined = thread.usage?.total.totalTokens
  await thread.setName('name')
  const { thread: stored } = await thread.read({ includeTurns: true })
  const status: Protocol.ThreadStatus | undefined = stored.status

  const inputs: Input[] = [
    'text',
    { type: 'text', text: 'a' },
    [
      { type: 'text', text: 'a' },
      { type: 'image', url: 'https://example.com/a.png' },
      { type: 'image', data: new Uint8Array(), mimeType: 'image/png' },
      { type: 'localImage', path: '/a.png' },
      { type: 'audio', url: 'https://example.com/a.mp3' },
      { type: 'localAudio', path: '/a.mp3' },
      { type: 'skill', name: 's', path: '/s' },
      { type: 'mention', name: 'm', path: '/m' },
    ],
    { type: 'external', toolName: 't', content: 'c', namespace: 'n' },
  ]
  // @ts-expect-error an item of type text has text
  await thread.run({ type: 'text' })
  // @ts-expect-error an image is somewhere
  await thread.run({ type: 'image' })
  // @ts-expect-error bytes have a type
  await thread.run({ type: 'image', data: new Uint8Array() })
  // @ts-expect-error it is in one place
  await thread.run({
    type: 'image',
    url: 'https://example.com/a.png',
    data: new Uint8Array(),
    mimeType: 'a/b',
  })
  // @ts-expect-error no such item
  await thread.run([{ type: 'video', url: 'https://example.com' }])
  // @ts-expect-error an input is needed
  await thread.run()

  const result = await thread.run(inputs[0] ?? '', {
    signal,
    inactivityTimeoutMs: 1,
    model: 'm',
    effort: 'high',
    summary: 'concise',
    cwd: '/',
    sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/'], networkAccess: true },
    approvalPolicy: 'on-request',
    approvalsReviewer: 'user',
    serviceTier: null,
    outputSchema: { type: 'object', properties: {} },
    source: 's',
  })
  // @ts-expect-error a typo
  await thread.run('go', { outputschema: {} })
  // @ts-expect-error no such policy
  await thread.run('go', { sandboxPolicy: { type: 'readWrite' } })

  // @ts-expect-error there may be no last word
  const word: string = result.finalResponse
  for (const item of result.items) {
    if (item.type === 'agentMessage') item.text.toUpperCase()
    else if (item.type === 'commandExecution') item.aggregatedOutput?.toUpperCase()
    else if (item.type === 'fileChange') for (const change of item.changes) change.path.toUpperCase()
    // @ts-expect-error a field of another type of item
    if (item.type === 'reasoning') item.text
  }
  const times: (number | null)[] = [result.startedAt, result.completedAt, result.durationMs]
  const ended: 'completed' | 'interrupted' | (string & {}) = result.status
  const input: number | undefined = result.usage?.last.inputTokens
  return [total, status, word, times, ended, input]
}

async function turns(thread: Thread) {
  const turn = await thread.turn('go')
  const ids: string[] = [turn.id, turn.threadId]
  for await (const event of turn) onEvent(event)
  for await (const event of turn.stream({ coalesce: false, leaveRunning: true })) onEvent(event)
  for await (const text of turn.text({ leaveRunning: true })) text.toUpperCase()
  // @ts-expect-error text is always joined
  turn.text({ coalesce: false })
  // @ts-expect-error a typo
  turn.stream({ coalesced: false })
  turn.stream({ after: 12, leaveRunning: true })
  // @ts-expect-error numbers are of events
  turn.text({ after: 12 })
  turn.keptBytes satisfies number
  await turn.steer('more')
  await turn.steer([{ type: 'text', text: 'more' }])
  await turn.interrupt()
  const { items } = await turn.run()
  // @ts-expect-error a turn is made by a thread
  new Turn()
  // @ts-expect-error a thread is made by a client
  new Thread()
  const reader = turn.stream()
  const next = await reader.next()
  if (next.done) next.value satisfies undefined
  else {
    next.value satisfies TurnEvent
    next.value.seq satisfies number
  }
  await reader.return()
  await reader[Symbol.asyncDispose]()
  return [ids, items]
}

// The method of an event narrows its parameters.
function onEvent(event: TurnEvent): unknown {
  switch (event.method) {
    case 'item/agentMessage/delta':
      event.params satisfies Protocol.NotificationParams<'item/agentMessage/delta'>
      isNot<HasAny<typeof event.params>>()
      return event.params.delta.toUpperCase()
    case 'item/completed':
      return event.params.item.id
    case 'turn/completed':
      return event.params.turn.status satisfies Protocol.TurnStatus
    case 'thread/tokenUsage/updated':
      return event.params.tokenUsage.total.totalTokens.toFixed()
    // @ts-expect-error no such event
    case 'item/agentmessage/delta':
      return undefined
  }
  // @ts-expect-error the parameters of some other event
  return event.params.delta
}

// Any method of the protocol.
async function requests(codex: Codex, signal: AbortSignal) {
  const list = await codex.request('thread/list', { limit: 5 }, { timeoutMs: 1_000, signal })
  is<Equal<typeof list, Protocol.Result<'thread/list'>>>()
  isNot<HasAny<typeof list>>()
  isNot<IsAny<(typeof list.data)[number]>>()
  const models = await codex.request('model/list', {})
  models.data.map((model) => model.displayName.toUpperCase())
  await codex.request('account/logout')
  await codex.request('account/logout', undefined, { timeoutMs: 1 })
  // @ts-expect-error its parameters are needed
  await codex.request('turn/start')
  // @ts-expect-error a typo in a parameter
  await codex.request('thread/list', { limits: 5 })
  // @ts-expect-error the parameters of another method
  await codex.request('turn/interrupt', { threadId: 't' })
  // @ts-expect-error a typo in an option
  await codex.request('thread/list', {}, { timeout: 5 })
  // What a newer codex may know passes, and nothing is known of it.
  const other = await codex.request('thread/other', { any: ['thing'] })
  is<Equal<typeof other, unknown>>()

  await codex.notify('initialized')
  await codex.notify('other/notification', { any: 'thing' })
  const notifications = codex.notifications({ methods: ['thread/started', 'other/notification'] })
  const dropped: number = notifications.dropped
  for await (const notification of notifications) {
    if (notification.method === 'thread/started') notification.params.thread.id.toUpperCase()
  }
  // @ts-expect-error a typo
  codex.notifications({ method: ['thread/started'] })
  return dropped
}

// Errors, told apart by their class.
function errors(error: unknown): string | number | null {
  if (isRetryableError(error)) return error.code
  if (error instanceof BinaryNotFoundError) return error.tried.join()
  if (error instanceof ServerExitedError)
    return `${error.exitCode?.toFixed()} ${error.signal} ${error.stderr.trim()}`
  if (error instanceof ClosedError) return (error satisfies TransportError).code
  if (error instanceof TransportError) return error.message
  if (error instanceof TimeoutError) return error.method ?? error.timeoutMs.toFixed()
  if (error instanceof IndeterminateError) return error.method
  if (error instanceof ServerBusyError) return error.rpcCode
  for (const rpc of [InvalidRequestError, InvalidParamsError, MethodNotFoundError, InternalRpcError]) {
    if (error instanceof rpc) return (error satisfies JsonRpcError).method
  }
  if (error instanceof JsonRpcError) {
    is<Equal<typeof error.data, unknown>>()
    return error.codexVersion
  }
  if (error instanceof TurnFailedError) {
    error.codexErrorInfo satisfies Protocol.CodexErrorInfo | null
    return error.httpStatus ?? error.additionalDetails ?? error.result.finalResponse
  }
  if (error instanceof TurnInactiveError) return error.continuation.turnId + error.idleMs.toFixed()
  if (error instanceof TurnLostError) return error.result?.turnId ?? null
  if (error instanceof AbortError) return error.result?.turnId ?? null
  if (error instanceof OutputValidationError) return error.message
  if (error instanceof UnsupportedVersionError) return error.found + error.minimum + error.path
  if (error instanceof CodexError) {
    const retryable: boolean = error.retryable
    // @ts-expect-error the fields of an error can't be set
    error.code = 'OTHER'
    // @ts-expect-error a field of a subclass
    error.exitCode
    return error.code + retryable
  }
  return null
}

async function retries(thread: Thread, signal: AbortSignal) {
  const options = { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 2, jitter: 0, signal }
  const result = await retryOnOverload(() => thread.run('go'), options)
  is<Equal<typeof result, TurnResult<undefined>>>()
  is<Equal<Awaited<ReturnType<typeof retryOnOverload<number>>>, number>>()
  // @ts-expect-error a typo
  await retryOnOverload(() => 1, { attempts: 3 })
}

export { clients, errors, requests, retries, threads, turns }
