// What is done again.

import type { Turn } from '../index.js'
import type { CodexError } from './errors.js'
import type { TurnResult } from './turns.js'

/** Whether the same call may succeed later: an overloaded server or provider, a broken connection to it. */
export declare function isRetryableError(error: unknown): error is CodexError & { readonly retryable: true }

/** Options of `retryOnOverload`. */
export interface RetryOptions {
  /**
   * How often the operation is tried in all.
   *
   * @default 3
   */
  maxAttempts?: number | undefined
  /**
   * The first pause in milliseconds; each further one is twice as long. It is longer where the error has a `retryAfterMs`.
   *
   * @default 250
   */
  initialDelayMs?: number | undefined
  /**
   * The longest pause in milliseconds that is made unasked.
   *
   * @default 2000
   */
  maxDelayMs?: number | undefined
  /**
   * The longest `retryAfterMs` that is waited for, in milliseconds. An error that asks for more is thrown at once.
   *
   * @default 60000
   */
  maxRetryAfterMs?: number | undefined
  /**
   * By which part of itself a pause is made longer or shorter at random, 0 to 1.
   *
   * @default 0.2
   */
  jitter?: number | undefined
  /** Ends the attempts. */
  signal?: AbortSignal | undefined
  /** Told before each pause which attempt has failed (from 1), with what, and how long the pause is. */
  onRetry?: ((retry: { attempt: number; error: unknown; delayMs: number }) => void) | undefined
  /** Told each turn that is waited for: the one that was given, and those that go on with it. */
  onTurn?: ((turn: Turn<unknown>) => void) | undefined
}

/**
 * Waits for a turn, and goes on with it, later and later, while it fails with an error that passes. What it has done stays
 * done: the next attempt is a further turn of the thread, in which nothing is said anew (`thread.proceed()`), with the
 * handlers, the schema and the signal of the first. Gives the result of the turn that succeeds; `onRetry` gets the errors of
 * those before, with their partial results.
 *
 * @example
 * const result = await retryOnOverload(() => thread.turn('Fix the failing test'))
 */
export declare function retryOnOverload<P>(
  turn: Turn<P> | (() => Turn<P> | Promise<Turn<P>>),
  options?: RetryOptions,
): Promise<TurnResult<P>>
/**
 * Repeats an operation, later and later, while it fails with an error that `isRetryableError`: one that has had no effect.
 *
 * @example
 * const thread = await retryOnOverload(() => codex.resumeThread(id))
 */
export declare function retryOnOverload<T>(
  operation: () => T | Promise<T>,
  options?: RetryOptions,
): Promise<T>
