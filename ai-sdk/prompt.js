'use strict'

const { fileItem } = require('./files.js')

/** The name under which options and metadata of this provider stand. */
const NAME = 'codex'

/**
 * What a prompt of the AI SDK, which is the whole conversation each time, says to codex, which knows most of it.
 *
 * @typedef {object} Plan
 * @property {string | undefined} instructions
 * @property {string | undefined} threadId of the last answer of codex in it
 * @property {string | undefined} turnId of that answer: what codex has of later turns is not of this conversation
 * @property {any[]} history messages that codex has not seen and that are not for it to answer, as its model takes them
 * @property {import('../index.js').InputItem[]} input what it is to answer
 * @property {{ approvalId: string, approved: boolean, reason?: string }[]} approvals answers to what it asked
 * @property {{ toolCallId: string, toolName: string, output: any }[]} results of tools of the caller
 *
 * @param {any[]} prompt
 * @param {(feature: string, details: string) => void} warn
 * @returns {Plan}
 */
function readPrompt(prompt, warn) {
  const instructions = prompt.filter(({ role }) => role === 'system').map(({ content }) => content)
  const messages = prompt.filter(({ role }) => role !== 'system')
  const { index, threadId, turnId } = lastAnswer(messages)
  const unseen = messages.slice(index + 1)
  const lastAssistant = unseen.findLastIndex(({ role }) => role === 'assistant')
  /** @type {Plan} */
  const plan = {
    instructions: instructions.length === 0 ? undefined : instructions.join('\n\n'),
    threadId,
    turnId,
    history: unseen.slice(0, lastAssistant + 1).flatMap((message) => historyItems(message, warn)),
    input: [],
    approvals: [],
    results: [],
  }
  for (const { role, content } of unseen.slice(lastAssistant + 1)) {
    if (role === 'user') plan.input.push(...inputItems(content, warn))
    else for (const part of content) takeAnswer(part, plan)
  }
  return plan
}

/**
 * The last message that codex gave.
 * @param {any[]} messages
 */
function lastAnswer(messages) {
  for (let index = messages.length - 1; index >= 0; index--) {
    const { role, content } = messages[index]
    if (role !== 'assistant') continue
    for (let at = content.length - 1; at >= 0; at--) {
      const meta = content[at].providerOptions?.[NAME]
      if (typeof meta?.threadId === 'string') {
        return {
          index,
          threadId: meta.threadId,
          turnId: typeof meta.turnId === 'string' ? meta.turnId : undefined,
        }
      }
    }
  }
  return { index: -1, threadId: undefined, turnId: undefined }
}

/**
 * @param {any} part of a tool message
 * @param {Plan} plan
 */
function takeAnswer(part, { approvals, results }) {
  if (part.type === 'tool-approval-response') {
    const { approvalId, approved, reason } = part
    approvals.push({ approvalId, approved, reason })
  } else if (part.type === 'tool-result') {
    const { toolCallId, toolName, output } = part
    results.push({ toolCallId, toolName, output })
  }
}

/**
 * @param {any[]} content of a message of the user
 * @param {(feature: string, details: string) => void} warn
 * @returns {import('../index.js').InputItem[]}
 */
function inputItems(content, warn) {
  return content.flatMap((part) => {
    /** @type {import('../index.js').InputItem | undefined} */
    const item = part.type === 'text' ? { type: 'text', text: part.text } : fileItem(part, warn)
    return item ?? []
  })
}

/**
 * A message of before codex as an item of its model's history: words, for what else there was is another model's.
 *
 * @param {any} message
 * @param {(feature: string, details: string) => void} warn
 */
function historyItems({ role, content }, warn) {
  if (role === 'user') {
    const parts = inputItems(content, warn).flatMap((item) => {
      if (item.type === 'text') return { type: 'input_text', text: item.text }
      return item.type === 'image' ? /** @type {any} */ ({ type: 'input_image', image_url: item.url }) : []
    })
    return parts.length === 0 ? [] : [{ type: 'message', role, content: parts }]
  }
  if (role !== 'assistant') return []
  const text = content
    .filter((/** @type {any} */ part) => part.type === 'text')
    .map((/** @type {any} */ part) => part.text)
  return text.length === 0
    ? []
    : [{ type: 'message', role, content: [{ type: 'output_text', text: text.join('') }] }]
}

/**
 * What a tool of the caller gave, as a tool of this package gives it.
 *
 * @param {any} output
 * @returns {import('../index.js').ToolResult}
 * @throws {Error} what the tool failed with
 */
function toolResult(output) {
  switch (output.type) {
    case 'error-text':
      throw new Error(output.value)
    case 'error-json':
      throw new Error(JSON.stringify(output.value))
    case 'execution-denied':
      throw new Error(
        output.reason ? `the user refused the call: ${output.reason}` : 'the user refused the call',
      )
    case 'content':
      return output.value.flatMap(contentItem)
    default:
      return output.value
  }
}

/**
 * @param {any} part
 * @returns {any[]}
 */
function contentItem(part) {
  if (part.type === 'text') return [{ type: 'text', text: part.text }]
  // AI SDK 6 has a type for each way of a file, 7 one for all.
  const mediaType = part.mediaType ?? (part.type.startsWith('image') ? 'image' : 'application/octet-stream')
  const data = part.data ?? part.url
  if (data === undefined) return []
  const item = fileItem({ ...part, data, mediaType }, () => {})
  return item === undefined
    ? [{ type: 'text', text: `[a file of type ${mediaType}, which codex can't read]` }]
    : [item]
}

module.exports = { NAME, readPrompt, toolResult }
