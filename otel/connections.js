'use strict'

const { fail } = require('./api.js')

/** A span for each time that the line to codex was lost, until there is another or none. */
class ConnectionSpans {
  #otel
  #tracer
  /** @type {WeakMap<object, import('@opentelemetry/api').Span>} */
  #lost = new WeakMap()

  /**
   * @param {import('./api.js').Api} otel
   * @param {import('@opentelemetry/api').Tracer} tracer
   */
  constructor(otel, tracer) {
    this.#otel = otel
    this.#tracer = tracer
  }

  /** @param {{ codex: object, event: any }} message */
  tell({ codex, event }) {
    const span = this.#lost.get(codex)
    if (event.type === 'lost') {
      const attributes = { 'codex_node.lost': event.error?.code ?? 'CONNECTION_LOST' }
      const { ROOT_CONTEXT, SpanKind } = this.#otel
      const options = { kind: SpanKind.CLIENT, attributes, root: true }
      this.#lost.set(codex, span ?? this.#tracer.startSpan('codex reconnect', options, ROOT_CONTEXT))
    } else if (event.type === 'connecting') {
      span?.setAttribute('codex_node.attempts', event.attempt)
    } else if (span !== undefined && (event.type === 'resumed' || event.type === 'closed')) {
      this.#lost.delete(codex)
      if (event.type === 'closed')
        fail(this.#otel, span, event.error ?? { code: 'CLOSED', message: 'closed' })
      span.end()
    }
  }
}

module.exports = { ConnectionSpans }
