// @ts-check
'use strict'

const zlib = require('node:zlib')
const { isRecord } = require('./validate.js')

/** @typedef {import('node:http').IncomingHttpHeaders} IncomingHttpHeaders */

/** The tags of what codex itself adds under the role "user". A prompt may be wrapped in any other. */
const TAGS_OF_CODEX = [
  'environment_context',
  'user_instructions',
  'user_shell_command',
  'turn_aborted',
  'subagent_notification',
  'agent_message_board_notification',
  'codex_internal_context',
  'context_window',
  'context_window_guidance',
  'context_window_reminder',
  'current_time_reminder',
  'current_time_unavailable',
  'image_resize_notice',
  'model_switch',
  'recommended_plugins',
  'rollout_budget',
  'skill',
  'startup_context',
  '[a-z_]+_instructions',
]
const ADDED_BY_CODEX = new RegExp(
  `^\\s*(?:<(${TAGS_OF_CODEX.join('|')})\\b[^>]*>[\\s\\S]*</\\1>\\s*$|# AGENTS\\.md instructions)`,
)
// The markers that codex puts around an image.
const IMAGE_MARKER = /^<\/?image\b[^>]*>$/

/**
 * @param {unknown} list
 * @returns {Record<string, unknown>[]}
 */
function records(list) {
  return Array.isArray(list) ? list.filter(isRecord) : []
}

/**
 * @param {string | string[] | undefined} text
 * @returns {Record<string, unknown>}
 */
function parseMetadata(text) {
  try {
    const metadata = JSON.parse(String(text))
    return isRecord(metadata) ? metadata : {}
  } catch {
    return {}
  }
}

/** One HTTP request as it arrived, with what tests mostly ask of it; see index.d.ts. */
class RecordedRequest {
  /**
   * @param {{ method: string, path: string, headers: IncomingHttpHeaders, body: unknown }} parts
   */
  constructor({ method, path, headers, body }) {
    this.method = method
    this.path = path
    this.headers = headers
    this.body = body
  }

  get #fields() {
    return isRecord(this.body) ? this.body : {}
  }

  get threadId() {
    const header = this.headers['thread-id']
    const id = typeof header === 'string' ? header : this.#fields.prompt_cache_key
    return typeof id === 'string' ? id : undefined
  }

  get turnId() {
    const id = this.metadata.turn_id
    return typeof id === 'string' ? id : undefined
  }

  get metadata() {
    return parseMetadata(this.headers['x-codex-turn-metadata'])
  }

  get userMessages() {
    return records(this.#fields.input)
      .filter((item) => item.type === 'message' && item.role === 'user')
      .map((item) =>
        records(item.content)
          .flatMap(({ type, text }) => (type === 'input_text' && typeof text === 'string' ? [text] : []))
          .filter((text) => !ADDED_BY_CODEX.test(text) && !IMAGE_MARKER.test(text)),
      )
      .filter((parts) => parts.length > 0)
      .map((parts) => parts.join('\n'))
  }

  get userText() {
    return this.userMessages.at(-1)
  }

  get toolOutputs() {
    return records(this.#fields.input)
      .filter(({ type }) => type === 'function_call_output' || type === 'custom_tool_call_output')
      .map(({ call_id, output }) => {
        const images = imagesOf(output)
        const told = { callId: String(call_id), output: outputText(output) }
        return images.length > 0 ? { ...told, images } : told
      })
  }
}

/** @param {unknown} output */
function imagesOf(output) {
  return records(output).flatMap(({ type, image_url: url }) =>
    type === 'input_image' && typeof url === 'string' ? [url] : [],
  )
}

/** @param {unknown} output a string, or a list of content parts */
function outputText(output) {
  if (typeof output === 'string') return output
  const texts = records(output).flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
  // Images alone have no text.
  if (texts.length === 0 && imagesOf(output).length > 0) return ''
  return texts.length > 0 ? texts.join('\n') : JSON.stringify(output)
}

/**
 * @param {Buffer} raw
 * @param {string | undefined} encoding
 * @returns {Buffer}
 * @throws when this Node cannot decode it
 */
function decode(raw, encoding) {
  if (encoding === undefined || encoding === 'identity') return raw
  if (encoding === 'gzip') return zlib.gunzipSync(raw)
  if (encoding === 'br') return zlib.brotliDecompressSync(raw)
  // Node 22.15 and later; codex compresses only for its own backend.
  const unzstd = Reflect.get(zlib, 'zstdDecompressSync')
  if (encoding === 'zstd' && typeof unzstd === 'function') return unzstd(raw)
  throw new Error(`cannot decode the content-encoding ${encoding}`)
}

/**
 * Reads the body to its end.
 *
 * @param {import('node:http').IncomingMessage} message
 * @returns {Promise<RecordedRequest>} its body is the JSON value, the text where it is no JSON, undefined where empty
 */
async function readRequest(message) {
  const chunks = []
  for await (const chunk of message) chunks.push(chunk)
  const text = decode(Buffer.concat(chunks), message.headers['content-encoding']).toString('utf8')
  /** @type {unknown} */
  let body = text === '' ? undefined : text
  try {
    body = JSON.parse(text)
  } catch {
    // Stays text: the request is recorded as it came, and the route decides.
  }
  return new RecordedRequest({
    method: message.method ?? '',
    path: message.url ?? '',
    headers: message.headers,
    body,
  })
}

module.exports = { RecordedRequest, readRequest }
