// @ts-check
'use strict'

const { newId, playItem } = require('./items.js')

/** @typedef {InstanceType<typeof import('./sse.js').ResponseStream>} ResponseStream */
/** @typedef {import('./step.js').PlannedStep} PlannedStep */

const DEFAULT_USAGE = { inputTokens: 100, cachedInputTokens: 40, outputTokens: 20, reasoningOutputTokens: 5 }

/** @param {PlannedStep['usage']} usage */
function wireUsage(usage) {
  if (usage === null) return null
  const {
    inputTokens = 0,
    cachedInputTokens = 0,
    outputTokens = 0,
    reasoningOutputTokens = 0,
  } = usage ?? DEFAULT_USAGE
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningOutputTokens },
    total_tokens: inputTokens + outputTokens,
  }
}

/**
 * @param {ResponseStream} stream
 * @param {PlannedStep} step
 */
function playHttp(stream, { ending, headers, body }) {
  const status = Number(ending.value)
  const payload = body ?? {
    error: { message: `scripted failure ${status}`, type: 'scripted_error', code: null },
  }
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const type = typeof payload === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
  stream.start(status, { 'content-type': type, ...lowerCased(headers) })
  stream.end(text)
}

/**
 * So that a script can replace a header of ours however it spells it.
 *
 * @param {Record<string, string>} headers
 */
function lowerCased(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/**
 * Plays one step as the answer to one request.
 *
 * @param {ResponseStream} stream
 * @param {PlannedStep} step
 * @param {unknown} model what the request asked for
 * @returns {Promise<void>} rejects when the client leaves before the end, or a promise of the script rejects
 */
async function play(stream, step, model) {
  await stream.sleep(step.delayMs)
  await stream.waitFor(step.waitFor)
  if (step.ending.kind === 'http') return playHttp(stream, step)

  stream.start(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    ...lowerCased(step.headers),
  })
  const response = { id: newId('resp'), object: 'response', model }
  await stream.event({ type: 'response.created', response: { ...response, status: 'in_progress' } })
  for (const item of step.items) await playItem(stream, item)

  const { kind, value } = step.ending
  if (kind === 'cut') return stream.cut()
  if (kind === 'hang') await (value === true ? stream.hang() : stream.waitFor(value))
  if (kind !== 'end') await stream.event(lastEvent(step, response))
  stream.end()
}

/**
 * @param {PlannedStep} step
 * @param {object} response
 */
function lastEvent({ ending, usage }, response) {
  const { kind, value } = ending
  if (kind === 'failed') {
    const { code, message = `scripted failure ${code}` } = /** @type {{ code: string, message?: string }} */ (
      value
    )
    return { type: 'response.failed', response: { ...response, status: 'failed', error: { code, message } } }
  }
  if (kind === 'incomplete') {
    const details = { incomplete_details: { reason: value } }
    return { type: 'response.incomplete', response: { ...response, status: 'incomplete', ...details } }
  }
  const rest = { status: 'completed', output: [], usage: wireUsage(usage) }
  return { type: 'response.completed', response: { ...response, ...rest } }
}

module.exports = { play }
