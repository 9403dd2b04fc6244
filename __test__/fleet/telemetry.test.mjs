// One trace from submit() to what codex does, over Redis.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { BullMQOtel } from 'bullmq-otel'
import { Fleet, FleetWorker } from '../../fleet/index.mjs'
import { instrument } from '../../otel/index.mjs'
import {
  createCodexHome,
  createGate,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { collector, telemetry } from '../support/telemetry.mjs'
import { startRedis } from './support/redis.mjs'

// What the SDK brings.
const sdk = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/sdk-trace-base'))
const { W3CTraceContextPropagator } = sdk('@opentelemetry/core')

test('one trace from submit to codex, also where another worker took the job over', async (t) => {
  const { tracerProvider, meterProvider, tracer, spans } = telemetry()
  // As an SDK of OpenTelemetry sets them.
  trace.setGlobalTracerProvider(tracerProvider)
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const instrumentation = instrument({ tracerProvider, meterProvider })
  t.after(() => instrumentation.disable())
  const redis = await startRedis(t)
  const provider = await startScriptedProvider()
  // Each machine has its own.
  const homes = { a: await createCodexHome(provider), b: await createCodexHome(provider) }
  // Without an exporter codex makes no spans.
  const { endpoint } = await collector(t)
  const exporter = { 'otlp-http': { endpoint, protocol: 'json', headers: {} } }
  // Each client has its own, as each process would.
  const start = (/** @type {'a' | 'b'} */ name) =>
    new FleetWorker({
      connection: redis.url,
      name,
      signals: [],
      codex: { env: homes[name].env, config: { otel: { trace_exporter: exporter } } },
      telemetry: new BullMQOtel({ tracerName: 'codex' }),
    })
  const workers = [start('a')]
  const fleet = new Fleet({ connection: redis.url, telemetry: new BullMQOtel({ tracerName: 'codex' }) })
  t.after(async () => {
    await fleet.close()
    for (const worker of workers) await worker.close({ drainMs: 0 })
    await provider.close()
    for (const home of Object.values(homes)) await home.remove()
  })
  await workers[0]?.ready()
  const gate = createGate()
  provider.when(/^first$/, reply([say('One. '), waitFor(gate)]))
  /** @param {string} name */
  const submitIn = async (name) => {
    const span = tracer.startSpan(name, {}, ROOT_CONTEXT)
    const within = trace.setSpan(ROOT_CONTEXT, span)
    const job = await context.with(within, () => fleet.submit(name, { key: 'traced' }))
    span.end()
    return { job, traceId: span.spanContext().traceId }
  }
  const first = await submitIn('first')
  await gate.reached
  const second = await submitIn('second')
  const leaving = workers[0]?.close()
  workers.push(start('b'))
  await workers[1]?.ready()
  gate.open()
  const results = [await first.job.result(), await second.job.result()]
  await leaving
  await workers[1]?.close()
  const all = spans()
  for (const [index, { traceId }] of [first, second].entries()) {
    const turnId = results[index]?.turnId
    const turn = all.find(({ attributes }) => attributes['codex_node.turn.id'] === turnId)
    assert.equal(turn?.spanContext().traceId, traceId)
    // Each step from the turn upwards was recorded, to the span in which it was submitted.
    const names = []
    const above = (/** @type {string | undefined} */ id) => all.find((one) => one.spanContext().spanId === id)
    for (let span = above(turn?.spanContext().spanId); span !== undefined; ) {
      names.push(span.name)
      span = above(span.parentSpanContext?.spanId)
    }
    assert.equal(names[0], 'invoke_agent codex')
    assert.equal(names.at(-1), ['first', 'second'][index], names.join(' < '))
    assert.ok(names.length >= 3, names.join(' < '))
    // What codex asks of the model is in the trace, too.
    const asked = provider.requests.filter(({ userText }) => userText === ['first', 'second'][index])
    const parents = asked.map(({ headers }) => `${headers.traceparent}`)
    assert.ok(
      parents.some((parent) => parent.includes(traceId)),
      `${index}: ${parents}, not ${traceId}`,
    )
  }
})
