/// <reference lib="esnext.disposable" />

import type { TurnEvent } from '../types/events.js'

/** An event of a turn, as `Turn.stream()` of `codex-node` gives it. */
export type { TurnEvent }

/** What `new Headers()` takes. */
export type HeadersLike = NonNullable<ConstructorParameters<typeof Headers>[0]>

export interface TurnEventsOptions {
  /**
   * The number of the last event that is known: what came before is not asked for again.
   *
   * @default 0: from the first
   */
  after?: number | undefined
  /** Aborting rejects with an `AbortError` whose `cause` is the signal's reason; the turn goes on. */
  signal?: AbortSignal | null | undefined
  /** Headers of each request, or what gives them anew, as where a token must be fresh. */
  headers?: HeadersLike | (() => HeadersLike | Promise<HeadersLike>) | undefined
  credentials?: 'include' | 'omit' | 'same-origin' | undefined
  /** @default globalThis.fetch */
  fetch?: typeof globalThis.fetch | undefined
  /** Where the events of a turn go on whose response was given: that of a POST is not asked for again. */
  resume?: ((ids: { threadId: string; turnId: string }) => string | URL) | undefined
  /**
   * How many times in a row it connects anew without getting an event.
   *
   * @default 10
   */
  maxRetries?: number | undefined
  /**
   * How long it waits before the first of these, in milliseconds; before each further one twice as long.
   *
   * @default what the server says
   */
  initialDelayMs?: number | undefined
  /**
   * The longest of these, in milliseconds.
   *
   * @default 10_000
   */
  maxDelayMs?: number | undefined
  /**
   * After so many milliseconds without a byte, not even a heartbeat, the line counts as dead. 0 never.
   *
   * @default 45_000
   */
  silenceMs?: number | undefined
  /** Told before it waits to connect anew. */
  onReconnect?: ((told: { attempt: number; delayMs: number; error: Error }) => void) | undefined
}

/** The events of a turn, each once and in order. */
export interface TurnEventStream<Event = TurnEvent> extends AsyncIterableIterator<Event> {
  /** The `seq` of the last event that was handed out, or left out by the server behind it; for `after`. */
  readonly position: number
  /** Known once the server has answered. */
  readonly turnId: string | undefined
  readonly threadId: string | undefined
  next(): Promise<IteratorResult<Event, undefined>>
  /** Leaves; the turn goes on. */
  return(): Promise<IteratorResult<Event, undefined>>
  [Symbol.asyncIterator](): TurnEventStream<Event>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * What went wrong:
 *
 * - `TURN_FAILED`: the turn ended with an error that no event tells, as where codex died; `remote` is that error
 * - `TURN_NOT_FOUND`: the server has no such turn, or not any more
 * - `HTTP_STATUS`: the server refuses; `status` and `body` are its words
 * - `CONNECTION_LOST`: all tries to connect anew failed; `cause` is the failure of the last
 * - `ABORT_ERR`: the caller's signal was aborted; `name` is `AbortError`, `cause` is its reason
 */
export declare class TurnStreamError extends Error {
  readonly code: 'TURN_FAILED' | 'TURN_NOT_FOUND' | 'HTTP_STATUS' | 'CONNECTION_LOST' | 'ABORT_ERR'
  /** The status of the server's answer, where there was one. */
  readonly status: number | null
  /** The body of that answer. */
  readonly body?: string
  /** Name and code of the error that the turn ended with. */
  readonly remote?: { readonly name?: string; readonly code?: string | null }
  /** Whether the same may succeed later. */
  readonly retryable: boolean
}

/**
 * The events of a turn that `turnResponse` streams, as `Turn.stream()` gives them on the server: each once and in order,
 * over as many connections as it takes; it ends after the turn's last. Nothing is read before it is asked for.
 *
 * @param source the address of the stream, or the response of the request that began the turn
 */
export declare function turnEvents<Event extends { readonly seq: number } = TurnEvent>(
  source: string | URL | Response,
  options?: TurnEventsOptions,
): TurnEventStream<Event>
