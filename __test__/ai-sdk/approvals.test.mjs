// Approvals by parts of the stream and messages: the turn waits between two calls.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { codexMetadata, createCodex } from '../../ai-sdk/index.mjs'
import { addFile, command, createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { answered, conversation, majors, partsOf, sdk, shared, unique } from './sdk.mjs'

const rig = shared()
const asks = { approvalPolicy: 'untrusted' }

/** @param {any} result */
const approvalsOf = (result) =>
  result.content.filter((/** @type {any} */ part) => part.type === 'tool-approval-request')
/** @param {any} result */
const metadataOf = (result) => codexMetadata(result.steps[0]) ?? { threadId: '' }
/** @param {any} request */
const lastOutput = (request) => request.toolOutputs.at(-1).output

for (const [major, ai] of majors) {
  describe(`approvals, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('a command waits for the answer of the next call, which goes on with the same turn', async (t) => {
      const { provider, prompt, requests, home } = rig(t, asks)
      const file = join(home.workspace, `yes-${unique()}`)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(
        prompt(reply([say('I look'), command(`touch '${file}'; echo made`)]), say('Done.')),
      )
      assert.equal(first.finishReason, 'tool-calls')
      assert.equal(first.text, 'I look')
      const [request] = approvalsOf(first)
      assert.equal(request.toolCall.toolName, 'bash')
      assert.ok(request.toolCall.dynamic && request.toolCall.providerExecuted)
      assert.ok(!existsSync(file))

      const second = await tell(answered(request, true))
      assert.equal(second.text, 'Done.')
      assert.equal(second.finishReason, 'stop')
      assert.ok(existsSync(file))
      assert.deepEqual(metadataOf(second), metadataOf(first))
      const { output } = second.content.find((/** @type {any} */ part) => part.type === 'tool-result')
      assert.equal(output.output, 'made\n')
      assert.equal(output.exitCode, 0)
      assert.equal(requests(metadataOf(first).threadId).length, 2)
    })

    test('a refusal and its reason reach the model, together', async (t) => {
      const { provider, prompt, requests, home } = rig(t, asks)
      const file = join(home.workspace, `no-${unique()}`)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(command(`touch '${file}'`), say('not this')))
      const reason = prompt('As you wish.')
      const second = await tell(answered(approvalsOf(first)[0], false, reason))
      assert.equal(second.text, 'As you wish.')
      assert.ok(!existsSync(file))
      const [, last, ...rest] = requests(metadataOf(first).threadId)
      assert.deepEqual(rest, [])
      assert.match(lastOutput(last), /rejected by user/)
      assert.equal(last?.userMessages.at(-1), reason)
    })

    test('a change of files is asked for with its diff, and tells it when it is made', async (t) => {
      const { provider, prompt, home } = rig(t, asks)
      const name = `file-${unique()}.txt`
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(addFile(name, 'hello'), say('Done.')))
      const [{ toolCall }] = approvalsOf(first)
      assert.equal(toolCall.toolName, 'edit')
      const path = join(home.workspace, name)
      assert.deepEqual(toolCall.input.changes, [{ path, kind: { type: 'add' }, diff: 'hello\n' }])
      const second = await tell(answered(approvalsOf(first)[0], true))
      const { output } = second.content.find((/** @type {any} */ part) => part.type === 'tool-result')
      assert.equal(output.status, 'completed')
      assert.equal(output.diff, `add ${path}\nhello\n`)
      assert.ok(existsSync(path))
    })

    test('in a stream the request comes after its call, and what is answered goes on in the same turn', async (t) => {
      const { provider, prompt } = rig(t, asks)
      const [one, two] = [unique(), unique()]
      const content = prompt(
        reply([command(`touch '${one}'; echo 1`), command(`touch '${two}'; echo 2`)]),
        say('Done.'),
      )
      /** @type {any[]} */
      const messages = [{ role: 'user', content }]
      /** @type {any[]} */
      const asked = []
      /** @type {any[]} */
      const results = []
      for (;;) {
        const stream = ai.streamText({ model: provider('gpt-5.5'), messages })
        const parts = await partsOf(stream)
        const requests = parts.filter(({ type }) => type === 'tool-approval-request')
        for (const { toolCall } of requests) {
          const call = parts.findIndex(
            (part) => part.type === 'tool-call' && part.toolCallId === toolCall.toolCallId,
          )
          const request = parts.findIndex((part) => part.toolCall?.toolCallId === toolCall.toolCallId)
          assert.ok(call !== -1 && call < request)
        }
        // Where the machine is busy its output is told while it grows.
        const isResult = (/** @type {any} */ { type, preliminary }) =>
          (type === 'tool-result' && !preliminary) || type === 'tool-error'
        results.push(...parts.filter(isResult).map((part) => part.toolCallId))
        if (requests.length === 0) {
          assert.equal(await stream.text, 'Done.')
          break
        }
        // The first alone is allowed.
        const answers = requests.map((request, at) => answered(request, asked.length + at === 0))
        asked.push(...requests)
        messages.push(...(await stream.response).messages, ...answers)
      }
      assert.equal(asked.length, 2)
      assert.deepEqual(results, [asked[0].toolCall.toolCallId])
    })

    test('one that nobody answers is declined in time, the model is told, and a late answer is told so', async (t) => {
      const { provider, prompt, requests, model } = rig(t, { ...asks, answerTimeoutMs: 300 })
      const text = prompt(command('touch never'), say('I leave it.'))
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5'), maxRetries: 0 })
      const first = await tell(text)
      const { threadId } = metadataOf(first)
      await model.nextRequest((request) => request.threadId === threadId && request.toolOutputs.length === 1)
      assert.match(lastOutput(requests(threadId).at(-1)), /rejected by user/)
      await assert.rejects(tell(answered(approvalsOf(first)[0], true)), (/** @type {any} */ error) => {
        assert.equal(error.name, 'AI_APICallError')
        assert.equal(error.isRetryable, false)
        assert.match(error.message, /nobody answered within 300 ms/)
        return true
      })
      // The conversation goes on all the same.
      const next = await tell(prompt('Here I am.'))
      assert.equal(next.text, 'Here I am.')
    })

    test('an answer that another process was asked for says that its turn is gone', async (t) => {
      const { provider, prompt, codex, home } = rig(t, asks)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5'), maxRetries: 0 })
      const first = await tell(prompt(command('touch never'), say('Done.')))
      const other = createCodex(codex, { cwd: home.workspace })
      await assert.rejects(
        tell(answered(approvalsOf(first)[0], true), { model: other('gpt-5.5') }),
        /nothing waits for an answer to the approval .*another process/,
      )
      // Answered once it is over, too.
      const second = await ai.generateText({
        model: provider('gpt-5.5'),
        messages: [
          { role: 'user', content: 'x' },
          ...first.response.messages,
          answered(approvalsOf(first)[0], true),
        ],
      })
      assert.equal(second.text, 'Done.')
      await assert.rejects(tell(answered(approvalsOf(first)[0], true)), /it was answered before/)
    })

    test('onApproval is asked first; what it leaves open is asked for in the stream', async (t) => {
      /** @type {string[]} */
      const asked = []
      const onApproval = (/** @type {any} */ { params }) => {
        asked.push(params.command)
        return params.command.includes('touch one') ? 'accept' : undefined
      }
      const { provider, prompt } = rig(t, { ...asks, onApproval })
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(command('touch one'), command('touch two'), say('Done.')))
      assert.equal(asked.length, 2)
      const requests = approvalsOf(first)
      assert.equal(requests.length, 1)
      assert.match(requests[0].toolCall.input.command, /touch two/)
      assert.equal((await tell(answered(requests[0], true))).text, 'Done.')
    })

    test('a decision may be more than yes', async (t) => {
      const { provider, prompt } = rig(t, asks)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(command('touch always'), command('touch always'), say('Done.')))
      const [request] = approvalsOf(first)
      const decisions = { [request.approvalId]: 'acceptForSession' }
      const second = await tell(answered(request, true), { providerOptions: { codex: { decisions } } })
      // It was not asked for again.
      assert.equal(second.text, 'Done.')
    })

    test('a message in the place of an answer declines, and goes to the same turn', async (t) => {
      const { provider, prompt, requests } = rig(t, asks)
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(command('touch never'), say('not this')))
      const text = prompt('Fine.')
      const second = await tell(text)
      assert.equal(second.text, 'Fine.')
      assert.deepEqual(metadataOf(second), metadataOf(first))
      const last = requests(metadataOf(first).threadId).at(-1)
      assert.match(lastOutput(last), /rejected by user/)
      assert.equal(last?.userMessages.at(-1), text)
    })

    test('the reason of a request comes as data', async (t) => {
      /** @type {any[]} */
      const data = []
      const { provider, prompt } = rig(t, {
        ...asks,
        onData: (/** @type {any} */ part) => data.push(part),
      })
      const ask = command('touch wide', {
        sandbox_permissions: 'require_escalated',
        justification: 'It is needed',
      })
      const result = await ai.generateText({ model: provider('gpt-5.5'), prompt: prompt(ask, say('Done.')) })
      const [request] = approvalsOf(result)
      const part = data.find(({ type }) => type === 'data-codex-approval')
      assert.equal(part.id, request.approvalId)
      assert.equal(part.data.reason, 'It is needed')
      assert.equal(part.data.kind, 'command')
      assert.equal(part.data.toolCallId, request.toolCall.toolCallId)
    })
  })
}

test('codex dies while an approval waits: the answer says so, and the conversation goes on', async (t) => {
  const { provider, prompt, codex, model } = await sdk(t, asks)
  const [, ai] = majors[0] ?? []
  const { say: tell } = conversation(ai, { model: provider('gpt-5.5'), maxRetries: 0 })
  const first = await tell(prompt(command('touch never'), say('Done.')))
  const lost = new Promise((resolve) =>
    codex.on('connection', ({ type }) => type === 'closed' && resolve(undefined)),
  )
  // A listener keeps no program alive.
  const alive = setInterval(() => {}, 1_000)
  t.after(() => clearInterval(alive))
  process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
  await lost
  await assert.rejects(tell(answered(approvalsOf(first)[0], true)), /nothing waits for an answer/)
  model.enqueue('Here again.')
  assert.equal((await tell('Are you there?')).text, 'Here again.')
})

test('a stopped call stops its turn, whichever call began it', async (t) => {
  const { provider, prompt, codex, model } = await sdk(t, asks)
  const [, ai] = majors[0] ?? []
  const gate = createGate()
  t.after(() => gate.open())
  const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
  const begun = new AbortController()
  const text = prompt(command('touch one'), reply([say('I work'), waitFor(gate)]))
  const first = await tell(text, { abortSignal: begun.signal })
  // The first call is over: its signal has nothing to say any more.
  begun.abort()
  const stop = new AbortController()
  const second = tell(answered(approvalsOf(first)[0], true), { abortSignal: stop.signal })
  await gate.reached
  stop.abort(new DOMException('enough', 'AbortError'))
  await assert.rejects(second, { name: 'AbortError' })
  const thread = await codex.resumeThread(metadataOf(first).threadId)
  for await (const turn of thread.turns()) assert.equal(turn.status, 'interrupted')
  assert.equal(model.errors.length, 0)
})
