// What is made of a turn's result or of what a program throws: no secret of the client is in it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createCodex, resumeTurnResponse } from '../../ai-sdk/index.mjs'
import { AbortError, BudgetExceededError, OutputValidationError } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const SECRET = 'k33p-this-to-yourself'
/** What even a piece of it shows. */
const PIECE = SECRET.slice(0, 8)
const config = { mcp_servers: { a: { command: 'x', env: { ANY: SECRET } } } }

/** @param {string} text what the turn says */
const saying = (text) => ({
  on: { 'turn/start': [['turnBegin', { play: 'agentMessage', with: { text } }, 'tokenUsage', 'turnEnd']] },
})

/** @param {any} error */
function assertWithout(error) {
  const all = [error.stack, JSON.stringify({ ...error }), JSON.stringify(error.result), error.cause?.stack]
  for (const issue of error.issues ?? []) all.push(issue.message)
  assert.ok(!all.join().includes(PIECE), all.join('\n'))
  assert.ok(all.join().includes('[secret]'), all.join('\n'))
}

/**
 * A schema whose validation is this.
 *
 * @param {(value: any) => any} validate
 * @returns {any}
 */
const schemaOf = (validate) => ({
  '~standard': {
    version: 1,
    vendor: 'test',
    validate,
    jsonSchema: { input: () => ({ type: 'object', properties: {} }), output: () => ({ type: 'object' }) },
  },
})

describe('errors that are made of results', { timeout: 60_000 }, () => {
  class Issue {
    /** @param {string} message */
    constructor(message) {
      this.message = message
    }
  }
  const schemas = {
    'that is no JSON': { type: 'object', properties: {} },
    'that does not fit': schemaOf(({ a }) => ({ issues: [{ message: `${a} does not fit`, path: ['a'] }] })),
    'that does not fit, by a class': schemaOf(({ a }) => ({ issues: [new Issue(`${a} does not fit`)] })),
  }
  for (const [what, outputSchema] of Object.entries(schemas)) {
    for (const way of ['run', 'turn']) {
      test(`an answer ${what}, by ${way}()`, async (t) => {
        const said = what === 'that is no JSON' ? `${SECRET} is not JSON` : JSON.stringify({ a: SECRET })
        const { codex } = rig(t, saying(said), { config })
        const thread = await codex.startThread()
        const outcome =
          way === 'run'
            ? thread.run('go', { outputSchema })
            : thread.turn('go', { outputSchema }).then((turn) => turn.result())
        const error = await rejection(outcome, OutputValidationError)
        assertWithout(error)
        assert.match(`${error.result.finalResponse} ${error.text}`, /\[secret\].*\[secret\]/)
      })
    }
  }

  test('an abort while the answer is validated, and a budget that its last word exceeds', async (t) => {
    const { codex } = rig(t, saying(JSON.stringify({ a: SECRET })), { config })
    const thread = await codex.startThread()
    const controller = new AbortController()
    const waiting = schemaOf(() => {
      controller.abort()
      return new Promise(() => {})
    })
    const aborted = thread.run('go', { outputSchema: waiting, signal: controller.signal })
    assertWithout(await rejection(aborted, AbortError))
    const budget = { tokens: 1 }
    assertWithout(await rejection(thread.run('go', { budget }), BudgetExceededError))
    const ofTurn = thread.turn('go', { budget }).then((turn) => turn.result())
    assertWithout(await rejection(ofTurn, BudgetExceededError))
    // What is no error is as it came.
    assert.equal((await thread.run('go')).finalResponse, JSON.stringify({ a: SECRET }))
  })
})

test('a handler that fails and a request that nobody handles are told without secrets', async (t) => {
  /** @type {import('../../index.js').LogRecord[]} */
  const records = []
  const asks = (/** @type {string} */ method, /** @type {object} */ params) => ({
    request: { method, params },
  })
  const command = { threadId: '$threadId', turnId: '$turnId', itemId: 'i', command: 'ls', cwd: '/' }
  const { codex } = rig(
    t,
    {
      on: {
        'turn/start': [
          [
            'turnBegin',
            asks('item/commandExecution/requestApproval', command),
            asks(`x/${SECRET}`, { threadId: '$threadId', turnId: '$turnId' }),
            'agentMessage',
            'turnEnd',
          ],
        ],
      },
    },
    {
      config,
      logger: (record) => records.push(record),
      onApproval: () => {
        throw new Error(`the key is ${SECRET}`)
      },
    },
  )
  await (await codex.startThread()).run('go')
  await codex.close()
  const told = JSON.stringify(records)
  assert.match(told, /a handler of requests from codex failed/)
  assert.match(told, /there is no handler for it/)
  assert.match(told, /the key is \[secret\]/)
  assert.match(told, /x\/\[secret\]/)
  assert.ok(!told.includes(PIECE), told)
})

test('the failure in a stream of the AI SDK that is resumed shows no secret', async (t) => {
  const file = join(temporaryFolder(t), 'go')
  const fails = { play: 'turnFailed', with: { message: `bad key ${SECRET}` } }
  const { codex } = rig(
    t,
    { on: { 'turn/start': [['turnBegin', 'messageStarted', { waitForFile: file }, fails]] } },
    { config },
  )
  const provider = createCodex(codex)
  t.after(() => provider.close())
  const prompt = [{ role: 'user', content: [{ type: 'text', text: 'go' }] }]
  const { stream } = await provider('gpt-5.5').doStream(/** @type {any} */ ({ prompt }))
  const parts = stream[Symbol.asyncIterator]()
  await parts.next()
  const [turn] = codex.turns()
  const resumed = (await resumeTurnResponse(provider, String(turn?.threadId))).text()
  writeFileSync(file, '')
  for (let part = await parts.next(); !part.done; part = await parts.next()) {
    assert.ok(!JSON.stringify(part.value).includes(PIECE))
  }
  const text = await resumed
  assert.match(text, /"type":"error","errorText":"[^"]*bad key \[secret\]/)
  assert.ok(!text.includes(PIECE), text)
})
