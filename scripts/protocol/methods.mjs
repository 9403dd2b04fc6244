/** @typedef {import('./definitions.mjs').Definitions} Definitions */
/** @typedef {{ method: string, params: string | undefined, optional: boolean }} Method */

// Results that the name of the params type does not give. `null` params have no type name at all.
export const RESULTS = /** @type {Record<string, string>} */ ({
  // Params of another name than the response.
  'accountSession/list': 'AccountSessionsResponse',
  // All ways to write the config answer with the same type.
  'config/batchWrite': 'ConfigWriteResponse',
  'config/value/write': 'ConfigWriteResponse',
  'modelProvider/default/set': 'ConfigWriteResponse',
  // Methods without params.
  'account/gatewayOAuth/cancel': 'GatewayOAuthCancelResponse',
  'account/logout': 'LogoutAccountResponse',
  'account/securitySetup/read': 'GetAccountSecuritySetupResponse',
  'account/workspaceMessages/read': 'GetWorkspaceMessagesResponse',
  'config/mcpServer/reload': 'McpServerRefreshResponse',
  'configRequirements/read': 'ConfigRequirementsReadResponse',
  'externalAgentConfig/import/readHistories': 'ExternalAgentConfigImportHistoriesReadResponse',
  'memory/reset': 'MemoryResetResponse',
  'remoteControl/status/read': 'RemoteControlStatusReadResponse',
  'rollout/compress': 'RolloutCompressResponse',
  'windowsSandbox/readiness': 'WindowsSandboxReadinessResponse',
})

// Sent by the server and printed by generate-ts, but left out of the schema's list of notifications.
const UNLISTED_NOTIFICATIONS = /** @type {Record<string, string>} */ ({
  'rawResponse/completed': 'RawResponseCompletedNotification',
  'rawResponseItem/completed': 'RawResponseItemCompletedNotification',
})

// Methods of the first protocol that generate-ts still prints: the schema has no types for them.
const UNTYPED_METHODS = new Set(['getAuthStatus', 'getConversationSummary', 'gitDiffToRemote'])

// Response types that answer no method.
const NO_RESULT = new Set(['JSONRPCResponse'])

/**
 * The four directions of the protocol, each method with its types.
 *
 * @param {Definitions} definitions
 * @param {Record<string, string>} typescript the same unions as generate-ts prints them
 * @param {Set<string>} [gone] methods of an older codex, which it does not print
 */
export function readMethods(definitions, typescript, gone = new Set()) {
  const problems = /** @type {string[]} */ ([])
  const clientRequests = readUnion(definitions, 'ClientRequest')
  const serverRequests = readUnion(definitions, 'ServerRequest')
  const serverNotifications = readUnion(definitions, 'ServerNotification')
  const clientNotifications = readUnion(definitions, 'ClientNotification')

  for (const [method, params] of Object.entries(UNLISTED_NOTIFICATIONS)) {
    if (serverNotifications.some((listed) => listed.method === method)) {
      problems.push(`${method} is in the schema now: take it out of UNLISTED_NOTIFICATIONS`)
    } else if (!definitions[params]) problems.push(`${method} has no type ${params} any more`)
    else serverNotifications.push({ method, params, optional: false })
  }
  const results = resolveResults([...clientRequests, ...serverRequests], definitions, problems)

  for (const [name, methods] of Object.entries({
    ClientRequest: clientRequests,
    ServerRequest: serverRequests,
    ServerNotification: serverNotifications,
    ClientNotification: clientNotifications,
  })) {
    const own = methods.filter(({ method }) => !gone.has(method))
    compare(name, own, typescript[name] ?? '', problems)
  }
  if (problems.length > 0) throw new Error(`the protocol changed its shape:\n  ${problems.join('\n  ')}`)
  return { clientRequests, serverRequests, serverNotifications, clientNotifications, results }
}

/**
 * @param {Definitions} definitions
 * @param {string} name
 * @returns {Method[]}
 */
function readUnion(definitions, name) {
  const members = definitions[name]?.anyOf ?? (definitions[name] ? [definitions[name]] : [])
  if (members.length === 0) throw new Error(`the schema has no ${name}`)
  return members.map((member) => {
    const method = member.properties?.method?.enum?.[0]
    if (typeof method !== 'string') throw new Error(`${name} has a member without method`)
    const extra = Object.keys(member.properties ?? {}).filter(
      (key) => !['id', 'method', 'params', 'emittedAtMs'].includes(key),
    )
    if (extra.length > 0) throw new Error(`${method} carries more than params: ${extra.join(', ')}`)
    return { method, ...readParams(method, member.properties?.params) }
  })
}

/**
 * @param {string} method
 * @param {any} schema
 */
function readParams(method, schema) {
  const [type, ...rest] = (schema?.anyOf ?? [schema]).filter((/** @type {any} */ one) => one?.type !== 'null')
  if (rest.length > 0 || (type && !type.$ref))
    throw new Error(`the params of ${method} are not one named type`)
  return { params: type && nameOf(type.$ref), optional: Boolean(schema?.anyOf) }
}

/** @param {string} ref */
const nameOf = (ref) => ref.slice(ref.lastIndexOf('/') + 1)

/**
 * @param {Method[]} methods
 * @param {Definitions} definitions
 * @param {string[]} problems
 */
function resolveResults(methods, definitions, problems) {
  const results = /** @type {Record<string, string>} */ ({})
  for (const { method, params } of methods) {
    const byName = params?.replace(/Params$/, 'Response')
    const named = byName !== params && byName && definitions[byName] ? byName : undefined
    const listed = RESULTS[method]
    if (named && listed) problems.push(`${method} has ${named} by its name: take it out of RESULTS`)
    const result = named ?? listed
    if (result && definitions[result]) results[method] = result
    else problems.push(`${method} (params ${params}) has no known result type: put it in RESULTS`)
  }
  for (const method of Object.keys(RESULTS)) {
    if (!methods.some((known) => known.method === method))
      problems.push(`RESULTS names ${method}, which is gone`)
  }
  // A response that nobody returns means that some method above was given the wrong one.
  const used = new Set(Object.values(results))
  for (const name of Object.keys(definitions)) {
    if (name.endsWith('Response') && !used.has(name) && !NO_RESULT.has(name)) {
      problems.push(`${name} is the result of no method`)
    }
  }
  return results
}

/**
 * Holds the schema's methods against those of generate-ts, which codex prints by another way.
 *
 * @param {string} name
 * @param {Method[]} methods
 * @param {string} source
 * @param {string[]} problems
 */
function compare(name, methods, source, problems) {
  const printed = new Map()
  for (const [, method, rest = ''] of source.matchAll(/\{ "method": "([^"]+)"([^{}]*)\}/g)) {
    // An optional one comes as `params?: T` and as `params: T | null`.
    const [, mark = '', type, other = ''] = /"?params"?(\??): (\w+)( \| null)?/.exec(rest) ?? []
    printed.set(method, `${type}${mark || other ? '?' : ''}`)
  }
  for (const { method, params, optional } of methods) {
    const ours = `${params}${optional ? '?' : ''}`
    const theirs = printed.get(method)
    if (theirs !== ours)
      problems.push(`${name} ${method}: the schema says ${ours}, generate-ts says ${theirs}`)
    printed.delete(method)
  }
  for (const method of printed.keys()) {
    if (!UNTYPED_METHODS.has(method)) problems.push(`${name} ${method} is in generate-ts alone`)
  }
}
