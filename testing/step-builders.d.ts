import type {
  CallItem,
  CallOptions,
  CommandArgs,
  CommandItem,
  CustomItem,
  CustomOptions,
  DeltasItem,
  DeltasOptions,
  HttpStep,
  Item,
  PatchItem,
  RawEventItem,
  RawItem,
  RawSseItem,
  ReasoningOptions,
  ResponseOptions,
  ResponseStep,
  SayItem,
  SayOptions,
  ScriptReasoning,
  ScriptStepOptions,
  ScriptWebSearch,
  SleepItem,
  Waitable,
  WaitItem,
} from './steps.js'

// Builders: each makes the plain object of that kind. What they make is a step, and an item of `reply`, alike.

/** An assistant message. */
export declare function say(text: string, options?: SayOptions): SayItem
/** An assistant message of `count` equal deltas. */
export declare function deltas(count: number, options?: DeltasOptions): DeltasItem
/** Reasoning; `summary` is its summary, or the parts of it. */
export declare function reasoning(
  summary: string | readonly string[],
  options?: ReasoningOptions,
): ScriptReasoning
/** A shell command for codex to run. */
export declare function command(cmd: string, options?: CommandArgs & CallOptions): CommandItem
/** A patch for codex to apply, in the format of `apply_patch` (`*** Begin Patch` ...). */
export declare function patch(text: string, options?: CustomOptions): PatchItem
/** A patch that adds one file. */
export declare function addFile(path: string, content: string, options?: CustomOptions): PatchItem
/** Any function call. */
export declare function functionCall(
  name: string,
  args?: unknown,
  options?: CallOptions & { namespace?: string | undefined },
): CallItem
/** A call of a tool of an MCP server that codex is configured with. */
export declare function mcpCall(server: string, tool: string, args?: unknown, options?: CallOptions): CallItem
/**
 * A sub-agent with this task. Older models know their agents by number; newer ones, from `gpt-6` on, by a `name`: with one it
 * is the call that those make.
 */
export declare function spawnAgent(
  message: string,
  options?: CallOptions & { name?: string | undefined },
): CallItem
/** Any call of a custom (free text) tool. */
export declare function customCall(name: string, input: string, options?: CustomOptions): CustomItem
/** A web search that the provider made. */
export declare function webSearch(query: string): ScriptWebSearch
/** An output item as it is. */
export declare function rawItem(item: RawItem['rawItem']): RawItem
/** A server-sent event as it is. */
export declare function rawEvent(event: RawEventItem['event']): RawEventItem
/** Text for the stream as it is. */
export declare function rawSse(text: string): RawSseItem
/** A pause in milliseconds. */
export declare function sleep(ms: number): SleepItem
/** Waits for a gate or a promise. */
export declare function waitFor(gate: Waitable): WaitItem

/**
 * A response of several items.
 *
 * @example
 * ```js
 * provider.enqueue(reply([reasoning('Look first'), say('I look', { phase: 'commentary' }), command('ls')]))
 * ```
 */
export declare function reply(items: readonly Item[], options?: ResponseOptions): ResponseStep
/** An HTTP failure. */
export declare function httpError(status: number, options?: ScriptStepOptions & { body?: unknown }): HttpStep
/** A response that ends with `response.failed`. */
export declare function failed(code: string, message?: string, items?: readonly Item[]): ResponseStep
/** A response that ends with `response.incomplete`. */
export declare function incomplete(reason: string, items?: readonly Item[]): ResponseStep
/** A connection that breaks after the items. */
export declare function cut(...items: Item[]): ResponseStep
/** A stream that ends well after the items, but without `response.completed`. */
export declare function endEarly(...items: Item[]): ResponseStep
/** A stream that stays open after the items, until the client leaves or `provider.release()`. */
export declare function hang(...items: Item[]): ResponseStep
