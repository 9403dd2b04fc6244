'use strict'

const { clock } = require('../glue/clock.js')
const { begin, fail, traceOf, typeOf } = require('./api.js')
const { serverOf } = require('./server.js')

/**
 * @typedef {import('./api.js').Api} Api
 * @typedef {import('@opentelemetry/api').Span} Span
 * @typedef {import('@opentelemetry/api').Context} Context
 * @typedef {import('../glue/channels-turn.js').TurnMessage & Record<string, any>} TurnMessage
 */

/** A span for each turn: `invoke_agent codex`. */
class TurnSpans {
  #otel
  #tracer
  #metrics
  #captures
  /** @type {WeakMap<object, { span: Span, within: Context, begun: number, attributes: Record<string, string> }>} */
  #open = new WeakMap()

  /**
   * @param {Api} otel
   * @param {import('@opentelemetry/api').Tracer} tracer
   * @param {InstanceType<typeof import('./metrics.js').Metrics>} metrics
   * @param {boolean} captures
   */
  constructor(otel, tracer, metrics, captures) {
    this.#otel = otel
    this.#tracer = tracer
    this.#metrics = metrics
    this.#captures = captures
  }

  /** @param {TurnMessage} message */
  start(message) {
    const attributes = {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'codex',
      ...(message.model === undefined ? {} : { 'gen_ai.request.model': message.model }),
      ...serverOf(message.url),
    }
    const options = {
      kind: this.#otel.SpanKind.CLIENT,
      attributes: {
        ...attributes,
        'gen_ai.output.type': message.isStructured ? 'json' : 'text',
        ...(message.threadId === undefined ? {} : { 'gen_ai.conversation.id': message.threadId }),
        'codex_node.call': `${message.of}.${message.call}`,
        ...(this.#captures && message.input !== undefined
          ? { 'gen_ai.input.messages': inputOf(message.input) }
          : {}),
      },
    }
    const { span, within } = begin(this.#otel, this.#tracer, 'invoke_agent codex', options, message)
    this.#open.set(message, { span, within, begun: clock(), attributes })
    message.trace = traceOf(this.#otel, span) ?? message.trace
  }

  /** @param {TurnMessage} message that has no asyncEnd where the call threw */
  end(message) {
    if (message.error !== undefined && message.turnId === undefined) this.asyncEnd(message)
  }

  /** @param {TurnMessage} message */
  asyncEnd(message) {
    const open = this.#open.get(message)
    if (open === undefined) return
    this.#open.delete(message)
    const { span, begun, attributes } = open
    if (message.threadId !== undefined) span.setAttribute('gen_ai.conversation.id', message.threadId)
    if (message.turnId !== undefined) span.setAttribute('codex_node.turn.id', message.turnId)
    if (message.status !== undefined) span.setAttribute('gen_ai.response.finish_reasons', [message.status])
    if (message.usage !== undefined) span.setAttributes(usageOf(message.usage))
    const answer = /** @type {any} */ (message.result)?.finalResponse ?? message.finalResponse
    if (this.#captures && typeof answer === 'string') {
      span.setAttribute('gen_ai.output.messages', messages('assistant', answer, { finish_reason: 'stop' }))
    }
    const failed =
      message.error === undefined ? undefined : fail(this.#otel, span, message.error, this.#captures)
    span.end()
    this.#metrics.turn(message, (clock() - begun) / 1000, {
      ...attributes,
      ...(failed === undefined ? {} : { 'error.type': typeOf(message.error) }),
    })
  }

  /**
   * The context of a turn, for what is below it.
   * @param {object} message
   */
  contextOf(message) {
    return this.#open.get(message)?.within
  }
}

/** @param {NonNullable<TurnMessage['usage']>} usage */
function usageOf(usage) {
  return {
    'gen_ai.usage.input_tokens': usage.inputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cachedInputTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheWriteInputTokens ?? 0,
  }
}

/** @param {unknown} input */
function inputOf(input) {
  if (typeof input === 'string') return messages('user', input)
  const items = /** @type {any[]} */ ([input].flat())
  // Bytes and files are not what a span is for.
  const parts = items.map((item) =>
    item?.type === 'text' ? { type: 'text', content: item.text } : { type: String(item?.type) },
  )
  return JSON.stringify([{ role: 'user', parts }])
}

/**
 * @param {string} role
 * @param {string} content
 * @param {object} [rest]
 */
function messages(role, content, rest) {
  return JSON.stringify([{ role, parts: [{ type: 'text', content }], ...rest }])
}

module.exports = { TurnSpans }
