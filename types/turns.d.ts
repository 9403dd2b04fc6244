// What a turn gives: its events, its steps, its result.

import type { Turn } from '../index.js'
import type * as Protocol from '../protocol.js'
import type { TurnEvent } from './events.js'

/**
 * What has become of an input that was given a `clientUserMessageId`. `notBegun`: no turn has it, and none will. `queued`: a
 * call of this client has it, and it waits for its turn or for the server's answer. An end has the turn as it is stored, with its items and its error; of one whose codex was ended with it the status is `interrupted`.
 */
export type InputOutcome =
  | { status: 'notBegun' }
  | { status: 'queued' }
  | { status: 'running'; turnId: string }
  | {
      status: 'completed' | 'interrupted' | 'failed'
      turnId: string
      turn: Protocol.Turn
    }

/** What a step is called by the type of its item; of other items it is their own type. */
export interface StepTypes {
  reasoning: 'thinking'
  commandExecution: 'exec'
  agentMessage: 'codex'
  mcpToolCall: 'tool'
  dynamicToolCall: 'tool'
  webSearch: 'tool'
  collabAgentToolCall: 'tool'
  fileChange: 'file'
}

/**
 * A completed item of a turn: `stepType` and `itemType` tell what `data` is. A newer codex may have other types: they come
 * as they are.
 */
export type Step<Type extends Protocol.ThreadItem['type'] = Protocol.ThreadItem['type']> =
  Type extends unknown
    ? {
        threadId: string
        turnId: string
        itemId: string
        stepType: Type extends keyof StepTypes ? StepTypes[Type] : Type
        itemType: Type
        /** What a person would be shown of it, in plain text: the words, the command, the paths, the tool. */
        text: string
        /** The item. */
        data: Extract<Protocol.ThreadItem, { type: Type }>
      }
    : never

/** What was left of a turn that was cancelled. */
export interface CancelledTurn {
  /** The steps that were not read. */
  steps: Step[]
  /** The events that were not read. */
  events: TurnEvent[]
  /** Whether the turn had ended before it was cancelled. */
  wasCompleted: boolean
  /** Whether it was interrupted. */
  wasInterrupted: boolean
}

/** What came of `Thread.send`. */
export interface Sent<Parsed = unknown> {
  /** The turn that has the input. */
  turn: Turn<Parsed>
  /** Whether it ran already; else the input began it. */
  steered: boolean
}

/** A status that only a later codex has: a word that is none of the others. */
export type OtherStatus = `${string}\u0000later`

/** What came of a turn, however it ended. */
export interface TurnFacts {
  threadId: string
  turnId: string
  /**
   * The assistant's last word: the last agent message of phase `final_answer`, else the last without a phase, never a
   * commentary; null where there is none.
   */
  finalResponse: string | null
  /** The plan that the agent proposed, as Markdown; of a turn in plan mode (`collaborationMode: 'plan'`) alone. */
  plan?: string
  /** What the reviewer found, of a review. */
  review?: Review
  /** The items of the turn as they were completed, in order. */
  items: Protocol.ThreadItem[]
  /** The last token usage that the server told during the turn. */
  usage: Protocol.ThreadTokenUsage | null
  /** Seconds since 1970. */
  startedAt: number | null
  /** Seconds since 1970. */
  completedAt: number | null
  durationMs: number | null
}

/**
 * What came of a turn; `Parsed` is what its `outputSchema` makes of the final message.
 *
 * `status` is how it ended, in the server's word. Only `completed` is success, and has `parsed` where a schema was given (but
 * for a turn that had no final message at all: its `finalResponse` is null). Of what a later codex may add the message is not
 * parsed either. A failed turn rejects with `TurnFailedError`; its partial
 * result has the status `failed`, that of a turn which has not ended as far as is known `inProgress`.
 */
export type TurnResult<Parsed = unknown> = TurnFacts &
  (
    | { status: 'completed' /** Undefined without a schema. */; parsed: Parsed }
    | { status: 'interrupted' | 'failed' | 'inProgress' | OtherStatus; parsed?: undefined }
  )

/** What a reviewer found. */
export interface Review {
  /** What the model wrote: JSON, or words where it wrote none. */
  readonly text: string
  /** Null where the text can't be read. */
  readonly findings: readonly ReviewFinding[] | null
  /** In the model's words, such as `patch is correct`. */
  readonly correctness: string | null
  readonly explanation: string | null
  /** From 0 to 1. */
  readonly confidence: number | null
}

/** One thing that a reviewer found. */
export interface ReviewFinding {
  /** Absolute path. */
  readonly file: string
  readonly lines: { readonly start: number; readonly end: number } | null
  /** From 0, the most urgent. */
  readonly priority: number | null
  readonly title: string
  readonly body: string
  /** From 0 to 1. */
  readonly confidence: number | null
}

/** A reader of what comes. It may be left early, by `break` or `return()`. */
export interface Reader<T> extends AsyncIterableIterator<T> {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): Reader<T>
  [Symbol.asyncDispose](): Promise<void>
}

/** A reader of a turn. */
export interface TurnStream<T> extends Reader<T> {
  /** Where the reader stands, as plain JSON: `codex.continueTurn()` goes on from there. */
  continuation(): TurnContinuation
  [Symbol.asyncIterator](): TurnStream<T>
}

/** A reader of notifications. */
export interface NotificationStream extends Reader<Protocol.Notification> {
  /** How many notifications were dropped because this reader was too slow. */
  readonly dropped: number
  [Symbol.asyncIterator](): NotificationStream
}

/** Where a reader of a turn stood: plain data, for the client that it came from. */
export interface TurnContinuation {
  threadId: string
  turnId: string
  cursor: number
  /** What kind of reader it was; `run`: somebody who waited for the result. */
  mode: 'stream' | 'text' | 'steps' | 'run'
}
