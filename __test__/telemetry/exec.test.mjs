// Spans of codex exec, and in a worker.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { instrument } from '../../otel/index.mjs'
import { command, say } from '../../testing/index.mjs'
import { places, runProgram } from '../support/program.mjs'
import { realExec } from '../support/real-exec.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'
import { idOf, telemetry } from '../support/telemetry.mjs'

const { tracerProvider, meterProvider, named, inSpan } = telemetry()
const instrumentation = instrument({ tracerProvider, meterProvider })
after(() => instrumentation.disable())

describe('codex exec', { concurrency: true, timeout: 60_000 }, () => {
  test('its turns have spans, and codex gets the trace as variables', async (t) => {
    const { codex, provider, inWorkspace } = await realExec(t)
    provider.enqueue(command('echo "$TRACEPARENT"'), say('Done.'))
    const thread = codex.startThread(inWorkspace)
    const { items } = await inSpan('exec program', () => thread.run('go'))
    const [turn] = named('invoke_agent codex', /** @type {string} */ (thread.id))
    const [tool] = named('execute_tool bash', /** @type {string} */ (thread.id))
    assert.equal(turn?.parentSpanContext?.spanId, idOf(named('exec program')[0]))
    assert.equal(tool?.parentSpanContext?.spanId, idOf(turn))
    assert.equal(turn?.attributes['gen_ai.usage.input_tokens'], 200)
    assert.deepEqual(turn?.attributes['gen_ai.response.finish_reasons'], ['completed'])
    const told = items.find((item) => item.type === 'command_execution')?.aggregated_output ?? ''
    assert.equal(told.trim(), `00-${turn?.spanContext().traceId}-${idOf(turn)}-01`)
  })

  test('a stream that is left, and a codex that dies, end their spans', async (t) => {
    const { codex } = scriptedExec(t, [...says.begin(), says.message('Half of it'), { exit: 3 }])
    const before = named('invoke_agent codex').length
    await assert.rejects(codex.startThread().run('go'), { code: 'SERVER_EXITED' })
    const { events } = await codex.startThread().runStreamed('go')
    for await (const _ of events) break
    const [died, left] = named('invoke_agent codex')
      .filter(
        ({ attributes }) =>
          attributes['codex_node.call'] === 'exec.Thread.run' ||
          attributes['codex_node.call'] === 'exec.Thread.runStreamed',
      )
      .slice(-2)
    assert.ok(named('invoke_agent codex').length >= before + 2)
    assert.equal(died?.attributes['error.type'], 'SERVER_EXITED')
    assert.deepEqual(left?.attributes['gen_ai.response.finish_reasons'], ['interrupted'])
  })
})

test('one that goes over its budget with its last word has an error', async (t) => {
  const item = {
    id: 'i',
    type: 'command_execution',
    command: 'ls',
    aggregated_output: '',
    status: 'in_progress',
  }
  const { codex } = scriptedExec(t, [
    ...says.begin('over'),
    says.item(item, 'item.started'),
    says.item({ ...item, exit_code: 0, status: 'completed' }),
    says.turnCompleted(),
  ])
  const run = codex.startThread().run('go', { budget: { commands: 0 } })
  await assert.rejects(run, { code: 'BUDGET_EXCEEDED' })
  const [turn] = named('invoke_agent codex', 'over')
  assert.equal(turn?.attributes['error.type'], 'BUDGET_EXCEEDED')
})

for (const place of places) {
  test(`spans on ${place}`, async (t) => {
    const { env } = rigEnvironment(t)
    const otel = new URL('../../otel/index.mjs', import.meta.url).href
    const support = new URL('../support/telemetry.mjs', import.meta.url).href
    const program = runProgram(
      t,
      place,
      `const { instrument } = await import(${JSON.stringify(otel)})
      const { telemetry } = await import(${JSON.stringify(support)})
      const { tracerProvider, meterProvider, spans } = telemetry()
      instrument({ tracerProvider, meterProvider })
      const codex = new Codex({ codexPath: data.path, env: data.env })
      await (await codex.startThread()).run('go')
      await codex.close()
      tell(spans().map(({ name }) => name))`,
      { path: rigPath, env: { .../** @type {Record<string, string>} */ (process.env), ...env } },
    )
    assert.deepEqual(await program.told(), ['codex startThread', 'invoke_agent codex'])
  })
}
