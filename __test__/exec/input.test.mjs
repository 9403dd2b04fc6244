// `codex-node/exec`: what a caller can get wrong. Nothing is started for it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Codex, Thread } from '../../exec/index.mjs'
import { rigPath } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'
import { notPlain } from '../support/wrong-values.mjs'

/** Calls that types forbid. @param {any} options */
const codexWith = (options) => new Codex(options)

/**
 * @param {string | RegExp} message its beginning, or what it matches
 */
function argumentError(message) {
  return (/** @type {any} */ error) => {
    assert.ok(error instanceof TypeError, String(error))
    assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
    if (typeof message === 'string') assert.ok(error.message.startsWith(message), error.message)
    else assert.match(error.message, message)
    return true
  }
}

/** @type {[string, any][]} */
const codexOptions = [
  ['codexPathOverride', 7],
  ['codexPath', []],
  ['baseUrl', {}],
  ['apiKey', 7],
  ['config', 'model="x"'],
  ['configOverrides', 'model="x"'],
  ['configOverrides[1]', ['a=1', 7]],
  ['env', ['A=1']],
  ['env.A', { A: 1 }],
]

/** @type {[string, any][]} */
const threadOptions = [
  ['model', 7],
  ['threadSource', {}],
  ['sandboxMode', true],
  ['workingDirectory', 7],
  ['skipGitRepoCheck', 'yes'],
  ['modelReasoningEffort', 7],
  ['networkAccessEnabled', 'yes'],
  ['webSearchMode', 7],
  ['webSearchEnabled', 1],
  ['approvalPolicy', 7],
  ['additionalDirectories', '/a'],
  ['additionalDirectories[1]', ['/a', 7]],
]

/** @type {[string, any, string][]} */
const turnOptions = [
  ['null', null, 'options: null'],
  ['text', 'x', 'options: a string'],
  ['an array', [], 'options: an array'],
  ...notPlain.map(
    ([make, says]) => /** @type {[string, any, string]} */ ([`${says}`, make(), `options: ${says.source}`]),
  ),
  ['a signal that is none', { signal: {} }, 'options.signal: must be an AbortSignal'],
  ['a signal that is null', { signal: null }, 'options.signal: must be an AbortSignal'],
  ['a controller', { signal: new AbortController() }, 'options.signal: must be an AbortSignal'],
  ['a schema that is text', { outputSchema: '{}' }, 'options.outputSchema: must be a plain JSON object'],
  ['a schema that is null', { outputSchema: null }, 'options.outputSchema: must be a plain JSON object'],
  ['a schema that is an array', { outputSchema: [] }, 'options.outputSchema: must be a plain JSON object'],
  ['a schema with a function', { outputSchema: { a: () => {} } }, 'options.outputSchema.a: a function'],
  ['a program that is no text', { cyberAccessProgram: 7 }, 'options.cyberAccessProgram: invalid type'],
]

/** @type {[any, string][]} */
const inputs = [
  [undefined, 'input: is missing'],
  [null, 'input: null'],
  [7, 'input: a number'],
  [{ type: 'text', text: 'x' }, 'input: an object'],
  [['x'], 'input[0]: invalid type: string "x", expected an object'],
  [[null], 'input[0]: invalid type: null, expected an object'],
  [[{ text: 'x' }], 'input[0]: missing field `type`'],
  [[{ type: 'text' }], 'input[0]: missing field `text`'],
  [
    [
      { type: 'text', text: 'x' },
      { type: 'image', url: 'u' },
    ],
    'input[1].type: unknown variant `image`',
  ],
  [[{ type: 'local_image', path: 7 }], 'input[0]: invalid type'],
  [[{ type: 'local_image', path: new Uint8Array(1) }], 'input[0].path: binary data'],
]

/** @type {[any, RegExp][]} */
const ids = [
  ['', /^id is empty/],
  [' ', /^id is empty/],
  [undefined, /^id is empty/],
  [null, /^id is empty/],
  [7, /^id: must be a string/],
  ['--last', /^id: `--last` is not the id of a thread/],
]

describe('what a caller of codex exec gets wrong', { concurrency: true, timeout: 60_000 }, () => {
  for (const options of [null, 7, 'x', []]) {
    test(`options of the client that are ${JSON.stringify(options)}`, () => {
      assert.throws(() => codexWith(options), argumentError('options: '))
    })
  }

  for (const [make, says] of notPlain) {
    test(`options of the client and of a thread that are ${says.source}`, () => {
      assert.throws(() => codexWith(make()), argumentError(`options: ${says.source}`))
      assert.throws(() => codexWith({}).startThread(make()), argumentError(`options: ${says.source}`))
    })
  }

  for (const [name, value] of codexOptions) {
    test(`the option ${name}: ${JSON.stringify(value)}`, () => {
      const option = name.replace(/[.[].*/, '')
      assert.throws(() => codexWith({ [option]: value }), argumentError(`options.${name}: `))
    })
  }

  for (const [name, value] of threadOptions) {
    test(`the thread option ${name}: ${JSON.stringify(value)}`, () => {
      const options = { [name.replace(/\[.*/, '')]: value }
      const codex = new Codex()
      assert.throws(() => codex.startThread(options), argumentError(`options.${name}: `))
      assert.throws(() => codex.resumeThread('thread-1', options), argumentError(`options.${name}: `))
    })
  }

  for (const [id, message] of ids) {
    test(`the id ${JSON.stringify(id)}`, () => {
      assert.throws(() => new Codex().resumeThread(id), argumentError(message))
    })
  }

  for (const [name, options, message] of turnOptions) {
    test(`turn options: ${name}`, async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      const thread = codex.startThread()
      await assert.rejects(thread.run('Hi', options), argumentError(message))
      await assert.rejects(thread.runStreamed('Hi', options), argumentError(message))
      assert.deepEqual(starts(), [])
    })
  }

  for (const [input, message] of inputs) {
    test(`the input ${JSON.stringify(input)}`, async (t) => {
      const { codex, starts } = scriptedExec(t, says.turn())
      const thread = codex.startThread()
      await assert.rejects(thread.run(input), argumentError(message))
      await assert.rejects(thread.runStreamed(input), argumentError(message))
      assert.deepEqual(starts(), [])
    })
  }

  test('a wrong call leaves the thread as it was', async (t) => {
    const { codex } = scriptedExec(t, says.turn())
    const thread = codex.startThread()
    await assert.rejects(thread.run('Hi', { outputSchema: null }), TypeError)
    assert.equal((await thread.run('Hi')).finalResponse, 'Done.')
  })

  test('what is unknown is let be, as in @openai/codex-sdk', async (t) => {
    const { env, starts } = scriptedExec(t, says.turn())
    const thread = codexWith({ codexPath: rigPath, env, unknown: 1 }).startThread(
      /** @type {any} */ ({ unknown: 2 }),
    )
    await thread.run('Hi', /** @type {any} */ ({ unknown: 3 }))
    assert.deepEqual(starts()[0].argv, ['exec', '--experimental-json'])
  })

  test('threads are made by a client', () => {
    const make = /** @type {any} */ (Thread)
    assert.throws(() => new make(), /threads are made by startThread\(\) and resumeThread\(\)/)
  })
})
