// What happens second: a call after one that was left, stopped, or had other settings.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { codexMetadata, createCodex, resumeTurnResponse } from '../../ai-sdk/index.mjs'
import {
  command,
  createGate,
  functionCall,
  rawEvent,
  reply,
  say,
  spawnAgent,
  waitFor,
} from '../../testing/index.mjs'
import { answered, conversation, majors, partsOf, sdk, shared } from './sdk.mjs'

const rig = shared()

/** @param {import('node:test').TestContext} t */
function gated(t) {
  const gate = createGate()
  t.after(() => gate.open())
  return gate
}

/** A message that stops in the middle. @param {import('../../testing/index.js').Gate} gate */
function halves(gate) {
  const content = [{ type: 'output_text', text: 'first half, second half' }]
  const item = { type: 'message', role: 'assistant', id: 'msg_half', content }
  const delta = (/** @type {string} */ text) =>
    rawEvent({ type: 'response.output_text.delta', item_id: item.id, delta: text })
  return reply([
    rawEvent({ type: 'response.output_item.added', item: { ...item, content: [] } }),
    delta('first half,'),
    waitFor(gate),
    delta(' second half'),
    rawEvent({ type: 'response.output_item.done', item }),
  ])
}

/** @param {any} result */
const asked = (result) =>
  result.content.find((/** @type {any} */ { type }) => type === 'tool-approval-request')
/** @param {any} result */
const threadOf = (result) => codexMetadata(result.steps[0])?.threadId ?? ''

for (const [major, ai] of majors) {
  const pick = ai.tool({
    description: 'Pick',
    inputSchema: ai.jsonSchema({ type: 'object', properties: {} }),
  })

  describe(`second calls, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('a message while the text of a call that was left is half told: its parts are whole', async (t) => {
      const { provider, prompt } = rig(t, { leaveRunning: true })
      const gate = gated(t)
      const text = prompt(halves(gate))
      const version = provider('gpt-5.5', { specificationVersion: major.endsWith('7') ? 'v4' : 'v3' })
      const user = { role: 'user', content: [{ type: 'text', text }] }
      const { stream } = await version.doStream({ prompt: [user] })
      const reader = stream.getReader()
      /** @type {any} */
      let providerOptions
      for (;;) {
        const { value } = await reader.read()
        providerOptions ??= value.providerMetadata
        if (value.type === 'text-delta') break
      }
      // It waits for what comes next.
      void reader.read()
      await reader.cancel('the tab was closed')
      const part = { type: 'text', text: 'first half,', providerOptions }
      const messages = [
        { role: 'user', content: text },
        { role: 'assistant', content: [part] },
        { role: 'user', content: prompt(say('Another word.')) },
      ]
      const next = ai.streamText({ model: provider('gpt-5.5'), messages, maxRetries: 0 })
      const parts = await partsOf(next)
      assert.deepEqual(
        parts.filter(({ type }) => type === 'error'),
        [],
      )
      assert.equal(await next.text, 'Another word.')
    })

    test('a thread is taken back where its turn was stopped a moment ago', async (t) => {
      const { provider, prompt, codex } = rig(t, { onEdit: 'revert' })
      const { say: tell, messages } = conversation(ai, { model: provider('gpt-5.5'), maxRetries: 0 })
      const first = await tell(prompt(say('One.')))
      const gate = gated(t)
      const stop = new AbortController()
      const stopped = ai.streamText({
        model: provider('gpt-5.5'),
        messages: [...messages, { role: 'user', content: prompt(reply([say('I begin'), waitFor(gate)])) }],
        abortSignal: stop.signal,
        onError() {},
      })
      for await (const { type } of stopped.stream ?? stopped.fullStream) if (type === 'text-delta') break
      stop.abort()
      const again = await tell(prompt(say('Again.')))
      assert.equal(again.text, 'Again.')
      assert.equal(threadOf(again), threadOf(first))
      const thread = await codex.resumeThread(threadOf(first))
      const states = []
      for await (const { status } of thread.turns()) states.push(status)
      assert.deepEqual(states, ['completed', 'completed'])
    })

    test('results go to the thread that asked, also where calls of two have one id', async (t) => {
      const { provider, prompt, requests } = rig(t)
      const options = { model: provider('gpt-5.5'), tools: { pick }, maxRetries: 0 }
      const [one, two] = [conversation(ai, options), conversation(ai, options)]
      const calls = functionCall('pick', {}, { callId: 'call_0' })
      const first = await one.say(prompt(calls, say('One is over.')))
      const second = await two.say(prompt(calls, say('Two is over.')))
      const result = (/** @type {string} */ value) => ({
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'call_0',
            toolName: 'pick',
            output: { type: 'text', value },
          },
        ],
      })
      assert.equal((await one.say(result('for one'))).text, 'One is over.')
      assert.equal((await two.say(result('for two'))).text, 'Two is over.')
      for (const [call, output] of /** @type {const} */ ([
        [first, 'for one'],
        [second, 'for two'],
      ])) {
        assert.deepEqual(
          requests(threadOf(call))
            .at(-1)
            ?.toolOutputs.map((told) => told.output),
          [output],
        )
      }
    })

    test('tools of a call run where the thread was opened again by one that had none', async (t) => {
      const { provider, prompt, codex, home, requests } = rig(t)
      const go = ai.tool({
        description: 'Go',
        inputSchema: ai.jsonSchema({ type: 'object', properties: {} }),
        execute: async () => 'went',
      })
      const stopWhen = (ai.isStepCount ?? ai.stepCountIs)(5)
      const { say: tell, messages } = conversation(ai, { stopWhen, maxRetries: 0 })
      await tell(prompt(functionCall('go', {}), say('One.')), { model: provider('gpt-5.5'), tools: { go } })
      const { length } = messages
      const later = createCodex(codex, { cwd: home.workspace })
      t.after(() => later.close())
      for (const use of [provider, later]) {
        messages.length = length
        // The one forks, the other resumes: both without tools.
        if (use === provider) await tell(prompt(say('Two.')), { model: use('gpt-5.5') })
        messages.length = length
        await tell(prompt(say('Another two.')), { model: use('gpt-5.5') })
        const last = await tell(prompt(functionCall('go', {}), say('Three.')), {
          model: use('gpt-5.5'),
          tools: { go },
        })
        assert.equal(last.text, 'Three.')
        const outputs = requests(threadOf(last)).at(-1)?.toolOutputs
        assert.deepEqual(
          outputs?.map(({ output }) => output),
          ['went', 'went'],
        )
        await provider.close()
      }
    })

    test('an agent asks while a text is half told: the rest comes once, and a page that comes back is asked', async (t) => {
      const { provider, prompt, model } = rig(t, { approvalPolicy: 'untrusted' })
      const gate = gated(t)
      const task = prompt(command('echo made; true'), say('Touched.'))
      const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
      const first = await tell(prompt(spawnAgent(task), halves(gate), say('It is over.')))
      assert.equal(first.text, 'first half,')
      const request = asked(first)

      const response = await resumeTurnResponse(provider, threadOf(first))
      const chunks = (await response.text())
        .split('\n\n')
        .flatMap((line) => (/^data: \{/.test(line) ? [JSON.parse(line.slice('data: '.length))] : []))
      const at = (/** @type {(chunk: any) => boolean} */ is) => chunks.findIndex(is)
      const call = at((chunk) => chunk.type === 'tool-input-available' && chunk.toolName === 'bash')
      const question = at((chunk) => chunk.approvalId === request.approvalId)
      assert.ok(call >= 0 && call < question, JSON.stringify(chunks))
      assert.equal(chunks[call].toolCallId, request.toolCall.toolCallId)
      assert.ok(at(({ delta }) => delta === 'first half,') < call)

      // The agent has come to its end before the message does.
      const done = model.nextRequest(({ toolOutputs }) =>
        toolOutputs.some(({ output }) => /made/.test(output)),
      )
      void done.then(() => gate.open())
      const second = await tell(answered(request, true))
      assert.match(second.text, /^ second half(It is over\.)?$/)
    })

    test('a page that comes back hears of agents', async (t) => {
      const { provider, prompt } = rig(t)
      const [gate, begun] = [gated(t), gated(t)]
      const task = prompt(reply([waitFor(begun), say('Looked.')]))
      const model = provider('gpt-5.5')
      const running = ai.streamText({ model, prompt: prompt(spawnAgent(task), halves(gate)) })
      const parts = (running.stream ?? running.fullStream)[Symbol.asyncIterator]()
      let threadId = ''
      for (;;) {
        const { value } = await parts.next()
        threadId ||= value.providerMetadata?.codex?.threadId ?? ''
        if (value.type === 'text-delta') break
      }
      const { body } = await resumeTurnResponse(provider, threadId)
      const decoder = new TextDecoder()
      let said = ''
      for await (const bytes of /** @type {any} */ (body)) {
        said += decoder.decode(bytes)
        if (said.includes('first half')) begun.open()
        if (said.includes('Looked.')) gate.open()
      }
      assert.match(said, /data-codex-agent.*Looked\./)
      assert.match(said, /\[DONE\]/)
      while (!(await parts.next()).done);
    })

    test('a page that comes back and leaves again leaves the agents, too', async (t) => {
      /** @type {import('../../index.js').Reader<any>[]} */
      const readers = []
      const onTurn = (/** @type {any} */ turn) => {
        const { subAgents } = turn
        turn.subAgents = () => {
          const reader = subAgents.call(turn)
          readers.push(reader)
          return reader
        }
      }
      const { provider, prompt } = rig(t, { onTurn })
      const model = provider('gpt-5.5')
      const running = ai.streamText({ model, prompt: prompt(halves(gated(t))) })
      const parts = (running.stream ?? running.fullStream)[Symbol.asyncIterator]()
      let threadId = ''
      for (;;) {
        const { value } = await parts.next()
        threadId ||= value.providerMetadata?.codex?.threadId ?? ''
        if (value.type === 'text-delta') break
      }
      const { body } = await resumeTurnResponse(provider, threadId)
      const page = /** @type {ReadableStream<Uint8Array>} */ (body).getReader()
      const before = readers.length
      const decoder = new TextDecoder()
      while (!decoder.decode((await page.read()).value).includes('first half'));
      assert.equal(readers.length, before + 1)
      await page.cancel()
      assert.deepEqual(await readers.at(-1)?.next(), { value: undefined, done: true })
      await parts.return?.()
    })
  })
}

const [[, ai] = ['', /** @type {any} */ ({})]] = majors

describe('settings of calls', { concurrency: 4, timeout: 180_000 }, () => {
  test('each call has those of its model, and what it asks for itself, and no other', async (t) => {
    const { provider, prompt } = rig(t)
    const { say: tell } = conversation(ai, {})
    /** Whether a command is asked for. @param {any} settings @param {any} [codex] */
    const asks = async (settings, codex) => {
      const model = provider('gpt-5.5', settings)
      const result = await tell(prompt(command('echo made; true'), say('Done.')), {
        model,
        ...(codex === undefined ? {} : { providerOptions: { codex } }),
      })
      const request = asked(result)
      if (request !== undefined) await tell(answered(request, true), { model })
      return request !== undefined
    }
    const never = { approvalPolicy: 'never' }
    const untrusted = { approvalPolicy: 'untrusted' }
    assert.deepEqual(
      [
        await asks(never, untrusted),
        await asks(never),
        await asks(untrusted),
        await asks(untrusted, never),
        await asks(untrusted),
        await asks(never, { approvalMode: 'deny_all' }),
        await asks(never, untrusted),
        await asks(never),
      ],
      [true, false, true, false, true, false, true, false],
    )
  })

  test('what a call alone was given holds for its turn, also the first: the sandbox', async (t) => {
    const { provider, prompt, codex } = rig(t)
    const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
    const sandboxes = []
    for (const sandbox of [undefined, 'read-only', undefined, 'workspace-write', undefined]) {
      const result = await tell(prompt(say('Hi.')), { providerOptions: { codex: { sandbox } } })
      const thread = await codex.resumeThread(threadOf(result))
      sandboxes.push(thread.defaults.sandboxPolicy.type)
      await thread.close()
    }
    const own = 'dangerFullAccess'
    assert.deepEqual(sandboxes, [own, 'readOnly', own, 'workspaceWrite', own])
  })

  test('nor does it hold in a fork, or where the thread was let go meanwhile', async (t) => {
    const { provider, prompt, codex } = await sdk(t, { idleTimeoutMs: 1 })
    // The timer that lets go keeps no program alive.
    const alive = setInterval(() => {}, 1_000)
    t.after(() => clearInterval(alive))
    const ends = new EventEmitter()
    /** @type {Map<string, number>} */
    const closes = new Map()
    /** Waits until a thread was let go so often. @param {string} id @param {number} times */
    const letGo = async (id, times) => {
      while ((closes.get(id) ?? 0) < times) await once(ends, 'close')
    }
    const { resumeThread } = codex
    for (const name of /** @type {const} */ (['forkThread', 'resumeThread'])) {
      const open = codex[name]
      codex[name] = async (/** @type {any} */ ...args) => {
        const thread = await Reflect.apply(open, codex, args)
        const { close } = thread
        thread.close = async () => {
          await close.call(thread)
          closes.set(thread.id, (closes.get(thread.id) ?? 0) + 1)
          ends.emit('close')
        }
        return thread
      }
    }
    const inForce = async (/** @type {any} */ result) => {
      const thread = await Reflect.apply(resumeThread, codex, [threadOf(result)])
      const { sandboxPolicy, approvalPolicy } = thread.defaults
      await thread.close()
      return [sandboxPolicy.type, approvalPolicy]
    }
    const { say: tell, messages } = conversation(ai, { model: provider('gpt-5.5') })
    const readOnly = { providerOptions: { codex: { sandbox: 'read-only', approvalPolicy: 'never' } } }
    const first = await tell(prompt(say('One.')))
    const own = await inForce(first)
    const { length } = messages
    assert.notDeepEqual(await inForce(await tell(prompt(say('Two.')), readOnly)), own)
    messages.length = length
    const forked = await tell(prompt(say('Another two.')))
    assert.notEqual(threadOf(forked), threadOf(first))
    assert.deepEqual(await inForce(forked), own)
    await letGo(threadOf(forked), 1)
    await tell(prompt(say('Three.')), readOnly)
    await letGo(threadOf(forked), 2)
    assert.deepEqual(await inForce(await tell(prompt(say('Four.')))), own)
  })

  test('a wrong option is a TypeError that says where it was given', async (t) => {
    const { provider } = rig(t)
    const call = (/** @type {any} */ settings, /** @type {any} */ codex) =>
      ai.generateText({ model: provider('gpt-5.5', settings), prompt: 'Hi', providerOptions: { codex } })
    for (const [codex, message] of /** @type {const} */ ([
      [{ effort: 5 }, /^providerOptions\.codex\.effort: /],
      [{ sandbox: 'all' }, /^providerOptions\.codex\.sandbox: /],
      [{ budget: { tokns: 1 } }, /^providerOptions\.codex\.budget\.tokns: /],
      [{ onApproval: 3 }, /^providerOptions\.codex\.onApproval: must be a function/],
      [{ nonsense: 3 }, /^providerOptions\.codex\.nonsense: /],
    ])) {
      await assert.rejects(call({}, codex), { name: 'TypeError', code: 'INVALID_ARGUMENT', message })
    }
    await assert.rejects(call({ cwd: 7 }, {}), { name: 'TypeError', message: /^settings\.cwd: / })
  })

  test('settings of a model take those of the provider out that they exclude', async (t) => {
    const { provider, prompt } = rig(t, { approvalPolicy: 'untrusted' })
    const model = provider('gpt-5.5', { approvalMode: 'deny_all' })
    const { text } = await ai.generateText({
      model,
      prompt: prompt(command('echo made; true'), say('Done.')),
    })
    assert.equal(text, 'Done.')
  })

  test('what an open thread does not take of a call is warned of', async (t) => {
    const { provider, prompt } = rig(t)
    const { say: tell } = conversation(ai, { model: provider('gpt-5.5') })
    await tell(prompt(say('One.')))
    const { warnings } = await tell(prompt(say('Two.')), {
      providerOptions: { codex: { developerInstructions: 'Be brief', effort: 'low', nonsense: 1 } },
    })
    assert.deepEqual(
      warnings.map((/** @type {any} */ { feature }) => feature),
      ['providerOptions.codex.developerInstructions', 'providerOptions.codex.nonsense'],
    )
  })
})
