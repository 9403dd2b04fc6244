// Compiled by tsc, never run: each line below is a claim about exec/index.d.ts. Most of them compare it with the types
// of @openai/codex-sdk, whose programs this entry runs.

import type * as Sdk from '@openai/codex-sdk'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import type * as Exec from '../../exec/index.js'
import { Codex, type StructuredRunResult, type StructuredTurnOptions, Thread } from '../../exec/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** One may stand for the other, both ways, and neither is `any`. */
type Same<A, B> =
  Equal<A, B> extends true ? true : IsAny<A | B> extends true ? false : [A, B] extends [B, A] ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
/** Whether a value of `A` may stand for `B`, and `B` is not `any`. */
type Fits<A, B> = IsAny<A | B> extends true ? false : [A] extends [B] ? true : false
/** What programs may use of a class. */
type Public<T> = { [K in keyof T]: T[K] }
const is = <T extends true>(): T | undefined => undefined
const isNot = <T extends false>(): T | undefined => undefined

// The comparison itself tells.
isNot<Same<{ a: string }, { a: string; b: number }>>()
isNot<Same<{ a: unknown }, { a: string }>>()

// Every type that programs import by name.
is<Same<Exec.AgentMessageItem, Sdk.AgentMessageItem>>()
is<Same<Exec.ApprovalMode, Sdk.ApprovalMode>>()
is<Same<Exec.CommandExecutionItem, Sdk.CommandExecutionItem>>()
is<Same<Exec.CyberAccessProgram, Sdk.CyberAccessProgram>>()
is<Same<Exec.ErrorItem, Sdk.ErrorItem>>()
is<Same<Exec.FileChangeItem, Sdk.FileChangeItem>>()
is<Same<Exec.Input, Sdk.Input>>()
is<Same<Exec.ItemCompletedEvent, Sdk.ItemCompletedEvent>>()
is<Same<Exec.ItemStartedEvent, Sdk.ItemStartedEvent>>()
is<Same<Exec.ItemUpdatedEvent, Sdk.ItemUpdatedEvent>>()
is<Same<Exec.McpToolCallItem, Sdk.McpToolCallItem>>()
is<Same<Exec.ModelReasoningEffort, Sdk.ModelReasoningEffort>>()
is<Same<Exec.ReasoningItem, Sdk.ReasoningItem>>()
is<Same<Exec.SandboxMode, Sdk.SandboxMode>>()
is<Same<Exec.ThreadError, Sdk.ThreadError>>()
is<Same<Exec.ThreadErrorEvent, Sdk.ThreadErrorEvent>>()
is<Same<Exec.ThreadEvent, Sdk.ThreadEvent>>()
is<Same<Exec.ThreadItem, Sdk.ThreadItem>>()
is<Same<Exec.ThreadOptions, Sdk.ThreadOptions>>()
is<Same<Exec.ThreadStartedEvent, Sdk.ThreadStartedEvent>>()
is<Same<Exec.TodoListItem, Sdk.TodoListItem>>()
is<Same<Exec.TurnCompletedEvent, Sdk.TurnCompletedEvent>>()
is<Same<Exec.TurnFailedEvent, Sdk.TurnFailedEvent>>()
is<Same<Omit<Exec.TurnOptions, 'budget'>, Sdk.TurnOptions>>()
is<Same<Exec.TurnStartedEvent, Sdk.TurnStartedEvent>>()
is<Same<Exec.Usage, Sdk.Usage>>()
is<Same<Exec.UserInput, Sdk.UserInput>>()
is<Same<Exec.WebSearchItem, Sdk.WebSearchItem>>()
is<Same<Exec.WebSearchMode, Sdk.WebSearchMode>>()

// The same fields, also the optional ones, which being assignable does not tell.
is<Equal<keyof Exec.ThreadOptions, keyof Sdk.ThreadOptions>>()
is<Equal<keyof Exec.TurnOptions, keyof Sdk.TurnOptions | 'budget'>>()
is<Equal<keyof Exec.Usage, keyof Sdk.Usage>>()
is<Equal<keyof Exec.CommandExecutionItem, keyof Sdk.CommandExecutionItem>>()
is<Equal<keyof Exec.McpToolCallItem, keyof Sdk.McpToolCallItem>>()

// Ours have more, and fit wherever theirs are asked for.
type Ours = 'codexPath' | 'commandPrefix' | 'extraArgs'
is<Same<Omit<Exec.CodexOptions, Ours | 'env'>, Omit<Sdk.CodexOptions, 'env'>>>()
// An environment is taken as it comes.
is<Fits<Sdk.CodexOptions, Exec.CodexOptions>>()
is<Fits<NodeJS.ProcessEnv, NonNullable<Exec.CodexOptions['env']>>>()
is<Equal<keyof Exec.CodexOptions, keyof Sdk.CodexOptions | Ours>>()
is<Equal<keyof Exec.RunResult, keyof Sdk.RunResult | 'turnUsage'>>()
is<Equal<keyof Exec.RunStreamedResult, keyof Sdk.RunStreamedResult | 'result'>>()
is<Fits<Exec.RunResult, Sdk.RunResult>>()
is<Fits<Exec.RunStreamedResult, Sdk.RunStreamedResult>>()

// The classes: the same public members, which take what theirs take and give what theirs give.
is<Equal<keyof Codex, keyof Sdk.Codex>>()
is<Equal<keyof Thread, keyof Sdk.Thread>>()
is<Fits<ConstructorParameters<typeof Sdk.Codex>, ConstructorParameters<typeof Codex>>>()
is<Fits<Public<Thread>, Public<Sdk.Thread>>>()
is<Fits<Parameters<Sdk.Codex['startThread']>, Parameters<Codex['startThread']>>>()
is<Fits<Parameters<Sdk.Codex['resumeThread']>, Parameters<Codex['resumeThread']>>>()
is<Equal<ReturnType<Codex['startThread']>, Thread>>()
is<Equal<ReturnType<Codex['resumeThread']>, Thread>>()

// A program of theirs, with its own annotations, on our classes.
export async function program(
  options: Sdk.CodexOptions,
  threadOptions: Sdk.ThreadOptions,
  input: Sdk.Input,
  turnOptions: Sdk.TurnOptions,
): Promise<Sdk.RunResult> {
  const codex = new Codex(options)
  const thread: Public<Sdk.Thread> = codex.startThread(threadOptions)
  const again = codex.resumeThread(thread.id ?? '', threadOptions)
  const { events }: Sdk.RunStreamedResult = await again.runStreamed(input, turnOptions)
  for await (const event of events) print(event)
  const turn: Sdk.RunResult = await thread.run(input, turnOptions)
  const items: Sdk.ThreadItem[] = turn.items
  const usage: Sdk.Usage | null = turn.usage
  print(items, usage, turn.finalResponse.length)
  return turn
}

/** What programs do with an event, for either type of it. */
function print(event: Sdk.ThreadEvent | Exec.ThreadItem[], usage?: Exec.Usage | null, length?: number) {
  if (Array.isArray(event)) return `${event.length} ${usage?.cache_write_input_tokens} ${length}`
  switch (event.type) {
    case 'thread.started':
      return event.thread_id
    case 'item.started':
    case 'item.updated':
    case 'item.completed':
      return item(event.item)
    case 'turn.completed':
      return event.usage.reasoning_output_tokens.toFixed()
    case 'turn.failed':
      return event.error.message
    case 'error':
      return event.message
    default:
      return event.type satisfies 'turn.started'
  }
}

function item(item: Exec.ThreadItem): string {
  switch (item.type) {
    case 'agent_message':
    case 'reasoning':
      return item.text
    case 'command_execution':
      return `${item.command} ${item.exit_code?.toFixed()} ${item.aggregated_output.trim()}`
    case 'file_change':
      return item.changes
        .map(({ kind, path }) => `${kind satisfies 'add' | 'delete' | 'update'} ${path}`)
        .join()
    case 'mcp_tool_call':
      return item.result?.content.map((block) => (block.type === 'text' ? block.text : '')).join() ?? ''
    case 'web_search':
      return item.query
    case 'todo_list':
      return item.items.map((step) => (step.completed ? '' : step.text)).join()
    default:
      return item.message satisfies string
  }
}

// What must not compile.
// @ts-expect-error: threads are made by a Codex
new Thread()
// @ts-expect-error: an option that is not known
new Codex({ baseURL: 'https://example.com' })
// @ts-expect-error: a mode that is none
new Codex().startThread({ sandboxMode: 'none' })
// @ts-expect-error: an item of the other interface
new Codex().startThread().run([{ type: 'localImage', path: 'a.png' }])
// @ts-expect-error: null is not a value of TOML
new Codex({ config: { model: null } })

// Structured output: a Standard Schema gives its output type, JSON Schema adds nothing.
declare const thread: Thread
const place = z.object({ town: z.string(), days: z.string().transform(Number) })
type Place = { town: string; days: number }
const book = toStandardJsonSchema(v.object({ title: v.string(), year: v.optional(v.number()) }))
type Book = { title: string; year?: number | undefined }
const point = type({ x: 'number', 'y?': 'string' })
type Point = { x: number; y?: string }

export async function structured(signal: AbortSignal) {
  const town = await thread.run('Where?', { outputSchema: place, signal })
  is<Equal<typeof town.structuredResponse, Place>>()
  is<Fits<typeof town, Exec.RunResult>>()
  const read = await thread.run([{ type: 'text', text: 'What?' }], { outputSchema: book })
  is<Equal<typeof read.structuredResponse, Book>>()
  const at = await thread.run('At?', { outputSchema: point })
  is<Equal<typeof at.structuredResponse, Point>>()

  // JSON Schema that Zod made is one of these, too.
  const made = await thread.run('Where?', { outputSchema: z.toJSONSchema(place) })
  is<Equal<typeof made.structuredResponse, Place>>()

  const streamed = await thread.runStreamed('Where?', { outputSchema: place })
  for await (const event of streamed.events) is<Equal<typeof event, Exec.ThreadEvent>>()
  is<Equal<Awaited<ReturnType<typeof streamed.result>>['structuredResponse'], Place>>()

  const plain = await thread.run('Where?', { outputSchema: { type: 'object' } })
  is<Equal<typeof plain, Exec.RunResult>>()
  // @ts-expect-error: only a Standard Schema gives it
  plain.structuredResponse
  const none = await thread.runStreamed('Where?')
  is<Equal<Awaited<ReturnType<typeof none.result>>, Exec.RunResult>>()
}

// The types of the options and the result, for functions that pass them on.
export async function ask<S extends typeof place>(options: StructuredTurnOptions<S>): Promise<Place> {
  const result: StructuredRunResult<S> = await thread.run('Where?', options)
  return result.structuredResponse
}
