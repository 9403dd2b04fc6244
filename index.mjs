import codexNode from './index.js'

// The classes are those of the CommonJS entry: one identity, whoever loads the package how.
export const {
  Codex,
  Thread,
  Turn,
  isRetryableError,
  retryOnOverload,
  CodexError,
  BinaryNotFoundError,
  TransportError,
  ServerExitedError,
  ClosedError,
  TimeoutError,
  IndeterminateError,
  JsonRpcError,
  InvalidRequestError,
  MethodNotFoundError,
  InvalidParamsError,
  InternalRpcError,
  ServerBusyError,
  TurnFailedError,
  TurnInactiveError,
  TurnLostError,
  OutputValidationError,
  UnsupportedVersionError,
  AbortError,
} = codexNode
