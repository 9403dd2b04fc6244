// The options of every call, and what some of them give.

import type { CommandProcess, Login } from '../index.js'
import type * as Protocol from '../protocol.js'
import type { WithBudget } from './budget.js'
import type { LogRecord, Transport } from './connection.js'
import type { Handlers } from './handlers.js'
import type {
  ClientSettings,
  CommandSettings,
  CompactSettings,
  ContinueSettings,
  DefaultSettings,
  InputItem,
  ListThreadsSettings,
  RequestSettings,
  ReviewSettings,
  ServeSettings,
  SteerSettings,
  StreamOptions,
  ThreadSettings,
  TurnSettings,
} from './options.js'
import type { Schema, WithOutputRetries, WithOutputSchema, WithTools } from './schemas.js'

/** A value of codex's configuration. */
export type ConfigValue =
  | string
  | number
  | boolean
  | readonly ConfigValue[]
  | { [key: string]: ConfigValue | undefined }

/** What can be cancelled. */
export interface Abortable {
  /** Aborting rejects the call with `AbortError`, whose `cause` is the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * What else the protocol has for a method, under its own names and types; `Own` are those that have an option here. They are
 * handed on as they are, and codex says what is wrong with them.
 */
export type ProtocolFields<Params, Own extends PropertyKey> = {
  [Name in Exclude<keyof Params, Own>]?: Params[Name] | undefined
}

/** Options that take what only a newer codex knows. */
export interface WithExtra {
  /**
   * Fields for the parameters of the method that this package does not know. They replace nothing that an option says, and
   * a codex that does not know them either leaves them alone.
   */
  extra?: { [name: string]: unknown } | undefined
}

/** Options of `new Codex()`. */
export interface CodexOptions extends ClientSettings, Handlers, WithExtra {
  /**
   * Further capabilities of the client in the handshake.
   *
   * Wire: `capabilities` of `initialize`.
   */
  capabilities?:
    | ProtocolFields<Protocol.InitializeCapabilities, 'experimentalApi' | 'optOutNotificationMethods'>
    | undefined
  /**
   * Bytes to and from a server, in place of a codex that is started and of `url`. Once they end, the client is of no
   * more use.
   */
  transport?: Transport | undefined
  /** Gets what the library logs; off by default. No record holds a secret. */
  logger?: ((record: LogRecord) => void) | undefined
}

/** Options of `serve()`. */
export interface ServeOptions extends ServeSettings, Abortable {}

/** Options of `startThread`. */
export interface StartThreadOptions<Schemas extends readonly Schema[] = readonly Schema[]>
  extends Omit<ThreadSettings, 'includeTurns' | 'lastTurnId'>,
    ProtocolFields<Protocol.ThreadStartParams, keyof ThreadSettings>,
    WithExtra,
    WithTools<Schemas>,
    WithBudget,
    Handlers,
    Abortable {}

/** Options of `resumeThread`. */
export interface ResumeThreadOptions<Schemas extends readonly Schema[] = readonly Schema[]>
  extends Omit<ThreadSettings, 'ephemeral' | 'serviceName' | 'lastTurnId'>,
    ProtocolFields<Protocol.ThreadResumeParams, keyof ThreadSettings | 'threadId' | 'excludeTurns'>,
    WithExtra,
    WithTools<Schemas>,
    WithBudget,
    Handlers,
    Abortable {}

/** Options of `forkThread`. */
export interface ForkThreadOptions<Schemas extends readonly Schema[] = readonly Schema[]>
  extends Omit<ThreadSettings, 'personality' | 'serviceName'>,
    ProtocolFields<Protocol.ThreadForkParams, keyof ThreadSettings | 'threadId' | 'excludeTurns'>,
    WithExtra,
    WithTools<Schemas>,
    WithBudget,
    Handlers,
    Abortable {}

/** Options of `Thread.review`. Aborting `signal` interrupts the review. */
export interface ReviewOptions extends ReviewSettings, Handlers, Abortable {}

/** Options of `Thread.compact`. Aborting `signal` interrupts the turn that compacts. */
export interface CompactOptions extends CompactSettings, Abortable {}

/** The settings that later turns of a thread have. */
export interface ThreadDefaults {
  readonly model: string
  readonly modelProvider: string
  readonly effort: Protocol.ReasoningEffort | null
  /** Null too where the server has not told it yet. */
  readonly summary: Protocol.ReasoningSummary | null
  readonly cwd: string
  readonly sandboxPolicy: Protocol.SandboxPolicy
  readonly approvalPolicy: Protocol.AskForApproval
  readonly approvalsReviewer: Protocol.ApprovalsReviewer
  /** Null too where the server has not told it yet. */
  readonly personality: Protocol.Personality | null
  readonly serviceTier: string | null
  /** Only where it is another than `default`. */
  readonly collaborationMode?: Protocol.CollaborationMode
  /** Only where there are any. */
  readonly disabledPluginIds?: readonly string[]
}

/** Options of `updateDefaults`. */
export interface UpdateDefaultsOptions
  extends DefaultSettings,
    ProtocolFields<Protocol.ThreadSettingsUpdateParams, keyof DefaultSettings | 'threadId'>,
    WithExtra {}

/** Options of `listThreads` and `threads`. */
export interface ListThreadsOptions
  extends ListThreadsSettings,
    ProtocolFields<Protocol.ThreadListParams, keyof ListThreadsSettings>,
    WithExtra {}

/** A login that a person finishes in a browser on the machine where codex runs. */
export type ChatgptLogin = Login & { readonly authUrl: string }

/** A login that a person finishes in any browser, with a code. */
export type DeviceCodeLogin = Login & { readonly verificationUrl: string; readonly userCode: string }

/** Options of `execCommand`. Aborting `signal` ends the command. */
export interface ExecCommandOptions extends CommandSettings, Abortable {}

/** What `execCommand` gives for its options. */
export type ExecCommandResult<O extends ExecCommandOptions> = O extends { stream: true }
  ? CommandProcess
  : true extends O['stream' & keyof O]
    ? CommandProcess | Protocol.CommandExecResponse
    : Protocol.CommandExecResponse

/** A piece of what a command wrote. */
export interface CommandOutput {
  /** A command in a terminal writes all to `stdout`. */
  stream: 'stdout' | 'stderr'
  data: Uint8Array
  /** Whether `outputBytesCap` was reached: what the command writes after this is lost. */
  capReached: boolean
}

/**
 * Options of a turn. Aborting `signal` interrupts the turn.
 *
 * Its handlers are asked before the thread's and the client's, and change nothing of when codex asks, nor whom:
 * `onApproval` of a turn alone is asked where the thread's `approvalsReviewer` is `user`, or the turn's is.
 */
export interface TurnOptions<S extends Schema | undefined = Schema | undefined>
  extends Omit<TurnSettings, 'outputSchema'>,
    TurnFields,
    WithExtra,
    WithOutputSchema<S>,
    WithOutputRetries,
    WithBudget,
    Handlers,
    Abortable {}

/** What else the protocol has for a turn. */
export type TurnFields = ProtocolFields<
  Protocol.TurnStartParams,
  keyof TurnSettings | 'threadId' | 'input' | 'toolOutput'
>

/** Options of `steer`. */
export interface SteerOptions
  extends SteerSettings,
    ProtocolFields<Protocol.TurnSteerParams, keyof SteerSettings | 'threadId' | 'expectedTurnId' | 'input'>,
    WithExtra {}

/** Options of `continueTurn`. Aborting `signal` interrupts the turn. */
export interface ContinueTurnOptions<S extends Schema | undefined = Schema | undefined>
  extends Omit<ContinueSettings, 'outputSchema'>,
    WithOutputSchema<S>,
    Abortable {}

/** Options of `Codex.run`: those of the fresh thread, and those of its turn. */
export interface RunOptions<
  S extends Schema | undefined = Schema | undefined,
  Schemas extends readonly Schema[] = readonly Schema[],
> extends StartThreadOptions<Schemas>,
    WithOutputSchema<S>,
    WithOutputRetries,
    Omit<TurnFields, keyof Protocol.ThreadStartParams>,
    Pick<
      TurnSettings,
      | 'inactivityTimeoutMs'
      | 'summary'
      | 'sandboxPolicy'
      | 'serviceTierForTurn'
      | 'source'
      | 'collaborationMode'
      | 'clientUserMessageId'
    > {}

/** Options of `request`. */
export interface RequestOptions extends RequestSettings, Abortable {}

/** Options of `Turn.steps`. */
export type StepOptions = Omit<StreamOptions, 'coalesce' | 'after'>

/** Options of `serverRequests`, and of `notifications`. */
export interface ObserverOptions {
  /**
   * Whether waiting for the next keeps Node alive. In a loop in the background it should not: it never ends by itself,
   * and the program would not either.
   *
   * @default true
   */
  keepAlive?: boolean | undefined
}

/** Options of `notifications`. */
export interface NotificationOptions extends ObserverOptions {
  /**
   * Wire names of those to give.
   *
   * @default all
   */
  methods?: readonly (Protocol.NotificationMethod | (string & {}))[] | undefined
}

/** What a turn is asked: text, an item, or several. An item of type `external` stands alone. */
export type Input = string | InputItem | readonly InputItem[]

/** How much a thread may be, as bytes. */
export interface ThreadBytesOptions extends Abortable {
  /**
   * The most bytes that are taken; more is a `TypeError`.
   *
   * @default 268435456
   */
  maxBytes?: number | undefined
}

/** How a thread is brought in. */
export interface ImportThreadOptions extends ThreadBytesOptions {
  /**
   * Whether a thread of the same id that is here with another history is replaced.
   *
   * @default false
   */
  overwrite?: boolean | undefined
}
