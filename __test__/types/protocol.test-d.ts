// Compiled by tsc, never run: each line below is a claim about protocol.d.ts.
import type * as Protocol from '../../protocol.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(): T | undefined => undefined

// A method gives its params and its result.
is<Equal<Protocol.Params<'thread/start'>, Protocol.ThreadStartParams>>()
is<Equal<Protocol.Result<'turn/start'>['turn'], Protocol.Turn>>()
is<Equal<Protocol.Result<'config/value/write'>, Protocol.ConfigWriteResponse>>()
is<Equal<Protocol.Result<'accountSession/list'>, Protocol.AccountSessionsResponse>>()
is<Equal<Protocol.PINNED_CODEX_VERSION extends `${number}.${number}.${string}` ? true : false, true>>()
// @ts-expect-error no such method
is<Equal<Protocol.Params<'thread/begin'>, unknown>>()

const start: Protocol.Params<'thread/start'> = { cwd: null, sandbox: 'read-only', config: { a: { b: [1] } } }
start.model = 'gpt-5'
// @ts-expect-error a misspelt field is an error: there is no index signature
start.modle = 'gpt-5'
// @ts-expect-error an enum is a union of its literals
start.sandbox = 'readonly'
// @ts-expect-error a granular policy has required fields
start.approvalPolicy = { granular: { rules: true } }

const turn: Protocol.Params<'turn/start'> = {
  threadId: 't',
  input: [
    { type: 'text', text: 'hi' },
    { type: 'image', url: 'https://example.com/a.png' },
    { type: 'image', fileId: 'f' },
  ],
}
// @ts-expect-error threadId is required
const noThread: Protocol.Params<'turn/start'> = { input: [] }
// @ts-expect-error a text input has text
turn.input.push({ type: 'text' })
// @ts-expect-error an unknown kind of input
turn.input.push({ type: 'video', url: 'u' })

// Methods without params, with optional ones, and with empty ones.
is<Equal<Protocol.Params<'account/logout'>, undefined>>()
is<Equal<Protocol.Params<'account/usage/read'>, Protocol.GetAccountTokenUsageParams | null | undefined>>()
const logout: Protocol.OptionalParamsMethod = 'account/logout'
const usage: Protocol.OptionalParamsMethod = 'account/usage/read'
// @ts-expect-error turn/start needs its params
const turnStart: Protocol.OptionalParamsMethod = 'turn/start'
const empty: Protocol.Params<'collaborationMode/list'> = {}
// @ts-expect-error an empty object takes no field
const notEmpty: Protocol.Params<'collaborationMode/list'> = { limit: 1 }

declare function request<M extends Protocol.ClientMethod>(
  method: M,
  ...params: M extends Protocol.OptionalParamsMethod
    ? [params?: Protocol.Params<M>]
    : [params: Protocol.Params<M>]
): Promise<Protocol.Result<M>>

async function calls() {
  const { thread } = await request('thread/start', { ephemeral: true })
  thread.id.toUpperCase()
  await request('account/logout')
  await request('thread/start')
  // @ts-expect-error params are missing
  await request('turn/start')
  // What codex always sends is there.
  for (let cursor: string | null = null; ; ) {
    const page: Protocol.ThreadListResponse = await request('thread/list', { cursor })
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  // @ts-expect-error params of another method
  await request('turn/interrupt', { threadId: thread.id, turn: 't' })
  // @ts-expect-error the name may be null or absent
  thread.name.toUpperCase()
}

// The method of a notification narrows its params.
function onNotification(notification: Protocol.Notification): string | undefined {
  const at: number | undefined = notification.emittedAtMs
  switch (notification.method) {
    case 'turn/completed':
      return notification.params.turn.status satisfies Protocol.TurnStatus
    case 'item/agentMessage/delta':
      return notification.params.delta
    case 'item/completed':
      return onItem(notification.params.item)
    case 'rawResponseItem/completed':
      return notification.params.threadId
    case 'thread/started':
      // @ts-expect-error the params of another notification
      return notification.params.delta
    // @ts-expect-error no such notification
    case 'turn/finished':
      return `${at}`
    default:
      return undefined
  }
}
is<Equal<Protocol.NotificationParams<'turn/started'>, Protocol.TurnStartedNotification>>()
is<Equal<Protocol.Notification<'turn/started'>['method'], 'turn/started'>>()

// So does the type of an item, with the fields that every item has.
function onItem(item: Protocol.ThreadItem): string {
  const done: number | null | undefined = item.completedAtMs
  if (item.type === 'agentMessage') return item.text
  if (item.type === 'commandExecution') return item.command
  if (item.type === 'imageGeneration') return 'fileId' in item ? item.fileId : item.result
  // @ts-expect-error no item has it
  return `${item.id} ${done} ${item.nothing}`
}

// A request from the server, and the only answers it takes.
function onServerRequest(request: Protocol.ServerRequest): unknown {
  const id: string | number = request.id
  if (request.method === 'item/commandExecution/requestApproval') {
    const answer: Protocol.ServerRequestResult<typeof request.method> = { decision: 'accept' }
    return [id, request.params.itemId, answer]
  }
  if (request.method === 'item/fileChange/requestApproval') {
    // @ts-expect-error not a decision
    const answer: Protocol.ServerRequestResult<typeof request.method> = { decision: 'yes' }
    return answer
  }
  // @ts-expect-error a tool call has no itemId of an approval
  if (request.method === 'item/tool/call') return request.params.itemId
  return request.method satisfies Protocol.ServerRequestMethod
}
is<Equal<Protocol.ClientNotificationMethod, 'initialized'>>()

export { calls, empty, logout, noThread, notEmpty, onNotification, onServerRequest, turnStart, usage }
