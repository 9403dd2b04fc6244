'use strict'

const { NAME } = require('./prompt.js')

/**
 * Of which thread and turn of codex a message is: one of a user interface, one for a model, or the result of a call.
 *
 * @param {any} message
 * @returns {{ threadId: string, turnId?: string } | undefined} undefined where codex has not said it
 */
function codexMetadata(message) {
  const parts = message?.parts ?? message?.content ?? []
  const own = [message?.providerMetadata, message?.providerOptions]
  const all = [...(Array.isArray(parts) ? parts : []).flatMap(metadataOf), ...own]
  for (const metadata of all.reverse()) {
    const found = metadata?.[NAME]
    if (typeof found?.threadId !== 'string') continue
    return typeof found.turnId === 'string'
      ? { threadId: found.threadId, turnId: found.turnId }
      : { threadId: found.threadId }
  }
  return undefined
}

/** @param {any} part */
function metadataOf(part) {
  return [part.providerOptions, part.callProviderMetadata, part.resultProviderMetadata, part.providerMetadata]
}

module.exports = { codexMetadata }
