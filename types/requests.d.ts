// Requests by the protocol's own names.

import type * as Protocol from '../protocol.js'
import type { RequestOptions } from './calls.js'

/** The methods that `request` knows the types of; others may be given as they are. */
export type ClientMethod = Protocol.ClientMethod | (string & {})

/** The notifications that a client sends. */
export type ClientNotificationMethod = Protocol.ClientNotificationMethod | (string & {})

/** The arguments of `request` after the method. */
export type RequestArguments<M extends ClientMethod> = M extends Protocol.ClientMethod
  ? M extends Protocol.OptionalParamsMethod
    ? [params?: Protocol.Params<M>, options?: RequestOptions]
    : [params: Protocol.Params<M>, options?: RequestOptions]
  : [params?: unknown, options?: RequestOptions]

/** The result of `request`. */
export type RequestResult<M extends ClientMethod> = M extends Protocol.ClientMethod
  ? Protocol.Result<M>
  : unknown
