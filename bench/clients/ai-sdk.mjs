// Codex through the AI SDK: this package's provider and the one that users would pick instead.

import { createRequire } from 'node:module'
import { streamText } from 'ai-v7'

/**
 * A turn through the AI SDK, read as its text.
 *
 * @param {any} model
 */
async function turn(model) {
  let characters = 0
  for await (const text of streamText({ model, prompt: 'go' }).textStream) characters += text.length
  return characters
}

/** @type {import('./index.mjs').Open} */
export async function openOurs(codexPath) {
  const { createCodex } = createRequire(import.meta.url)('../../ai-sdk/index.js')
  const codex = createCodex({ codexPath })
  return { turn: () => turn(codex('gpt-5.5')), close: () => codex.close() }
}

/** @type {import('./index.mjs').Open} */
export async function openOther(codexPath) {
  const { createCodexAppServer } = await import('ai-sdk-provider-codex-cli')
  const provider = createCodexAppServer({ defaultSettings: { codexPath, logger: false } })
  return { turn: () => turn(provider('gpt-5.5')), close: async () => provider.close() }
}
