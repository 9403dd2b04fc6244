import type { EventEmitter } from 'node:events'
import type { BackoffOptions, Queue, RepeatOptions, Telemetry, Worker, WorkerOptions } from 'bullmq'
import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type {
  ApprovalRequest,
  Codex,
  CodexError,
  CodexOptions,
  ElicitationRequest,
  Input,
  Parsed,
  PermissionsRequest,
  Schema,
  StartThreadOptions,
  Tool,
  TurnEvent,
  TurnResult,
  UserInputRequest,
} from '../index.js'
import type { ThreadSettings, TurnSettings } from '../types/options.js'

/**
 * Where Redis (6.2 or later, or Valkey) is: a `redis://` or `rediss://` URL, options of ioredis, or a client to copy, also one
 * of a cluster.
 */
export type FleetConnection = string | RedisOptions | Redis | Cluster

/** What a worker does with a job whose worker died while it ran. */
export type OnLost = 'fail' | 'continue' | 'resend'

export interface FleetOptions {
  connection: FleetConnection
  /**
   * Name of the fleet. Fleets of other names share nothing, on the same Redis. All names in Redis begin with it, in
   * braces: `{codex-fleet}`.
   *
   * @default 'codex-fleet'
   */
  fleet?: string | undefined
  /** How long Redis may take to answer, in milliseconds; then `FleetUnavailableError`. @default 30000 */
  timeoutMs?: number | undefined
  /** The largest job, steer or answer, as bytes of JSON. A larger one is refused with `PayloadTooLargeError`. @default 4194304 */
  maxPayloadBytes?: number | undefined
  /** How many jobs may wait or run; `submit` refuses more with the code `FLEET_FULL`. @default no limit */
  maxPending?: number | undefined
  /** How long a job that was cancelled before it ran is kept, in milliseconds. @default 86400000 */
  keepMs?: number | undefined
  /** Where the workers keep threads, so that `forget` deletes there. @default their own default, Redis */
  store?: ThreadStore | undefined
  /** Telemetry of BullMQ, such as `new BullMQOtel({ tracerName: 'codex' })` of `bullmq-otel`. */
  telemetry?: Telemetry | undefined
}

/** Options of a thread that are data. Tools and handlers are functions, and live in the workers. */
export type FleetThreadOptions = Omit<ThreadSettings, 'ephemeral' | 'includeTurns' | 'lastTurnId'>

export interface SubmitOptions<S extends Schema | undefined = undefined>
  extends FleetThreadOptions,
    Omit<TurnSettings, keyof FleetThreadOptions | 'outputSchema'> {
  /**
   * Names the thread, which is made with the first job of the key. Jobs of one key run in the order in which they were
   * submitted, one at a time; keys know nothing of each other.
   *
   * @default a thread for this job alone, which the fleet forgets with the job
   */
  key?: string | undefined
  /**
   * Submitting again under the same name is the same job, for as long as that is kept (`keepMs` after its end). Another
   * input or other options under it reject with `IdempotencyConflictError`.
   */
  idempotencyKey?: string | undefined
  /** Name of the options that the worker adds: handlers, tools, configuration with secrets. */
  profile?: string | undefined
  /** Names of tools that the workers have. */
  tools?: readonly string[] | undefined
  /** What becomes of the job when its worker dies while it runs. @default that of the worker */
  onLost?: OnLost | undefined
  /** After how many milliseconds a question that nobody answers is declined. @default that of the worker */
  answerWithinMs?: number | undefined
  /** As for `thread.run()`. With a Standard Schema it is validated here, in the program that submits. */
  outputSchema?: S | undefined
  /** What BullMQ is told of the job. A job that is due later takes its place in the order of its key when it is due. */
  job?: JobOptions | undefined
  /** Aborting cancels the job. */
  signal?: AbortSignal | undefined
}

/** What BullMQ is told of a job. */
export interface JobOptions {
  /** 1 (first) to 2097151; between keys, as the order within one stays. @default none, before all that have one */
  priority?: number | undefined
  /** Milliseconds from now. */
  delay?: number | undefined
  /** How often the turn is tried in all, when it fails. A later attempt goes on where something was done. @default 1 */
  attempts?: number | undefined
  /** How long until the next attempt. */
  backoff?: number | BackoffOptions | undefined
  lifo?: boolean | undefined
  keepLogs?: number | undefined
  stackTraceLimit?: number | undefined
}

/**
 * An event of a job: one of codex, as the turn's `stream()` has it, or one of the fleet. `seq` counts from 1 within the
 * job, for all readers alike; it is what `after` and `Last-Event-ID` take.
 */
export type JobEvent = { readonly seq: number } & (TurnEvent | FleetEvent)

/** An error as it travels to other machines: without its stack. */
export interface PlainError {
  name: string
  message: string
  fields: Record<string, unknown>
}

/** What the fleet itself tells of a job. */
export type FleetEvent =
  | {
      /** A turn has begun: as it was asked, to go on with what had begun, or anew as nothing of that was kept. */
      method: 'fleet/begun'
      params: {
        worker: string
        threadId: string
        turnId: string
        mode: 'asked' | 'continued' | 'restarted'
      }
    }
  /** Codex died; its worker starts another. */
  | { method: 'fleet/died'; params: { message: string } }
  | { method: 'fleet/failedAttempt'; params: { attempt: number; attempts: number; error: PlainError } }
  /** The account is at its limit; the job waits until then, in milliseconds since 1970. */
  | { method: 'fleet/limited'; params: { account: string; until: number } }
  /** The agent asks something. */
  | {
      method: 'fleet/request'
      params: { id: string; jobId: string; key: string; handler: string; request: unknown; until: number }
    }
  | { method: 'fleet/requestClosed'; params: { id: string; outcome: 'answered' | 'declined' | 'withdrawn' } }
  | { method: 'fleet/steered'; params: { id: string; error?: PlainError } }
  /** An event that is larger than all that is kept. */
  | { method: 'fleet/omitted'; params: { method: string; characters: number } }
  /** Events that are not kept any more: `maxEventBytes`. */
  | { method: 'fleet/trimmed'; params: { from: number; to: number } }
  /** The last. */
  | {
      method: 'fleet/ended'
      params: {
        state: 'completed' | 'failed'
        result?: TurnResult
        error?: PlainError
        worker?: string
        ms?: number
      }
    }

/** Where an event was read up to. */
export interface JobEventOptions {
  /** `seq` of the last event that was seen. @default 0, from the start */
  after?: number | string | undefined
  signal?: AbortSignal | undefined
}

/** Where a job stands. */
export interface JobStatus {
  id: string
  key: string
  state: 'waiting' | 'running' | 'ended'
  threadId: string | null
  submittedAt: Date
  endedAt: Date | null
}

/** A job of a fleet, seen from anywhere. */
export declare class Job<P = unknown> {
  private constructor()
  readonly id: string
  /**
   * Its events from the first, or after one that was seen, until its end; live while it runs. Any number of readers, each
   * at its own pace.
   *
   * @throws {JobNotFoundError} for a job that is not kept any more
   */
  events(options?: JobEventOptions): AsyncGenerator<JobEvent, void, void>
  /** The same as `events()`, under the name that a `Turn` has. */
  stream(options?: JobEventOptions): AsyncGenerator<JobEvent, void, void>
  [Symbol.asyncIterator](): AsyncGenerator<JobEvent, void, void>
  /**
   * The assistant's text as it comes, with a blank line between two messages.
   *
   * @throws what `result()` rejects with; what was said came before
   */
  text(options?: JobEventOptions): AsyncGenerator<string, void, void>
  /**
   * The result of its turn.
   *
   * @throws what the turn failed with, as `thread.run()` does
   * @throws {JobCancelledError} {JobLostError} {JobUnsupportedError} {JobNotFoundError}
   */
  result(options?: { signal?: AbortSignal | undefined }): Promise<TurnResult<P>>
  /** The same as `result()`, under the name that a `Turn` has. */
  run(options?: { signal?: AbortSignal | undefined }): Promise<TurnResult<P>>
  /**
   * Adds to its running turn; one that has not begun takes it when it does.
   *
   * Aborting ends the waiting; what was said may still be taken.
   *
   * @throws {JobEndedError} where it has ended
   * @throws {PayloadTooLargeError} where it has more than `maxPayloadBytes`
   */
  steer(input: Input, options?: { signal?: AbortSignal | undefined }): Promise<void>
  /**
   * A job that has not begun ends at once, a running one is interrupted with its commands. `result()` rejects with
   * `JobCancelledError` where it did not end by itself before.
   *
   * @returns false where it had ended
   */
  cancel(reason?: string): Promise<boolean>
  /**
   * The job as a turn, for what works with one: `turnResponse` of `codex-node/web`. It is there once the job has begun.
   */
  turn(options?: { signal?: AbortSignal | undefined }): Promise<JobTurn<P>>
  /** What this job asks, until it ends. */
  requests(options?: { signal?: AbortSignal | undefined }): AsyncGenerator<FleetRequest, void, void>
  status(): Promise<JobStatus>
}

/** A job as a turn. Its `id` is that of the job. Leaving a loop over it leaves the job running. */
export interface JobTurn<P = unknown> extends AsyncIterable<JobEvent> {
  readonly id: string
  readonly threadId: string
  stream(options?: JobEventOptions): AsyncGenerator<JobEvent, void, void>
  text(options?: JobEventOptions): AsyncGenerator<string, void, void>
  run(options?: { signal?: AbortSignal | undefined }): Promise<TurnResult<P>>
  result(options?: { signal?: AbortSignal | undefined }): Promise<TurnResult<P>>
  steer(input: Input, options?: { signal?: AbortSignal | undefined }): Promise<void>
  /** Cancels the job. */
  interrupt(): Promise<void>
}

/** A question of an agent. */
export declare class FleetRequest {
  private constructor()
  readonly id: string
  readonly jobId: string
  readonly key: string
  /** The handler that is asked. */
  readonly handler: 'onApproval' | 'onUserInput' | 'onElicitation' | 'onPermissions'
  /** What that handler gets. */
  readonly request: ApprovalRequest | UserInputRequest | ElicitationRequest | PermissionsRequest
  /** When it is declined, if nobody answers. */
  readonly declinedAt: Date
  /** Aborted when it is no longer open: answered, declined, or withdrawn with its turn or its worker. */
  readonly signal: AbortSignal
  /**
   * Answers with what that handler would return.
   *
   * @throws {PayloadTooLargeError} where it has more than `maxPayloadBytes`
   * @returns whether this was the first answer, and so the one
   */
  answer(answer: unknown): Promise<boolean>
}

/** What a fleet looks like. */
export interface FleetStats {
  /** Keys that have a thread. */
  keys: number
  jobs: { /** Waiting or running. */ pending: number; oldestMs: number }
  /** Questions that nobody has answered. */
  questions: number
  /** Counts of BullMQ's queue of jobs whose key nobody has. */
  entry: Record<string, number>
  workers: WorkerStats[]
}

export interface WorkerStats {
  name: string
  /** The time that it is a worker for; a name may have several after one another. */
  session: string
  host: string
  pid: number
  version: string
  account: string
  concurrency: number
  running: number
  waiting: number
  /** How many keys it owns. */
  keys: number
  since: Date
  /** What is left of its lease in milliseconds; negative for a dead one. */
  leaseMs: number
  state: 'ready' | 'limited' | 'draining' | 'dead'
  limitedUntil: Date | null
  /** Counts of its own queue of BullMQ. */
  queue: Record<string, number>
}

/** A fleet, seen from where jobs are submitted. */
export declare class Fleet implements AsyncDisposable {
  /** @throws {TypeError} naming the option that is wrong */
  constructor(options: FleetOptions)
  /**
   * Submits a turn. One that rejects with `FleetUnavailableError` may be submitted all the same, once Redis is back: under
   * an `idempotencyKey` it can be tried again.
   *
   * @throws {TypeError} for what can't be a job: functions, secrets, unknown options
   * @throws {PayloadTooLargeError} {IdempotencyConflictError} {FleetUnavailableError}
   */
  submit<S extends Schema | undefined = undefined>(
    input: Input,
    options?: SubmitOptions<S>,
  ): Promise<Job<Parsed<S>>>
  /** A job by its id, whoever submitted it. Nothing is asked of Redis yet. */
  job(id: string): Job
  /** The job of an idempotency key. */
  jobOf(idempotencyKey: string): Job
  /**
   * Submits again and again: `repeat` is what BullMQ's job schedulers take, such as `{ pattern: '0 9 * * 1' }`. The same name
   * again is another schedule in its place.
   *
   * @throws {TypeError} for what can't be a job, or a time
   */
  schedule(
    name: string,
    repeat: Omit<RepeatOptions, 'key'>,
    input: Input,
    options: Omit<SubmitOptions<Schema | undefined>, 'idempotencyKey' | 'signal'> & { key: string },
  ): Promise<void>
  /** @returns whether there was one of that name */
  unschedule(name: string): Promise<boolean>
  /** What the agents ask: the open questions first, then those that come. */
  requests(options?: { signal?: AbortSignal | undefined }): AsyncGenerator<FleetRequest, void, void>
  stats(): Promise<FleetStats>
  /**
   * Forgets a key with its stored thread; the next job of the key begins a new one.
   *
   * @returns whether there was one
   * @throws {FleetError} `KEY_BUSY` while it has jobs that have not ended
   */
  forget(key: string): Promise<boolean>
  /** The queue of BullMQ that new keys come in by: rate limits, schedulers, bull-board. */
  readonly queue: Queue
  /** The queue of a worker, by the session that `stats()` tells. */
  queueOf(session: string): Queue
  /** Ends the connections. Jobs go on. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface FleetWorkerOptions {
  connection: FleetConnection
  /** Name of the fleet. @default 'codex-fleet' */
  fleet?: string | undefined
  /** Name of this worker, for people. @default host and process id */
  name?: string | undefined
  /** Options of its codex, or a function that makes one: after a lost lease it is made anew. */
  codex?: CodexOptions | (() => Codex) | undefined
  /** How many turns run at once. @default 16 */
  concurrency?: number | undefined
  /**
   * Where threads are kept. Null keeps none: a key then stays with the disk of its machine.
   *
   * @default Redis, at `connection`
   */
  store?: ThreadStore | null | undefined
  /** Options of threads by name, for `submit({ profile })`: handlers, tools, configuration with secrets. */
  profiles?: Record<string, StartThreadOptions> | undefined
  /** Tools by name, for `submit({ tools })`. */
  tools?: readonly Tool[] | undefined
  /**
   * For how long a worker that says nothing is taken for alive, in milliseconds. So long its keys wait when it dies.
   *
   * @default 10000
   */
  leaseMs?: number | undefined
  /** How long running turns may go on when the worker leaves, in milliseconds. @default 30000 */
  drainMs?: number | undefined
  /**
   * What becomes of a job whose worker, or codex, died while it ran. `continue`: the thread goes on, and the agent is
   * told that its last step may have happened. `fail`: `JobLostError`. `resend`: it is asked again, from the start.
   *
   * @default 'continue'
   */
  onLost?: OnLost | undefined
  /** After how many milliseconds a question that nobody answers is declined. @default 300000 */
  answerWithinMs?: number | undefined
  /** How long a job, its result and its events are kept after its end, in milliseconds. @default 86400000 */
  keepMs?: number | undefined
  /** The most that is kept of a job's events, in bytes; the oldest go first. @default 16777216 */
  maxEventBytes?: number | undefined
  /** The largest thread, in bytes. @default 268435456 */
  maxThreadBytes?: number | undefined
  /** How many threads codex has open at once, at about a megabyte each. @default 200 */
  maxOpenThreads?: number | undefined
  /** Workers of one account pause together when it is at its usage limit. @default the worker's name */
  account?: string | undefined
  /** Signals of the process that make it drain; `[]` for none. @default ['SIGTERM'] */
  signals?: NodeJS.Signals[] | undefined
  /** Further options of its BullMQ worker, such as `limiter` and `metrics`. */
  bullmq?: Partial<WorkerOptions> | undefined
  /** Telemetry of BullMQ. */
  telemetry?: Telemetry | undefined
}

/** What a worker says of itself. */
export interface FleetWorkerEvents {
  ready: [{ session: string }]
  /** Its lease is lost: its turns were interrupted, and it begins anew. */
  lost: [why: string]
  limited: [{ until: Date; account: string }]
  unlimited: []
  closed: []
  /** Trouble that it goes on after, such as a Redis that is away. Without a listener it is not reported. */
  error: [Error]
}

/** Runs the jobs of a fleet on this machine. It begins by itself. */
export declare class FleetWorker extends EventEmitter<FleetWorkerEvents> implements AsyncDisposable {
  /** @throws {TypeError} naming the option that is wrong */
  constructor(options: FleetWorkerOptions)
  readonly name: string
  /** Resolves once it takes jobs; rejects where its codex can't be started, or it was closed (`FLEET_CLOSED`). */
  ready(): Promise<void>
  /** The worker of BullMQ below it, once it is ready. */
  readonly bullmq: Worker | undefined
  /**
   * Leaves: takes no new jobs, lets running turns finish for `drainMs`, then interrupts them and hands them over.
   * SIGTERM does the same. Called again with less time it takes no more than that.
   */
  close(options?: { drainMs?: number | undefined }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Where threads are while no machine has them. `put` and `delete` come with the token of the owner, which grows with each
 * owner: what comes with a smaller one than the last `put` is refused with `StaleTokenError`. A reader sees a whole thread
 * or none. `threadStoreChecks` of `codex-node/testing` tests one.
 */
export interface ThreadStore {
  put(threadId: string, bytes: Uint8Array, options: { token: number }): Promise<void>
  get(threadId: string): Promise<{ bytes: Uint8Array; token: number } | null>
  delete(threadId: string, options: { token: number }): Promise<void>
}

/** Threads in a folder that all machines share. */
export declare class FolderStore implements ThreadStore {
  constructor(folder: string)
  readonly folder: string
  put(threadId: string, bytes: Uint8Array, options: { token: number }): Promise<void>
  get(threadId: string): Promise<{ bytes: Uint8Array; token: number } | null>
  delete(threadId: string, options: { token: number }): Promise<void>
}

/** Threads in Redis, compressed. */
export declare class RedisStore implements ThreadStore {
  constructor(options: { connection: FleetConnection; fleet?: string | undefined })
  put(threadId: string, bytes: Uint8Array, options: { token: number }): Promise<void>
  get(threadId: string): Promise<{ bytes: Uint8Array; token: number } | null>
  delete(threadId: string, options: { token: number }): Promise<void>
  /** Ends its connection. */
  close(): Promise<void>
}

/** An error of the fleet itself. `code` says which: also `FLEET_CLOSED`, `FLEET_FULL`, `KEY_BUSY`, `STORE_FAILED`. */
export declare class FleetError extends CodexError {
  constructor(message: string, fields?: { code?: string; [field: string]: unknown })
}
/** Redis did not answer, or could not do what was asked. `code: 'FLEET_UNAVAILABLE'` */
export declare class FleetUnavailableError extends FleetError {}
/** A job is larger than `maxPayloadBytes`; nothing was queued. `code: 'PAYLOAD_TOO_LARGE'` */
export declare class PayloadTooLargeError extends FleetError {
  readonly bytes: number
  readonly maxBytes: number
}
/** The idempotency key is that of a job with another input or other options. `code: 'IDEMPOTENCY_CONFLICT'` */
export declare class IdempotencyConflictError extends FleetError {
  readonly jobId: string
}
/** There is no such job, or it is no longer kept. `code: 'JOB_NOT_FOUND'` */
export declare class JobNotFoundError extends FleetError {
  readonly jobId: string
}
/** The job was cancelled. `code: 'JOB_CANCELLED'` */
export declare class JobCancelledError extends FleetError {
  readonly jobId: string
  readonly reason: string
}
/** The job's worker died while it ran, and it is not to go on. `code: 'JOB_LOST'` */
export declare class JobLostError extends FleetError {
  readonly jobId: string
}
/** The job has ended, so that it takes nothing more. `code: 'JOB_ENDED'` */
export declare class JobEndedError extends FleetError {
  readonly jobId: string
}
/** No worker can run the job: its data, or a tool or profile that it names. `code: 'JOB_UNSUPPORTED'` */
export declare class JobUnsupportedError extends FleetError {
  readonly jobId: string
}
/** Somebody else owns what is written. `code: 'STALE_TOKEN'`; stores throw it */
export declare class StaleTokenError extends FleetError {}
