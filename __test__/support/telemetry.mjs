// OpenTelemetry in memory, for one test file: what was recorded, and a loopback collector for what codex exports.

import { createServer } from 'node:http'
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

/** @param {import('@opentelemetry/sdk-trace-base').ReadableSpan | undefined} span */
export const idOf = (span) => span?.spanContext().spanId

/** Providers that keep what they get. */
export function telemetry() {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 2 ** 30 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const tracer = tracerProvider.getTracer('test')
  return {
    tracerProvider,
    meterProvider,
    tracer,
    /**
     * A call in a span of this name.
     *
     * @template T
     * @param {string} name
     * @param {() => Promise<T>} call
     */
    async inSpan(name, call) {
      const span = tracer.startSpan(name, {}, ROOT_CONTEXT)
      try {
        return await context.with(trace.setSpan(ROOT_CONTEXT, span), call)
      } finally {
        span.end()
      }
    },
    spans: () => exporter.getFinishedSpans(),
    /** @param {string} name @param {string} [threadId] */
    named: (name, threadId) =>
      exporter
        .getFinishedSpans()
        .filter((span) => span.name === name)
        .filter(
          ({ attributes }) => threadId === undefined || attributes['gen_ai.conversation.id'] === threadId,
        ),
    /** The sums and counts of the histograms, by name and attributes. */
    async histograms() {
      await reader.forceFlush()
      const all =
        metrics
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
      return all.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({
          name: descriptor.name,
          unit: descriptor.unit,
          attributes,
          .../** @type {{ sum: number, count: number }} */ (/** @type {unknown} */ (value)),
        })),
      )
    },
  }
}

/**
 * A collector of OTLP/JSON on loopback.
 * @param {{ after: (then: () => unknown) => void }} t
 */
export async function collector(t) {
  /** @type {any[]} */
  const spans = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { resourceSpans = [] } = JSON.parse(body)
    for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => server.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { spans, endpoint: `http://127.0.0.1:${port}/v1/traces` }
}
