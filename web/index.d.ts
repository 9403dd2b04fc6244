import type { Turn, TurnEvent } from '../index.js'
import type { HeadersLike } from './client.js'

export type { HeadersLike }

/** What an event of the stream holds, and how it goes on. */
export interface TurnResponseOptions {
  /**
   * After so many milliseconds in which nothing was sent, also where all events were left out, a heartbeat is, so that
   * nothing on the way takes the line for dead. 0 sends none.
   *
   * @default 15_000
   */
  heartbeatMs?: number | undefined
  /**
   * How many milliseconds the browser is to wait before it comes again.
   *
   * @default 1_000
   */
  retryMs?: number | undefined
  /** Further headers of the response. */
  headers?: HeadersLike | undefined
  /**
   * What is sent of an event, as JSON; `undefined` or `null` leaves it out. The numbers of the others stay as they are.
   */
  transform?: ((event: TurnEvent) => unknown) | undefined
  /**
   * What is sent of the error where the turn ends with one, as the data of the frame `failed`: its messages may hold
   * paths and the last words of codex's stderr.
   *
   * @default `{ name, code, message, retryable }` of the error
   */
  describeError?: ((error: unknown) => object) | undefined
  /**
   * Whether the turn is interrupted when the last response to it is closed before its end; with `graceMs`, only where
   * none has been opened for so many milliseconds, so that a reload ends nothing.
   *
   * @default false: the turn goes on
   */
  interruptOnClose?: boolean | { graceMs: number } | undefined
}

/** What is needed of a turn to follow it: a `Turn`, or a job of `codex-node/fleet` as one. */
export interface FollowedTurn {
  readonly id: string
  readonly threadId: string
  stream(options?: {
    after?: number
    leaveRunning?: boolean
  }): AsyncIterator<{ readonly seq: number }, void, void>
  interrupt(): Promise<void>
}

/**
 * The events of a turn as server-sent events: each as JSON, with its number `seq` as its id. A request with a
 * `Last-Event-ID`, or with `?after=` in its address, gets those behind that number, also after the turn has ended.
 *
 * Behind the last event comes a frame of the type `end`, or where the turn ended with an error that no event tells, of
 * the type `failed` with the error. Whoever comes again with the id of that gets the status 204, which has an
 * `EventSource` stop.
 *
 * Nothing is read from the turn before the browser takes it. A closed tab leaves the turn running.
 *
 * Without a turn the answer has the status 404 and the code `TURN_NOT_FOUND`; with an id that is none of this turn's,
 * 400 and `INVALID_LAST_EVENT_ID`, both as JSON `{ code, message }`.
 *
 * @throws {TypeError} wrong options
 */
export declare function turnResponse(
  turn: FollowedTurn | null | undefined,
  request: Request,
  options?: TurnResponseOptions,
): Response

/** How much a registry keeps, and for how long. */
export interface TurnRegistryOptions {
  /**
   * How many bytes of memory the events may take. What goes over forgets turns that have ended, the oldest end first; one
   * that runs is never forgotten.
   *
   * @default 67_108_864 (64 MiB)
   */
  maxBytes?: number | undefined
  /**
   * For how many milliseconds a turn is kept after its end.
   *
   * @default 600_000 (ten minutes)
   */
  keepMs?: number | undefined
}

/**
 * Turns by their ids, for tabs that come again: those that run, and for a while those that have ended. It counts as
 * somebody who waits for their results: readers that leave do not interrupt them.
 */
export declare class TurnRegistry {
  constructor(options?: TurnRegistryOptions)
  /** Keeps a turn, and gives it back. */
  add<T extends Turn<unknown>>(turn: T): T
  get(id: string): Turn<unknown> | undefined
  /** Forgets a turn; it goes on, and responses that are open, too. */
  delete(id: string): boolean
  /** Forgets all of them. */
  clear(): void
  readonly size: number
  /** How many bytes of memory the events take that are kept. */
  readonly bytes: number
  /** `turnResponse` for the turn of an id. */
  response(id: string, request: Request, options?: TurnResponseOptions): Response
}

export interface NodeListenerOptions {
  /**
   * Gets what the handler throws; the client gets the status 500 and no word of it. With a `next`, that gets it.
   *
   * @default console.error
   */
  onError?: ((error: unknown) => void) | undefined
}

/** A listener of `node:http`, or a middleware of Express. */
export type NodeListener = (
  // What it needs to be told from others: so it compiles without the types of Node.
  incoming: { rawHeaders: readonly string[]; socket: object },
  outgoing: { writeHead(status: number, ...rest: unknown[]): unknown; headersSent: boolean },
  next?: (error?: unknown) => void,
) => Promise<void>

/**
 * A handler of web-standard requests for `node:http` and Express. Where it gives `undefined`, the next middleware is
 * called, or the answer is 404. The request's signal is aborted when the client goes.
 */
export declare function toNodeListener(
  handler: (request: Request) => Response | undefined | Promise<Response | undefined>,
  options?: NodeListenerOptions,
): NodeListener
