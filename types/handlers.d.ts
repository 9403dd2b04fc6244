// What a program answers the server with, and what it is asked.

import type * as Protocol from '../protocol.js'
import type { Reader } from './turns.js'

/** What a handler gets beside the request. */
export interface HandlerContext {
  /** Aborted when the answer is not wanted any more: the turn has ended, or somebody else answered. */
  readonly signal: AbortSignal
  /** Lets Node end although the answer is still open: a handler keeps it alive while it runs. */
  unref(): void
}

/** A handler of requests from the server. It may take as long as it likes; what it throws declines. */
export type Handler<Request, Answer> = (
  request: Request,
  context: HandlerContext,
) => Answer | Promise<Answer | Widened<Answer>>

/** What TypeScript makes of the one word that an `async` function returns: `string`. */
export type Widened<Answer> = Extract<Answer, string> extends never ? never : string & {}

/** A request from the server. */
export interface HandledRequest<M extends Protocol.ServerRequestMethod = Protocol.ServerRequestMethod> {
  /** Its id on the wire. */
  readonly id: number | string
  readonly method: M
  readonly params: Protocol.ServerRequestParams<M>
}

/** What every approval has, by whichever method it comes; `params` is what the wire has. */
export interface ApprovalFacts {
  readonly threadId: string
  /** Empty where an old codex does not name it. */
  readonly turnId: string
  /** The item that it is about, where it is one. */
  readonly itemId: string | null
  /** Why it is asked, in words for a person. */
  readonly reason: string | null
}

/** The agent wants to run a command. */
export interface CommandApproval extends ApprovalFacts {
  readonly kind: 'command'
  /** The command line; empty where it is about the network alone. */
  readonly command: string
  readonly cwd: string | null
  /** What `acceptWithExecpolicyAmendment` may allow from now on, as codex proposes it. */
  readonly proposedExecpolicyAmendment: string[] | null
  /** The host that the command wants to reach, where that is the question. */
  readonly network: Protocol.NetworkApprovalContext | null
}

/** The agent wants to change files. */
export interface FileChangeApproval extends ApprovalFacts {
  readonly kind: 'fileChange'
  /** What is to be changed, from the item; null where it is not known. */
  readonly changes: Protocol.FileUpdateChange[] | null
}

/** The agent wants to call a tool of an MCP server. It comes to `onElicitation` where there is one. */
export interface McpToolCallApproval extends ApprovalFacts {
  readonly kind: 'mcpToolCall'
  readonly server: string
  /** Empty where an old codex does not name it. */
  readonly tool: string
  readonly toolDescription: string | null
  /** The arguments of the call. */
  readonly arguments: unknown
}

/** What the agent wants to do, told apart by `kind`. */
export type ApprovalRequest =
  | (CommandApproval & HandledRequest<'item/commandExecution/requestApproval'>)
  | (FileChangeApproval & HandledRequest<'item/fileChange/requestApproval'>)
  | (McpToolCallApproval & HandledRequest<'mcpServer/elicitation/request'>)
  | (CommandApproval & HandledRequest<'execCommandApproval'>)
  | (FileChangeApproval & HandledRequest<'applyPatchApproval'>)

/**
 * What may happen: once, for the whole session, not (the agent goes on), or not at all (the turn is interrupted).
 * The amendments allow a command, and what begins alike or goes to the same host, from now on; for commands alone.
 * `acceptForSession` of a tool of an MCP server holds for that tool.
 */
export type ApprovalDecision =
  | 'accept'
  | 'acceptForSession'
  | 'decline'
  | 'cancel'
  | { acceptWithExecpolicyAmendment: readonly string[] }
  | { applyNetworkPolicyAmendment: Protocol.NetworkPolicyAmendment }

/** A question that waits for a person. */
export type Question = {
  /** Its own, which nobody can guess: it may go to a browser and come back. */
  readonly id: string
  /** When it was asked, in milliseconds since 1970. */
  readonly askedAt: number
} & (
  | { readonly kind: 'approval'; readonly request: ApprovalRequest }
  | { readonly kind: 'userInput'; readonly request: UserInputRequest }
  | { readonly kind: 'elicitation'; readonly request: ElicitationRequest }
  | { readonly kind: 'permissions'; readonly request: PermissionsRequest }
)

/** What happens to a question. `withdrawn`: its turn has ended, or somebody else answered. */
export interface QuestionEvent {
  readonly type: 'asked' | 'answered' | 'withdrawn'
  readonly question: Question
}

/** Questions that a person answers later; made by `ask()`. */
export interface Questions {
  /** For the options of a client, a thread or a turn. */
  readonly handlers: Required<
    Pick<Handlers, 'onApproval' | 'onUserInput' | 'onElicitation' | 'onPermissions'>
  >
  /** Those that wait, in the order in which they were asked. */
  readonly open: readonly Question[]
  /**
   * Answers a question, with what its handler would return. False where nobody waits for that any more; then nothing
   * happens.
   */
  answer(
    id: string,
    answer: ApprovalDecision | UserInputAnswer | ElicitationAnswer | PermissionsAnswer,
  ): boolean
}

/**
 * Handlers whose answers come later and from elsewhere, from a person at a browser, say: each request is a question that
 * waits until `answer()` is called with its id, or until it is withdrawn.
 *
 * @example
 * const questions = ask(({ type, question }) => socket.send(JSON.stringify({ type, question })))
 * const codex = new Codex({ ...questions.handlers })
 * socket.on('message', (text) => {
 *   const { id, answer } = JSON.parse(String(text))
 *   questions.answer(id, answer)
 * })
 */
export declare function ask(listener?: (event: QuestionEvent) => void): Questions

/** A decision, and the rule of the program that it came from, for those who watch `serverRequests()`. */
export interface ApprovalAnswer {
  decision: ApprovalDecision
  /** For the record alone: codex is not told. */
  rule?: string | undefined
}

/** The agent asks the user. */
export type UserInputRequest = HandledRequest<'item/tool/requestUserInput'>

/** Answers by question id. */
export type UserInputAnswer =
  | { [questionId: string]: string | readonly string[] }
  | Protocol.ToolRequestUserInputResponse

/** An MCP server asks the user, or codex asks whether one of its tools may be called (`mcpToolCall`). */
export type ElicitationRequest = {
  readonly kind: 'form' | 'url' | 'mcpToolCall' | 'userVerification'
} & HandledRequest<'mcpServer/elicitation/request'>

/** What the user said. */
export type ElicitationAnswer =
  | 'accept'
  | 'decline'
  | 'cancel'
  | { action: 'accept' | 'decline' | 'cancel'; content?: unknown; _meta?: unknown }

/** The agent asks for wider permissions. */
export type PermissionsRequest = HandledRequest<'item/permissions/requestApproval'>

/** What is granted. */
export type PermissionsAnswer =
  | 'decline'
  | {
      permissions: Protocol.GrantedPermissionProfile
      scope?: 'turn' | 'session' | undefined
      strictAutoReview?: boolean | undefined
    }

/** The agent calls a dynamic tool. */
export type ToolCallRequest = HandledRequest<'item/tool/call'>

/** A part of what a tool gives. */
export type ToolContentItem =
  | { type: 'text'; text: string }
  | { type: 'image'; url: string }
  | { type: 'image'; data: Uint8Array; mimeType: string }
  | Protocol.DynamicToolCallOutputContentItem

/**
 * What a tool gives: text, content items, the wire's own form, or any JSON, which the model gets as text. Nothing is empty
 * text. What of a type is not known to be sendable (`unknown`) is to be named or asserted.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that gives nothing is one of them
export type ToolResult = ToolContentItem | Protocol.DynamicToolCallResponse | ToolJson | void

/** What JSON has a word for. */
export type ToolJson =
  | string
  | number
  | boolean
  | null
  | undefined
  | ToolData
  // An image, whose `type` is `string` where it stands in a variable.
  | (NoClass & { readonly data: Uint8Array; readonly mimeType: string })
  | readonly (ToolContentItem | ToolJson)[]

/**
 * An object that becomes JSON: no function, no bytes but in an image with its type, and no `Map`, `Set` or promise. What
 * its properties hold is looked at when it is sent.
 */
export type ToolData = object & {
  readonly data?: string | number | boolean | null | undefined | NoClass | readonly unknown[]
  readonly [Symbol.iterator]?: never
  readonly [Symbol.asyncIterator]?: never
} & NoClass

/** Neither a function nor what JSON would bend. */
export type NoClass = object & {
  readonly [Symbol.hasInstance]?: never
  readonly [Symbol.toStringTag]?: never
}

/** Codex needs fresh ChatGPT tokens, of a login with tokens that the program gave. */
export type AuthTokensRefreshRequest = HandledRequest<'account/chatgptAuthTokens/refresh'>

/** Fresh tokens. */
export interface AuthTokens {
  accessToken: string
  chatgptAccountId: string
  chatgptPlanType?: string | null | undefined
}

/**
 * Who answers what the server asks. Handlers of a turn go before the thread's, the thread's before the client's. What
 * no handler answers, or one that fails, is declined in the shape of its method; on a server with other clients only
 * where this client began the turn.
 */
export interface Handlers {
  /**
   * Commands, file changes, and where there is no `onElicitation` calls of tools of MCP servers. A new thread asks it where it is an option of the client or of that thread; a turn,
   * and a thread that is resumed or forked, keep the reviewer that there is: with `auto_review` it is not asked, unless
   * `approvalsReviewer: 'user'` stands beside it.
   */
  onApproval?: Handler<ApprovalRequest, ApprovalDecision | ApprovalAnswer> | undefined
  /** Questions to the user. */
  onUserInput?: Handler<UserInputRequest, UserInputAnswer> | undefined
  /** What MCP servers ask, and whether their tools may be called. */
  onElicitation?: Handler<ElicitationRequest, ElicitationAnswer> | undefined
  /** Wider permissions. */
  onPermissions?: Handler<PermissionsRequest, PermissionsAnswer> | undefined
  /** Dynamic tools that are not among `tools`. */
  onToolCall?: Handler<ToolCallRequest, ToolResult> | undefined
  /** Fresh ChatGPT tokens. */
  onAuthTokensRefresh?: Handler<AuthTokensRefreshRequest, AuthTokens> | undefined
  /** Whatever no other handler takes, also what a newer codex asks. Returns the method's result. */
  onServerRequest?: Handler<HandledRequest, object> | undefined
}

/** A request from the server and how it was answered. */
export type ServerRequestRecord = HandledRequest & {
  /**
   * Whose handler answered; `nobody`: it was declined; `elsewhere`: another client answered, or the turn ended; `left`: it
   * was another client's to answer, and this one does not wait for that any more.
   */
  readonly answeredBy: 'turn' | 'thread' | 'client' | 'nobody' | 'elsewhere' | 'left'
  /** The answer as it was sent, where a handler gave it. */
  readonly answer: unknown
  /** The rule that the answer came from, where the handler said one. */
  readonly rule: string | null
  /** Why a handler's answer was not taken. */
  readonly error: string | null
}

/** A reader of the requests from the server. */
export interface ServerRequestStream extends Reader<ServerRequestRecord> {
  /** How many were dropped because this reader was too slow. */
  readonly dropped: number
  [Symbol.asyncIterator](): ServerRequestStream
}
