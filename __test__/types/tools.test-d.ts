// Compiled by tsc, never run: each line below is a claim about the types of tools and structured output.

import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import type { JSONSchema7 } from 'json-schema'
import { Type } from 'typebox'
import * as v from 'valibot'
import { z } from 'zod'
import {
  type Codex,
  defineTool,
  type JsonSchema,
  OutputValidationError,
  type RunOptions,
  type StandardIssue,
  type StartThreadOptions,
  type Thread,
  type Tool,
  type Turn,
  type TurnOptions,
  type TurnResult,
} from '../../index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(): T | undefined => undefined

declare const codex: Codex
declare const thread: Thread

const place = z.object({ town: z.string(), days: z.string().transform(Number) })
type Place = { town: string; days: number }
const book = toStandardJsonSchema(v.object({ title: v.string(), year: v.optional(v.number()) }))
type Book = { title: string; year?: number | undefined }
const point = type({ x: 'number', 'y?': 'string' })
type Point = { x: number; y?: string }
const json = { type: 'object', properties: { town: { type: 'string' } } }
interface Order {
  id: number
}
const what = { name: 'a', description: 'b' }

// Each tool of an array has the arguments of its own schema, without an annotation.
async function inferred() {
  await codex.startThread({
    tools: [
      {
        ...what,
        inputSchema: place,
        timeoutMs: 1000,
        run(args, { signal, threadId, turnId, callId }) {
          is<Equal<typeof args, Place>>()
          is<Equal<typeof signal, AbortSignal>>()
          return threadId + turnId + callId
        },
      },
      { ...what, inputSchema: book, run: async (args) => ({ is: is<Equal<typeof args, Book>>() }) },
      { ...what, inputSchema: point, run: (args) => [is<Equal<typeof args, Point>>()] },
      // What no schema validates may be anything, or what the program says it is.
      { ...what, inputSchema: json, run: (args) => [is<Equal<typeof args, unknown>>()] },
      { ...what, inputSchema: json, run: ({ town }: { town: string }) => town },
      { ...what, inputSchema: json, run: () => undefined },
      // What has a type of its own is JSON, too.
      { ...what, inputSchema: json, run: async (): Promise<Order> => ({ id: 1 }) },
      { ...what, inputSchema: json, run: async () => JSON.parse('{}') },
      { ...what, inputSchema: json, run: () => [1, 'two', { three: [null] }] },
      { ...what, inputSchema: json, run: (): readonly Order[] => [] },
      { ...what, inputSchema: json, run: () => new Date() },
      { ...what, inputSchema: json, run: (): void => console.log('done') },
      { ...what, inputSchema: json, run: async (): Promise<void> => console.log('done') },
      {
        ...what,
        inputSchema: json,
        run: () => ({ content: [{ type: 'text', text: 'of MCP' }], isError: false }),
      },
      {
        ...what,
        inputSchema: json,
        run: () => [
          { type: 'text', text: 'a picture' },
          { type: 'image', data: new Uint8Array(), mimeType: 'image/png' },
        ],
      },
    ],
  })
  await codex.resumeThread('id', {
    tools: [{ ...what, inputSchema: place, run: ({ days }) => days.toFixed() }],
  })
  await codex.forkThread('id', {
    tools: [{ ...what, inputSchema: place, run: ({ days }) => days.toFixed() }],
  })
  await thread.fork({ tools: [{ ...what, inputSchema: place, run: ({ days }) => days.toFixed() }] })
}

// Tools that are kept apart.
const chart = {
  ...what,
  inputSchema: json,
  run: () => [
    { type: 'text', text: 'a picture' },
    { type: 'image', data: new Uint8Array(), mimeType: 'image/png' },
  ],
}
defineTool(chart)
const forecast = defineTool({ ...what, inputSchema: place, run: ({ town, days }) => town + days.toFixed() })
is<Equal<typeof forecast, Tool<typeof place>>>()
const plot = defineTool({ ...what, inputSchema: point, run: ({ x }) => x })
const lookup = defineTool({ ...what, inputSchema: json, run: (args) => is<Equal<typeof args, unknown>>() })
async function apart() {
  await codex.startThread({ tools: [forecast, plot, lookup] })
  const list = [forecast, plot]
  await codex.startThread({ tools: list })
  const some: Tool[] = [forecast, plot, lookup]
  await codex.startThread({ tools: some })
  const frozen: readonly Tool[] = some
  const options: StartThreadOptions = { model: 'gpt-5.5', tools: frozen }
  await codex.startThread(options)
  await codex.startThread({ tools: [] })
  await codex.startThread()
}

async function wrongTools() {
  // @ts-expect-error the schema has no such property
  await codex.startThread({ tools: [{ ...what, inputSchema: place, run: ({ nope }) => nope }] })
  // @ts-expect-error a tool has a description
  await codex.startThread({ tools: [{ name: 'a', inputSchema: place, run: () => '' }] })
  // @ts-expect-error a tool has a function
  await codex.startThread({ tools: [{ ...what, inputSchema: place }] })
  // @ts-expect-error a number is no schema
  await codex.startThread({ tools: [{ ...what, inputSchema: 3, run: () => '' }] })
  // @ts-expect-error no such field
  defineTool({ ...what, inputSchema: place, run: () => '', timeout: 3 })
  // What can't be sent is no result.
  // @ts-expect-error a function
  defineTool({ ...what, inputSchema: place, run: () => () => 'later' })
  // @ts-expect-error a symbol
  defineTool({ ...what, inputSchema: place, run: () => Symbol('a') })
  // @ts-expect-error a bigint
  defineTool({ ...what, inputSchema: place, run: () => 1n })
  // @ts-expect-error bytes without a type
  defineTool({ ...what, inputSchema: place, run: () => new Uint8Array() })
  // @ts-expect-error bytes without a type
  defineTool({ ...what, inputSchema: place, run: () => [{ type: 'image', data: new Uint8Array() }] })
  // @ts-expect-error a Map
  defineTool({ ...what, inputSchema: place, run: async () => new Map([['a', 1]]) })
  // @ts-expect-error a Set in a list
  defineTool({ ...what, inputSchema: place, run: () => ['a', new Set(['a'])] })
  // @ts-expect-error a promise that is not awaited
  defineTool({ ...what, inputSchema: place, run: () => [Promise.resolve('a')] })
  // @ts-expect-error nobody knows whether it can be sent
  defineTool({ ...what, inputSchema: place, run: (): unknown => 'a' })
  // @ts-expect-error nor here
  defineTool({ ...what, inputSchema: place, run: async (): Promise<unknown> => 'a' })
  // @ts-expect-error nor among the tools of a thread
  await codex.startThread({ tools: [{ ...what, inputSchema: place, run: () => new Map() }] })
  // @ts-expect-error nor in onToolCall
  await codex.startThread({ onToolCall: () => new Map() })
  // @ts-expect-error a turn takes no tools
  await thread.run('hi', { tools: [forecast] })
}

// The schema of the final message is the type of `parsed`.
async function output() {
  const zod = await thread.run('hi', { outputSchema: place, effort: 'low' })
  is<Equal<typeof zod.parsed, Place | undefined>>()
  const valibot = await thread.run('hi', { outputSchema: book })
  is<Equal<typeof valibot.parsed, Book | undefined>>()
  const arktype = await (await thread.turn('hi', { outputSchema: point })).run()
  is<Equal<typeof arktype.parsed, Point | undefined>>()
  const fresh = await codex.run('hi', { outputSchema: place, tools: [plot], sandbox: 'read-only' })
  if (fresh.status === 'completed') is<Equal<typeof fresh.parsed, Place>>()
  is<Equal<typeof fresh.parsed, Place | undefined>>()
  // @ts-expect-error an interrupted turn has none
  fresh.parsed.town

  // A turn that is continued has what it is asked for then.
  const continuation = (await thread.turn('hi')).continuation()
  const continued = await codex.continueTurn(continuation, { outputSchema: place, inactivityTimeoutMs: 5 })
  is<Equal<typeof continued, Turn<Place>>>()
  is<Equal<Awaited<ReturnType<(typeof continued)['run']>>['parsed'], Place | undefined>>()
  const { parsed: none } = await (await codex.continueTurn(continuation)).run()
  is<Equal<typeof none, undefined>>()

  // A JSON Schema has no type here.
  const untyped = await thread.run('hi', { outputSchema: json })
  is<Equal<typeof untyped.parsed, unknown>>()
  const schema: JsonSchema = json
  const given = await codex.run('hi', { outputSchema: schema })
  is<Equal<typeof given.parsed, unknown>>()

  // What others have a type of their own for is a JSON Schema as well.
  const seven: JSONSchema7 = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  const frozen = { type: 'object', properties: {}, required: ['a'] } as const
  interface Own {
    readonly type: 'object'
    readonly properties: Readonly<Record<string, Own>>
  }
  const own: Own = { type: 'object', properties: {} }
  for (const outputSchema of [seven, frozen, own, Type.Object({ a: Type.String() })]) {
    is<Equal<Awaited<ReturnType<typeof thread.run<typeof outputSchema>>>['parsed'], unknown>>()
    await thread.run('hi', { outputSchema })
    defineTool({ ...what, inputSchema: outputSchema, run: () => '' })
  }
  // @ts-expect-error a text is no schema
  await thread.run('hi', { outputSchema: 'object' })

  // Without a schema there is nothing parsed.
  const plain = await thread.run('hi')
  is<Equal<typeof plain.parsed, undefined>>()
  const other = await codex.run('hi', { model: 'gpt-5.5' })
  is<Equal<typeof other.parsed, undefined>>()
  is<Equal<Awaited<ReturnType<Turn['run']>>, TurnResult<unknown>>>()

  // Options and results whose schema is not known.
  const options: TurnOptions = { outputSchema: place }
  const some = await thread.run('hi', options)
  is<Equal<typeof some.parsed, unknown>>()
  const maybe = await thread.run('hi', { outputSchema: zod.parsed && place })
  is<Equal<typeof maybe.parsed, Place | undefined>>()
  const all: TurnResult[] = [zod, valibot, arktype, untyped, plain]
  const turn: Turn = await thread.turn('hi', { outputSchema: place })
  const run: RunOptions = { outputSchema: place, tools: [forecast] }
  return [all, turn, await codex.run('hi', run)]
}

async function wrongOutput() {
  // @ts-expect-error a number is no schema
  await thread.run('hi', { outputSchema: 3 })
  // @ts-expect-error no such option
  await thread.run('hi', { outputSchema: place, schema: place })
  const continuation = (await thread.turn('hi')).continuation()
  // @ts-expect-error the turn has its model already
  await codex.continueTurn(continuation, { outputSchema: place, model: 'gpt-5.5' })
  // @ts-expect-error what its agents do can't be continued
  ;(await thread.turn('hi')).subAgents().continuation()
  // @ts-expect-error neither can the notifications
  codex.notifications().continuation()
}

function failed(error: unknown): string | undefined {
  if (!(error instanceof OutputValidationError)) return undefined
  const issues: readonly StandardIssue[] = error.issues
  const result: TurnResult = error.result
  return error.text + issues.length + result.turnId
}

void [inferred, apart, wrongTools, output, wrongOutput, failed]
