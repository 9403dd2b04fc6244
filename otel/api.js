'use strict'

/** @typedef {typeof import('@opentelemetry/api')} Api */

/**
 * The API of OpenTelemetry, which the program brings.
 * @returns {Api}
 */
function api() {
  try {
    return require('@opentelemetry/api')
  } catch (cause) {
    throw new Error('codex-node/otel needs the package @opentelemetry/api: npm install @opentelemetry/api', {
      cause,
    })
  }
}

/**
 * Where a span stands, in words of W3C Trace Context; undefined for one of no provider.
 *
 * @param {Api} otel
 * @param {import('@opentelemetry/api').Span} span
 */
function traceOf(otel, span) {
  const context = span.spanContext()
  if (!otel.isSpanContextValid(context)) return undefined
  const flags = context.traceFlags.toString(16).padStart(2, '0')
  const traceparent = `00-${context.traceId}-${context.spanId}-${flags}`
  const tracestate = context.traceState?.serialize()
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate }
}

/**
 * Begins a span, in which what follows is done.
 *
 * @param {Api} otel
 * @param {import('@opentelemetry/api').Tracer} tracer
 * @param {string} name
 * @param {import('@opentelemetry/api').SpanOptions} options
 * @param {any} message where subscribers say in what to do it
 */
function begin(otel, tracer, name, options, message) {
  const around = otel.context.active()
  const span = tracer.startSpan(name, options, around)
  const within = otel.trace.setSpan(around, span)
  const outer = message.within
  message.within = (/** @type {() => unknown} */ call) =>
    otel.context.with(within, outer === undefined ? call : () => outer(call))
  return { span, within }
}

/**
 * Says that what a span is of has failed.
 *
 * @param {Api} otel
 * @param {import('@opentelemetry/api').Span} span
 * @param {any} error
 * @param {boolean} [captures] whether content is asked for
 * @returns {string} what kind of error it is
 */
function fail(otel, span, error, captures = false) {
  const type = typeOf(error)
  const message = typeof error?.message === 'string' ? error.message : String(error)
  // What does not fit is quoted there: it is the answer of the model.
  const text = type === 'OUTPUT_VALIDATION' && !captures ? message.replace(/:.*/s, '') : message
  span.setAttribute('error.type', type)
  span.setStatus({ code: otel.SpanStatusCode.ERROR, message: text })
  return type
}

/** @param {any} error */
function typeOf(error) {
  if (typeof error?.code === 'string') return error.code
  return typeof error?.name === 'string' ? error.name : '_OTHER'
}

module.exports = { api, begin, fail, traceOf, typeOf }
