// The options as the Rust types have them. Written by a test: `UPDATE_TYPES=1 cargo test -p codex-client`.

/** How a client finds, starts and speaks to codex. */
export interface ClientSettings {
  /**
   * Where a server runs that is to be used, in place of one that is started: `ws://HOST:PORT`, `wss://HOST`,
   * `unix://PATH`, or `unix://` for the control socket below `CODEX_HOME`. Excludes what is for a process of one's
   * own: `codexPath`, `launchArgs`, `cwd`, `env`, `inheritEnv`, `config`, `configOverrides`, `baseUrl`.
   */
  url?: string
  /**
   * Bearer token for the server at `url`, or a function that gives one, which is called for each connection: for the
   * first, and for each that is opened again after one was lost. It may take as long as `connectTimeoutMs`. The token
   * is in no log, error or process list; whitespace around it, such as the end of a file, is left out.
   *
   * @default the environment variable `CODEX_APP_SERVER_TOKEN`, which then goes to whatever server `url` names;
   * it is not read where `headers` has an `authorization`
   */
  token?: string | TokenSource
  /** Further headers of the request that opens the websocket. */
  headers?: { [name: string]: string | undefined }
  /**
   * A file of certificates in PEM that are trusted for `wss://`, beside those of the system (or of `SSL_CERT_FILE` and
   * `SSL_CERT_DIR`) and of `NODE_EXTRA_CA_CERTS`.
   */
  caFile?: string
  /**
   * Whether a token, or a header whose name says that it is a credential (`authorization`, `cookie`, `x-api-key`, ...),
   * may go out over plain `ws://` to another machine, for everybody on the way to read.
   *
   * @default false
   */
  allowInsecure?: boolean
  /**
   * The longest message that is taken from the server, in bytes, whatever carries it. A longer one loses the
   * connection: `TransportError` with code `CONNECTION_LOST`, and a codex that was started here is ended. Before the
   * server has answered for the first time, it may send 1 MiB in all.
   *
   * @default 268435456
   */
  maxMessageBytes?: number
  /**
   * After so much silence the server at `url` is asked for a sign of life, in milliseconds; after twice as much the
   * connection counts as lost.
   *
   * @default 20000
   */
  keepAliveMs?: number
  /**
   * For how long a lost connection to `url` is opened again, in milliseconds. Running turns go on then; what can't
   * be recovered are the text deltas of the gap, which come with the completed item. 0 does not try.
   *
   * @default 30000
   */
  reconnectTimeoutMs?: number
  /**
   * Whether the next call starts codex anew, or connects anew, after the server has died or the connection was
   * lost for good. Without, every later call rejects as the first did.
   *
   * @default true
   */
  restart?: boolean
  /**
   * The codex executable. Else the environment variable `CODEX_PATH`, else the `@openai/codex` package that
   * is installed next to this one, else `codex` on `PATH`.
   */
  codexPath?: string
  /**
   * Replaces the whole argument list after the executable. Excludes `config`, `configOverrides` and `baseUrl`,
   * which would go there.
   */
  launchArgs?: readonly string[]
  /**
   * Working directory of the codex process.
   *
   * @default the working directory of this process
   */
  cwd?: string
  /** Environment variables of the codex process, merged over the inherited ones; undefined takes one away. */
  env?: { [name: string]: string | undefined }
  /**
   * Whether codex inherits `process.env`, as the program sees it at the call that starts codex.
   *
   * @default true
   */
  inheritEnv?: boolean
  /**
   * Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets (an MCP
   * server's `env` and `http_headers`, a provider's headers and tokens) do not go into the argument list:
   * they are sent with each thread that is started or resumed.
   */
  config?: { [key: string]: ConfigValue | undefined }
  /**
   * Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. Anyone who can
   * list processes can read them.
   */
  configOverrides?: readonly string[]
  /**
   * API key: logs in through `account/login/start` after the handshake. (app-server ignores the variables
   * `OPENAI_API_KEY` and `CODEX_API_KEY`.)
   */
  apiKey?: string
  /** Base URL of the OpenAI API, passed as the configuration `openai_base_url`. */
  baseUrl?: string
  /**
   * Who this client is, sent with `initialize`.
   *
   * @default the name and version of this package
   */
  clientInfo?: ClientInfo
  /**
   * Whether to ask for the experimental part of the protocol; dynamic tools and others need it.
   *
   * @default true
   */
  experimentalApi?: boolean
  /**
   * Notifications the server shall not send: exact wire names. Leaving out what a turn is made of
   * (`item/completed`, `turn/completed`, ...) leaves it out of results too.
   */
  optOutNotificationMethods?: readonly string[]
  /**
   * Deadline of every request, in milliseconds.
   *
   * @default 30000
   */
  requestTimeoutMs?: number
  /**
   * Deadline of starting codex and of its handshake together, in milliseconds.
   *
   * @default 15000
   */
  connectTimeoutMs?: number
  /**
   * How long a turn may be silent before it rejects with `TurnInactiveError`, in milliseconds. Restarted by
   * each event of the turn.
   *
   * @default none: a turn may be silent for ever
   */
  inactivityTimeoutMs?: number
  /**
   * How many requests may be on the wire at once, 1 to 128; the rest wait in order. The server drops answers
   * when there are too many.
   *
   * @default 64
   */
  maxInFlight?: number
  /**
   * The least severe records that `logger` gets.
   *
   * @default 'info'
   */
  logLevel?: LogLevel
}

/** Who a client is. */
export interface ClientInfo {
  /** Short name, valid in an HTTP header. */
  name: string
  /** Name for people. */
  title?: string
  /** Version of the program. */
  version: string
}

/** How severe a log record is. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** Settings of a thread. What is left out keeps codex's own default (start) or what the thread has (resume). */
export interface ThreadSettings {
  /** Model name. */
  model?: string | null
  /** Name of a provider of the configuration's `model_providers`. */
  modelProvider?: string | null
  /** Working directory of the thread. */
  cwd?: string | null
  /** What the commands of the agent may touch. */
  sandbox?: SandboxMode | null
  /**
   * Who decides what the agent may do beyond its sandbox: `auto_review` sends the policy `on-request` with the
   * reviewer `auto_review`, `deny_all` sends the policy `never`. Excludes `approvalPolicy`.
   *
   * @default for a new thread 'auto_review', or the policy `on-request` with the reviewer `user` where there is
   * an `onApproval` handler
   */
  approvalMode?: ApprovalMode
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null
  /** Who is asked. */
  approvalsReviewer?: ApprovalsReviewer | null
  /** Replaces codex's own instructions. */
  baseInstructions?: string | null
  /** Instructions beside codex's own. */
  developerInstructions?: string | null
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null
  /** A thread that is not kept on disk. Not for `resumeThread`. */
  ephemeral?: boolean | null
  /** Configuration of this thread alone: keys as in `config.toml`, dotted or nested. */
  config?: { [key: string]: ConfigValue | undefined } | null
  /** Name of the service that runs the thread, for metrics. For `startThread` only. */
  serviceName?: string | null
  /** Service tier of the model provider. */
  serviceTier?: string | null
  /**
   * Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows. Sent as the
   * configuration `model_reasoning_effort`.
   */
  effort?: string
  /**
   * Folders beside `cwd` that the agent may write to with the sandbox `workspace-write`. Sent as the
   * configuration `sandbox_workspace_write.writable_roots`.
   */
  additionalDirectories?: readonly string[]
  /**
   * Whether commands may use the network with the sandbox `workspace-write`. Sent as the configuration
   * `sandbox_workspace_write.network_access`.
   */
  networkAccess?: boolean
  /** Whether the model may search the web. Sent as the configuration `web_search`. */
  webSearch?: WebSearch
  /**
   * Whether the server loads the turns of the thread along with it. For `resumeThread` and `forkThread`.
   *
   * @default false
   */
  includeTurns?: boolean
  /**
   * The last turn that the fork has; turns after it are left out. For `forkThread` only.
   *
   * @default the last turn of the thread
   */
  lastTurnId?: string
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
        skill_approval?: boolean
        /** When the agent asks for permissions. */
        request_permissions?: boolean
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
  inactivityTimeoutMs?: number
  /** Model name, for this turn and later ones. */
  model?: string | null
  /**
   * Reasoning effort, for this turn and later ones: `minimal`, `low`, `medium`, `high` or what else the model
   * knows.
   */
  effort?: string | null
  /** How the model sums up its reasoning, for this turn and later ones. */
  summary?: ReasoningSummary | null
  /** Working directory, for this turn and later ones. */
  cwd?: string | null
  /** What commands may touch, for this turn and later ones. Excludes `sandboxPolicy`. */
  sandbox?: SandboxMode
  /** The same in full. Excludes `sandbox`. */
  sandboxPolicy?: SandboxPolicy | null
  /** Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`. */
  approvalMode?: ApprovalMode
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null
  /**
   * Who is asked, for this turn and later ones. `user` has handlers asked: on a thread whose reviewer is
   * `auto_review` the turn's `onApproval` alone is not. Excludes `approvalMode`.
   */
  approvalsReviewer?: ApprovalsReviewer | null
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null
  /** Service tier of the model provider, for this turn and later ones. */
  serviceTier?: string | null
  /** Service tier of the model provider, for this turn alone. */
  serviceTierForTurn?: string | null
  /** JSON Schema that the final message follows. For this turn alone. */
  outputSchema?: JsonSchema
  /** What started the turn, for analytics. Sent as `turnTrigger`. */
  source?: string | null
}

/** How the model sums up its reasoning. */
export type ReasoningSummary = 'auto' | 'concise' | 'detailed' | 'none'

/** What commands may touch, in full. */
export type SandboxPolicy =
  | { type: 'dangerFullAccess' }
  | {
      type: 'readOnly'
      /** Whether commands may use the network. */
      networkAccess?: boolean
    }
  | {
      type: 'externalSandbox'
      /** What that says about the network. */
      networkAccess?: OuterNetwork
    }
  | {
      type: 'workspaceWrite'
      /** Folders beside the working directory; absolute. */
      writableRoots?: readonly string[]
      /** Whether commands may use the network. */
      networkAccess?: boolean
      /** Whether the folder in `TMPDIR` is not writable. */
      excludeTmpdirEnvVar?: boolean
      /** Whether `/tmp` is not writable. */
      excludeSlashTmp?: boolean
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
      namespace?: string
    }

/** Settings of one request. */
export interface RequestSettings {
  /**
   * Deadline in milliseconds.
   *
   * @default the client's `requestTimeoutMs`
   */
  timeoutMs?: number
}

/** How a stored thread is read. */
export interface ReadSettings {
  /**
   * Whether its turns come along.
   *
   * @default false
   */
  includeTurns?: boolean
}

/** How a turn is read. */
export interface ReaderSettings {
  /**
   * Whether adjacent text deltas of one item may be joined while the reader is behind.
   *
   * @default true
   */
  coalesce?: boolean
  /**
   * The number of an event, its `seq`, which is the last that is known: the reader begins after it.
   *
   * @default 0: with the turn's first event
   */
  after?: number
  /**
   * Whether the turn goes on when the reader leaves before its end and nobody else follows it.
   *
   * @default false: the turn is interrupted
   */
  leaveRunning?: boolean
}

/** Which stored threads are listed. */
export interface ThreadQuery {
  /**
   * Whether the archived threads are listed instead of the others.
   *
   * @default false
   */
  archived?: boolean | null
  /** Where to go on: `nextCursor` of the page before. */
  cursor?: string | null
  /** Only threads of this folder, or of one of these. The path must be the one that the thread was started with. */
  cwd?: string | string[] | null
  /**
   * How many threads a page holds.
   *
   * @default codex's own
   */
  limit?: number | null
  /** Only threads of these providers; an empty list is all. */
  modelProviders?: readonly string[] | null
  /**
   * What the threads are sorted by.
   *
   * @default 'created_at'
   */
  sortKey?: Protocol.ThreadSortKey | null
  /**
   * In which direction.
   *
   * @default 'desc': the newest first
   */
  sortDirection?: Protocol.SortDirection | null
  /**
   * Only threads that such a program began.
   *
   * @default the interactive ones, this package's among them
   */
  sourceKinds?: Protocol.ThreadSourceKind[] | null
  /** Only threads whose title holds this text. */
  searchTerm?: string | null
}

/** Which turns of a thread are listed. */
export interface TurnQuery {
  /** Where to begin: a cursor of an answer to `thread/turns/list`. */
  cursor?: string | null
  /**
   * How much of their items the turns hold.
   *
   * @default 'summary'
   */
  itemsView?: Protocol.TurnItemsView | null
  /**
   * How many turns are fetched at once.
   *
   * @default codex's own
   */
  limit?: number | null
  /**
   * In which direction.
   *
   * @default 'desc': the newest first
   */
  sortDirection?: Protocol.SortDirection | null
}

/** Which items of a thread are listed. */
export interface ItemQuery {
  /** Where to begin: a cursor of an answer to `thread/items/list`. */
  cursor?: string | null
  /**
   * How many items are fetched at once.
   *
   * @default codex's own
   */
  limit?: number | null
  /**
   * In which direction.
   *
   * @default 'asc': the oldest first
   */
  sortDirection?: Protocol.SortDirection | null
  /** Only items of this turn. */
  turnId?: string | null
}

/** Which models are listed. */
export interface ModelQuery {
  /**
   * Whether models are listed too that are not offered to users.
   *
   * @default false
   */
  includeHidden?: boolean | null
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
      title?: string | null
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
  delivery?: Protocol.ReviewDelivery
  /**
   * How long the turn may be silent before it rejects with `TurnInactiveError`, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number
}

/** How a thread is compacted. */
export interface CompactSettings {
  /**
   * How long the turn that compacts may be silent before it rejects with `TurnInactiveError`, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number
}

/** How a turn is continued. */
export interface ContinueSettings {
  /**
   * How long the turn may be silent before it rejects with `TurnInactiveError` again, in milliseconds.
   *
   * @default the client's `inactivityTimeoutMs`
   */
  inactivityTimeoutMs?: number
  /** JSON Schema that the final message follows. It was sent with the turn. */
  outputSchema?: JsonSchema
}

/**
 * Settings for the later turns of a thread. What is left out stays as it is, and so does what is null, but for the
 * service tier: null is the default one.
 */
export interface DefaultSettings {
  /** Model name. */
  model?: string | null
  /** Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows. */
  effort?: string | null
  /** How the model sums up its reasoning. */
  summary?: ReasoningSummary | null
  /** Working directory. */
  cwd?: string | null
  /** What commands may touch. Excludes `sandboxPolicy`. */
  sandbox?: SandboxMode
  /** The same in full. Excludes `sandbox`. */
  sandboxPolicy?: SandboxPolicy | null
  /** Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`. */
  approvalMode?: ApprovalMode
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null
  /** Who is asked. Excludes `approvalMode`. */
  approvalsReviewer?: ApprovalsReviewer | null
  /** Tone of the agent. Deprecated by codex. */
  personality?: Personality | null
  /** Service tier of the model provider. */
  serviceTier?: string | null
}

/** What a thread is to reach. What is left out stays as it is. */
export interface GoalSettings {
  /** The goal in words. */
  objective?: string | null
  /**
   * How it stands. While it is `active` codex begins turns of its own accord until it is reached.
   *
   * @default for a new goal 'active'
   */
  status?: Protocol.ThreadGoalStatus | null
  /** How many tokens may be spent on it; null is no limit. */
  tokenBudget?: number | null
}

/** How the account is read. */
export interface AccountSettings {
  /**
   * Whether codex renews its token first.
   *
   * @default false
   */
  refreshToken?: boolean
}

/** How the end of a login is waited for. */
export interface LoginWaitSettings {
  /**
   * How long, in milliseconds. The login itself goes on.
   *
   * @default for ever: a person has to do something
   */
  timeoutMs?: number
}

/** How the configuration is read. */
export interface ConfigReadSettings {
  /** The folder whose configuration counts too. */
  cwd?: string | null
  /**
   * Whether the layers come along that the configuration is made of.
   *
   * @default false
   */
  includeLayers?: boolean
}

/** How one value of the configuration is written. */
export interface ConfigWriteSettings {
  /**
   * What becomes of a table that is there: the new one is put over it, or in its place.
   *
   * @default 'upsert'
   */
  mergeStrategy?: Protocol.MergeStrategy
  /**
   * The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
   * since.
   */
  expectedVersion?: string | null
  /**
   * The file.
   *
   * @default the user's `config.toml`
   */
  filePath?: string | null
}

/** How several values of the configuration are written. */
export interface ConfigBatchSettings {
  /**
   * The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
   * since.
   */
  expectedVersion?: string | null
  /**
   * The file.
   *
   * @default the user's `config.toml`
   */
  filePath?: string | null
  /**
   * Whether loaded threads take the new configuration over.
   *
   * @default false
   */
  reloadUserConfig?: boolean
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
  mergeStrategy?: Protocol.MergeStrategy
}

/** How a command is run. */
export interface CommandSettings {
  /**
   * Working directory.
   *
   * @default that of codex
   */
  cwd?: string | null
  /** Environment variables, merged over codex's own; null or undefined takes one away. */
  env?: { [name: string]: string | null | undefined } | null
  /**
   * How long the command may run, in milliseconds; then it is ended and its exit code is 124. Null is no limit.
   *
   * @default without `stream` codex's own, 10 seconds; with it none
   */
  timeoutMs?: number | null
  /**
   * What the command may touch.
   *
   * @default what codex's configuration says
   */
  sandboxPolicy?: SandboxPolicy | null
  /**
   * Whether the command comes as a handle: output as it is written, as bytes, and a way to its stdin.
   *
   * @default false
   */
  stream?: boolean
  /**
   * Whether the command runs in a terminal, which has one output for all. Needs `stream`.
   *
   * @default false
   */
  tty?: boolean
  /** Size of the terminal in characters. Needs `tty`. */
  size?: TerminalSize
  /**
   * How many bytes of each of stdout and stderr are kept; the rest is lost. Null is no limit.
   *
   * @default without `stream` codex's own, 1 MiB; with it none
   */
  outputBytesCap?: number | null
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  /** Columns. */
  cols: number
  /** Rows. */
  rows: number
}

/** How a turn is interrupted. */
export interface InterruptSettings {
  /**
   * Whether commands that the agent left running in the background, of this turn or an earlier one of its
   * thread, are ended too. Wire: `thread/backgroundTerminals/clean`.
   *
   * @default false
   */
  terminateCommands?: boolean
}

/** How a server for several programs is started. */
export interface ServeSettings {
  /**
   * Port on 127.0.0.1.
   *
   * @default any free one
   */
  port?: number
  /**
   * A unix socket in place of a port: a path that does not exist yet. Whoever may write to the socket may connect,
   * which is this user alone.
   */
  socketPath?: string
  /** The codex executable, found as for `new Codex()`. */
  codexPath?: string
  /**
   * Working directory of the server.
   *
   * @default the working directory of this process
   */
  cwd?: string
  /** Environment variables of the server, merged over the inherited ones; undefined takes one away. */
  env?: { [name: string]: string | undefined }
  /**
   * Whether the server inherits `process.env`, as the program sees it at the call.
   *
   * @default true
   */
  inheritEnv?: boolean
  /**
   * Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets are refused: they
   * would show in the list of processes; they belong into `config.toml`.
   */
  config?: { [key: string]: ConfigValue | undefined }
  /** Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. */
  configOverrides?: readonly string[]
  /**
   * Deadline of the start, in milliseconds.
   *
   * @default 15000
   */
  connectTimeoutMs?: number
}

/** What a signed bearer token says. */
export interface SignedTokenSettings {
  /** The secret that the server was started with (`--ws-shared-secret-file`), at least 32 bytes. */
  secret: string
  /**
   * How long the token is good for, in milliseconds. The server asks for it when a connection is opened, also when
   * one is opened again.
   *
   * @default 300000
   */
  expiresInMs?: number
  /** Who made it: the `--ws-issuer` of the server, if it has one. */
  issuer?: string
  /** Whom it is for: the `--ws-audience` of the server, if it has one. */
  audience?: string
  /** Whom it speaks of. */
  subject?: string
}
