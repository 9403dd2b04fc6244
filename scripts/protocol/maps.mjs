/** @typedef {import('./definitions.mjs').Schema} Schema */
/** @typedef {ReturnType<typeof import('./methods.mjs').readMethods>} Methods */

/**
 * The four maps from a method to its types, as schemas of their own.
 *
 * @param {Methods} methods
 * @returns {Record<string, Schema>}
 */
export function mapSchemas({
  clientRequests,
  serverRequests,
  serverNotifications,
  clientNotifications,
  results,
}) {
  const request = (/** @type {import('./methods.mjs').Method} */ one) =>
    object([
      ['params', paramsOf(one)],
      ['result', ref(/** @type {string} */ (results[one.method]))],
    ])
  return {
    ClientNotifications: object(clientNotifications.map((one) => [one.method, paramsOf(one)])),
    ClientRequests: object(clientRequests.map((one) => [one.method, request(one)])),
    ServerNotifications: object(serverNotifications.map((one) => [one.method, paramsOf(one)])),
    ServerRequests: object(serverRequests.map((one) => [one.method, request(one)])),
  }
}

/**
 * @param {import('./methods.mjs').Method} method
 * @returns {Schema}
 */
function paramsOf({ params, optional }) {
  if (!params) return { tsType: 'undefined' }
  return optional ? { anyOf: [ref(params), { type: 'null' }, { tsType: 'undefined' }] } : ref(params)
}

/**
 * @param {string} name
 * @returns {Schema}
 */
const ref = (name) => ({ $ref: `#/definitions/${name}` })

/**
 * @param {[string, Schema][]} entries
 * @returns {Schema}
 */
const object = (entries) => ({
  type: 'object',
  properties: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))),
  required: entries.map(([name]) => name),
  additionalProperties: false,
})

/**
 * The types that no schema holds: how to look up a method, and its messages.
 *
 * @param {string} version
 */
export const helpers = (version) => `\
/** The codex these types were generated from; another version may differ. */
export type PINNED_CODEX_VERSION = '${version}'

/** A method the client can call. */
export type ClientMethod = keyof ClientRequests

/** The params of a client method: \`undefined\` where it takes none. */
export type Params<M extends ClientMethod> = ClientRequests[M]['params']

/** The result of a client method. */
export type Result<M extends ClientMethod> = ClientRequests[M]['result']

/** The client methods that can be called without params. */
export type OptionalParamsMethod = {
  [M in ClientMethod]: undefined extends Params<M> ? M : Record<never, never> extends Params<M> ? M : never
}[ClientMethod]

/** The method of a notification from the server. */
export type NotificationMethod = keyof ServerNotifications

/** The params of a notification from the server. */
export type NotificationParams<M extends NotificationMethod> = ServerNotifications[M]

/** A notification from the server: \`method\` tells the type of \`params\`. */
export type Notification<M extends NotificationMethod = NotificationMethod> = {
  [K in M]: { method: K; params: ServerNotifications[K]; emittedAtMs?: number }
}[M]

/** A method the server calls on the client. */
export type ServerRequestMethod = keyof ServerRequests

/** The params of a server request. */
export type ServerRequestParams<M extends ServerRequestMethod> = ServerRequests[M]['params']

/** What the client answers to a server request. */
export type ServerRequestResult<M extends ServerRequestMethod> = ServerRequests[M]['result']

/** A request from the server: \`method\` tells the type of \`params\`. */
export type ServerRequest<M extends ServerRequestMethod = ServerRequestMethod> = {
  [K in M]: { id: RequestId; method: K; params: ServerRequests[K]['params'] }
}[M]

/** A notification the client can send. */
export type ClientNotificationMethod = keyof ClientNotifications
`
