// The options as the Rust types have them. Written by a test: `UPDATE_TYPES=1 cargo test -p codex-client`.

/** How a client finds, starts and speaks to codex. */
export interface ClientSettings {
  /**
   * The codex executable. Else the environment variable `CODEX_PATH`, else the `@openai/codex` package that
   * is installed next to this one, else `codex` on `PATH`.
   */
  codexPath?: string
  /**
   * Replaces the whole argument list after the executable. Excludes `config`, `configOverrides` and `baseUrl`,
   * which would go there.
   */
  launchArgs?: string[]
  /**
   * Working directory of the codex process.
   *
   * @default the working directory of this process
   */
  cwd?: string
  /** Environment variables of the codex process, merged over the inherited ones. */
  env?: { [name: string]: string | undefined }
  /**
   * Whether codex inherits the environment of this process.
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
  configOverrides?: string[]
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
  optOutNotificationMethods?: string[]
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
  additionalDirectories?: string[]
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
  /** Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy`. */
  approvalMode?: ApprovalMode
  /** When codex asks before it acts. Excludes `approvalMode`. */
  approvalPolicy?: ApprovalPolicy | null
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
      writableRoots?: string[]
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
      /** `https:` or `data:` URL. Excludes `data`. */
      url?: string
      /** The bytes. Excludes `url`. */
      data?: Uint8Array
      /** Media type of `data`, such as `image/png`. */
      mimeType?: string
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
   * Whether the turn goes on when the reader leaves before its end and nobody else follows it.
   *
   * @default false: the turn is interrupted
   */
  leaveRunning?: boolean
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
