import type { Budget, InferOutput, StandardSchema } from '../index.js'

/** How a command stands. */
type CommandExecutionStatus = 'in_progress' | 'completed' | 'failed'

/** A command that the agent runs. */
export type CommandExecutionItem = {
  id: string
  type: 'command_execution'
  /** The command line. */
  command: string
  /** What it has written to stdout and stderr so far. */
  aggregated_output: string
  /** There once it has exited. */
  exit_code?: number
  status: CommandExecutionStatus
}

/** What becomes of a file. */
type PatchChangeKind = 'add' | 'delete' | 'update'

/** A change of one file. */
type FileUpdateChange = {
  path: string
  kind: PatchChangeKind
}

/** How a change of files came out. */
type PatchApplyStatus = 'completed' | 'failed'

/** A change of files by the agent, once it was made or has failed. */
export type FileChangeItem = {
  id: string
  type: 'file_change'
  changes: FileUpdateChange[]
  status: PatchApplyStatus
}

/** How a call of an MCP tool stands. */
type McpToolCallStatus = 'in_progress' | 'completed' | 'failed'

/** Who content is for, and how much it matters. */
type McpAnnotations = {
  audience?: ('user' | 'assistant')[] | undefined
  priority?: number | undefined
  lastModified?: string | undefined
}

/** What every content block of an MCP server may have. */
type McpContent = {
  annotations?: McpAnnotations | undefined
  _meta?: { [key: string]: unknown } | undefined
}

/** What an MCP server answers with: the content blocks of the protocol's version 2025-06-18. */
export type McpContentBlock =
  | (McpContent & { type: 'text'; text: string })
  | (McpContent & { type: 'image' | 'audio'; data: string; mimeType: string })
  | (McpContent & {
      type: 'resource'
      resource: {
        uri: string
        mimeType?: string | undefined
        _meta?: { [key: string]: unknown } | undefined
      } & ({ text: string } | { blob: string })
    })
  | (McpContent & {
      type: 'resource_link'
      uri: string
      name: string
      title?: string | undefined
      description?: string | undefined
      mimeType?: string | undefined
      size?: number | undefined
    })

/** A call of a tool of an MCP server: started when it is sent, completed when the server has answered. */
export type McpToolCallItem = {
  id: string
  type: 'mcp_tool_call'
  /** The server, by its name in the configuration. */
  server: string
  tool: string
  arguments: unknown
  /** What the server answered. */
  result?: {
    content: McpContentBlock[]
    _meta?: unknown
    structured_content: unknown
  }
  /** Why the call failed. */
  error?: {
    message: string
  }
  status: McpToolCallStatus
}

/** What the agent says: text, or JSON where `outputSchema` asked for it. */
export type AgentMessageItem = {
  id: string
  type: 'agent_message'
  text: string
}

/** A summary of what the agent thought. */
export type ReasoningItem = {
  id: string
  type: 'reasoning'
  text: string
}

/** A search of the web. */
export type WebSearchItem = {
  id: string
  type: 'web_search'
  query: string
}

/** An error that the turn survives. */
export type ErrorItem = {
  id: string
  type: 'error'
  message: string
}

/** A step of the agent's plan. */
type TodoItem = {
  text: string
  completed: boolean
}

/** The agent's plan: started when it makes one, updated as it goes on. */
export type TodoListItem = {
  id: string
  type: 'todo_list'
  items: TodoItem[]
}

/** What a turn is made of, told apart by `type`. A newer codex may send others: they come as they are. */
export type ThreadItem =
  | AgentMessageItem
  | ReasoningItem
  | CommandExecutionItem
  | FileChangeItem
  | McpToolCallItem
  | WebSearchItem
  | TodoListItem
  | ErrorItem

/** The first event of a turn. */
export type ThreadStartedEvent = {
  type: 'thread.started'
  /** For `resumeThread`. */
  thread_id: string
}

/** The model was asked. */
export type TurnStartedEvent = {
  type: 'turn.started'
}

/** Tokens. In an event and in `RunResult.usage` they are those of the whole thread so far, as codex counts. */
export type Usage = {
  input_tokens: number
  /** Part of `input_tokens`. */
  cached_input_tokens: number
  /** Written to the provider's cache. */
  cache_write_input_tokens: number
  output_tokens: number
  /** Part of `output_tokens`. */
  reasoning_output_tokens: number
}

/** The turn ended well. */
export type TurnCompletedEvent = {
  type: 'turn.completed'
  usage: Usage
}

/** The turn failed. After this event the iteration throws `TurnFailedError`. */
export type TurnFailedEvent = {
  type: 'turn.failed'
  error: ThreadError
}

/** An item begins. */
export type ItemStartedEvent = {
  type: 'item.started'
  item: ThreadItem
}

/** An item has changed. */
export type ItemUpdatedEvent = {
  type: 'item.updated'
  item: ThreadItem
}

/** An item is done, well or not. */
export type ItemCompletedEvent = {
  type: 'item.completed'
  item: ThreadItem
}

/** Why a turn failed. */
export type ThreadError = {
  message: string
}

/** An error of the stream. The turn may go on: codex says "Reconnecting..." by this event. */
export type ThreadErrorEvent = {
  type: 'error'
  message: string
}

/** What codex says during a turn, told apart by `type`. A newer codex may send others: they come as they are. */
export type ThreadEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | ThreadErrorEvent

/** One part of an input. */
export type UserInput =
  | {
      type: 'text'
      text: string
    }
  | {
      type: 'local_image'
      /** From the working directory of this process. */
      path: string
    }

/** What a turn is asked: text, or parts. Texts are joined by a blank line. */
export type Input = string | UserInput[]

export type CyberAccessProgram = 'standard' | 'daybreak_blue' | 'daybreak_red'

/** Options of one turn. */
export type TurnOptions = {
  /** Cyber selection for this turn, experimental, for the OpenAI provider alone. */
  cyberAccessProgram?: CyberAccessProgram | undefined
  /**
   * What the final message is, as JSON: a JSON Schema, which goes to codex as it is, or a Standard Schema, with which
   * the result has a `structuredResponse`.
   */
  outputSchema?: unknown
  /** Ends the turn, and everything that it started: the promise or the iteration rejects with `AbortError`. */
  signal?: AbortSignal | undefined
  /**
   * What the turn may use: what goes over is ended, and rejects `BudgetExceededError` of `codex-node`. Codex tells the
   * tokens when a turn is over, so that they can't be limited here.
   */
  budget?: Pick<Budget, 'commands' | 'ms' | 'onThreshold'> | undefined
}

/** Options of a turn whose final message is validated and typed. */
export type StructuredTurnOptions<S extends StandardSchema> = Omit<TurnOptions, 'outputSchema'> & {
  /** Zod, Valibot, ArkType and others that follow https://standardschema.dev and give JSON Schema. */
  outputSchema: S
}

/** What came of a turn. */
export type RunResult = {
  /** The completed items, in order. */
  items: ThreadItem[]
  /** The text of the last agent message, or an empty string. */
  finalResponse: string
  /** The tokens of the whole thread, as codex counts, or null if it did not say. */
  usage: Usage | null
  /**
   * The tokens of this turn alone. Null where that is not known: of the first turn after `resumeThread`, and of one
   * that follows a turn which failed or was aborted.
   */
  turnUsage: Usage | null
}

/** The result of a turn with a Standard Schema. */
export type StructuredRunResult<S extends StandardSchema> = RunResult & {
  /** What the schema made of `finalResponse`. */
  structuredResponse: InferOutput<S>
}

/** A turn as its events. */
export type RunStreamedResult<Result = RunResult> = {
  /**
   * The events of the turn, which begins when the first is asked for. Leaving the loop early ends the turn and
   * everything that it started.
   */
  events: AsyncGenerator<ThreadEvent>
  /**
   * The result, once `events` has been read to its end. Until then it rejects with a `CodexError` of
   * `code: 'EVENTS_NOT_READ'`, and also after the loop was left early.
   */
  result(): Promise<Result>
}

/**
 * A conversation with the agent. Its turns run one after the other, in the order of their calls, whoever holds it:
 * thread objects of one id, also of several `Codex`, take turns where the home of codex is the same.
 */
export declare class Thread {
  private constructor()
  /** The id, for `resumeThread`; null until the first turn has begun. */
  get id(): string | null
  /**
   * Runs one turn to its end and gives its result.
   *
   * @throws {TurnFailedError} codex said that the turn failed; `result` is what had come of it
   * @throws {ThreadNotFoundError} the thread that was resumed is not there
   * @throws {ServerExitedError} codex ended without completing the turn: `exitCode`, `signal`, `stderr`
   * @throws {BinaryNotFoundError} no codex was found; it lists every place tried
   * @throws {AbortError} `signal` was aborted; `cause` is its reason
   * @throws {OutputValidationError} the final message does not fit a Standard Schema
   * @throws {TypeError} the input or an option is not what is accepted; nothing was started
   */
  run<S extends StandardSchema>(
    input: Input,
    turnOptions: StructuredTurnOptions<S>,
  ): Promise<StructuredRunResult<S>>
  run(input: Input, turnOptions?: TurnOptions): Promise<RunResult>
  /**
   * One turn as its events. What `run` rejects with, the iteration throws.
   */
  runStreamed<S extends StandardSchema>(
    input: Input,
    turnOptions: StructuredTurnOptions<S>,
  ): Promise<RunStreamedResult<StructuredRunResult<S>>>
  runStreamed(input: Input, turnOptions?: TurnOptions): Promise<RunStreamedResult>
}

type CodexConfigValue = string | number | boolean | CodexConfigValue[] | CodexConfigObject
type CodexConfigObject = {
  [key: string]: CodexConfigValue
}

/** Options of all turns. */
export type CodexOptions = {
  /**
   * The codex executable.
   *
   * @default the variable `CODEX_PATH`, the installed package `@openai/codex`, `codex` on PATH
   */
  codexPathOverride?: string | undefined
  /** The same as `codexPathOverride`, by its name in the main entry. */
  codexPath?: string | undefined
  /** Base URL of the OpenAI API, passed as the configuration `openai_base_url`. */
  baseUrl?: string | undefined
  /** API key, passed in the variable `CODEX_API_KEY`. The commands of the agent inherit it. */
  apiKey?: string | undefined
  /**
   * Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets (an MCP server's `env`
   * and `http_headers`, a provider's headers and tokens) do not go there, nor what is too long for an argument: codex
   * reads them from a file in its home, which only this user can read and which is gone before the agent runs its first
   * command.
   */
  config?: CodexConfigObject | undefined
  /**
   * Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. Whoever can list processes
   * can read them, the commands of the agent among them: they are no place for secrets.
   */
  configOverrides?: string[] | undefined
  /**
   * A command in front of codex: `['sudo', '-u', 'agent']`, `['docker', 'exec', '-i', 'box']`. It is looked for on PATH, and is
   * given the path of codex and its arguments. `codexPathOverride` is handed on as it is then, for what is elsewhere. Files
   * that this package makes for a turn (schemas, copies of images, secrets of `config`) are where this program runs.
   */
  commandPrefix?: string[] | undefined
  /** Raw arguments of `codex exec`, passed as they are behind those that the options make. */
  extraArgs?: string[] | undefined
  /**
   * The environment of codex, in place of the one of this process.
   *
   * @default the environment of this process
   */
  env?: { [name: string]: string | undefined } | undefined
}

export type ApprovalMode = 'never' | 'on-request' | 'on-failure' | 'untrusted'
export type SandboxMode = 'read-only' | 'workspace-write' | 'danger-full-access'
export type ModelReasoningEffort =
  | 'minimal'
  | 'low'
  | 'medium'
  | 'high'
  | 'xhigh'
  | 'max'
  | 'ultra'
  | 'persistent'
export type WebSearchMode = 'disabled' | 'cached' | 'live'

/** Options of the turns of a thread. */
export type ThreadOptions = {
  model?: string | undefined
  /** What kind of thread it is, told once when it begins. */
  threadSource?: string | undefined
  sandboxMode?: SandboxMode | undefined
  /** Where the agent works. codex wants it to be in a git repository, see `skipGitRepoCheck`. */
  workingDirectory?: string | undefined
  /** Whether the agent may work outside a git repository. */
  skipGitRepoCheck?: boolean | undefined
  modelReasoningEffort?: ModelReasoningEffort | undefined
  /** Whether commands in the sandbox `workspace-write` have a network. */
  networkAccessEnabled?: boolean | undefined
  webSearchMode?: WebSearchMode | undefined
  /** `true` is the mode `live`, `false` is `disabled`; `webSearchMode` goes before it. */
  webSearchEnabled?: boolean | undefined
  /** codex exec asks nobody: whatever is set, it goes on as with `never`. */
  approvalPolicy?: ApprovalMode | undefined
  /** Folders that may be written to beside the working directory, from where this process is. */
  additionalDirectories?: string[] | undefined
}

/**
 * Runs turns with `codex exec`, one process for each. Cheap to make, nothing to close; a pending turn keeps Node alive.
 *
 * @example
 * const codex = new Codex()
 * const thread = codex.startThread({ sandboxMode: 'workspace-write' })
 * const turn = await thread.run('Fix the failing test')
 * console.log(turn.finalResponse)
 */
export declare class Codex {
  /** @throws {TypeError} an option is not what is accepted; the message names it */
  constructor(options?: CodexOptions)
  /** A new thread, which begins with its first turn. */
  startThread(options?: ThreadOptions): Thread
  /**
   * A thread that was started before, by this process or another. codex keeps threads in `sessions` of its home. Where
   * it does not have it, the first turn rejects with `ThreadNotFoundError`.
   *
   * @throws {TypeError} the id is none
   */
  resumeThread(id: string, options?: ThreadOptions): Thread
}

export type { CodexConfigObject, CodexConfigValue }
