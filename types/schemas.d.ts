// Schemas of any library, and tools that have one.

import type { ToolResult } from './handlers.js'

/**
 * A JSON Schema: an object literal, or what libraries have a type of their own for, such as `JSONSchema7` and TypeBox.
 */
export type JsonSchema =
  | { readonly [keyword: string]: unknown }
  | {
      readonly $ref?: unknown
      readonly type?: unknown
      readonly enum?: unknown
      readonly const?: unknown
      readonly properties?: unknown
      readonly items?: unknown
      readonly anyOf?: unknown
      readonly oneOf?: unknown
      readonly allOf?: unknown
      readonly description?: unknown
    }

/**
 * A schema of any library that follows https://standardschema.dev, such as Zod, Valibot and ArkType. It must be able to
 * give JSON Schema: Zod from 4.2 and ArkType from 2.1.28 on do, a Valibot schema does inside `toStandardJsonSchema()` of
 * `@valibot/to-json-schema`.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a Standard Schema says of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** Why a value does not fit. */
export interface StandardIssue {
  readonly message: string
  /** Where, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A JSON Schema, or a schema that also validates and has a type. */
export type Schema = StandardSchema | JsonSchema

/** What a schema makes of a value: its output type; `unknown` of a JSON Schema, which has none. */
export type InferOutput<S> = S extends StandardSchema<unknown, infer Output> ? Output : unknown

/** What `parsed` is for an `outputSchema`; there is none without one. */
export type Parsed<S> = [S] extends [undefined] ? undefined : InferOutput<Exclude<S, undefined>>

/** Where a tool was called. */
export interface ToolContext {
  /** Aborted when nobody waits for the result any more: the time is over, or the turn has ended. */
  readonly signal: AbortSignal
  readonly threadId: string
  readonly turnId: string
  /** The id of the item that the call is among the items of the turn. */
  readonly callId: string
  /** Lets Node end although the call is still open: a tool keeps it alive while it runs. */
  unref(): void
}

/** A function that the agent can call. */
export interface Tool<S extends Schema = Schema> {
  /**
   * Letters, digits, `_` and `-`; no other tool of the thread has it. Where codex has a tool of that name itself, such
   * as `exec_command`, the agent gets that one.
   */
  name: string
  /** What it does and when to use it: the model goes by it. */
  description: string
  /**
   * What the arguments are, which is an object. A Standard Schema validates them: `run` gets what it makes of them, and
   * the model is told what is wrong with others. Of a JSON Schema the model is told, but nothing validates.
   */
  inputSchema: S
  /**
   * How long a call may take in milliseconds, its validation included; `Infinity` for no limit.
   *
   * @default 60000
   */
  timeoutMs?: number | undefined
  /**
   * Text, content items with images among them, or any JSON. What it throws is told the model as the failure of the call,
   * with its message.
   */
  run(args: InferOutput<S>, context: ToolContext): ToolResult | PromiseLike<ToolResult>
}

/** Tools, each with a schema of its own. */
export type Tools<Schemas extends readonly Schema[]> = { [I in keyof Schemas]: Tool<Schemas[I]> }

/** Options with tools. */
export interface WithTools<Schemas extends readonly Schema[] = readonly Schema[]> {
  /**
   * JavaScript functions that the agent can call. A thread keeps the tools that it was started with, also when it is
   * forked or resumed by another process: there `tools` brings the functions that run them, by their names, and adds
   * no others. Without a function of its name a call goes to `onToolCall`.
   *
   * Wire: `dynamicTools` of `thread/start`, `item/tool/call`.
   */
  tools?: Tools<Schemas> | undefined
}

/** Options with a schema. */
export interface WithOutputSchema<S extends Schema | undefined = Schema | undefined> {
  /**
   * What the final message of this turn is, as JSON. `result.parsed` has it, and `OutputValidationError` is thrown where
   * it does not fit. Earlier messages of the turn are free.
   *
   * The schema must describe an object. It is sent as the strict mode of the API takes it: objects are closed, and
   * every property is required, an optional one may be null. Such a null is taken out again before the message is
   * validated. What strict mode has no way to say, such as open records and tuples, is a `TypeError` that names it.
   *
   * With a Standard Schema `parsed` is what that makes of the message. A JSON Schema validates nothing here: `parsed`
   * is the JSON that the model wrote, held to the schema by the API alone.
   */
  outputSchema?: S | undefined
}

/** What is done with an answer that does not fit its schema. */
export interface WithOutputRetries {
  /**
   * How often an answer that does not fit `outputSchema` is asked for again, in a further turn of the thread that tells the
   * model what is wrong with it: 0 to 10. The result is that of the turn whose answer fits; the last
   * `OutputValidationError` is thrown where none does.
   *
   * @default 0
   */
  outputRetries?: number | undefined
}

/**
 * A tool for `tools`, with the type of its arguments. It is checked now, and may be kept apart from the options.
 *
 * @example
 * const weather = defineTool({
 *   name: 'weather',
 *   description: 'The weather of a town',
 *   inputSchema: z.object({ town: z.string() }),
 *   run: ({ town }) => `It rains in ${town}.`,
 * })
 * const thread = await codex.startThread({ tools: [weather] })
 *
 * @throws {TypeError} naming the field that is wrong, and what is accepted
 */
export declare function defineTool<const S extends Schema>(tool: Tool<S>): Tool<S>
