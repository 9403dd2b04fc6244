'use strict'

/**
 * What an item of a turn is to the AI SDK: a tool that codex runs.
 *
 * @typedef {import('../protocol.js').ThreadItem} Item
 * @typedef {object} Described
 * @property {string} toolName
 * @property {string} title for people
 * @property {unknown} input
 * @property {boolean} [lateInput] whether the input is known only when the item is complete
 */

/** What no tool is: words, and what has a part or a place of its own. */
const NO_TOOL = new Set(['userMessage', 'agentMessage', 'reasoning', 'plan', 'functionCallOutput'])

/** @param {{ type: string }} item */
function isTool(item) {
  return !NO_TOOL.has(item.type)
}

/**
 * @param {any} item
 * @returns {Described}
 */
function describe(item) {
  const describer = DESCRIBERS[item.type]
  return describer === undefined ? described(item.type, item.type, {}) : describer(item)
}

/**
 * @param {string} toolName
 * @param {string} title
 * @param {unknown} input
 * @returns {Described}
 */
function described(toolName, title, input) {
  return { toolName, title, input }
}

/** @type {Record<string, (item: any) => Described>} */
const DESCRIBERS = {
  commandExecution: ({ command, cwd }) => described('bash', command, { command, cwd }),
  fileChange: ({ changes }) =>
    described('edit', changes.map((/** @type {{ path: string }} */ { path }) => path).join(', '), {
      changes,
    }),
  webSearch: ({ query, action }) => ({
    ...described('webSearch', query, action ? { query, action } : { query }),
    lateInput: true,
  }),
  mcpToolCall: (item) =>
    described(`mcp__${item.server}__${item.tool}`, `${item.server}: ${item.tool}`, item.arguments ?? {}),
  dynamicToolCall: (item) => described(item.tool, item.tool, item.arguments ?? {}),
  collabAgentToolCall: ({ tool, prompt, receiverThreadIds, model }) =>
    described('agent', tool, defined({ tool, prompt, receiverThreadIds, model })),
  subAgentActivity: ({ kind, agentPath, agentThreadId }) =>
    described('agentActivity', agentPath, { kind, agentPath, agentThreadId }),
  imageView: ({ path }) => described('viewImage', path, { path }),
  imageGeneration: ({ revisedPrompt }) =>
    described('imageGeneration', revisedPrompt ?? 'image', defined({ prompt: revisedPrompt })),
  enteredReviewMode: ({ review }) => described('review', review, { review }),
  contextCompaction: () => described('compaction', 'compaction', {}),
  sleep: ({ durationMs }) => described('sleep', 'sleep', { durationMs }),
}

/**
 * What came of a completed item.
 *
 * @param {any} item
 * @param {string} output what a command was seen to write, for one that tells nothing itself
 * @returns {{ result: unknown, isError: boolean }}
 */
function outcome(item, output = '') {
  switch (item.type) {
    case 'commandExecution':
      return commandOutcome(item, output)
    case 'fileChange': {
      const { status, changes } = item
      const result = { status, changes, diff: changes.map(diffOf).join('') }
      return { result, isError: status !== 'completed' }
    }
    case 'mcpToolCall': {
      const { status, result, error } = item
      if (status === 'failed') return { result: error?.message ?? 'the call failed', isError: true }
      return {
        result: defined({ content: result?.content, structuredContent: result?.structuredContent }),
        isError: false,
      }
    }
    case 'dynamicToolCall':
      return { result: textOf(item.contentItems) ?? null, isError: item.success === false }
    default:
      return { result: item, isError: item.status === 'failed' }
  }
}

/**
 * A command that ran has an exit code, whatever that is; one that did not is an error.
 *
 * @param {any} item
 * @param {string} seen
 */
function commandOutcome({ status, aggregatedOutput, exitCode, durationMs }, seen) {
  const output = aggregatedOutput ?? seen
  const isError = status === 'declined' || (status === 'failed' && exitCode === null)
  return { result: { status, output, exitCode, durationMs }, isError }
}

/** @param {{ path: string, diff: string, kind: { type: string } }} change */
function diffOf({ path, kind, diff }) {
  return `${kind.type} ${path}\n${diff}${diff.endsWith('\n') ? '' : '\n'}`
}

/** @param {any[] | null | undefined} items of a dynamic tool's result */
function textOf(items) {
  if (!items) return undefined
  if (items.every(({ type }) => type === 'inputText')) return items.map(({ text }) => text).join('\n')
  return items
}

/**
 * @param {Record<string, unknown>} record
 * @returns {Record<string, unknown>} without what is null or undefined
 */
function defined(record) {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined && value !== null),
  )
}

module.exports = { isTool, describe, outcome, defined }
