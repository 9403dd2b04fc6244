'use strict'

// Spans and metrics of OpenTelemetry for what the channels of this package tell.

const { channel, tracingChannel } = require('node:diagnostics_channel')
const { argumentError, checkObject } = require('../glue/json.js')
const { api } = require('./api.js')
const { ConnectionSpans } = require('./connections.js')
const { HandlerSpans } = require('./handlers.js')
const { Metrics } = require('./metrics.js')
const { RequestSpans } = require('./requests.js')
const { ToolSpans } = require('./tools.js')
const { TurnSpans } = require('./turns.js')

/** The version of the conventions that the names are of. */
const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0'

const FIELDS = ['tracerProvider', 'meterProvider', 'captureContent', 'requests']

/**
 * @param {any} [options]
 * @returns {{ disable(): void, [Symbol.dispose](): void }}
 */
function instrument(options = {}) {
  checkObject(options, 'options')
  const stray = Object.keys(options).find((name) => !FIELDS.includes(name))
  if (stray !== undefined)
    throw argumentError(`options.${stray}: is no option; it takes ${FIELDS.join(', ')}`)
  const { tracerProvider, meterProvider, captureContent = false, requests = true } = options
  if (typeof captureContent !== 'boolean') throw argumentError('options.captureContent: must be a boolean')
  if (typeof requests !== 'boolean') throw argumentError('options.requests: must be a boolean')
  for (const [name, method] of /** @type {const} */ ([
    ['tracerProvider', 'getTracer'],
    ['meterProvider', 'getMeter'],
  ])) {
    if (options[name] !== undefined && typeof options[name]?.[method] !== 'function') {
      throw argumentError(`options.${name}: must be one of OpenTelemetry, with ${method}()`)
    }
  }
  const otel = api()
  const { name, version } = require('../package.json')
  const how = { schemaUrl: SCHEMA_URL }
  const tracer = (tracerProvider ?? otel.trace).getTracer(name, version, how)
  const meter = (meterProvider ?? otel.metrics).getMeter(name, version, how)
  const metrics = new Metrics(meter)
  const turns = new TurnSpans(otel, tracer, metrics, captureContent)
  const tools = new ToolSpans(otel, tracer, metrics, turns, captureContent)
  const handlers = new HandlerSpans(otel, tracer, tools)
  const connections = new ConnectionSpans(otel, tracer)
  const subscriptions = [
    tracing('codex-node:turn', turns),
    plain('codex-node:tool', (message) => tools.tell(message)),
    tracing('codex-node:handler', handlers),
    plain('codex-node:connection', (message) => connections.tell(message)),
    ...(requests ? [tracing('codex-node:request', new RequestSpans(otel, tracer))] : []),
  ]
  const disable = () => {
    for (const off of subscriptions.splice(0)) off()
  }
  return { disable, [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: disable }
}

/**
 * @param {string} name
 * @param {{ start(message: any): void, asyncEnd(message: any): void, end?(message: any): void }} spans
 */
function tracing(name, spans) {
  const subscribers = {
    start: (/** @type {any} */ message) => spans.start(message),
    end: (/** @type {any} */ message) => spans.end?.(message),
    asyncStart() {},
    asyncEnd: (/** @type {any} */ message) => spans.asyncEnd(message),
    error() {},
  }
  const channels = tracingChannel(name)
  channels.subscribe(subscribers)
  return () => channels.unsubscribe(subscribers)
}

/**
 * @param {string} name
 * @param {(message: any) => void} hear
 */
function plain(name, hear) {
  const channels = channel(name)
  channels.subscribe(hear)
  return () => channels.unsubscribe(hear)
}

module.exports = { instrument }
