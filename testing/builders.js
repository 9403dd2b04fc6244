// @ts-check
'use strict'

// Each builder makes the plain object that could be written by hand; it is checked when it is queued.

/** @typedef {typeof import('./index.js')} Api */

/** @type {Api['say']} */
const say = (text, options) => ({ say: text, ...options })

/** @type {Api['deltas']} */
const deltas = (count, options) => ({ deltas: count, ...options })

/** @type {Api['reasoning']} */
const reasoning = (summary, options) => ({ reasoning: summary, ...options })

/** @type {Api['command']} */
const command = (cmd, { callId, ...args } = {}) => ({ command: { cmd, ...args }, callId })

/** @type {Api['patch']} */
const patch = (text, options) => ({ patch: text, ...options })

/** @type {Api['addFile']} */
const addFile = (path, content, options) => {
  const lines = content.replace(/\n$/, '').split('\n')
  const body = lines.map((line) => `+${line}\n`).join('')
  return patch(`*** Begin Patch\n*** Add File: ${path}\n${body}*** End Patch\n`, options)
}

/** @type {Api['functionCall']} */
const functionCall = (name, args, { callId, namespace } = {}) => ({ call: { name, args, namespace }, callId })

/** @type {Api['mcpCall']} */
const mcpCall = (server, tool, args, options) =>
  functionCall(tool, args, { ...options, namespace: `mcp__${server}` })

/** @type {Api['spawnAgent']} */
const spawnAgent = (message, { name, callId } = {}) =>
  name === undefined
    ? functionCall('spawn_agent', { message }, { namespace: 'multi_agent_v1', ...(callId && { callId }) })
    : functionCall(
        'spawn_agent',
        { task_name: name, message, fork_turns: 'none' },
        { namespace: 'collaboration', ...(callId && { callId }) },
      )

/** @type {Api['customCall']} */
const customCall = (name, input, options) => ({ custom: { name, input }, ...options })

/** @type {Api['webSearch']} */
const webSearch = (query) => ({ webSearch: query })

/** @type {Api['rawItem']} */
const rawItem = (item) => ({ rawItem: item })

/** @type {Api['rawEvent']} */
const rawEvent = (event) => ({ event })

/** @type {Api['rawSse']} */
const rawSse = (text) => ({ rawSse: text })

/** @type {Api['sleep']} */
const sleep = (ms) => ({ sleepMs: ms })

/** @type {Api['waitFor']} */
const waitFor = (gate) => ({ waitFor: gate })

/** @type {Api['reply']} */
const reply = (items, options) => ({ items, ...options })

/** @type {Api['httpError']} */
const httpError = (status, options) => ({ http: status, ...options })

/** @type {Api['failed']} */
const failed = (code, message, items = []) => ({ items, failed: { code, message } })

/** @type {Api['incomplete']} */
const incomplete = (reason, items = []) => ({ items, incomplete: reason })

/** @type {Api['cut']} */
const cut = (...items) => ({ items, cut: true })

/** @type {Api['endEarly']} */
const endEarly = (...items) => ({ items, end: true })

/** @type {Api['hang']} */
const hang = (...items) => ({ items, hang: true })

module.exports = {
  addFile,
  command,
  customCall,
  cut,
  deltas,
  endEarly,
  failed,
  functionCall,
  hang,
  httpError,
  incomplete,
  mcpCall,
  patch,
  rawEvent,
  rawItem,
  rawSse,
  reasoning,
  reply,
  say,
  sleep,
  spawnAgent,
  waitFor,
  webSearch,
}
