'use strict'

const { CodexAPICallError } = require('./errors.js')

/**
 * A file of a prompt as items of an input, of AI SDK 6 (`data` is bytes, base64 or a URL) or 7 (`data` says what it is).
 *
 * @param {{ data: any, mediaType: string, filename?: string }} part
 * @param {(feature: string, details: string) => void} warn
 * @returns {import('../index.js').InputItem | undefined} undefined where codex has no way to take it
 */
function fileItem({ data, mediaType, filename }, warn) {
  const content = contentOf(data)
  const [kind] = mediaType.split('/')
  if (kind === 'image') {
    const url = content.url ?? dataUrl(content, fullType(mediaType, content))
    return { type: 'image', url }
  }
  if (kind === 'audio') return { type: 'audio', url: content.url ?? dataUrl(content, mediaType) }
  if (content.text !== undefined || isText(mediaType)) {
    const text = content.text ?? textOf(content)
    if (text !== undefined)
      return { type: 'text', text: filename === undefined ? text : `${filename}:\n${text}` }
  }
  const name = filename === undefined ? '' : ` (${filename})`
  const hint =
    mediaType === 'application/pdf'
      ? 'codex reads no PDF: give its text, or a path in the working folder'
      : 'it was left out'
  warn(`file of type ${mediaType}`, `${hint}${name}`)
  return undefined
}

/**
 * @param {any} data
 * @returns {{ bytes?: Uint8Array, base64?: string, url?: string, text?: string }}
 */
function contentOf(data) {
  if (data instanceof Uint8Array) return { bytes: data }
  if (data instanceof URL) return ofUrl(data.href)
  if (typeof data === 'string') return /^(https?|data):/.test(data) ? ofUrl(data) : { base64: data }
  switch (data?.type) {
    case 'data':
      return contentOf(data.data)
    case 'url':
      return ofUrl(String(data.url))
    case 'text':
      return { text: data.text }
    default:
      throw new CodexAPICallError(
        'a file by the reference of another provider is nothing that codex can read',
      )
  }
}

/** @param {string} url */
function ofUrl(url) {
  const base64 = /^data:[^,]*;base64,(.*)$/s.exec(url)?.[1]
  return base64 === undefined ? { url } : { base64 }
}

/**
 * @param {{ bytes?: Uint8Array, base64?: string, text?: string }} content
 * @param {string} mediaType
 */
function dataUrl(content, mediaType) {
  return `data:${mediaType};base64,${content.base64 ?? Buffer.from(content.bytes ?? []).toString('base64')}`
}

/**
 * The type of an image of which is said no more than that it is one.
 *
 * @param {string} mediaType
 * @param {{ bytes?: Uint8Array, base64?: string }} content
 */
function fullType(mediaType, { bytes, base64 }) {
  if (/^image\/[^*]/.test(mediaType)) return mediaType
  const start =
    bytes === undefined
      ? Buffer.from((base64 ?? '').slice(0, 24), 'base64')
      : Buffer.from(bytes.subarray(0, 16))
  if (start.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return 'image/jpeg'
  if (start.toString('latin1', 0, 3) === 'GIF') return 'image/gif'
  if (start.toString('latin1', 8, 12) === 'WEBP') return 'image/webp'
  return 'image/png'
}

/** @param {string} mediaType */
function isText(mediaType) {
  return /^text(\/|$)|[/+](json|xml|yaml|toml|javascript|typescript|x-sh|sql)$/.test(mediaType)
}

/** @param {{ bytes?: Uint8Array, base64?: string }} content */
function textOf({ bytes, base64 }) {
  if (bytes !== undefined) return Buffer.from(bytes).toString('utf8')
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8')
}

module.exports = { fileItem }
