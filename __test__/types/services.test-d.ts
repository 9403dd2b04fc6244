// Compiled by tsc, never run: each line below is a claim about the types of threads' management and of services.

import type {
  Account,
  ChatgptLogin,
  CommandOutput,
  CommandProcess,
  Config,
  DeviceCodeLogin,
  ExecCommandOptions,
  ForkThreadOptions,
  Goal,
  ListThreadsOptions,
  Login,
  Protocol,
  ReviewTarget,
  Thread,
  ThreadDefaults,
  Turn,
  TurnResult,
  UpdateDefaultsOptions,
} from '../../index.js'
import {
  type Codex,
  type CodexError,
  ConfigWriteError,
  type JsonRpcError,
  LoginFailedError,
  ThreadBusyError,
} from '../../index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(): T | undefined => undefined
type Given<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>
type Entry<I> = I extends AsyncIterable<infer T> ? T : never

// Single results are the protocol's own types.
is<Equal<Given<Codex['forkThread']>, Thread>>()
is<Equal<Given<Codex['resumeLatestThread']>, Thread | null>>()
is<Equal<Given<Codex['listThreads']>, Protocol.ThreadListResponse>>()
is<Equal<Entry<ReturnType<Codex['threads']>>, Protocol.Thread>>()
is<Equal<Given<Codex['readThread']>, Protocol.ThreadReadResponse>>()
is<Equal<Given<Codex['archiveThread']>, void>>()
is<Equal<Given<Codex['unarchiveThread']>, void>>()
is<Equal<Given<Codex['deleteThread']>, void>>()
is<Equal<Given<Codex['setThreadName']>, void>>()
is<Equal<Given<Codex['models']>, Protocol.Model[]>>()
is<Equal<Given<Thread['fork']>, Thread>>()
is<Equal<Given<Thread['compact']>, TurnResult>>()
is<Equal<Given<Thread['rollback']>, Protocol.ThreadRevertResponse>>()
is<Equal<Given<Thread['revert']>, Protocol.ThreadRevertResponse>>()
is<Equal<Given<Thread['review']>, Turn>>()
is<Equal<Entry<ReturnType<Thread['turns']>>, Protocol.Turn>>()
is<Equal<Entry<ReturnType<Thread['items']>>, Protocol.ThreadItemEntry>>()
is<Equal<Thread['defaults'], ThreadDefaults>>()
is<Equal<Thread['goal'], Goal>>()
is<Equal<Given<Goal['get']>, Protocol.ThreadGoal | null>>()
is<Equal<Given<Goal['set']>, Protocol.ThreadGoal>>()
is<Equal<Given<Goal['clear']>, boolean>>()
is<Equal<Codex['account'], Account>>()
is<Equal<Given<Account['read']>, Protocol.GetAccountResponse>>()
is<Equal<Given<Account['rateLimits']>, Protocol.GetAccountRateLimitsResponse>>()
is<Equal<Given<Account['loginChatgpt']>, ChatgptLogin>>()
is<Equal<Given<Account['loginChatgptDeviceCode']>, DeviceCodeLogin>>()
is<Equal<Given<Login['wait']>, Protocol.AccountLoginCompletedNotification>>()
is<Equal<ChatgptLogin['authUrl'], string>>()
is<Equal<DeviceCodeLogin['userCode'], string>>()
is<Equal<Codex['config'], Config>>()
is<Equal<Given<Config['read']>, Protocol.ConfigReadResponse>>()
is<Equal<Given<Config['write']>, Protocol.ConfigWriteResponse>>()
is<Equal<Given<Config['batchWrite']>, Protocol.ConfigWriteResponse>>()
is<Equal<Given<Config['requirements']>, Protocol.ConfigRequirementsReadResponse>>()
is<Equal<Entry<CommandProcess>, CommandOutput>>()
is<Equal<CommandProcess['exit'], Promise<{ exitCode: number }>>>()

// What is asked is precise: a typo, a wrong word and an option of another call are errors.
const query: ListThreadsOptions = {
  sortKey: 'updated_at',
  cwd: ['/a', '/b'],
  sourceKinds: ['cli', 'exec'],
  archived: null,
}
// @ts-expect-error no such key to sort by
query.sortKey = 'size'
// @ts-expect-error a misspelt field
query.limitt = 1
const fork: ForkThreadOptions = { lastTurnId: 't', ephemeral: true, onApproval: () => 'accept' }
// @ts-expect-error a fork has the tone of its source
fork.personality = 'friendly'
const target: ReviewTarget[] = [
  { type: 'uncommittedChanges' },
  { type: 'baseBranch', branch: 'main' },
  { type: 'commit', sha: 'abc', title: null },
  { type: 'custom', instructions: 'x' },
]
// @ts-expect-error a branch needs its name
target.push({ type: 'baseBranch' })
const defaults: UpdateDefaultsOptions = {
  model: 'm',
  effort: 'high',
  sandbox: 'read-only',
  serviceTier: null,
}
// @ts-expect-error not a setting of a thread
defaults.tools = []

async function calls(codex: Codex, thread: Thread) {
  // @ts-expect-error a new thread has no last turn
  await codex.startThread({ lastTurnId: 't' })
  await thread.goal.set({ objective: 'x', status: 'paused', tokenBudget: null })
  // @ts-expect-error no such status
  await thread.goal.set({ status: 'done' })
  // @ts-expect-error a snapshot is not where settings are changed
  thread.defaults.model = 'm'
  for await (const { id } of codex.threads({ signal: AbortSignal.timeout(1) })) id.toUpperCase()
  for await (const { item, turnId } of thread.items({ turnId: 't' })) item.type === 'plan' && turnId.length

  await codex.config.write('a.b', { c: [1, 'x', { d: true }] }, { mergeStrategy: 'replace' })
  await codex.config.write('a', null)
  // @ts-expect-error undefined is no value
  await codex.config.write('a', undefined)
  // @ts-expect-error neither of the two
  await codex.config.write('a', 1, { mergeStrategy: 'merge' })
  await codex.config.batchWrite([{ keyPath: 'a', value: 1 }])
  // @ts-expect-error an edit needs its value
  await codex.config.batchWrite([{ keyPath: 'a' }])
}

// A command is a handle where it is streamed, and its result where it is not.
async function commands(codex: Codex, options: ExecCommandOptions) {
  is<Equal<typeof plain, Protocol.CommandExecResponse>>()
  const plain = await codex.execCommand(['ls'])
  is<Equal<typeof some, Protocol.CommandExecResponse>>()
  const some = await codex.execCommand(['ls'], { cwd: '/', timeoutMs: null, env: { A: null } })
  is<Equal<typeof not, Protocol.CommandExecResponse>>()
  const not = await codex.execCommand(['ls'], { stream: false })
  is<Equal<typeof handle, CommandProcess>>()
  const handle = await codex.execCommand(['ls'], { stream: true, tty: true, size: { cols: 80, rows: 24 } })
  is<Equal<typeof either, CommandProcess | Protocol.CommandExecResponse>>()
  const either = await codex.execCommand(['ls'], options)
  await codex.execCommand(['ls'], { sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/a'] } })
  // @ts-expect-error a command is an array
  await codex.execCommand('ls')
  // @ts-expect-error there is no shell
  await codex.execCommand(['ls'], { shell: true })
  await handle.write('text')
  await handle.write(new Uint8Array(1))
  // @ts-expect-error neither text nor bytes
  await handle.write(5)
  for await (const { stream, data } of handle) stream === 'stderr' && data.byteLength
  return [plain, some, not, either, (await handle.exit).exitCode.toFixed()]
}

function onError(error: unknown): string | null {
  if (error instanceof ConfigWriteError) {
    is<Equal<typeof error.rpcCode, number>>()
    return error.configErrorCode
  }
  if (error instanceof ThreadBusyError) return error.turnId
  if (error instanceof LoginFailedError) return error.loginId
  return null
}
const configError: JsonRpcError = {} as ConfigWriteError
const busy: CodexError = {} as ThreadBusyError

export { busy, calls, commands, configError, defaults, fork, onError, query, target }
