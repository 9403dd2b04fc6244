import type {
  ApprovalDecision,
  ApprovalRequest,
  Codex,
  CodexOptions,
  HandlerContext,
  ResumeThreadOptions,
  StartThreadOptions,
  Thread,
  Turn,
  TurnOptions,
} from '../index.js'
import type * as Protocol from '../protocol.js'

/** Settings of a model of codex: those of its threads and turns, and how they stand to the AI SDK. */
export interface CodexSettings
  extends Omit<StartThreadOptions, 'model' | 'signal' | 'onApproval' | 'onToolCall'>,
    Pick<TurnOptions, 'summary' | 'sandboxPolicy' | 'serviceTierForTurn' | 'source' | 'inactivityTimeoutMs'> {
  /** The thread that is gone on with, where the prompt has no answer of codex that names its own. */
  threadId?: string | undefined
  /**
   * What becomes of a conversation that goes on from an earlier answer, as after an edit or a regeneration: the thread is
   * forked there, and the other one stays as it is; or it is taken back, and what came after is lost.
   *
   * @default 'fork'
   */
  onEdit?: 'fork' | 'revert' | undefined
  /**
   * How long a turn waits between two calls for the answer to an approval, or for the result of a tool, in
   * milliseconds. Then it is declined; the model is told, and gets as long again, and 30 seconds at least, to come to an end.
   *
   * @default 300000
   */
  answerTimeoutMs?: number | undefined
  /**
   * How long a thread that no call uses is kept loaded, in milliseconds. One that is not on disk (`ephemeral`) is lost then.
   *
   * @default 60000
   */
  idleTimeoutMs?: number | undefined
  /**
   * How often the growing output of a command is told in a stream, in milliseconds; `Infinity` for when it has ended. The
   * AI SDK keeps each as a result of the call, the last is the final one.
   *
   * @default 200
   */
  outputIntervalMs?: number | undefined
  /**
   * Whether an aborted call ends the commands of its turn, too; else they go on in the background of codex.
   *
   * @default false
   */
  terminateCommands?: boolean | undefined
  /**
   * Whether the turn goes on when its stream is cancelled, as when a tab is closed. Aborting a call ends its turn always.
   *
   * @default false
   */
  leaveRunning?: boolean | undefined
  /**
   * Whether approvals are asked for in the stream (`tool-approval-request`). If not, the handlers of the client are asked.
   *
   * @default true
   */
  approvals?: boolean | undefined
  /** Asked before the stream is; what it leaves undefined is asked for there. */
  onApproval?:
    | ((
        request: ApprovalRequest,
        context: HandlerContext,
      ) => ApprovalDecision | undefined | Promise<ApprovalDecision | undefined>)
    | undefined
  /**
   * Gets what has no part of its own in a stream of the AI SDK. In `createUIMessageStream` it is `(part) =>
   * writer.write(part)`.
   */
  onData?: ((part: CodexDataPart) => void) | undefined
  /** Gets each turn when it has begun, to steer or to interrupt it. */
  onTurn?: ((turn: Turn) => void) | undefined
  /**
   * Which interface of the AI SDK a model has: 'v4' is that of 7, 'v3' of 6, which 7 takes, too.
   *
   * @default that of the AI SDK that uses it; 'v3' where that can't be told, as in a bundle
   */
  specificationVersion?: 'v3' | 'v4' | undefined
}

/**
 * What one call may say in `providerOptions.codex`, before the settings of its model. Functions are passed on as they are.
 */
export interface CodexCallOptions extends Omit<CodexSettings, 'specificationVersion'> {
  /**
   * Answers to approvals that are more than yes and no, by their ids: `{ [approvalId]: 'acceptForSession' }`. They count
   * beside the `tool-approval-response` of the same id.
   */
  decisions?: { [approvalId: string]: ApprovalDecision } | undefined
}

/** A step of a plan. */
export interface CodexPlanStep {
  step: string
  status: 'pending' | 'inProgress' | 'completed'
}

/** An agent that a turn has started. */
export interface CodexAgent {
  threadId: string
  /** Where it stands, in codex's words. */
  status?: string
  prompt?: string
  path?: string
  activity?: string
  /** The command that it runs, or ran last. */
  doing?: string
  /** What it said last. */
  message?: string
}

/**
 * The data parts, as `UIMessage<unknown, CodexDataTypes>` takes them. The part of a name and an id replaces the one
 * before.
 */
export interface CodexDataTypes {
  [name: string]: unknown
  /** The plan of a turn: its steps, or the text of one that is to be decided on. */
  'codex-plan': { steps: CodexPlanStep[]; explanation: string | null } | { text: string }
  /** All that the turn has changed so far, as a diff. */
  'codex-diff': { diff: string }
  'codex-agent': CodexAgent
  'codex-review': { status: 'inProgress'; target: string } | { status: 'completed'; review: string }
  /** Why an approval is asked for, beside the request for it. */
  'codex-approval': {
    approvalId: string
    toolCallId: string
    kind: 'command' | 'fileChange' | 'mcpToolCall'
    reason: string | null
    availableDecisions: Protocol.CommandExecutionApprovalDecision[] | null
  }
}

/** What a stream of the AI SDK has no part for. */
export type CodexDataPart = {
  [Name in 'codex-plan' | 'codex-diff' | 'codex-agent' | 'codex-review' | 'codex-approval']: {
    type: `data-${Name}`
    id: string
    data: CodexDataTypes[Name]
  }
}['codex-plan' | 'codex-diff' | 'codex-agent' | 'codex-review' | 'codex-approval']

/** Where an answer belongs to. */
export interface CodexMetadata {
  threadId: string
  turnId?: string
}

/**
 * A model of codex, which is a `LanguageModelV4` for AI SDK 7 and a `LanguageModelV3` for AI SDK 6. These types stand for
 * both, so that they need neither.
 */
export interface CodexLanguageModel {
  // biome-ignore lint/suspicious/noExplicitAny: 'v4' for the one AI SDK, 'v3' for the other
  readonly specificationVersion: any
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  // biome-ignore lint/suspicious/noExplicitAny: the options and results of either version
  doGenerate(options: any): Promise<any>
  // biome-ignore lint/suspicious/noExplicitAny: the options and results of either version
  doStream(options: any): Promise<any>
}

/** A provider of the AI SDK over codex. */
export interface CodexProvider {
  /** The same as `languageModel`. */
  (modelId?: string, settings?: CodexSettings): CodexLanguageModel
  // biome-ignore lint/suspicious/noExplicitAny: 'v4' for the one AI SDK, 'v3' for the other
  readonly specificationVersion: any
  /** The client that it uses. */
  readonly codex: Codex
  /**
   * A model.
   *
   * @param modelId its name, as codex knows it; codex's own choice without one, or with 'default'
   * @throws {TypeError} naming the setting that is wrong
   */
  languageModel(modelId?: string, settings?: CodexSettings): CodexLanguageModel
  /** @throws {Error} a `NoSuchModelError`: codex has none */
  embeddingModel(modelId: string): never
  /** @throws {Error} a `NoSuchModelError`: codex has none */
  textEmbeddingModel(modelId: string): never
  /** @throws {Error} a `NoSuchModelError`: codex has none */
  imageModel(modelId: string): never
  /**
   * The models that there are.
   *
   * Wire: `model/list`.
   */
  models: Codex['models']
  /** A thread of a conversation, for all that the AI SDK has no way for: its items, its name, a review, a goal. */
  thread(id: string, options?: ResumeThreadOptions): Promise<Thread>
  /** Ends the turns that wait, lets go of the threads, and closes the client if it was made here. */
  close(): Promise<void>
}

/**
 * A provider of the AI SDK, 6 and 7, over codex.
 *
 * @example
 * import { streamText } from 'ai'
 * import { createCodex } from 'codex-node/ai-sdk'
 *
 * const codex = createCodex({}, { cwd: '/srv/shop', sandbox: 'workspace-write' })
 * const result = streamText({ model: codex('gpt-5.5'), prompt: 'Fix the failing test' })
 * for await (const text of result.textStream) process.stdout.write(text)
 * await codex.close()
 *
 * @param codexOrOptions a client, which stays yours to close, or options of one
 * @param settings of all its models
 * @throws {TypeError} an option is not what is accepted; the message names it
 */
export declare function createCodex(
  codexOrOptions?: Codex | CodexOptions,
  settings?: CodexSettings,
): CodexProvider

/**
 * Of which thread and turn a message is: a `UIMessage`, a `ModelMessage`, or a result or step with `providerMetadata`.
 * Undefined where codex has not said it.
 */
export declare function codexMetadata(message: unknown): CodexMetadata | undefined

/**
 * The turn that runs in a thread, as the response to the request that `useChat({ resume: true })` makes: from where the
 * call began that reads it here, or, of one that runs elsewhere on the same server, what it has completed and what
 * follows. Leaving it changes nothing of the turn. Status 204 where none runs.
 *
 * @throws {ThreadNotFoundError} there is no such thread
 */
export declare function resumeTurnResponse(
  provider: CodexProvider,
  threadId: string,
  options?: { signal?: AbortSignal | undefined },
): Promise<Response>
