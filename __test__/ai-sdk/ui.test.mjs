// What a page gets: useChat without a browser. Its class is the same without React.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { codexMetadata, resumeTurnResponse } from '../../ai-sdk/index.mjs'
import { command, createGate, functionCall, reply, say, waitFor } from '../../testing/index.mjs'
import { majors, shared } from './sdk.mjs'

const rig = shared()

/**
 * A chat of a page, whose requests a function answers.
 *
 * @param {any} ai
 * @param {(messages: any[], signal?: AbortSignal) => Promise<Response>} post
 * @param {() => Promise<Response>} [get]
 * @param {any[]} [messages]
 */
function chatOf(ai, post, get, messages = []) {
  const changes = new EventEmitter().setMaxListeners(0)
  let status = 'ready'
  /** @type {any} */
  const state = {
    error: undefined,
    messages,
    get status() {
      return status
    },
    set status(value) {
      status = value
      changes.emit('change')
    },
    pushMessage: (/** @type {any} */ message) => state.messages.push(message),
    popMessage: () => state.messages.pop(),
    replaceMessage: (/** @type {number} */ index, /** @type {any} */ message) => {
      state.messages[index] = message
      changes.emit('change')
    },
    snapshot: (/** @type {any} */ value) => structuredClone(value),
  }
  const fetch = async (/** @type {string} */ _, /** @type {any} */ { method, body, signal }) =>
    method === 'GET' && get ? get() : post(JSON.parse(body).messages, signal)
  const transport = new ai.DefaultChatTransport({ api: 'http://page/api', fetch })
  const sendAutomaticallyWhen = ai.lastAssistantMessageIsCompleteWithApprovalResponses
  /** @type {any} */
  const Chat = class extends ai.AbstractChat {}
  const chat = new Chat({ state, transport, sendAutomaticallyWhen, id: 'chat' })
  return Object.assign(chat, { changes })
}

/** @param {any} ai @param {any} provider @param {Record<string, any>} [more] */
function server(ai, provider, more) {
  return async (/** @type {any[]} */ messages, /** @type {AbortSignal | undefined} */ abortSignal) => {
    /** @type {any} */
    const prompt = await ai.convertToModelMessages(messages)
    const stream = ai.createUIMessageStream({
      originalMessages: messages,
      execute(/** @type {any} */ { writer }) {
        const model = provider('gpt-5.5', { onData: (/** @type {any} */ part) => writer.write(part) })
        const result = ai.streamText({ model, messages: prompt, abortSignal, onError: () => {}, ...more })
        writer.merge(result.toUIMessageStream({ onError: (/** @type {any} */ error) => error.message }))
      },
    })
    return ai.createUIMessageStreamResponse({ stream })
  }
}

/** @param {any} chat @param {(chat: any) => boolean} holds */
async function until(chat, holds) {
  // A change may be told before it can be seen.
  while (!holds(chat)) await Promise.race([once(chat.changes, 'change'), setTimeout(50)])
}

/** @param {any} chat @param {string} type */
const partsOf = (chat, type) => chat.lastMessage.parts.filter((/** @type {any} */ part) => part.type === type)
/** @param {any} chat */
const textOf = (chat) =>
  partsOf(chat, 'text')
    .map((/** @type {any} */ part) => part.text)
    .join('|')

for (const [major, ai] of majors) {
  describe(`useChat, ${major}`, { concurrency: 4, timeout: 180_000 }, () => {
    test('yes: the same turn goes on, the card of the command closes; the next message stays in the thread', async (t) => {
      const { provider, prompt, requests } = rig(t, { approvalPolicy: 'untrusted' })
      const chat = chatOf(ai, server(ai, provider))
      const text = prompt(reply([say('I look'), command('echo made; true')]), say('Done.'))
      await chat.sendMessage({ text })
      const [asked] = partsOf(chat, 'dynamic-tool')
      assert.deepEqual([asked.toolName, asked.state], ['bash', 'approval-requested'])
      const [{ data }] = partsOf(chat, 'data-codex-approval')
      assert.equal(data.approvalId, asked.approval.id)
      await chat.addToolApprovalResponse({ id: asked.approval.id, approved: true })
      await until(chat, ({ status }) => status === 'ready')
      await until(chat, () => textOf(chat) === 'I look|Done.')
      const tools = partsOf(chat, 'dynamic-tool')
      assert.equal(tools.length, 1)
      assert.deepEqual([tools[0].state, tools[0].output.output], ['output-available', 'made\n'])
      await until(chat, ({ status }) => status === 'ready')
      const { threadId } = codexMetadata(chat.lastMessage) ?? {}
      await chat.sendMessage({ text: prompt('Next.') })
      assert.equal(textOf(chat), 'Next.')
      assert.equal(codexMetadata(chat.lastMessage)?.threadId, threadId)
      assert.equal(requests(threadId).length, 3)
    })

    test('no with a reason, and regenerate', async (t) => {
      const { provider, prompt, requests } = rig(t, { approvalPolicy: 'untrusted' })
      const chat = chatOf(ai, server(ai, provider))
      await chat.sendMessage({ text: prompt('One.') })
      const { threadId } = codexMetadata(chat.lastMessage) ?? {}
      const text = prompt(command('touch never'), say('not this'))
      await chat.sendMessage({ text })
      const [asked] = partsOf(chat, 'dynamic-tool')
      const reason = prompt('As you wish.')
      await chat.addToolApprovalResponse({ id: asked.approval.id, approved: false, reason })
      await until(chat, () => textOf(chat) === 'As you wish.')
      await until(chat, ({ status }) => status === 'ready')
      assert.equal(chat.error, undefined)
      assert.match(partsOf(chat, 'dynamic-tool')[0].state, /denied|error|responded/)
      assert.equal(requests(threadId).at(-1)?.userMessages.at(-1), reason)
      await chat.regenerate()
      assert.equal(partsOf(chat, 'dynamic-tool')[0].state, 'approval-requested')
      // A fork, which does not know of the refusal.
      const { threadId: fork } = codexMetadata(chat.lastMessage) ?? {}
      assert.notEqual(fork, threadId)
      assert.equal(requests(fork).at(-1)?.userMessages.length, 2)
    })

    test('a tool of the page: its output continues the turn', async (t) => {
      const { provider, prompt } = rig(t)
      const pick = ai.tool({
        description: 'Pick',
        inputSchema: ai.jsonSchema({ type: 'object', properties: {} }),
      })
      const chat = chatOf(ai, server(ai, provider, { tools: { pick } }))
      await chat.sendMessage({ text: prompt(functionCall('pick', {}), say('Red it is.')) })
      const [{ state, toolCallId }] = partsOf(chat, 'tool-pick')
      assert.equal(state, 'input-available')
      await chat.addToolOutput({ tool: 'pick', toolCallId, output: 'red' })
      await chat.sendMessage()
      assert.equal(textOf(chat), 'Red it is.')
    })

    test('stop, and a failure in words', async (t) => {
      const { provider, prompt, codex } = rig(t)
      const gate = createGate()
      t.after(() => gate.open())
      const chat = chatOf(ai, server(ai, provider))
      const sent = chat.sendMessage({ text: prompt(reply([say('I begin'), waitFor(gate)])) })
      await until(chat, () => chat.lastMessage?.role === 'assistant' && textOf(chat).length > 0)
      const { threadId } = codexMetadata(chat.lastMessage) ?? {}
      await chat.stop()
      await sent
      const thread = await codex.resumeThread(threadId ?? '')
      // The page has stopped reading before codex has stopped working.
      await (await thread.runningTurn())?.run().catch(() => {})
      for await (const turn of thread.turns()) assert.equal(turn.status, 'interrupted')
      const error = chatOf(ai, server(ai, provider))
      await error.sendMessage({ text: prompt({ http: 400, body: 'no such luck' }) })
      assert.equal(error.status, 'error')
      assert.match(error.error.message, /no such luck/)
    })

    test('a page that comes back gets what the call has said, what follows, and what it is asked', async (t) => {
      const { provider, prompt } = rig(t, { approvalPolicy: 'untrusted' })
      const gate = createGate()
      t.after(() => gate.open())
      const chat = chatOf(ai, server(ai, provider))
      const text = prompt(
        reply([say('I begin'), waitFor(gate), say('and end'), command('echo made; true')]),
        say('Done.'),
      )
      const sent = chat.sendMessage({ text })
      await until(chat, () => chat.lastMessage?.role === 'assistant' && textOf(chat) === 'I begin')
      const { threadId = '' } = codexMetadata(chat.lastMessage) ?? {}
      const resume = () => resumeTurnResponse(provider, threadId)
      const other = chatOf(ai, server(ai, provider), resume, [structuredClone(chat.messages[0])])
      const resumed = other.resumeStream()
      await until(other, () => other.lastMessage?.role === 'assistant' && textOf(other) === 'I begin')
      gate.open()
      await Promise.all([sent, resumed])
      assert.equal(textOf(other), 'I begin|and end')
      const [asked] = partsOf(other, 'dynamic-tool')
      assert.equal(asked.state, 'approval-requested')
      await other.addToolApprovalResponse({ id: asked.approval.id, approved: true })
      await until(other, () => textOf(other) === 'I begin|and end|Done.')
      await until(other, ({ status }) => status === 'ready')
      // Nothing runs any more.
      assert.equal((await resume()).status, 204)
      await other.resumeStream()
      assert.equal(textOf(other), 'I begin|and end|Done.')
    })
  })
}
