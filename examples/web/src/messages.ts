// A turn as a message of useChat: from its events while it runs, from its items when it is read again.

import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai'
import { type TurnEvent, turnEvents } from 'codex-node/web/client'
import { api, type History, type Item, type StoredTurn } from './api'

export interface Plan {
  explanation: string | null
  plan: { step: string; status: string }[]
}

export type Message = UIMessage<
  { startedAt?: number },
  {
    /** What was said while the turn ran. */
    steer: Item
    plan: Plan
    usage: { total: number; input: number; output: number }
    end: { status: string; error: string | null }
  }
>
type Chunk = UIMessageChunk<{ startedAt?: number }, DataOf<Message>>
type DataOf<M> = M extends UIMessage<unknown, infer Data> ? Data : never

export const userParts = (content: Item['content']): Message['parts'] =>
  content.flatMap((part: Item): Message['parts'] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type === 'image') return [{ type: 'file', mediaType: 'image/png', url: part.url }]
    return []
  })

function partOf(item: Item): Message['parts'] {
  switch (item.type) {
    case 'userMessage':
      return [{ type: 'data-steer', id: item.id, data: item }]
    case 'agentMessage':
      return [{ type: 'text', text: item.text, state: 'done' }]
    case 'reasoning': {
      const text = [...(item.summary ?? []), ...(item.content ?? [])].join('\n\n')
      return text === '' ? [] : [{ type: 'reasoning', text, state: 'done' }]
    }
    default:
      return [
        {
          type: 'dynamic-tool',
          toolName: item.type,
          toolCallId: item.id,
          state: 'output-available',
          input: {},
          output: item,
        },
      ]
  }
}

export function messagesOf({ turns, running }: History): Message[] {
  const messages = turns.flatMap(turnMessages)
  if (running !== null) {
    const parts = userParts([
      ...(running.input === '' ? [] : [{ type: 'text', text: running.input }]),
      ...running.images.map((url) => ({ type: 'image', url })),
    ])
    messages.push({ id: `${running.turnId}-user`, role: 'user', parts })
  }
  return messages
}

function turnMessages({ id, items, status, error }: StoredTurn): Message[] {
  const first = items.findIndex(({ type }) => type === 'userMessage')
  const rest = items.filter((_, index) => index !== first).flatMap(partOf)
  const end = { status, error: error?.message ?? null }
  const messages: Message[] = []
  if (first >= 0) messages.push({ id: `${id}-user`, role: 'user', parts: userParts(items[first]?.content) })
  messages.push({ id, role: 'assistant', parts: [...rest, { type: 'data-end', id: 'end', data: end }] })
  return messages
}

/** Makes chunks of the events of one turn. */
export class Chunks {
  #open = new Map<string, Item>()
  #output = new Map<string, string>()
  #heardUser = false

  of(event: TurnEvent): Chunk[] {
    switch (event.method) {
      case 'turn/started':
        return [
          {
            type: 'start',
            messageId: event.params.turn.id,
            messageMetadata: { startedAt: (event.params.turn.startedAt ?? Date.now() / 1000) * 1000 },
          },
        ]
      case 'item/started':
        return this.#started(event.params.item)
      case 'item/completed':
        return this.#completed(event.params.item)
      case 'item/agentMessage/delta':
        return [{ type: 'text-delta', id: event.params.itemId, delta: event.params.delta }]
      case 'item/reasoning/summaryTextDelta':
      case 'item/reasoning/textDelta':
        return [{ type: 'reasoning-delta', id: event.params.itemId, delta: event.params.delta }]
      case 'item/commandExecution/outputDelta': {
        const { itemId, delta } = event.params
        const output = (this.#output.get(itemId) ?? '') + delta
        this.#output.set(itemId, output)
        return tool(itemId, { ...this.#open.get(itemId), aggregatedOutput: output }, true)
      }
      case 'turn/plan/updated': {
        const { plan, explanation } = event.params
        return [{ type: 'data-plan', id: 'plan', data: { plan, explanation } }]
      }
      case 'thread/tokenUsage/updated': {
        const { totalTokens, inputTokens, outputTokens } = event.params.tokenUsage.last
        return [
          {
            type: 'data-usage',
            id: 'usage',
            data: { total: totalTokens, input: inputTokens, output: outputTokens },
          },
        ]
      }
      case 'turn/completed': {
        const { status, error } = event.params.turn
        const open = [...this.#open.values()].flatMap((item) => this.#closed(item))
        return [
          ...open,
          { type: 'data-end', id: 'end', data: { status, error: error?.message ?? null } },
          { type: 'finish' },
        ]
      }
      default:
        return []
    }
  }

  #started(item: Item): Chunk[] {
    if (item.type === 'userMessage') return []
    this.#open.set(item.id, item)
    if (item.type === 'agentMessage') return [{ type: 'text-start', id: item.id }]
    if (item.type === 'reasoning') return [{ type: 'reasoning-start', id: item.id }]
    return [
      {
        type: 'tool-input-available',
        toolCallId: item.id,
        toolName: item.type,
        input: item,
        dynamic: true,
        providerExecuted: true,
      },
    ]
  }

  #completed(item: Item): Chunk[] {
    if (item.type === 'userMessage') {
      const first = !this.#heardUser
      this.#heardUser = true
      return first ? [] : [{ type: 'data-steer', id: item.id, data: item }]
    }
    const before = this.#open.has(item.id) ? [] : this.#started(item)
    return [...before, ...this.#closed(item)]
  }

  #closed(item: Item): Chunk[] {
    this.#open.delete(item.id)
    if (item.type === 'agentMessage') return [{ type: 'text-end', id: item.id }]
    if (item.type === 'reasoning') return [{ type: 'reasoning-end', id: item.id }]
    return tool(item.id, item, false)
  }
}

function tool(toolCallId: string, output: object, preliminary: boolean): Chunk[] {
  return [
    { type: 'tool-output-available', toolCallId, output, preliminary, dynamic: true, providerExecuted: true },
  ]
}

/** useChat over the turns of a thread. Each stream tells its turn from the beginning. */
export class TurnTransport implements ChatTransport<Message> {
  readonly resumeStreamIsReplay = true
  /** The turns that were followed here. */
  readonly followed = new Set<string>()
  #threadId
  #leaving = new AbortController()

  constructor(threadId: string) {
    this.#threadId = threadId
  }

  async sendMessages({ messages }: { messages: Message[] }) {
    const parts = messages.at(-1)?.parts ?? []
    const input = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
    const images = parts.flatMap((part) => (part.type === 'file' ? [part.url] : []))
    const { turnId } = await api.turn(this.#threadId, input, images)
    return this.#follow(turnId)
  }

  async reconnectToStream() {
    const { running } = await api.history(this.#threadId)
    return running === null ? null : this.#follow(running.turnId)
  }

  /** The page shows something else. */
  leave() {
    this.#leaving.abort()
    this.#leaving = new AbortController()
  }

  #follow(turnId: string): ReadableStream<Chunk> {
    this.followed.add(turnId)
    const chunks = new Chunks()
    const events = turnEvents(`/api/turns/${turnId}`, { signal: this.#leaving.signal })
    return new ReadableStream<Chunk>({
      async pull(controller) {
        try {
          for (;;) {
            const { value, done } = await events.next()
            if (done) return controller.close()
            const made = chunks.of(value)
            for (const chunk of made) controller.enqueue(chunk)
            if (made.length > 0) return
          }
        } catch (error) {
          const { name, message } = error as Error
          if (name !== 'AbortError') {
            const data = { status: 'failed', error: message }
            controller.enqueue({ type: 'data-end', id: 'end', data })
          }
          controller.close()
        }
      },
      async cancel() {
        await events.return()
      },
    })
  }
}
