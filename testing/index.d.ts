import type { IncomingHttpHeaders } from 'node:http'
import type { ConfigValue } from '../index.js'
import type { Gate, ScriptStep } from './steps.js'

export * from './step-builders.js'
export * from './steps.js'

/** One request as codex sent it. */
export declare class RecordedRequest {
  private constructor()
  readonly method: string
  /** Path and query, such as `/v1/responses`. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The parsed JSON; the text where it is no JSON; undefined where there was none. */
  readonly body: unknown
  /** The `thread-id` header, else `prompt_cache_key` of the body: sub-agents and reviews carry the key of their parent. */
  get threadId(): string | undefined
  /** The turn, from codex's turn metadata. */
  get turnId(): string | undefined
  /** The header `x-codex-turn-metadata`, parsed; `{}` where there is none. */
  get metadata(): Record<string, unknown>
  /** What users wrote, oldest first, without the context that codex adds in their name. */
  get userMessages(): string[]
  /** The last of `userMessages`. */
  get userText(): string | undefined
  /** What tools answered to the model so far, oldest first. */
  get toolOutputs(): {
    callId: string
    output: string /** URLs of the images, where there are any. */
    images?: string[]
  }[]
}

export interface ScriptedProviderOptions {
  /**
   * Asked first, for each model request. Gives the step to answer with, or undefined to go on to `when`, the
   * queue and the fallback. What it throws fails the turn and is kept in `errors`.
   */
  respond?:
    | ((request: RecordedRequest) => ScriptStep | null | undefined | Promise<ScriptStep | null | undefined>)
    | undefined
  /**
   * The answer when nothing else is scripted; `'fail'` fails the turn and keeps an error in `errors`, so that a script
   * that is too short can't pass.
   *
   * @default a short friendly message
   */
  fallback?: ScriptStep | 'fail' | undefined
  /** Port on 127.0.0.1. @default 0, any free one */
  port?: number | undefined
  /** Keep every request in `requests`. Turn it off for long runs: a request of codex is 40 KB and more. @default true */
  record?: boolean | undefined
  /**
   * Whether the provider keeps the program alive while nobody waits for one of its requests: for a program that is
   * nothing else.
   *
   * @default false
   */
  keepAlive?: boolean | undefined
}

/**
 * A model provider on loopback that answers the real codex with what a script says. Each model request is
 * answered by the first of: `respond`, a matching `when`, the queue, the fallback.
 */
export declare class ScriptedProvider implements AsyncDisposable {
  private constructor()
  /** The `base_url` for codex: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** Every request so far, also those to other routes and refused websocket upgrades. */
  readonly requests: readonly RecordedRequest[]
  /** What went wrong in the script: `respond`, a matcher or a listener threw, a promise to wait for rejected. */
  readonly errors: readonly unknown[]
  /** How many steps are left in the queue. */
  readonly queued: number
  /** The model requests that got the fallback, as neither `respond` nor a rule nor the queue had a step for them. */
  readonly unscripted: readonly RecordedRequest[]
  /**
   * Adds to the queue, which is served in order, to whichever thread asks first. With several threads at once, use
   * `when`. Requests that codex makes for itself, such as for a title or a compaction, take steps too.
   *
   * @throws {TypeError} naming the key that is unknown or of the wrong type; then nothing was queued
   */
  enqueue(...steps: ScriptStep[]): this
  /**
   * Steps for one kind of prompt: whenever the last user message contains the string or matches the RegExp, or the
   * function returns true, its turn gets these steps, one per request. Each turn of each thread plays them from
   * the start. When they are used up, the next matching `when` or the queue takes over.
   *
   * @throws {TypeError} like `enqueue`
   */
  when(match: string | RegExp | ((request: RecordedRequest) => boolean), ...steps: ScriptStep[]): this
  /**
   * Calls the listener for every request, before it is answered.
   *
   * @returns a function that stops it
   */
  onRequest(listener: (request: RecordedRequest) => void): () => void
  /**
   * The oldest model request (`POST /v1/responses`) that matches and that no `nextRequest` has given out before;
   * waits for one if there is none. So it does not matter which comes first, the request or the call. With
   * `record: false` only requests that arrive while it waits count.
   *
   * @throws the reason of `signal`, what `predicate` throws, or an `Error` once the provider is closed
   */
  nextRequest(
    predicate?: (request: RecordedRequest) => boolean,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<RecordedRequest>
  /**
   * Completes every response that hangs at this moment (`hang: true`). A response that is still on its way to its
   * hang is not among them: where the moment matters, use `hang: gate`.
   */
  release(): void
  /** Closes all connections and the port. Resolves when nothing of it runs any more; may be called again. */
  close(): Promise<void>
  /** Same as `close()`; exists where Node has `Symbol.asyncDispose` (20.5.1 and later). */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a scripted model provider.
 *
 * @throws {TypeError} for an unknown or wrong option
 * @throws the error of `listen`, such as EADDRINUSE
 *
 * @example
 * ```js
 * import { Codex } from 'codex-node'
 * import { command, createCodexHome, say, startScriptedProvider } from 'codex-node/testing'
 *
 * const provider = await startScriptedProvider()
 * const home = await createCodexHome(provider)
 * provider.enqueue(command('ls'), say('The folder is empty.'))
 *
 * const codex = new Codex({ env: home.env })
 * const thread = await codex.startThread({ cwd: home.workspace })
 * const result = await thread.run('What is in here?')
 * console.log(result.finalResponse) // The folder is empty.
 *
 * await codex.close()
 * await provider.close()
 * await home.remove()
 * ```
 */
export declare function startScriptedProvider(options?: ScriptedProviderOptions): Promise<ScriptedProvider>

/**
 * Makes a gate, closed.
 *
 * @example
 * ```js
 * const gate = createGate()
 * provider.enqueue(reply([say('working'), waitFor(gate), say('done')]))
 * const running = thread.run('go')
 * await gate.reached // "working" is out, and the turn is in progress for as long as the test needs it
 * gate.open()
 * await running
 * ```
 */
export declare function createGate(): Gate

/** A table of codex's config.toml. Undefined values are left out. */
export interface ConfigTable {
  [key: string]: ConfigValue | undefined
}

export interface CodexConfigOptions {
  /**
   * Decides which tools codex offers: an unknown name has no `apply_patch`, and from `gpt-5.6` on there is one tool
   * `exec` for everything.
   * @default "gpt-5.5"
   */
  model?: string | undefined
  /** @default codex's own */
  approvalPolicy?: 'on-request' | 'never' | undefined
  /** @default codex's own */
  sandboxMode?: 'read-only' | 'workspace-write' | 'danger-full-access' | undefined
  /** Feature flags, over `{plugins: false}`, without which codex calls out to the network at each start. */
  features?: Readonly<Record<string, boolean>> | undefined
  /** Any other configuration, merged over the rest, such as `{mcp_servers: {...}}`. */
  extra?: ConfigTable | undefined
  /** How often codex asks again after an HTTP failure. @default 0 */
  requestMaxRetries?: number | undefined
  /** How often codex asks again after a broken stream. @default 0 */
  streamMaxRetries?: number | undefined
  /** After how many milliseconds of silence codex gives a stream up. @default codex's own */
  streamIdleTimeoutMs?: number | undefined
}

/**
 * The configuration that makes codex use the provider, as an object: for `new Codex({ config })`.
 *
 * @throws {TypeError} for an unknown or wrong option
 */
export declare function codexConfig(
  provider: { readonly url: string },
  options?: CodexConfigOptions,
): ConfigTable

/**
 * The same as the text of a config.toml.
 *
 * @throws {TypeError} for an unknown or wrong option, or a value that TOML cannot say
 */
export declare function codexConfigToml(
  provider: { readonly url: string },
  options?: CodexConfigOptions,
): string

export interface CodexHomeOptions extends CodexConfigOptions {
  /** Folder to make it in. @default the system's temporary folder, for which codex prints a harmless warning */
  parent?: string | undefined
}

/** A temporary folder with all that a codex needs, away from the user's own. */
export declare class CodexHome implements AsyncDisposable {
  private constructor()
  /** Holds config.toml, and what codex writes: sessions, databases, logs. */
  readonly codexHome: string
  /** An empty home folder, so that no login profile and no dot file takes part. */
  readonly home: string
  /** An empty folder to work in. It is no git repository. */
  readonly workspace: string
  /** `HOME`, `CODEX_HOME`, and `USERPROFILE` on Windows: for `new Codex({ env: home.env })`. */
  readonly env: Record<string, string>
  /**
   * Removes the folder. Tries again for two seconds while a codex still writes to it; may be called again.
   *
   * @throws the last file system error
   */
  remove(): Promise<void>
  /** Same as `remove()`; exists where Node has `Symbol.asyncDispose` (20.5.1 and later). */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a temporary home for a codex that uses the provider.
 *
 * @throws {TypeError} for an unknown or wrong option
 * @throws the file system's error
 */
export declare function createCodexHome(
  provider: { readonly url: string },
  options?: CodexHomeOptions,
): Promise<CodexHome>

/** A store of threads, as `ThreadStore` of `codex-node/fleet` describes it. */
export interface ThreadStoreLike {
  put(threadId: string, bytes: Uint8Array, options: { token: number }): Promise<void>
  get(threadId: string): Promise<{ bytes: Uint8Array; token: number } | null>
  delete(threadId: string, options: { token: number }): Promise<void>
}

/**
 * What a store of threads has to do for `codex-node/fleet`, each to be run as a test.
 *
 * @param create gives the store; it may be the same each time, every check uses threads of its own
 *
 * @example
 * ```js
 * import { test } from 'node:test'
 * import { threadStoreChecks } from 'codex-node/testing'
 *
 * for (const { name, run } of threadStoreChecks(() => new MyStore())) test(name, run)
 * ```
 */
export declare function threadStoreChecks(
  create: () => ThreadStoreLike | Promise<ThreadStoreLike>,
): { name: string; run: () => Promise<void> }[]
