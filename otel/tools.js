'use strict'

/**
 * @typedef {import('./api.js').Api} Api
 * @typedef {import('@opentelemetry/api').Span} Span
 * @typedef {{ phase: 'start' | 'end', turn: object, threadId: string, turnId: string, item: any, startedAt?: number, completedAt?: number }} ToolMessage
 */

/** What codex calls its own, by the names that are common. @type {Record<string, string>} */
const NAMES = { commandExecution: 'bash', fileChange: 'edit', webSearch: 'webSearch', imageView: 'viewImage' }

/** What an item is given, and what it gives. @type {Record<string, [string[], string[]]>} */
const CONTENT = {
  commandExecution: [
    ['command', 'cwd'],
    ['aggregatedOutput', 'exitCode'],
  ],
  fileChange: [['changes'], []],
  mcpToolCall: [['arguments'], ['result', 'error']],
  dynamicToolCall: [['arguments'], ['contentItems', 'success']],
  webSearch: [['query', 'action'], []],
  collabAgentToolCall: [['prompt'], []],
}

/** How an item says that it came to nothing. */
const FAILED = new Set(['failed', 'declined'])

/** A span for each tool, command and patch of a turn and its sub-agents: `execute_tool NAME`. */
class ToolSpans {
  #otel
  #tracer
  #metrics
  #turns
  #captures
  /** @type {Map<string, { span: Span, startedAt: number }>} */
  #open = new Map()

  /**
   * @param {Api} otel
   * @param {import('@opentelemetry/api').Tracer} tracer
   * @param {InstanceType<typeof import('./metrics.js').Metrics>} metrics
   * @param {InstanceType<typeof import('./turns.js').TurnSpans>} turns
   * @param {boolean} captures
   */
  constructor(otel, tracer, metrics, turns, captures) {
    this.#otel = otel
    this.#tracer = tracer
    this.#metrics = metrics
    this.#turns = turns
    this.#captures = captures
  }

  /** @param {ToolMessage} message */
  tell(message) {
    if (message.phase === 'start') this.#start(message)
    else this.#end(message)
  }

  /** @param {ToolMessage} message */
  #start({ turn, threadId, item, startedAt = Date.now() }) {
    const within = this.#turns.contextOf(turn)
    if (within === undefined) return
    const name = nameOf(item)
    const options = {
      kind: this.#otel.SpanKind.INTERNAL,
      startTime: startedAt,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': name,
        'gen_ai.tool.type': item.type === 'dynamicToolCall' ? 'function' : 'extension',
        'gen_ai.tool.call.id': item.id,
        'gen_ai.conversation.id': threadId,
        'codex_node.item.type': item.type,
      },
    }
    this.#open.set(`${threadId} ${item.id}`, {
      span: this.#tracer.startSpan(`execute_tool ${name}`, options, within),
      startedAt,
    })
  }

  /** @param {ToolMessage} message */
  #end({ threadId, item, completedAt = Date.now() }) {
    const key = `${threadId} ${item.id}`
    const open = this.#open.get(key)
    if (open === undefined) return
    this.#open.delete(key)
    const { span, startedAt } = open
    if (typeof item.exitCode === 'number') span.setAttribute('process.exit.code', item.exitCode)
    if (this.#captures) span.setAttributes(contentOf(item))
    const failed = FAILED.has(item.status) || item.success === false
    const type = failed ? (item.status ?? 'failed') : undefined
    if (type !== undefined) {
      span.setAttribute('error.type', type)
      span.setStatus({ code: this.#otel.SpanStatusCode.ERROR })
    }
    const endedAt = Math.max(startedAt, completedAt)
    span.end(endedAt)
    this.#metrics.tool(nameOf(item), (endedAt - startedAt) / 1000, type)
  }

  /**
   * The span of an item that is not complete.
   *
   * @param {string | undefined} threadId
   * @param {string | undefined} itemId
   */
  spanOf(threadId, itemId) {
    return this.#open.get(`${threadId} ${itemId}`)?.span
  }
}

/** @param {any} item */
function nameOf(item) {
  if (item.type === 'mcpToolCall') return `${item.server}.${item.tool}`
  return NAMES[item.type] ?? (typeof item.tool === 'string' ? item.tool : item.type)
}

/** @param {any} item */
function contentOf(item) {
  const [given, gives] = CONTENT[item.type] ?? [[], []]
  /** @param {string[]} names */
  const picked = (names) =>
    Object.fromEntries(names.filter((name) => item[name] != null).map((name) => [name, item[name]]))
  return {
    'gen_ai.tool.call.arguments': JSON.stringify(picked(given)),
    ...(gives.length === 0 ? {} : { 'gen_ai.tool.call.result': JSON.stringify(picked(gives)) }),
  }
}

module.exports = { ToolSpans }
