'use strict'

const { begin, fail, traceOf } = require('./api.js')
const { serverOf } = require('./server.js')

/** A span for each call that asks something of codex. */
class RequestSpans {
  #otel
  #tracer
  /** @type {WeakMap<object, import('@opentelemetry/api').Span>} */
  #open = new WeakMap()

  /**
   * @param {import('./api.js').Api} otel
   * @param {import('@opentelemetry/api').Tracer} tracer
   */
  constructor(otel, tracer) {
    this.#otel = otel
    this.#tracer = tracer
  }

  /** @param {any} message */
  start(message) {
    const { of, call, method, threadId, url } = message
    const attributes = {
      'rpc.system': 'jsonrpc',
      'codex_node.call': `${of}.${call}`,
      ...(method === undefined ? {} : { 'rpc.method': method }),
      ...(threadId === undefined ? {} : { 'gen_ai.conversation.id': threadId }),
      ...serverOf(url),
    }
    const options = { kind: this.#otel.SpanKind.CLIENT, attributes }
    const { span } = begin(this.#otel, this.#tracer, `codex ${method ?? call}`, options, message)
    this.#open.set(message, span)
    message.trace = traceOf(this.#otel, span) ?? message.trace
  }

  /** @param {any} message that has no asyncEnd where the call gave no promise */
  end(message) {
    if (message.isOver) this.asyncEnd(message)
  }

  /** @param {any} message */
  asyncEnd(message) {
    const span = this.#open.get(message)
    if (span === undefined) return
    this.#open.delete(message)
    const { error, result, threadId } = message
    if (error !== undefined) fail(this.#otel, span, error)
    else if (threadId === undefined && result?.constructor?.name === 'Thread') {
      span.setAttribute('gen_ai.conversation.id', result.id)
    }
    span.end()
  }
}

module.exports = { RequestSpans }
