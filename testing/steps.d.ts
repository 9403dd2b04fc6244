/** A latch that a test opens; made by {@linkcode createGate}. */
export declare class Gate {
  /** Resolves when the gate is opened. */
  readonly opened: Promise<void>
  /**
   * Resolves when the script first arrives at the gate: everything scripted before it has been handed to the
   * socket by then (codex may still be reading it).
   */
  readonly reached: Promise<void>
  readonly isOpen: boolean
  /** Lets through all that wait at the gate, and all that come later. Opening it again does nothing. */
  open(): void
}

/** What a script can wait for. A promise that rejects fails the answer and is kept in `provider.errors`. */
export type Waitable = Gate | PromiseLike<unknown>

/** `commentary` while the work goes on, `final_answer` for the result. */
export type MessagePhase = 'commentary' | 'final_answer'

export interface ChunkOptions {
  /** Into how many deltas the text is split; 0 for none. @default 3 */
  chunks?: number | undefined
  /** Pause after each delta, in milliseconds. @default 0 */
  chunkDelayMs?: number | undefined
}

export interface SayOptions extends ChunkOptions {
  phase?: MessagePhase | undefined
  /** Item id. @default a random one */
  id?: string | undefined
}

/** An assistant message. */
export interface SayItem extends SayOptions {
  say: string
}

export interface DeltasOptions {
  /** Text of every delta. @default "x" */
  text?: string | undefined
  /** How many deltas go out in one write. @default 200 */
  batch?: number | undefined
  /** Pause after each write, in milliseconds. @default 0 */
  chunkDelayMs?: number | undefined
  phase?: MessagePhase | undefined
  id?: string | undefined
}

/** An assistant message of that many equal deltas, as fast as the client reads: a flood. */
export interface DeltasItem extends DeltasOptions {
  deltas: number
}

export interface ReasoningOptions extends ChunkOptions {
  /** The raw chain of thought, beside the summary. */
  raw?: string | undefined
  id?: string | undefined
}

/** Reasoning; the value is the summary, a string for each of its parts. */
export interface ScriptReasoning extends ReasoningOptions {
  reasoning: string | readonly string[]
}

/** Arguments of codex's own `exec_command` tool, with its names. A newer one can go through {@linkcode CallItem}. */
export interface CommandArgs {
  /** Working directory. @default that of the turn */
  workdir?: string | undefined
  /** Run in a pseudo terminal. @default false */
  tty?: boolean | undefined
  /** How long codex waits for output before it tells the model, in milliseconds (250 to 30000). @default 10000 */
  yield_time_ms?: number
  max_output_tokens?: number
  /** Shell to run it with. @default the user's */
  shell?: string | undefined
  /** Run as a login shell. @default true */
  login?: boolean | undefined
  /** `require_escalated` makes codex ask for approval, where the approval policy lets it. @default "use_default" */
  sandbox_permissions?: 'use_default' | 'require_escalated'
  /** The reason shown with the request for approval. */
  justification?: string | undefined
  /** Prefix to allow from now on, offered with the request for approval. */
  prefix_rule?: readonly string[]
}

export interface CallOptions {
  /** Names the call in codex's answer, see `RecordedRequest.toolOutputs`. @default a random one */
  callId?: string | undefined
}

/** A shell command: a call of `exec_command`. */
export interface CommandItem extends CallOptions {
  command: string | ({ cmd: string } & CommandArgs)
}

export interface CustomOptions extends CallOptions {
  /** Into how many deltas the input is split. @default 0 */
  chunks?: number | undefined
}

/** A call of `apply_patch` with a patch text. codex offers the tool to models such as `gpt-5.5`, not to unknown ones. */
export interface PatchItem extends CustomOptions {
  patch: string
}

/** Any function call. `args` that is no string is sent as JSON. A tool of an MCP server has the namespace `mcp__<server>`. */
export interface CallItem extends CallOptions {
  call: { name: string; args?: unknown; namespace?: string | undefined }
}

/** Any call of a custom (free text) tool. */
export interface CustomItem extends CustomOptions {
  custom: { name: string; input: string }
}

/** A web search that the provider made itself. */
export interface ScriptWebSearch {
  webSearch: string
  id?: string | undefined
}

/** An output item as it is, inside `response.output_item.done`. */
export interface RawItem {
  rawItem: { type: string; [key: string]: unknown }
}

/** A server-sent event as it is. */
export interface RawEventItem {
  event: { type: string; [key: string]: unknown }
}

/** Text that goes into the stream as it is, well-formed or not. */
export interface RawSseItem {
  rawSse: string
}

/** A pause, in milliseconds. Tests are better off with a gate. */
export interface SleepItem {
  sleepMs: number
}

/** Waits in the middle of a response. */
export interface WaitItem {
  waitFor: Waitable
}

/** One part of a response. A string is a {@linkcode SayItem}. */
export type Item =
  | string
  | SayItem
  | DeltasItem
  | ScriptReasoning
  | CommandItem
  | PatchItem
  | CallItem
  | CustomItem
  | ScriptWebSearch
  | RawItem
  | RawEventItem
  | RawSseItem
  | SleepItem
  | WaitItem

/** Tokens; what is left out is 0. */
export interface ModelUsage {
  inputTokens?: number | undefined
  /** Part of `inputTokens`. */
  cachedInputTokens?: number | undefined
  outputTokens?: number | undefined
  /** Part of `outputTokens`. */
  reasoningOutputTokens?: number | undefined
}

export interface ScriptStepOptions {
  /** Wait before the answer begins, in milliseconds. @default 0 */
  delayMs?: number | undefined
  /** Wait before the answer begins. */
  waitFor?: Waitable | undefined
  /** Response headers, such as `retry-after` or `x-codex-primary-used-percent`. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** How a streamed response goes on after its items. At most one of the endings; without one, `response.completed`. */
export interface ResponseOptions extends ScriptStepOptions {
  /** Sent with `response.completed`; null sends null. @default 100 in (40 cached), 20 out (5 reasoning) */
  usage?: ModelUsage | null | undefined
  /** Destroy the connection. */
  cut?: boolean | undefined
  /** End the stream well, but without `response.completed`. */
  end?: boolean | undefined
  /** Keep the stream open until the client leaves, `provider.release()`, or what is given here; then complete. */
  hang?: boolean | Waitable | undefined
  /** `response.failed`. Codes that codex knows: `context_length_exceeded`, `rate_limit_exceeded`, `insufficient_quota`. */
  failed?: { code: string; message?: string | undefined } | undefined
  /** `response.incomplete` with this reason, such as `max_output_tokens`. */
  incomplete?: string | undefined
}

/** A response of several items. */
export interface ResponseStep extends ResponseOptions {
  items?: readonly Item[] | undefined
}

/** An answer that is no stream: the way HTTP failures look. */
export interface HttpStep extends ScriptStepOptions {
  /** Status from 200 to 599. */
  http: number
  /** Text, or a value that is sent as JSON. @default an error object naming the status */
  body?: unknown
}

/** The answer to one HTTP request of codex. A string is an assistant message. */
export type ScriptStep = string | (Exclude<Item, string> & ResponseOptions) | ResponseStep | HttpStep
