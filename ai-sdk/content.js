'use strict'

/**
 * The parts of a call as the content of one answer.
 * @param {import('./call.js').Call} call
 */
async function contentOf(call) {
  /** @type {any[]} */
  const content = []
  /** @type {Map<string, any>} */
  const blocks = new Map()
  const calls = new Set()
  /** @type {any} */
  let finish
  /** @type {any} */
  let response = {}
  for await (const parts of call.parts()) {
    for (const part of parts) {
      switch (part.type) {
        case 'stream-start':
        case 'raw':
          break
        case 'response-metadata': {
          const { type: _, ...metadata } = part
          response = metadata
          break
        }
        case 'text-start':
        case 'reasoning-start': {
          const block = {
            type: part.type.slice(0, -'-start'.length),
            text: '',
            providerMetadata: part.providerMetadata,
          }
          blocks.set(part.id, block)
          content.push(block)
          break
        }
        case 'text-delta':
        case 'reasoning-delta':
          blocks.get(part.id).text += part.delta
          break
        case 'text-end':
        case 'reasoning-end':
          blocks.get(part.id).providerMetadata = part.providerMetadata
          break
        case 'tool-input-start':
        case 'tool-input-delta':
        case 'tool-input-end':
          break
        case 'tool-call':
          calls.add(part.toolCallId)
          content.push(part)
          break
        case 'tool-result':
          if (part.preliminary) break
          // The AI SDK takes a result only beside its call, which was in an earlier answer.
          if (!calls.has(part.toolCallId)) content.push(call.turn.parts.calls.again(part.toolCallId))
          content.push(part)
          break
        case 'error':
          throw part.error
        case 'finish':
          finish = part
          break
        default:
          content.push(part)
      }
    }
  }
  const { finishReason, usage, providerMetadata } = finish
  return { content, finishReason, usage, providerMetadata, response, warnings: call.warnings }
}

module.exports = { contentOf }
