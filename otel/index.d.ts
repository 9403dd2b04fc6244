/// <reference lib="esnext.disposable" />

// OpenTelemetry for turns, tools, approvals and requests: `instrument()`, once, before codex is used.

import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/** Options of `instrument`. */
export interface InstrumentOptions {
  /**
   * Who makes the spans.
   *
   * @default the global one of `@opentelemetry/api`
   */
  tracerProvider?: TracerProvider | undefined
  /**
   * Who keeps the metrics.
   *
   * @default the global one of `@opentelemetry/api`
   */
  meterProvider?: MeterProvider | undefined
  /**
   * Whether spans hold what was said: the input and the final message of a turn, the arguments and results of tools,
   * commands and their output.
   *
   * @default false
   */
  captureContent?: boolean | undefined
  /**
   * Whether calls that begin no turn (`startThread`, `request`, `listThreads` ...) have spans of their own.
   *
   * @default true
   */
  requests?: boolean | undefined
}

/** What was instrumented, until it is not any more. */
export interface Instrumentation extends Disposable {
  /** Makes no more spans. Those that are open end as they would. */
  disable(): void
}

/**
 * Makes spans and metrics of what this package does in this thread, with the names of the GenAI conventions, and has
 * what codex exports itself join their traces. Without a provider nothing is recorded.
 *
 * @throws {TypeError} an option is not what it takes
 * @throws {Error} `@opentelemetry/api` is not installed
 */
export declare function instrument(options?: InstrumentOptions): Instrumentation
