// The options as the Rust types have them. Written by a test: `UPDATE_TYPES=1 cargo test -p codex-client options_d_ts`.

import type * as Protocol from '../protocol.js'
import type { ConfigValue } from './calls.js'
import type { TokenSource } from './connection.js'
import type { JsonSchema } from './schemas.js'

/** How a client finds, starts and speaks to codex. */
export interface ClientSettings {
  /**
   * Where a server runs that is to be used, in place of one that is started: `ws://HOST:PORT`, `wss://HOST`,
   * `unix://PATH`, or `unix://` for the control socket below `CODEX_HOME`. Excludes what is for a process of one's
   * own: `codexPath`, `launchArgs`, `cwd`, `env`, `inheritEnv`, `config`, `configOverrides`, `baseUrl`.
   */
  url?: string | undefined
  /**
   * Bearer token for the server at `url`, or a function that gives one, which is called for each connection: for the
   * first, and for each that is opened again after one was lost. It may take as long as `connectTimeoutMs`. The token
   * is in no log, error or process list; whitespace around it, such as the end of a file, is left out.
   *
   * @default the environment variable `CODEX_APP_SERVER_TOKEN`, which then goes to whatever server `url` names;
   * it is not read where `headers` has an `authorization`
   */
  token?: string | TokenSource | undefined
  /** Further headers of the request that opens the websocket. */
  headers?: { [name: string]: string | undefined } | undefined
  /**
   * A file of certificates in PEM that are trusted for `wss://`, beside those of the system (or of `SSL_CERT_FILE` and
   * `SSL_CERT_DIR`) and of `NODE_EXTRA_CA_CERTS`.
   */
  caFile?: string | undefined
  /**
   * Whether a token, or a header whose name says that it is a credential (`authorization`, `cookie`, `x-api-key`, ...),
   * may go out over plain `ws://` to another machine, for everybody on the way to read.
   *
   * @default false
   */
  allowInsecure?: boolean | undefined
  /**
   * The longest message that is taken from the server, in bytes, whatever carries it. A longer one loses the
   * connection: `TransportError` with code `CONNECTION_LOST`, and a codex that was started here is ended. Before the
   * server has answered for the first time, it may send 1 MiB in all. More than 1073741824 counts as that.
   *
   * @default 268435456
   */
  maxMessageBytes?: number | undefined
  /**
   * After so much silence the server at `url` is asked for a sign of life, in milliseconds; after twice as much the
   * connection counts as lost.
   *
   * @default 20000
   */
  keepAliveMs?: number | undefined
  /**
   * For how long a lost connection to `url` is opened again, in milliseconds. Running turns go on then; what can't
   * be recovered are the text deltas of the gap, which come with the completed item. 0 does not try.
   *
   * @default 30000
   */
  reconnectTimeoutMs?: number | undefined
  /**
   * Whether the next call starts codex anew, or connects anew, after the server has died or the connection was
   * lost for good. Without, every later call rejects as the first did.
   *
   * @default true
   */
  restart?: boolean | undefined
  /**
   * The codex executable. Else the environment variable `CODEX_PATH`, else the `@openai/codex` package that
   * is installed next to this one, else `codex` on `PATH`.
   */
  codexPath?: string | undefined
  /**
   * Replaces the whole argument list after the executable. Excludes `config`, `configOverrides` and `baseUrl`,
   * which would go there.
   */
  launchArgs?: readonly string[] | undefined
  /**
   * Working directory of the codex process.
   *
   * @default the working directory of this process
   */
  cwd?: string | undefined
  /** Environment variables of the codex process, merged over the inherited ones; undefined takes one away. */
  env?: { [name: string]: string | undefined } | undefined
  /**
   * Whether codex inherits `process.env`, as the program sees it at the call that starts codex.
   *
   * @default true
   */
  inheritEnv?: boolean | undefined
  /**
   * Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets (an MCP
   * server's `env` and `http_headers`, a provider's headers and tokens) do not go into the argument list:
   * they are sent with each thread that is started or resumed.
   */
  config?: { [key: string]: ConfigValue | undefined } | undefined
  /**
   * Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. Anyone who can
   * list processes can read them.
   */
  configOverrides?: readonly string[] | undefined
  /**
   * API key: logs in through `account/login/start` after the handshake. (app-server ignores the variables
   * `OPENAI_API_KEY` and `CODEX_API_KEY`.)
   */
  apiKey?: string | undefined
  /** Base URL of the OpenAI API, passed as the configuration `openai_base_url`. */
  baseUrl?: string | undefined
  /**
   * Who this client is, sent with `initialize`.
   *
   * @default the name and version of this package
   */
  clientInfo?: ClientInfo | undefined
  /**
   * Whether to ask for the experimental part of the protocol; dynamic tools and others need it.
   *
   * @default true
   */
  experimentalApi?: boolean | undefined
  /**
   * Notifications the server shall not send: exact wire names. Leaving out what a turn is made of
   * (`item/completed`, `turn/completed`, ...) leaves it out of results too.
   */
  optOutNotificationMethods?: readonly string[] | undefined
  /**
   * Deadline of every request, in milliseconds.
   *
   * @default 30000
   */
  requestTimeoutMs?: number | undefined
  /**
   * Deadline of starting codex and of its handshake together, in milliseconds.
   *
   * @default 15000
   */
  connectTimeoutMs?: number | undefined
  /**
   * How long a turn may be silent before it rejects with `TurnInactiveError`, in milliseconds. Restarted by
   * each event of the turn.
   *
   * @default none: a turn may be silent for ever
   */
  inactivityTimeoutMs?: number | undefined
  /**
   * How many requests may be on the wire at once, 1 to 128; the rest wait in order. The server drops answers
   * when there are too many.
   *
   * @default 64
   */
  maxInFlight?: number | undefined
  /**
   * The least severe records that `logger` gets.
   *
   * @default 'info'
   */
  logLevel?: LogLevel | undefined
}

/** Who a client is. */
export interface ClientInfo {
  /** Short name, valid in an HTTP header. */
  name: string
  /** Name for people. */
  title?: string | undefined
  /** Version of the program. */
  version: string
}

/** How severe a log record is. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** Settings of a thread. What is left out keeps codex's own default (start) or what the thread has (resume). */
export interface ThreadSettings {
  /** Model name. */
  model?: string | null | undefined
  /** Name of a provider of the configuration's `model_providers`. */
  modelProvider?: string | null | undefined
  /** Working directory of the thread. */
  cwd?: string | null | undefined
  /** What the commands of the agent may touch. */
  sandbox?: SandboxMode | null | undefined
  /**
   * Who decides what the agent may do beyond its sandbox: `auto_review` sends the policy `on-request` with the
   * reviewer `auto_review`, `deny_all` sends the policy `never`. Excludes `approvalPolicy`.
   *
   * @default for a new thread 'auto_review', or the policy `on-request` with the reviewer `user` where there is
   * an `onApproval` handler
   */
  approvalMode?: ApprovalMode | undefined
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null | undefined
  /** Who is asked. */
  approvalsReviewer?: ApprovalsReviewer | null | undefined
  /** Replaces codex's own instructions. */
  baseInstructions?: string | null | undefined
  /** Instructions beside codex's own. */
  developerInstructions?: string | null | undefined
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null | undefined
  /** A thread that is not kept on disk. Not for `resumeThread`. */
  ephemeral?: boolean | null | undefined
  /** Configuration of this thread alone: keys as in `config.toml`, dotted or nested. */
  config?: { [key: string]: ConfigValue | undefined } | null | undefined
  /** Name of the service that runs the thread, for metrics. For `startThread` only. */
  serviceName?: string | null | undefined
  /** Service tier of the model provider. */
  serviceTier?: string | null | undefined
  /**
   * Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows. Sent as the
   * configuration `model_reasoning_effort`.
   */
  effort?: string | undefined
  /**
   * Folders beside `cwd` that the agent may write to with the sandbox `workspace-write`. Sent as the
   * configuration `sandbox_workspace_write.writable_roots`.
   */
  additionalDirectories?: readonly string[] | undefined
  /**
   * Whether commands may use the network with the sandbox `workspace-write`. Sent as the configuration
   * `sandbox_workspace_write.network_access`.
   */
  networkAccess?: boolean | undefined
  /** Whether the model may search the web. Sent as the configuration `web_search`. */
  webSearch?: WebSearch | undefined
  /**
   * Whether the server loads the turns of the thread along with it. For `resumeThread` and `forkThread`.
   *
   * @default false
   */
  includeTurns?: boolean | undefined
  /**
   * The last turn that the fork has; turns after it are left out. For `forkThread` only.
   *
   * @default the last turn of the thread
   */
  lastTurnId?: string | undefined
}

/** What commands may touch. */
export type SandboxMode = 'read-only' | 'workspace-write' | 'danger-full-access'

/** A policy and a reviewer in one word. */
export type ApprovalMode = 'auto_review' | 'deny_all'

/** When codex asks before it acts. */
export type ApprovalPolicy =
  | 'untrusted'
  | 'on-request'
  | 'never'
  | {
      granular: {
        /** Before a command leaves the sandbox. */
        sandbox_approval: boolean
        /** Where a rule says so. */
        rules: boolean
        /** Before a skill runs. */
        skill_approval?: boolean | undefined
        /** When the agent asks for permissions. */
        request_permissions?: boolean | undefined
        /** When an MCP server asks. */
        mcp_elicitations: boolean
      }
    }

/** Who is asked for an approval. */
export type ApprovalsReviewer = 'user' | 'auto_review' | 'guardian_subagent'

/** Tone of the agent. */
export type Personality = 'none' | 'friendly' | 'pragmatic'

/** How the model searches the web. */
export type WebSearch = 'disabled' | 'cached' | 'indexed' | 'live'

/** Settings of one turn. Those that are settings of the thread too hold for its later turns as well. */
export interface TurnSettings {
  /**
   * How long the turn may be silent before it rejects with `TurnInactiveError`, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number | undefined
  /** Model name, for this turn and later ones. */
  model?: string | null | undefined
  /**
   * Reasoning effort, for this turn and later ones: `minimal`, `low`, `medium`, `high` or what else the model
   * knows.
   */
  effort?: string | null | undefined
  /** How the model sums up its reasoning, for this turn and later ones. */
  summary?: ReasoningSummary | null | undefined
  /** Working directory, for this turn and later ones. */
  cwd?: string | null | undefined
  /** What commands may touch, for this turn and later ones. Excludes `sandboxPolicy`. */
  sandbox?: SandboxMode | undefined
  /** The same in full. Excludes `sandbox`. */
  sandboxPolicy?: SandboxPolicy | null | undefined
  /** Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`. */
  approvalMode?: ApprovalMode | undefined
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null | undefined
  /**
   * Who is asked, for this turn and later ones. `user` has handlers asked: on a thread whose reviewer is
   * `auto_review` the turn's `onApproval` alone is not. Excludes `approvalMode`.
   */
  approvalsReviewer?: ApprovalsReviewer | null | undefined
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null | undefined
  /** Service tier of the model provider, for this turn and later ones. */
  serviceTier?: string | null | undefined
  /** Service tier of the model provider, for this turn alone. */
  serviceTierForTurn?: string | null | undefined
  /** JSON Schema that the final message follows. For this turn alone. */
  outputSchema?: JsonSchema | undefined
  /** What started the turn, for analytics. Sent as `turnTrigger`. */
  source?: string | null | undefined
  /**
   * A name of the program's own for the input: it comes back as `clientId` of the `userMessage` item, and
   * `thread.outcomeOf()` tells by it what has become of the input. For this turn alone.
   */
  clientUserMessageId?: string | null | undefined
  /**
   * How the agent works with the user, for this turn and later ones: `plan` has it make a plan and change nothing
   * (`result.plan`), `default` is as always. In full it has a model, an effort and instructions of its own.
   */
  collaborationMode?: Protocol.ModeKind | Protocol.CollaborationMode | null | undefined
}

/** How the model sums up its reasoning. */
export type ReasoningSummary = 'auto' | 'concise' | 'detailed' | 'none'

/** What commands may touch, in full. */
export type SandboxPolicy =
  | { type: 'dangerFullAccess' }
  | {
      type: 'readOnly'
      /** Whether commands may use the network. */
      networkAccess?: boolean | undefined
    }
  | {
      type: 'externalSandbox'
      /** What that says about the network. */
      networkAccess?: OuterNetwork | undefined
    }
  | {
      type: 'workspaceWrite'
      /** Folders beside the working directory; absolute. */
      writableRoots?: readonly string[] | undefined
      /** Whether commands may use the network. */
      networkAccess?: boolean | undefined
      /** Whether the folder in `TMPDIR` is not writable. */
      excludeTmpdirEnvVar?: boolean | undefined
      /** Whether `/tmp` is not writable. */
      excludeSlashTmp?: boolean | undefined
    }

/** Whether an outer sandbox lets commands use the network. */
export type OuterNetwork = 'restricted' | 'enabled'

/** One item of an input. */
export type InputItem =
  | {
      type: 'text'
      /** The text; a lone surrogate becomes U+FFFD. */
      text: string
    }
  | {
      type: 'image'
      /** `https:` or `data:` URL. */
      url: string
      data?: undefined
      mimeType?: undefined
    }
  | {
      type: 'image'
      url?: undefined
      /** The bytes. */
      data: Uint8Array
      /** Their media type, such as `image/png`. */
      mimeType: string
    }
  | {
      type: 'localImage'
      /** Its path. */
      path: string
    }
  | {
      type: 'audio'
      /** `https:` or `data:` URL. */
      url: string
    }
  | {
      type: 'localAudio'
      /** Its path. */
      path: string
    }
  | {
      type: 'skill'
      /** Its name. */
      name: string
      /** Its path. */
      path: string
    }
  | {
      type: 'mention'
      /** Its name. */
      name: string
      /** Its path. */
      path: string
    }
  | {
      type: 'external'
      /** The tool it comes from. */
      toolName: string
      /** The content. */
      content: string | Protocol.FunctionCallOutputContentItem[]
      /** The tool's namespace. */
      namespace?: string | undefined
    }

/** Settings of one request. */
export interface RequestSettings {
  /**
   * Deadline in milliseconds.
   *
   * @default the client's `requestTimeoutMs`
   */
  timeoutMs?: number | undefined
}

/** How a stored thread is read. */
export interface ReadThreadOptions {
  /**
   * Whether its turns come along.
   *
   * @default false
   */
  includeTurns?: boolean | undefined
}

/** How a turn is read. */
export interface StreamOptions {
  /**
   * Whether adjacent text deltas of one item may be joined while the reader is behind.
   *
   * @default true
   */
  coalesce?: boolean | undefined
  /**
   * The number of an event, its `seq`, which is the last that is known: the reader begins after it.
   *
   * @default 0: with the turn's first event
   */
  after?: number | undefined
  /**
   * Whether the turn goes on when the reader leaves before its end and nobody else follows it.
   *
   * @default false: the turn is interrupted
   */
  leaveRunning?: boolean | undefined
}

/** Which stored threads are listed. */
export interface ListThreadsSettings {
  /**
   * Whether the archived threads are listed instead of the others.
   *
   * @default false
   */
  archived?: boolean | null | undefined
  /** Where to go on: `nextCursor` of the page before. */
  cursor?: string | null | undefined
  /** Only threads of this folder, or of one of these. The path must be the one that the thread was started with. */
  cwd?: string | string[] | null | undefined
  /**
   * How many threads a page holds.
   *
   * @default codex's own
   */
  limit?: number | null | undefined
  /** Only threads of these providers; an empty list is all. */
  modelProviders?: readonly string[] | null | undefined
  /**
   * What the threads are sorted by.
   *
   * @default 'created_at'
   */
  sortKey?: Protocol.ThreadSortKey | null | undefined
  /**
   * In which direction.
   *
   * @default 'desc': the newest first
   */
  sortDirection?: Protocol.SortDirection | null | undefined
  /**
   * Only threads that such a program began.
   *
   * @default the interactive ones, this package's among them
   */
  sourceKinds?: Protocol.ThreadSourceKind[] | null | undefined
  /** Only threads whose title holds this text. */
  searchTerm?: string | null | undefined
}

/** Which turns of a thread are listed. */
export interface TurnQuery {
  /** Where to begin: a cursor of an answer to `thread/turns/list`. */
  cursor?: string | null | undefined
  /**
   * How much of their items the turns hold.
   *
   * @default 'summary'
   */
  itemsView?: Protocol.TurnItemsView | null | undefined
  /**
   * How many turns are fetched at once.
   *
   * @default codex's own
   */
  limit?: number | null | undefined
  /**
   * In which direction.
   *
   * @default 'desc': the newest first
   */
  sortDirection?: Protocol.SortDirection | null | undefined
}

/** Which items of a thread are listed. */
export interface ItemQuery {
  /** Where to begin: a cursor of an answer to `thread/items/list`. */
  cursor?: string | null | undefined
  /**
   * How many items are fetched at once.
   *
   * @default codex's own
   */
  limit?: number | null | undefined
  /**
   * In which direction.
   *
   * @default 'asc': the oldest first
   */
  sortDirection?: Protocol.SortDirection | null | undefined
  /** Only items of this turn. */
  turnId?: string | null | undefined
}

/** Which models are listed. */
export interface ModelQuery {
  /**
   * Whether models are listed too that are not offered to users.
   *
   * @default false
   */
  includeHidden?: boolean | null | undefined
}

/** What is reviewed. */
export type ReviewTarget =
  | { type: 'uncommittedChanges', }
  | {
      type: 'baseBranch'
      /** Its name. */
      branch: string
    }
  | {
      type: 'commit'
      /** Its hash. */
      sha: string
      /** Its title, for people. */
      title?: string | null | undefined
    }
  | {
      type: 'custom'
      /** The instructions. */
      instructions: string
    }

/** How a review runs. */
export interface ReviewSettings {
  /**
   * Where it runs: on this thread, the only way that codex 0.169 has.
   *
   * @default 'inline'
   */
  delivery?: Protocol.ReviewDelivery | undefined
  /**
   * How long the turn may be silent before it rejects with `TurnInactiveError`, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number | undefined
}

/** How a thread is compacted. */
export interface CompactSettings {
  /**
   * How long the turn that compacts may be silent before it rejects with `TurnInactiveError`, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number | undefined
}

/** How a turn is continued. */
export interface ContinueSettings {
  /**
   * How long the turn may be silent before it rejects with `TurnInactiveError` again, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number | undefined
  /** JSON Schema that the final message follows. It was sent with the turn. */
  outputSchema?: JsonSchema | undefined
}

/**
 * Settings for the later turns of a thread. What is left out stays as it is, and so does what is null, but for the
 * service tier: null is the default one.
 */
export interface DefaultSettings {
  /** Model name. */
  model?: string | null | undefined
  /** Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows. */
  effort?: string | null | undefined
  /** How the model sums up its reasoning. */
  summary?: ReasoningSummary | null | undefined
  /** Working directory. */
  cwd?: string | null | undefined
  /** What commands may touch. Excludes `sandboxPolicy`. */
  sandbox?: SandboxMode | undefined
  /** The same in full. Excludes `sandbox`. */
  sandboxPolicy?: SandboxPolicy | null | undefined
  /** Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`. */
  approvalMode?: ApprovalMode | undefined
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null | undefined
  /** Who is asked. Excludes `approvalMode`. */
  approvalsReviewer?: ApprovalsReviewer | null | undefined
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null | undefined
  /** Service tier of the model provider. */
  serviceTier?: string | null | undefined
  /**
   * How the agent works with the user: `plan` has it make a plan and change nothing, `default` is as always. In full it
   * has a model, an effort and instructions of its own.
   */
  collaborationMode?: Protocol.ModeKind | Protocol.CollaborationMode | null | undefined
}

/** What a thread is to reach. What is left out stays as it is. */
export interface GoalOptions {
  /** The goal in words. */
  objective?: string | null | undefined
  /**
   * How it stands. While it is `active` codex begins turns of its own accord until it is reached.
   *
   * @default for a new goal 'active'
   */
  status?: Protocol.ThreadGoalStatus | null | undefined
  /** How many tokens may be spent on it; null is no limit. */
  tokenBudget?: number | null | undefined
}

/** How the account is read. */
export interface AccountOptions {
  /**
   * Whether codex renews its token first.
   *
   * @default false
   */
  refreshToken?: boolean | undefined
}

/** How the end of a login is waited for. */
export interface LoginWaitOptions {
  /**
   * How long, in milliseconds. The login itself goes on.
   *
   * @default for ever: a person has to do something
   */
  timeoutMs?: number | undefined
}

/** How the configuration is read. */
export interface ConfigReadOptions {
  /** The folder whose configuration counts too. */
  cwd?: string | null | undefined
  /**
   * Whether the layers come along that the configuration is made of.
   *
   * @default false
   */
  includeLayers?: boolean | undefined
}

/** How one value of the configuration is written. */
export interface ConfigWriteOptions {
  /**
   * What becomes of a table that is there: the new one is put over it, or in its place.
   *
   * @default 'upsert'
   */
  mergeStrategy?: Protocol.MergeStrategy | undefined
  /**
   * The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
   * since.
   */
  expectedVersion?: string | null | undefined
  /**
   * The file.
   *
   * @default the user's `config.toml`
   */
  filePath?: string | null | undefined
}

/** How several values of the configuration are written. */
export interface ConfigBatchOptions {
  /**
   * The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
   * since.
   */
  expectedVersion?: string | null | undefined
  /**
   * The file.
   *
   * @default the user's `config.toml`
   */
  filePath?: string | null | undefined
  /**
   * Whether loaded threads take the new configuration over.
   *
   * @default false
   */
  reloadUserConfig?: boolean | undefined
}

/** One value of several that are written. */
export interface ConfigEdit {
  /** Where it stands: `model`, `mcp_servers.docs.command`. */
  keyPath: string
  /** The value; null removes what is there. */
  value: ConfigValue | null
  /**
   * What becomes of a table that is there.
   *
   * @default 'upsert'
   */
  mergeStrategy?: Protocol.MergeStrategy | undefined
}

/** How a command is run. */
export interface CommandSettings {
  /**
   * Working directory.
   *
   * @default that of codex
   */
  cwd?: string | null | undefined
  /** Environment variables, merged over codex's own; null or undefined takes one away. */
  env?: { [name: string]: string | null | undefined } | null | undefined
  /**
   * How long the command may run, in milliseconds; then it is ended and its exit code is 124. Null is no limit.
   *
   * @default without `stream` codex's own, 10 seconds; with it none
   */
  timeoutMs?: number | null | undefined
  /**
   * What the command may touch.
   *
   * @default what codex's configuration says
   */
  sandboxPolicy?: SandboxPolicy | null | undefined
  /**
   * Whether the command comes as a handle: output as it is written, as bytes, and a way to its stdin.
   *
   * @default false
   */
  stream?: boolean | undefined
  /**
   * Whether the command runs in a terminal, which has one output for all. Needs `stream`.
   *
   * @default false
   */
  tty?: boolean | undefined
  /** Size of the terminal in characters. Needs `tty`. */
  size?: TerminalSize | undefined
  /**
   * How many bytes of each of stdout and stderr are kept; the rest is lost. Null is no limit.
   *
   * @default without `stream` codex's own, 1 MiB; with it none
   */
  outputBytesCap?: number | null | undefined
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  /** Columns. */
  cols: number
  /** Rows. */
  rows: number
}

/** How a turn is interrupted. */
export interface InterruptOptions {
  /**
   * Whether commands that the agent left running in the background, of this turn or an earlier one of its
   * thread, are ended too. Wire: `thread/backgroundTerminals/clean`.
   *
   * @default false
   */
  terminateCommands?: boolean | undefined
}

/** How the text of a turn is read. */
export interface TextOptions {
  /**
   * Whether the turn goes on when the reader leaves before its end and nobody else follows it.
   *
   * @default false: the turn is interrupted
   */
  leaveRunning?: boolean | undefined
  /**
   * How long it is at least from one piece to the next, in milliseconds: what comes meanwhile is in the next piece, and the
   * last comes for certain.
   *
   * @default 0: each piece as it comes
   */
  everyMs?: number | undefined
  /**
   * `final_answer`: without commentaries; `commentary`: those alone.
   *
   * @default all messages
   */
  phase?: Protocol.MessagePhase | undefined
}

/** What goes with input to a running turn. */
export interface SteerSettings {
  /** A name of the program's own for the input: it comes back as `clientId` of the `userMessage` item. */
  clientUserMessageId?: string | null | undefined
}

/** How a client is closed. */
export interface CloseOptions {
  /**
   * How long the turns that run may take to end, in milliseconds. None begins meanwhile: calls that would begin one reject
   * with `ClosedError`, as do turns that wait for their place. Answers to codex, `steer()` and `interrupt()` go on.
   *
   * @default 0
   */
  graceMs?: number | undefined
  /**
   * Whether the turns that still run after that are interrupted, so that they end with what they have, and their threads
   * are at rest. Otherwise they reject with `ClosedError`, and are stored as interrupted.
   *
   * @default false
   */
  interrupt?: boolean | undefined
}

/** How a server for several programs is started. */
export interface ServeSettings {
  /**
   * Port on 127.0.0.1.
   *
   * @default any free one
   */
  port?: number | undefined
  /**
   * A unix socket in place of a port: a path that does not exist yet. Whoever may write to the socket may connect,
   * which is this user alone.
   */
  socketPath?: string | undefined
  /** The codex executable, found as for `new Codex()`. */
  codexPath?: string | undefined
  /**
   * Working directory of the server.
   *
   * @default the working directory of this process
   */
  cwd?: string | undefined
  /** Environment variables of the server, merged over the inherited ones; undefined takes one away. */
  env?: { [name: string]: string | undefined } | undefined
  /**
   * Whether the server inherits `process.env`, as the program sees it at the call.
   *
   * @default true
   */
  inheritEnv?: boolean | undefined
  /**
   * Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets are refused: they
   * would show in the list of processes; they belong into `config.toml`.
   */
  config?: { [key: string]: ConfigValue | undefined } | undefined
  /** Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. */
  configOverrides?: readonly string[] | undefined
  /**
   * Deadline of the start, in milliseconds.
   *
   * @default 15000
   */
  connectTimeoutMs?: number | undefined
}

/** What a signed bearer token says. */
export interface SignedTokenOptions {
  /** The secret that the server was started with (`--ws-shared-secret-file`), at least 32 bytes. */
  secret: string
  /**
   * How long the token is good for, in milliseconds. The server asks for it when a connection is opened, also when
   * one is opened again.
   *
   * @default 300000
   */
  expiresInMs?: number | undefined
  /** Who made it: the `--ws-issuer` of the server, if it has one. */
  issuer?: string | undefined
  /** Whom it is for: the `--ws-audience` of the server, if it has one. */
  audience?: string | undefined
  /** Whom it speaks of. */
  subject?: string | undefined
}
