'use strict'

const { begin, fail } = require('./api.js')

/**
 * @typedef {import('./api.js').Api} Api
 * @typedef {import('@opentelemetry/api').Span} Span
 */

/** A span for each answer that codex waits for: approvals and other questions. Tools run in the span of their item. */
class HandlerSpans {
  #otel
  #tracer
  #tools
  /** @type {WeakMap<object, Span>} */
  #open = new WeakMap()

  /**
   * @param {Api} otel
   * @param {import('@opentelemetry/api').Tracer} tracer
   * @param {InstanceType<typeof import('./tools.js').ToolSpans>} tools
   */
  constructor(otel, tracer, tools) {
    this.#otel = otel
    this.#tracer = tracer
    this.#tools = tools
  }

  /** @param {any} message */
  start(message) {
    const { handler, kind, method, threadId, itemId } = message
    const otel = this.#otel
    const tool = this.#tools.spanOf(threadId, itemId)
    const around =
      tool === undefined ? otel.context.active() : otel.trace.setSpan(otel.context.active(), tool)
    otel.context.with(around, () => {
      if (handler === 'tools' || handler === 'onToolCall') {
        message.within = (/** @type {() => unknown} */ call) => otel.context.with(around, call)
        return
      }
      const attributes = {
        'codex_node.handler': handler,
        'rpc.method': method,
        ...(kind === undefined ? {} : { 'codex_node.approval.kind': kind }),
        ...(threadId === undefined ? {} : { 'gen_ai.conversation.id': threadId }),
        ...(itemId === undefined ? {} : { 'gen_ai.tool.call.id': itemId }),
      }
      const name = handler === 'onApproval' ? 'codex approval' : `codex ${handler}`
      const { span } = begin(otel, this.#tracer, name, { kind: otel.SpanKind.INTERNAL, attributes }, message)
      this.#open.set(message, span)
    })
  }

  /** @param {any} message */
  asyncEnd(message) {
    const span = this.#open.get(message)
    if (span === undefined) return
    this.#open.delete(message)
    const { decision, rule, error } = message
    if (decision !== undefined) span.setAttribute('codex_node.approval.decision', decision)
    if (rule !== undefined) span.setAttribute('codex_node.approval.rule', rule)
    if (error !== undefined) fail(this.#otel, span, error)
    span.end()
  }
}

module.exports = { HandlerSpans }
