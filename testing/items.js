// @ts-check
'use strict'

const { randomUUID } = require('node:crypto')
const { sse } = require('./sse.js')

/** @typedef {InstanceType<typeof import('./sse.js').ResponseStream>} ResponseStream */
/** @typedef {import('./step.js').PlannedItem} PlannedItem */
/** @typedef {Record<string, unknown>} Options */

const DEFAULT_CHUNKS = 3
const DEFAULT_BATCH = 200

/**
 * Random, because a thread that is resumed on another provider keeps the ids of the first.
 *
 * @param {string} prefix
 */
function newId(prefix) {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`
}

/**
 * @param {string} text
 * @param {unknown} chunks how many parts; 0 for none
 * @returns {string[]}
 */
function split(text, chunks) {
  const count = Number(chunks ?? DEFAULT_CHUNKS)
  if (count === 0 || text === '') return []
  const size = Math.ceil(text.length / count)
  const parts = []
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + size, text.length)
    // codex drops an event with half a surrogate pair in it.
    if (end < text.length && /[\ud800-\udbff]/.test(text.charAt(end - 1))) end += 1
    parts.push(text.slice(start, end))
    start = end
  }
  return parts
}

/**
 * @param {ResponseStream} stream
 * @param {object} item
 */
function added(stream, item) {
  return stream.event(withItem('response.output_item.added', item))
}

/**
 * @param {ResponseStream} stream
 * @param {object} item
 */
function done(stream, item) {
  return stream.event(withItem('response.output_item.done', item))
}

/**
 * @param {string} type
 * @param {object} item
 */
function withItem(type, item) {
  return { type, output_index: 0, item }
}

/**
 * @param {Options} options
 * @returns {{ type: string, role: string, id: string, phase?: unknown }}
 */
function messageHead({ id, phase }) {
  const head = { type: 'message', role: 'assistant', id: typeof id === 'string' ? id : newId('msg') }
  return phase === undefined ? head : { ...head, phase }
}

/**
 * @param {string} id
 * @param {string} delta
 */
function textDelta(id, delta) {
  return { type: 'response.output_text.delta', item_id: id, output_index: 0, content_index: 0, delta }
}

/**
 * @param {string} text
 */
function outputText(text) {
  return [{ type: 'output_text', text, annotations: [] }]
}

/**
 * @param {ResponseStream} stream
 * @param {string} text
 * @param {Options} options
 */
async function playMessage(stream, text, options) {
  const head = messageHead(options)
  await added(stream, { ...head, content: [] })
  for (const part of split(text, options.chunks)) {
    await stream.event(textDelta(head.id, part))
    await stream.sleep(Number(options.chunkDelayMs ?? 0))
  }
  await done(stream, { ...head, content: outputText(text) })
}

/**
 * A flood: the event text is made once, and many go out in one write.
 *
 * @param {ResponseStream} stream
 * @param {number} count
 * @param {Options} options
 */
async function playDeltas(stream, count, options) {
  const head = messageHead(options)
  const text = String(options.text ?? 'x')
  const batch = Number(options.batch ?? DEFAULT_BATCH)
  const delta = sse(textDelta(head.id, text))
  await added(stream, { ...head, content: [] })
  for (let sent = 0; sent < count; sent += batch) {
    await stream.write(delta.repeat(Math.min(batch, count - sent)))
    await stream.sleep(Number(options.chunkDelayMs ?? 0))
  }
  await done(stream, { ...head, content: outputText(text.repeat(count)) })
}

/**
 * @param {ResponseStream} stream
 * @param {string | string[]} value the parts of the summary
 * @param {Options} options
 */
async function playReasoning(stream, value, { id = newId('rs'), raw, chunks, chunkDelayMs }) {
  const parts = typeof value === 'string' ? [value] : value
  const pause = () => stream.sleep(Number(chunkDelayMs ?? 0))
  await added(stream, { type: 'reasoning', id, summary: [] })
  for (const [index, text] of parts.entries()) {
    const at = { item_id: id, summary_index: index }
    const part = { type: 'summary_text', text: '' }
    await stream.event({ type: 'response.reasoning_summary_part.added', ...at, part })
    for (const delta of split(text, chunks)) {
      await stream.event({ type: 'response.reasoning_summary_text.delta', ...at, delta })
      await pause()
    }
  }
  for (const delta of split(String(raw ?? ''), chunks)) {
    await stream.event({ type: 'response.reasoning_text.delta', item_id: id, content_index: 0, delta })
    await pause()
  }
  const summary = parts.map((text) => ({ type: 'summary_text', text }))
  const content = raw === undefined ? {} : { content: [{ type: 'reasoning_text', text: raw }] }
  await done(stream, { type: 'reasoning', id, summary, ...content, encrypted_content: null })
}

/**
 * @param {ResponseStream} stream
 * @param {{ name: string, args?: unknown, namespace?: string }} call
 * @param {Options} options
 */
async function playCall(stream, { name, args, namespace }, { callId = newId('call') }) {
  const item = {
    type: 'function_call',
    id: newId('fc'),
    call_id: callId,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
  }
  await added(stream, { ...item, arguments: '' })
  await done(stream, item)
}

/**
 * @param {ResponseStream} stream
 * @param {{ name: string, input: string }} call
 * @param {Options} options
 */
async function playCustom(stream, { name, input }, { callId = newId('call'), chunks = 0 }) {
  const item = { type: 'custom_tool_call', id: newId('ctc'), call_id: callId, name, input }
  await added(stream, { ...item, input: '' })
  for (const delta of split(input, chunks)) {
    const at = { item_id: item.id, call_id: callId }
    await stream.event({ type: 'response.custom_tool_call_input.delta', ...at, delta })
  }
  await done(stream, item)
}

/**
 * @param {ResponseStream} stream
 * @param {string} query
 * @param {Options} options
 */
async function playWebSearch(stream, query, { id = newId('ws') }) {
  await added(stream, { type: 'web_search_call', id, status: 'in_progress' })
  const action = { type: 'search', query }
  await done(stream, { type: 'web_search_call', id, status: 'completed', action })
}

/** @typedef {(stream: ResponseStream, value: never, options: Options) => Promise<void>} Player */

/** @type {Record<string, Player>} */
const PLAYERS = {
  say: playMessage,
  deltas: playDeltas,
  reasoning: playReasoning,
  call: playCall,
  custom: playCustom,
  webSearch: playWebSearch,
  /** @param {string | { cmd: string }} value */
  command: (stream, value, options) => {
    const args = typeof value === 'string' ? { cmd: value } : value
    return playCall(stream, { name: 'exec_command', args }, options)
  },
  patch: (stream, input, options) => playCustom(stream, { name: 'apply_patch', input }, options),
  rawItem: (stream, item) => done(stream, item),
  event: (stream, event) => stream.event(event),
  rawSse: (stream, text) => stream.write(text),
  sleepMs: (stream, ms) => stream.sleep(ms),
  waitFor: (stream, waited) => stream.waitFor(waited),
}

/**
 * @param {ResponseStream} stream
 * @param {PlannedItem} item
 */
async function playItem(stream, { kind, value, options }) {
  // The step was checked when it was queued, so kind and value fit.
  await PLAYERS[kind]?.(stream, /** @type {never} */ (value), options)
}

module.exports = { newId, playItem, split }
