import { useChat } from '@ai-sdk/react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { type Approval, api, type Live } from './api'
import { Chart } from './chart'
import { Composer } from './composer'
import { type Message, messagesOf, TurnTransport } from './messages'
import { LooseAsk, MessageView } from './parts'

export interface ChatProps {
  threadId: string
  name: string | null | undefined
  live: Live
}

export function Chat({ threadId, name, live }: ChatProps) {
  const transport = useMemo(() => new TurnTransport(threadId), [threadId])
  const [loaded, setLoaded] = useState(false)
  const [problem, setProblem] = useState('')
  const { messages, setMessages, sendMessage, resumeStream, status, error } = useChat<Message>({
    id: threadId,
    transport,
    experimental_throttle: 50,
  })
  const running = live.running[threadId]
  const isBusy = status === 'submitted' || status === 'streaming'

  useEffect(() => () => transport.leave(), [transport])

  // What is stored; and what runs, also where another tab has begun it.
  const unknown =
    running !== undefined && !transport.followed.has(running.turnId) && !isBusy ? running.turnId : ''
  useEffect(() => {
    let current = true
    const read = async () => {
      const history = await api.history(threadId)
      if (!current) return
      if (history.running !== null && transport.followed.has(history.running.turnId)) return
      setMessages(messagesOf(history))
      setLoaded(true)
      setProblem('')
      if (history.running !== null) await resumeStream()
    }
    if (!loaded || unknown !== '') read().catch((error) => current && setProblem(error.message))
    return () => {
      current = false
    }
  }, [threadId, loaded, unknown, transport, setMessages, resumeStream])

  const approvals = live.approvals.filter((approval) => approval.threadId === threadId)
  const doing = async (what: () => Promise<unknown>) => {
    try {
      setProblem('')
      await what()
    } catch (error) {
      setProblem((error as Error).message)
    }
  }

  return (
    <section className="chat" aria-label={name || 'Thread'}>
      <Log messages={messages} approvals={approvals} doing={doing} />
      {(error || problem !== '') && (
        <p role="alert" className="error">
          {error?.message ?? problem}
        </p>
      )}
      <footer>
        <Progress running={running} messages={messages} tokens={live.tokens[threadId] ?? []} />
        <Composer
          disabled={!loaded}
          running={running !== undefined}
          onSend={(text, files) => doing(() => sendMessage({ text, files }))}
          onSteer={(text) => doing(() => api.steer(running?.turnId ?? '', text))}
          onStop={() => doing(() => api.interrupt(running?.turnId ?? ''))}
        />
      </footer>
    </section>
  )
}

interface LogProps {
  messages: Message[]
  approvals: Approval[]
  doing: (what: () => Promise<unknown>) => Promise<void>
}

function Log({ messages, approvals, doing }: LogProps) {
  const log = useRef<HTMLDivElement>(null)
  const following = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is new is why
  useEffect(() => {
    if (log.current !== null && following.current) log.current.scrollTop = log.current.scrollHeight
  }, [messages, approvals.length])
  // Those of tools of MCP servers do not name their item.
  const loose = approvals.filter(({ itemId }) => itemId === null)
  return (
    <div
      className="log"
      ref={log}
      role="log"
      aria-label="Conversation"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        following.current = scrollTop + clientHeight > scrollHeight - 40
      }}
    >
      {messages.map((message) => (
        <MessageView key={message.id} message={message} approvals={approvals} doing={doing} />
      ))}
      {loose.map((approval) => (
        <LooseAsk key={approval.id} approval={approval} doing={doing} />
      ))}
    </div>
  )
}

function Progress({
  running,
  messages,
  tokens,
}: {
  running: Live['running'][string] | undefined
  messages: Message[]
  tokens: Live['tokens'][string]
}) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (running === undefined) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [running])
  const usage = messages.at(-1)?.parts.findLast((part) => part.type === 'data-usage')
  const seconds = running === undefined ? 0 : Math.max(0, Math.round((now - running.startedAt) / 1000))
  return (
    <div className="progress">
      {running !== undefined && (
        <p>
          <span className="spinner" aria-hidden="true" />
          <span role="status">Working</span> · {seconds} s
          {usage && ` · ${usage.data.total.toLocaleString('en')} tokens`}
        </p>
      )}
      {tokens.length > 0 && <Chart tokens={tokens} />}
    </div>
  )
}
