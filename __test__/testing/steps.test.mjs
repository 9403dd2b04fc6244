import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import * as testing from '../../testing/index.mjs'

// What waits for ever must fail its test, not the whole run.
describe('steps', { timeout: 10_000 }, () => {
  const { createGate, startScriptedProvider } = testing

  /** @type {testing.ScriptedProvider} */
  let provider

  before(async () => {
    provider = await startScriptedProvider()
  })
  after(() => provider.close())

  /** @type {[name: string, step: unknown, message: RegExp][]} */
  const WRONG = [
    ['no object', 5, /^step 1: expected a string or an object, got 5$/],
    ['an array', [{ say: 'x' }], /^step 1: expected a string or an object, got an array$/],
    ['empty', {}, /^step 1: empty; accepted: say, deltas, .*items, .*incomplete$/],
    ['an unknown key alone', { sya: 'x' }, /^step 1\.sya: unknown key; accepted: items, .*say, /],
    [
      'an unknown key of an item',
      { say: 'x', chunkz: 2 },
      /^step 1\.chunkz: unknown key; accepted: say, chunks, /,
    ],
    ['the key of another kind', { say: 'x', batch: 2 }, /^step 1\.batch: unknown key/],
    ['a name from Object.prototype', { toString: 'x' }, /^step 1\.toString: unknown key/],
    ['a wrong type', { say: 5 }, /^step 1\.say: expected a string, got 5$/],
    ['a wrong count', { deltas: 1.5 }, /^step 1\.deltas: expected an integer from 0, got 1.5$/],
    [
      'a wrong phase',
      { say: 'x', phase: 'final' },
      /^step 1\.phase: expected "commentary" or "final_answer"/,
    ],
    ['a wrong wait', { waitFor: 5 }, /^step 1\.waitFor: expected a gate or a promise, got 5$/],
    [
      'two items in one',
      { say: 'x', command: 'ls' },
      /^step 1: "say" and "command" are two items; put them into "items"$/,
    ],
    ['an item beside items', { say: 'x', items: [] }, /^step 1: "say" and "items" exclude each other$/],
    [
      'an unknown item',
      { items: ['a', { sya: 'x' }] },
      /^step 1\.items\[1\]\.sya: unknown key; an item has one of: say, /,
    ],
    ['an empty item', { items: [{}] }, /^step 1\.items\[0\]: empty; an item has one of: /],
    ['an ending inside items', { items: [{ cut: true }] }, /^step 1\.items\[0\]\.cut: unknown key/],
    [
      'an argument of a command',
      { command: { cmd: 'ls', cwd: '/' } },
      /^step 1\.command\.cwd: unknown key; accepted: cmd, /,
    ],
    [
      'a command without cmd',
      { command: { workdir: '/' } },
      /^step 1\.command\.cmd: missing; expected a string$/,
    ],
    ['a key of a call', { call: { name: 'x', arguments: {} } }, /^step 1\.call\.arguments: unknown key/],
    ['a call without a name', { call: { args: {} } }, /^step 1\.call\.name: missing/],
    [
      'an item without a type',
      { rawItem: { id: 'x' } },
      /^step 1\.rawItem: expected an object with a string "type"/,
    ],
    ['two endings', { say: 'x', cut: true, hang: true }, /^step 1: "cut" and "hang" exclude each other$/],
    ['a status', { http: 99 }, /^step 1\.http: expected an HTTP status/],
    ['items with a failure', { http: 500, say: 'x' }, /^step 1: "http" answers without a stream/],
    ['a body with a stream', { say: 'x', body: 'y' }, /^step 1\.body: only accepted beside "http"$/],
    [
      'headers that are no strings',
      { say: 'x', headers: { a: 1 } },
      /^step 1\.headers: expected an object of strings/,
    ],
    [
      'a key of usage',
      { say: 'x', usage: { input_tokens: 1 } },
      /^step 1\.usage\.input_tokens: unknown key; accepted: inputTokens/,
    ],
    ['a failure without a code', { failed: { message: 'x' } }, /^step 1\.failed\.code: missing/],
    [
      'a negative delay',
      { say: 'x', delayMs: -1 },
      /^step 1\.delayMs: expected a number of milliseconds from 0, got -1$/,
    ],
  ]

  for (const [name, step, message] of WRONG) {
    test(`enqueue refuses ${name}`, () => {
      assert.throws(
        () => provider.enqueue('good', /** @type {testing.ScriptStep} */ (step)),
        (error) => {
          assert(error instanceof TypeError)
          assert.match(error.message.replace('step 2', 'step 1'), message)
          return true
        },
      )
      assert.equal(provider.queued, 0, 'the good step before it must not be queued either')
    })
  }

  test('the types refuse what enqueue refuses', () => {
    // @ts-expect-error a typo
    assert.throws(() => provider.enqueue({ sya: 'x' }), TypeError)
    // @ts-expect-error a wrong type
    assert.throws(() => provider.enqueue({ deltas: 'x' }), TypeError)
    // @ts-expect-error an option that does not exist
    assert.throws(() => provider.enqueue(testing.say('x', { chunkz: 1 })), TypeError)
  })

  test('when and the options of the provider are checked too', async () => {
    assert.throws(() => provider.when('x'), /^TypeError: when: expected at least one step$/)
    // @ts-expect-error a typo
    assert.throws(() => provider.when('x', { sya: 'y' }), /^TypeError: when step 1\.sya: unknown key/)
    // @ts-expect-error neither string, RegExp nor function
    assert.throws(() => provider.when(5, 'x'), /^TypeError: when: expected a string, a RegExp or a function/)
    // @ts-expect-error a typo
    const typo = startScriptedProvider({ fallbak: 'x' })
    await assert.rejects(typo, /^TypeError: startScriptedProvider\.fallbak: unknown key/)
    const port = startScriptedProvider({ port: -1 })
    await assert.rejects(port, /^TypeError: startScriptedProvider\.port: expected a port/)
  })

  test('what the builders make is accepted', () => {
    const t = testing
    const steps = [
      t.say('x', { chunks: 2, chunkDelayMs: 1, phase: 'commentary', id: 'msg_1' }),
      t.deltas(3, { text: 'x', batch: 2, chunkDelayMs: 1 }),
      t.reasoning(['a', 'b'], { raw: 'c' }),
      t.command('ls', { workdir: '/', tty: true, yield_time_ms: 250, prefix_rule: ['ls'], callId: 'call_1' }),
      t.patch('*** Begin Patch\n*** End Patch\n', { chunks: 2 }),
      t.addFile('a.txt', 'a\n'),
      t.functionCall('f', { a: 1 }, { namespace: 'n' }),
      t.mcpCall('server', 'tool', {}),
      t.customCall('c', 'input'),
      t.webSearch('query'),
      t.rawItem({ type: 'x' }),
      t.rawEvent({ type: 'x' }),
      t.rawSse(': x\n\n'),
      t.sleep(1),
      t.waitFor(createGate()),
      t.reply(['a', t.say('b')], { usage: null, headers: { a: 'b' }, delayMs: 1 }),
      t.httpError(429, { headers: { 'retry-after': '1' }, body: 'slow down' }),
      t.failed('server_error'),
      t.incomplete('max_output_tokens', ['x']),
      t.cut('x'),
      t.endEarly(),
      t.hang(t.say('x')),
    ]
    provider.enqueue(...steps)
    assert.equal(provider.queued, steps.length)
  })

  test('import and require give the same', () => {
    const required = createRequire(import.meta.url)('../../testing/index.js')
    const { ...imported } = testing
    assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort())
    for (const [name, value] of Object.entries(imported)) assert.equal(value, required[name], name)
  })
})
