// The programs of examples/ with a tool and with structured output, as a user runs them.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionCall, say } from '../../testing/index.mjs'
import { stage } from '../support/examples.mjs'

test('tool: the agent calls the function and answers from what it gave', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(functionCall('list_orders', { item: 'bicycle' }), say('A-17 is three days late.'))
  const outcome = await run('tool', 'Is my bicycle late?')
  assert.deepEqual(outcome, {
    code: 0,
    stdout: 'A-17 is three days late.\n',
    stderr: 'looking up bicycle\n',
  })
  const [output] = provider.requests[1]?.toolOutputs ?? []
  assert.deepEqual(JSON.parse(output?.output ?? ''), [{ id: 'A-17', item: 'bicycle', due: '2026-03-02' }])
})

test('structured-output: the answer is printed from its data', async (t) => {
  const { provider, run } = await stage(t)
  const risks = [
    { title: 'No tests', severity: 'high', file: null },
    { title: 'A leak', severity: 'low', file: 'src/a.js' },
  ]
  provider.enqueue(say(JSON.stringify({ summary: 'Fair.', risks })))
  const outcome = await run('structured-output')
  assert.deepEqual(outcome, {
    code: 0,
    stdout: 'Fair.\nhigh   No tests\nlow    A leak (src/a.js)\n',
    stderr: '',
  })
})

test('structured-output: an answer that does not fit is shown with what is wrong', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(say('{"summary":"Fair."}'))
  const { code, stdout, stderr } = await run('structured-output')
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(
    stderr,
    /^OutputValidationError: the final message does not fit outputSchema: risks: .*\n\{"summary":"Fair\."\}\n$/,
  )
})
