// Spans, metrics and channels: what a turn did, under whom it was done, and nothing where nobody listens.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { after, describe, test } from 'node:test'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { retryOnOverload } from '../../index.mjs'
import { instrument } from '../../otel/index.mjs'
import { allowCommands, policy } from '../../policy/index.mjs'
import {
  addFile,
  command,
  createGate,
  failed,
  functionCall,
  httpError,
  reply,
  say,
  waitFor,
} from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { listening } from '../support/listening.mjs'
import { startProxy } from '../support/proxy.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'
import { collector, idOf, telemetry } from '../support/telemetry.mjs'

const otel = telemetry()
const { tracerProvider, meterProvider, tracer, named, inSpan } = otel
const instrumentation = instrument({ tracerProvider, meterProvider })
after(() => instrumentation.disable())

describe('spans', { concurrency: true, timeout: 60_000 }, () => {
  test('what goes on after a turn by itself has spans of its own', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
    provider.enqueue(say('no JSON'), say('{"n":1}'))
    const turn = await thread.turn('Count', { outputSchema, outputRetries: 1 })
    const result = await turn.result()
    const busy = httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } })
    provider.enqueue(command('true'), busy, say('Done.'))
    const done = await retryOnOverload(() => thread.turn('go'), { initialDelayMs: 1 })
    const spans = named('invoke_agent codex', thread.id).map(({ attributes }) => attributes)
    assert.deepEqual(
      spans.map((attributes) => attributes['codex_node.call']),
      ['Thread.turn', 'Thread.turn', 'Thread.turn', 'Thread.proceed'],
    )
    const ids = spans.map((attributes) => attributes['codex_node.turn.id'])
    assert.deepEqual([ids[0], ids[1], ids[3]], [turn.id, result.turnId, done.turnId])
    assert.equal(new Set(ids).size, 4)
    for (const attributes of spans.slice(0, 2)) {
      assert.equal(attributes['gen_ai.request.model'], 'gpt-5.5')
      assert.equal(attributes['gen_ai.output.type'], 'json')
    }
    assert.equal(spans[3]?.['gen_ai.request.model'], 'gpt-5.5')
  })

  test('a patch has its span, with the approval that it waited for', async (t) => {
    const { codex, provider, home } = await real(t, {
      onApproval: (request) =>
        request.kind === 'fileChange' && request.changes?.[0]?.path.endsWith('yes.txt')
          ? 'accept'
          : 'decline',
    })
    provider.enqueue(
      addFile('yes.txt', 'yes', { callId: 'allowed' }),
      addFile('no.txt', 'no', { callId: 'refused' }),
      say('Done.'),
    )
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'untrusted',
      model: 'gpt-5.5',
    })
    await thread.run('go')
    const [turn] = named('invoke_agent codex', thread.id)
    const patches = named('execute_tool edit', thread.id)
    assert.deepEqual(
      patches.map(({ attributes, parentSpanContext, status }) => [
        attributes['gen_ai.tool.call.id'],
        attributes['codex_node.item.type'],
        attributes['error.type'],
        status.code,
        parentSpanContext?.spanId === idOf(turn),
      ]),
      [
        ['allowed', 'fileChange', undefined, SpanStatusCode.UNSET, true],
        ['refused', 'fileChange', 'declined', SpanStatusCode.ERROR, true],
      ],
    )
    const approvals = named('codex approval', thread.id)
    assert.deepEqual(
      approvals.map(({ attributes, parentSpanContext }) => [
        patches.findIndex((span) => idOf(span) === parentSpanContext?.spanId),
        attributes['codex_node.approval.decision'],
      ]),
      [
        [0, 'accept'],
        [1, 'decline'],
      ],
    )
  })

  test('a turn has its span, with its tools, approvals and what they decided below it', async (t) => {
    const { codex, provider, home } = await real(t, { onApproval: policy(allowCommands('touch *', 'false')) })
    provider.enqueue(
      command('touch made', { callId: 'one' }),
      command('false', { callId: 'two' }),
      say('Done.'),
    )
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'untrusted',
      model: 'gpt-5.5',
    })
    const result = await inSpan('the program', () => thread.run('go'))

    const [turn] = named('invoke_agent codex', thread.id)
    assert.equal(turn?.kind, SpanKind.CLIENT)
    assert.equal(turn.parentSpanContext?.spanId, idOf(named('the program')[0]))
    assert.deepEqual(turn.attributes, {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'codex',
      'gen_ai.request.model': 'gpt-5.5',
      'gen_ai.output.type': 'text',
      'gen_ai.conversation.id': thread.id,
      'codex_node.call': 'Thread.run',
      'codex_node.turn.id': result.turnId,
      'gen_ai.response.finish_reasons': ['completed'],
      'gen_ai.usage.input_tokens': 300,
      'gen_ai.usage.output_tokens': 60,
      'gen_ai.usage.cache_read.input_tokens': 120,
      'gen_ai.usage.cache_creation.input_tokens': 0,
    })
    const tools = named('execute_tool bash', thread.id)
    assert.deepEqual(
      tools.map(({ attributes, parentSpanContext, status }) => [
        attributes['gen_ai.tool.call.id'],
        attributes['process.exit.code'],
        parentSpanContext?.spanId === idOf(turn),
        status.code,
      ]),
      [
        ['one', 0, true, SpanStatusCode.UNSET],
        ['two', 1, true, SpanStatusCode.ERROR],
      ],
    )
    const approvals = named('codex approval', thread.id)
    assert.deepEqual(
      approvals.map(({ attributes, parentSpanContext }) => [
        // The question may be heard before its item.
        [...tools, turn].some((span) => idOf(span) === parentSpanContext?.spanId),
        attributes['codex_node.approval.decision'],
        attributes['codex_node.approval.rule'],
      ]),
      [
        [true, 'accept', 'allowCommands: touch *'],
        [true, 'accept', 'allowCommands: false'],
      ],
    )
    // No content was asked for.
    const text = JSON.stringify(otel.spans().map(({ attributes }) => attributes))
    assert.ok(!text.includes('touch made') && !text.includes('Done.'))
  })

  test('turns at once, and what their tools do, each have their own parents', async (t) => {
    const { codex, provider } = await real(t)
    const gate = createGate()
    const tools = [
      {
        name: 'look',
        description: 'looks',
        inputSchema: { type: 'object', properties: {} },
        run: async (/** @type {unknown} */ _, /** @type {{ threadId: string }} */ { threadId }) => {
          tracer.startSpan(`seen by ${threadId}`).end()
          return 'seen'
        },
      },
    ]
    const threads = await Promise.all([1, 2, 3].map(() => codex.startThread({ tools })))
    for (const index of threads.keys()) {
      provider.when(`turn ${index}`, reply([waitFor(gate), functionCall('look', {})]), say('Done.'))
    }
    const turns = threads.map((thread, index) =>
      inSpan(`program ${index}`, () => thread.run(`turn ${index}`)),
    )
    gate.open()
    await Promise.all(turns)
    for (const [index, thread] of threads.entries()) {
      const [program] = named(`program ${index}`)
      const [turn] = named('invoke_agent codex', thread.id)
      const [tool] = named('execute_tool look', thread.id)
      const [seen] = named(`seen by ${thread.id}`)
      assert.equal(turn?.parentSpanContext?.spanId, idOf(program))
      assert.equal(tool?.parentSpanContext?.spanId, idOf(turn))
      assert.ok([idOf(tool), idOf(turn)].includes(seen?.parentSpanContext?.spanId))
      assert.equal(seen?.spanContext().traceId, program?.spanContext().traceId)
    }
  })

  test('turns that fail, are aborted, interrupted, or lose their codex say so', async (t) => {
    const { codex, provider } = await real(t)
    const outcomes = async (
      /** @type {(thread: import('../../index.js').Thread) => Promise<unknown>} */ act,
    ) => {
      const thread = await codex.startThread()
      await act(thread).catch(() => {})
      const [turn] = named('invoke_agent codex', thread.id)
      return [
        turn?.attributes['error.type'],
        turn?.attributes['gen_ai.response.finish_reasons'],
        turn?.status.code,
      ]
    }
    provider.when('fail', failed('invalid_prompt', 'no'))
    const failure = await outcomes((thread) => thread.run('fail'))
    assert.deepEqual(failure, ['TURN_FAILED', ['failed'], SpanStatusCode.ERROR])
    provider.when('abort', reply([waitFor(createGate()), say('never')]))
    const aborted = await outcomes((thread) => thread.run('abort', { signal: AbortSignal.timeout(300) }))
    assert.deepEqual(aborted, ['ABORT_ERR', ['interrupted'], SpanStatusCode.ERROR])
    const interrupted = await outcomes(async (thread) => {
      const turn = await thread.turn('abort')
      await turn.interrupt()
      await turn.run()
      while (named('invoke_agent codex', thread.id).length === 0)
        await new Promise((resolve) => setImmediate(resolve))
    })
    assert.deepEqual(interrupted, [undefined, ['interrupted'], SpanStatusCode.UNSET])
    const refused = await outcomes((thread) => thread.run(/** @type {any} */ (5)))
    assert.deepEqual(refused, ['INVALID_ARGUMENT', undefined, SpanStatusCode.ERROR])
    const dying = rig(t, {
      on: { 'thread/start': [['default']], 'turn/start': [['turnBegin', { exit: 3 }]] },
    })
    const thread = await dying.codex.startThread()
    await assert.rejects(thread.run('go'))
    const died = otel.spans().filter(({ attributes }) => attributes['error.type'] === 'SERVER_EXITED')
    assert.equal(died.length, 1)
  })

  test('calls have spans of their own, and reconnects', async (t) => {
    const { codex } = await real(t)
    const threads = codex.request('thread/loaded/list', {})
    await threads
    await assert.rejects(codex.request('no/such', {}))
    await codex.readThread('0199a213-81c0-7800-8aa1-bbab2a035a53', {}).catch(() => {})
    const [list] = named('codex thread/loaded/list')
    assert.equal(list?.attributes['rpc.method'], 'thread/loaded/list')
    assert.equal(named('codex no/such')[0]?.status.code, SpanStatusCode.ERROR)
    assert.equal(named('codex readThread')[0]?.attributes['error.type'], 'THREAD_NOT_FOUND')
  })

  test('metrics', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(command('true'), say('Done.'))
    await (await codex.startThread({ model: 'gpt-5.5' })).run('go')
    const all = await otel.histograms()
    const of = (/** @type {string} */ name) => all.filter((histogram) => histogram.name === name)
    for (const name of [
      'gen_ai.client.operation.duration',
      'gen_ai.invoke_agent.duration',
      'gen_ai.client.operation.time_to_first_chunk',
      'gen_ai.execute_tool.duration',
    ]) {
      assert.ok(
        of(name).some(({ count, sum }) => count > 0 && sum >= 0),
        name,
      )
      assert.equal(of(name)[0]?.unit, 's')
    }
    const types = new Set(
      of('gen_ai.client.token.usage').map(({ attributes }) => attributes['gen_ai.token.type']),
    )
    assert.deepEqual(types, new Set(['input', 'output']))
    assert.equal(of('gen_ai.client.token.usage')[0]?.unit, '{token}')
  })

  test('what codex exports, and what it asks of the model, join the trace', async (t) => {
    const sink = await collector(t)
    const exporter = { 'otlp-http': { endpoint: sink.endpoint, protocol: 'json', headers: {} } }
    const { codex, provider } = await real(t, { config: { otel: { trace_exporter: exporter } } })
    provider.enqueue(say('Hello.'))
    const thread = await inSpan('start', () => codex.startThread())
    await thread.run('go')
    await codex.close()
    const [turn] = named('invoke_agent codex', thread.id)
    const context = turn?.spanContext()
    const child = sink.spans.find(({ parentSpanId }) => parentSpanId === context?.spanId)
    assert.equal(child?.traceId, context?.traceId)
    assert.ok(JSON.stringify(child.attributes).includes('turn/start'), JSON.stringify(child))
    const start = named('codex startThread').find(
      ({ attributes }) => attributes['gen_ai.conversation.id'] === thread.id,
    )
    assert.ok(sink.spans.some(({ parentSpanId }) => parentSpanId === idOf(start)))
    const traceparent = provider.requests[0]?.headers.traceparent
    assert.ok(String(traceparent).includes(String(context?.traceId)), String(traceparent))
  })

  test('log records say the trace of what they are about', async (t) => {
    /** @type {import('../../index.js').LogRecord[]} */
    const records = []
    const { codex } = rig(
      t,
      { on: { 'turn/start': [['turnBegin', 'turnEnd', { exit: 1 }]] } },
      { logLevel: 'trace', logger: (record) => records.push(record) },
    )
    const thread = await codex.startThread()
    await thread.run('go').catch(() => {})
    await codex.close()
    const withIds = records.filter(({ fields }) => fields.trace_id !== undefined)
    assert.ok(withIds.length > 0, JSON.stringify(records))
    const ids = new Set(otel.spans().map((span) => span.spanContext().spanId))
    for (const { fields } of withIds) assert.ok(ids.has(String(fields.span_id)))
  })
})

test('a line that drops has a span, and changes nothing of what turns used', {
  timeout: 60_000,
}, async (t) => {
  const server = await listening(t)
  const proxy = await startProxy(t, server.url)
  const { codex, events } = connect(t, { url: proxy.url })
  const gate = createGate()
  server.provider.enqueue(command('true'), reply([waitFor(gate), say('last')]))
  const thread = await codex.startThread({ cwd: server.home.workspace })
  const run = thread.run('go', { budget: { tokens: 240 } })
  await gate.reached
  proxy.cut()
  await events.next('resumed')
  gate.open()
  const result = await run
  assert.equal(result.finalResponse, 'last')
  const [turn, ...others] = named('invoke_agent codex', thread.id)
  assert.equal(others.length, 0)
  assert.equal(turn?.attributes['gen_ai.usage.input_tokens'], 200)
  assert.equal(turn?.attributes['server.address'], '127.0.0.1')
  assert.equal(turn?.attributes['server.port'], Number(new URL(proxy.url).port))
  assert.equal(named('execute_tool bash', thread.id).length, 1)
  const [reconnect, ...more] = named('codex reconnect')
  assert.equal(more.length, 0)
  assert.equal(reconnect?.status.code, SpanStatusCode.UNSET)
  assert.equal(reconnect?.attributes['codex_node.lost'], 'CONNECTION_LOST')
})

describe('content', { timeout: 60_000 }, () => {
  // Beside the others it would be the parent of what they do.
  test('content comes where it is asked for', async (t) => {
    const own = telemetry()
    const second = instrument({ captureContent: true, requests: false, ...only(own) })
    t.after(() => second.disable())
    const { codex, provider } = await real(t)
    provider.enqueue(command('echo secret-output'), say('The answer.'))
    const thread = await codex.startThread()
    await thread.run([{ type: 'text', text: 'The question.' }])
    const [turn] = own.named('invoke_agent codex', thread.id)
    const [tool] = own.named('execute_tool bash', thread.id)
    assert.deepEqual(JSON.parse(String(turn?.attributes['gen_ai.input.messages'])), [
      { role: 'user', parts: [{ type: 'text', content: 'The question.' }] },
    ])
    assert.match(String(turn?.attributes['gen_ai.output.messages']), /The answer\./)
    assert.match(String(tool?.attributes['gen_ai.tool.call.arguments']), /echo secret-output/)
    assert.match(String(tool?.attributes['gen_ai.tool.call.result']), /secret-output\\n/)
    assert.equal(own.spans().filter(({ name }) => name.startsWith('codex ')).length, 0)
  })
})

describe('channels', { timeout: 60_000 }, () => {
  test('a subscriber without OpenTelemetry hears of turns and tools, sets a trace and a context', async (t) => {
    const { codex, log } = rig(t)
    const storage = new AsyncLocalStorage()
    /** @type {any[]} */
    const heard = []
    const trace = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=b',
    }
    const subscribers = {
      start: (/** @type {any} */ message) => {
        const outer = message.within
        message.trace = trace
        message.within = (/** @type {() => unknown} */ call) =>
          storage.run('within', () => (outer === undefined ? call() : outer(call)))
        heard.push(['start', message.call, message.input])
      },
      end() {},
      asyncStart() {},
      asyncEnd: (/** @type {any} */ message) => heard.push(['end', message.turnId, message.status]),
      error() {},
    }
    tracingChannel('codex-node:turn').subscribe(subscribers)
    t.after(() => tracingChannel('codex-node:turn').unsubscribe(subscribers))
    const result = await (await codex.startThread()).run('go')
    assert.deepEqual(heard, [
      ['start', 'run', 'go'],
      ['end', result.turnId, 'completed'],
    ])
    assert.deepEqual((await log.message('turn/start')).trace, trace)
  })

  test('where nobody listens nothing is added to requests', async (t) => {
    instrumentation.disable()
    const { codex, log } = rig(t)
    await (await codex.startThread()).run('go')
    for (const message of log.messages()) assert.equal(message.trace, undefined)
    assert.equal(channel('codex-node:tool').hasSubscribers, false)
  })
})

/** @param {ReturnType<typeof telemetry>} own */
const only = ({ tracerProvider, meterProvider }) => ({ tracerProvider, meterProvider })
