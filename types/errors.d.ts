// The errors.

import type * as Protocol from '../protocol.js'
import type { BudgetKind, BudgetUse } from './budget.js'
import type { StandardIssue } from './schemas.js'
import type { TurnContinuation, TurnResult } from './turns.js'

/** Every error of this package. Wrong arguments are a `TypeError` with `code: 'INVALID_ARGUMENT'` instead. */
export declare class CodexError extends Error {
  /** A stable name of the kind of error. */
  readonly code: string
  /** Whether the same call may succeed later, without having taken effect already. */
  readonly retryable: boolean
  /** What to do about it, where there is more to say than the message does. */
  get hint(): string | undefined
  /** After how many milliseconds to try again, where the server or the model provider said so. */
  readonly retryAfterMs?: number
}

/** No codex executable was found. `code: 'BINARY_NOT_FOUND'` */
export declare class BinaryNotFoundError extends CodexError {
  /** Every place that was tried, in order. */
  readonly tried: string[]
}

/**
 * Codex could not be started (`code: 'SPAWN_FAILED'`), a server elsewhere could not be connected to
 * (`'CONNECT_FAILED'`), the connection to it was lost and did not come back (`'CONNECTION_LOST'`), or what the server says
 * of itself was asked for before it was there (`'NOT_CONNECTED'`).
 */
export declare class TransportError extends CodexError {
  /** HTTP status of the server's refusal: 401 for a wrong or missing token. Null where it did not even answer. */
  readonly status?: number | null
  /** The executable, where one was found and could not be started, or is no codex. */
  readonly path?: string
}

/**
 * The codex process ended while it was needed. `code: 'SERVER_EXITED'`, or `'CONFIG_LOAD'` where it did not start as its
 * configuration does not load.
 */
export declare class ServerExitedError extends TransportError {
  /** Its exit code, where it exited by itself. */
  readonly exitCode: number | null
  /** The signal that ended it. */
  readonly signal: string | null
  /** The last lines it wrote to stderr. */
  readonly stderr: string
  /** The executable. */
  readonly path: string
}

/** The client was closed. `code: 'CLOSED'` */
export declare class ClosedError extends TransportError {}

/** The server answered with what can't be read. `code: 'PROTOCOL_ERROR'` */
export declare class ProtocolError extends TransportError {
  /** The wire method that it answers, where it is known. */
  readonly method: string | null
}

/**
 * A file or folder that is needed is not there, is taken, or could not be read or written: a `cwd` or `CODEX_HOME` that is no
 * folder, a socket at which another server listens, a rollout, a token file. `code: 'FILE_ERROR'`
 */
export declare class FileError extends CodexError {
  /** Its path, or that of the folder in which it was to be made. */
  readonly path: string
}

/** A deadline passed. `code: 'TIMEOUT'` */
export declare class TimeoutError extends CodexError {
  /** The wire method that was not answered. */
  readonly method: string | null
  readonly timeoutMs: number
  /** The executable, where codex did not start in time. */
  readonly path?: string
}

/** A request may or may not have taken effect; it is never sent again by this package. `code: 'INDETERMINATE'` */
export declare class IndeterminateError extends CodexError {
  readonly method: string
}

/** The server answered with an error. `code: 'JSON_RPC_ERROR'`, or that of the subclass */
export declare class JsonRpcError extends CodexError {
  /** The code on the wire. */
  readonly rpcCode: number
  /** The `data` of the error, or null. */
  readonly data: unknown
  /** The wire method that was asked for. */
  readonly method: string
  /** The version of the codex that answered. */
  readonly codexVersion: string | null
}

/** The server refused the request. `code: 'INVALID_REQUEST'` */
export declare class InvalidRequestError extends JsonRpcError {}

/**
 * There is no thread of that id: never, not any more, or not where the call looks (one that is archived, or was never on
 * disk). In `codex-node/exec`, which has no wire, `method` is `exec resume` and `rpcCode` what app-server says. `code: 'THREAD_NOT_FOUND'`
 */
export declare class ThreadNotFoundError extends InvalidRequestError {
  /** What was asked for; null where the server refused it without naming it, as what is no id at all. */
  readonly threadId: string | null
}

/**
 * Another codex process has the thread open, and codex lets one write to it. Close it there (`thread.close()`, or the end of
 * that process), or have both use one server (`serve()`); it can be read and forked meanwhile. `retryable`: it may be free
 * later. That of `codex-node/exec` has `threadId` alone of its fields. `code: 'THREAD_IN_USE'`
 */
export declare class ThreadInUseError extends InvalidRequestError {
  /** The thread. */
  readonly threadId: string | null
}

/**
 * The configuration could not be loaded: `config.toml`, or the option `config`. `code: 'CONFIG_LOAD'`, which a
 * `ServerExitedError` has where codex does not even start with it.
 */
export declare class ConfigLoadError extends InvalidRequestError {}

/** This codex does not know the method. `code: 'METHOD_NOT_FOUND'` */
export declare class MethodNotFoundError extends JsonRpcError {}

/** The parameters are wrong. `code: 'INVALID_PARAMS'` */
export declare class InvalidParamsError extends JsonRpcError {}

/** The configuration could not be written. `code: 'CONFIG_WRITE'` */
export declare class ConfigWriteError extends JsonRpcError {
  /** Why: the file has changed since `expectedVersion`, the value is not valid, the file may not be written. */
  readonly configErrorCode:
    | 'configVersionConflict'
    | 'configValidationError'
    | 'configLayerReadonly'
    | (string & {})
}

/** The server failed inside. `code: 'INTERNAL_RPC_ERROR'` */
export declare class InternalRpcError extends JsonRpcError {}

/** The server is overloaded and did not carry out the request; `retryable` is true. `code: 'SERVER_BUSY'` */
export declare class ServerBusyError extends JsonRpcError {}

/**
 * The thread runs a turn, which what was asked for would break off; or one that was given up here, and that codex does not
 * end. Nothing was sent. `code: 'THREAD_BUSY'`
 */
export declare class ThreadBusyError extends CodexError {
  readonly threadId: string
  /** The turn, where it is known. */
  readonly turnId: string | null
}

/** A login ended without success, or was given up. `code: 'LOGIN_FAILED'` */
export declare class LoginFailedError extends CodexError {
  readonly loginId: string
}

/** What kind of failure it was: a word, or an object of one field, told apart by `in`. A newer codex may send others. */
export type TurnErrorInfo = Closed<Protocol.CodexErrorInfo>

/** The members of a union that have no field of any name: those can't be told apart. */
export type Closed<T> = T extends unknown ? (string extends keyof T ? never : T) : never

/** The turn ended with status `failed`. `code: 'TURN_FAILED'` */
export declare class TurnFailedError extends CodexError {
  readonly threadId: string
  readonly turnId: string
  /** What kind of failure it was, as the server says. */
  readonly codexErrorInfo: TurnErrorInfo | null
  readonly additionalDetails: string | null
  /** HTTP status of the model provider, where there was one. */
  readonly httpStatus: number | null
  /**
   * Whether the failure is of a kind that passes: an overloaded provider, a stream that broke. `retryable` is true where
   * besides nothing of the turn has had an effect: no command, change or call of a tool was begun that was not declined. One
   * that is `transient` alone can be gone on with: `retryOnOverload()` does so for a turn, `thread.proceed()` by hand.
   */
  readonly transient: boolean
  /** What was collected of the turn. */
  readonly result: TurnResult
}

/** The turn was silent for longer than `inactivityTimeoutMs`; it goes on at the server. `code: 'TURN_INACTIVE'` */
export declare class TurnInactiveError extends CodexError {
  /** Where the reader stood. */
  readonly continuation: TurnContinuation
  readonly idleMs: number
}

/** The turn is over at the server, but how it ended could not be learnt. `code: 'TURN_LOST'` */
export declare class TurnLostError extends CodexError {
  /** What was collected of the turn. */
  readonly result: TurnResult | null
}

/** The final message is no JSON, or does not fit `outputSchema`. `code: 'OUTPUT_VALIDATION'` */
export declare class OutputValidationError extends CodexError {
  /** The final message. */
  readonly text: string
  /** What the schema said of it. */
  readonly issues: readonly StandardIssue[]
  /** The result of the turn, without `parsed`. */
  readonly result: TurnResult
}

/** A turn went over a budget, and was interrupted where it still ran; or nothing is left for it. `code: 'BUDGET_EXCEEDED'` */
export declare class BudgetExceededError extends CodexError {
  /** The limit that was exceeded. */
  readonly kind: BudgetKind
  readonly used: number
  readonly limit: number
  /** All that was used under the budget. */
  readonly use: BudgetUse
  /** Whose budget it was. */
  readonly scope: 'turn' | 'thread'
  /** What was collected of the turn; null where it had not begun. */
  readonly result: TurnResult | null
}

/** Codex is older than what this package speaks to. `code: 'UNSUPPORTED_VERSION'` */
export declare class UnsupportedVersionError extends CodexError {
  /** The version that was found. */
  readonly found: string
  /** The oldest that is supported. */
  readonly minimum: string
  /** The executable. */
  readonly path: string
}

/** The caller's signal was aborted; `cause` is its reason. `name: 'AbortError'`, `code: 'ABORT_ERR'` */
export declare class AbortError extends CodexError {
  /** What was collected of the turn, where one had begun. */
  readonly result: TurnResult | null
}
