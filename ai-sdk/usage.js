'use strict'

/** @typedef {import('../protocol.js').TokenUsageBreakdown} Tokens */

const KEYS = /** @type {const} */ ([
  'inputTokens',
  'cachedInputTokens',
  'cacheWriteInputTokens',
  'outputTokens',
  'reasoningOutputTokens',
  'totalTokens',
])

/** Adds up what the requests to the model took that a call of the AI SDK saw. */
class Usage {
  /** @type {Tokens | undefined} */
  #sum
  /** The total of the thread at the last report: a report may be repeated. @type {number | undefined} */
  #total

  /** @param {import('../protocol.js').ThreadTokenUsage} report */
  add({ last, total }) {
    if (total.totalTokens === this.#total) return
    this.#total = total.totalTokens
    const before = this.#sum
    const sum = { ...last }
    if (before !== undefined) for (const key of KEYS) sum[key] = (before[key] ?? 0) + (last[key] ?? 0)
    this.#sum = sum
  }

  /** Takes what was added up; the next call of the same turn begins anew. */
  take() {
    const sum = this.#sum
    this.#sum = undefined
    return usageOf(sum)
  }
}

/**
 * Tokens in the terms of the AI SDK, which are the same in both of its versions.
 * @param {Tokens | undefined} tokens
 */
function usageOf(tokens) {
  if (tokens === undefined) {
    return {
      inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: undefined, text: undefined, reasoning: undefined },
    }
  }
  const { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens } = tokens
  // Codex before it told of what is written to the cache has no field for it.
  const cacheWrite = tokens.cacheWriteInputTokens ?? 0
  return {
    inputTokens: {
      total: inputTokens,
      noCache: Math.max(0, inputTokens - cachedInputTokens - cacheWrite),
      cacheRead: cachedInputTokens,
      cacheWrite,
    },
    outputTokens: {
      total: outputTokens,
      text: Math.max(0, outputTokens - reasoningOutputTokens),
      reasoning: reasoningOutputTokens,
    },
    raw: tokens,
  }
}

module.exports = { Usage }
