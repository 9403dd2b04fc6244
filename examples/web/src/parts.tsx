import Markdown from 'markdown-to-jsx/react'
import { memo, useMemo, useState } from 'react'
import { Diff, Hunk, parseDiff } from 'react-diff-view'
import { type Approval, api, type Item } from './api'
import { type Message, type Plan, userParts } from './messages'

type Part = Message['parts'][number]

export interface MessageProps {
  message: Message
  approvals: Approval[]
  doing: (what: () => Promise<unknown>) => Promise<void>
}

export function MessageView({ message, approvals, doing }: MessageProps) {
  // It has a place of its own, where the turn began, and changes there.
  return (
    <article className={`message ${message.role}`} aria-label={message.role === 'user' ? 'You' : 'Codex'}>
      {message.parts.map((part, index) => (
        // Parts are only ever added.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <PartView key={index} part={part} role={message.role} approvals={approvals} doing={doing} />
      ))}
    </article>
  )
}

function PartView({
  part,
  role,
  approvals,
  doing,
}: { part: Part; role: string } & Omit<MessageProps, 'message'>) {
  switch (part.type) {
    case 'text':
      return role === 'user' ? <p className="said">{part.text}</p> : <Text text={part.text} />
    case 'reasoning':
      return part.text === '' ? null : (
        <details className="reasoning">
          <summary>Thoughts</summary>
          <Text text={part.text} />
        </details>
      )
    case 'file':
      return <img className="sent" src={part.url} alt={part.filename ?? 'Sent'} />
    case 'dynamic-tool': {
      const item = ('output' in part && part.output ? part.output : part.input) as Item
      const approval = approvals.find(({ itemId }) => itemId === part.toolCallId)
      const isDone = part.state === 'output-available' && !part.preliminary
      return (
        <ItemView item={item} isDone={isDone}>
          {approval && <Ask approval={approval} doing={doing} />}
        </ItemView>
      )
    }
    case 'data-steer':
      return (
        <div className="steered">
          {userParts(part.data.content).map(
            (said) => said.type === 'text' && <p key={said.text}>{said.text}</p>,
          )}
        </div>
      )
    case 'data-plan':
      return <PlanView plan={part.data} />
    case 'data-end':
      return <End end={part.data} />
    default:
      return null
  }
}

/** Of what is long, only what changes is drawn again. */
const Text = memo(({ text }: { text: string }) => (
  <div className="text">
    <Markdown options={{ disableParsingRawHTML: true, overrides: { pre: { props: { tabIndex: 0 } } } }}>
      {text}
    </Markdown>
  </div>
))

function End({ end: { status, error } }: { end: { status: string; error: string | null } }) {
  if (status === 'failed') {
    return (
      <p role="alert" className="error">
        The turn failed: {error ?? 'codex does not say why.'}
      </p>
    )
  }
  return status === 'interrupted' ? <p className="note">Stopped.</p> : null
}

function PlanView({ plan: { plan, explanation } }: { plan: Plan }) {
  return (
    <section className="card plan" aria-label="Plan">
      <h2>Plan</h2>
      {explanation && <p>{explanation}</p>}
      <ol>
        {plan.map(({ step, status }) => (
          <li key={step} className={status}>
            <input
              type="checkbox"
              checked={status === 'completed'}
              disabled
              aria-label={`${step}: ${status}`}
            />
            <span aria-hidden="true">{step}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function ItemView({ item, isDone, children }: { item: Item; isDone: boolean; children: React.ReactNode }) {
  if (item.type === 'commandExecution') {
    return (
      <CommandCard item={item} isDone={isDone}>
        {children}
      </CommandCard>
    )
  }
  if (item.type === 'fileChange') {
    return (
      <section className="card" aria-label="Changes">
        <h2>
          Changes <Status item={item} isDone={isDone} />
        </h2>
        {item.changes.map((change: Change) => (
          <FileDiff key={change.path} change={change} />
        ))}
        {children}
      </section>
    )
  }
  const title = item.tool ?? item.query ?? item.path ?? ''
  return (
    <section className="card" aria-label={item.type}>
      <h2>
        {item.type} {title} <Status item={item} isDone={isDone} />
      </h2>
      {children}
    </section>
  )
}

function Status({ item, isDone }: { item: Item; isDone: boolean }) {
  if (!isDone) return <span className="badge">running</span>
  const code = item.exitCode
  if (typeof code === 'number')
    return <span className={`badge ${code === 0 ? 'good' : 'bad'}`}>exit code {code}</span>
  const status = item.status ?? 'completed'
  return <span className={`badge ${status === 'completed' ? 'good' : 'bad'}`}>{status}</span>
}

function CommandCard({ item, isDone, children }: { item: Item; isDone: boolean; children: React.ReactNode }) {
  // What the shell is called by says nothing to a reader.
  const command = String(item.command)
    .replace(/^\S*sh -l?c '(.*)'$/s, '$1')
    .replace(/^\S*sh -l?c "(.*)"$/s, (_, inner) => inner.replace(/\\(["\\$`])/g, '$1'))
  return (
    <section className="card" aria-label={`Command ${command}`}>
      <h2>
        <code>{command}</code> <Status item={item} isDone={isDone} />
      </h2>
      {item.aggregatedOutput && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <pre tabIndex={0}>{item.aggregatedOutput}</pre>
      )}
      {children}
    </section>
  )
}

interface Change {
  path: string
  kind: { type: 'add' | 'delete' | 'update'; move_path?: string | null }
  diff: string
}

/** Codex has the text of what is new or gone, and hunks for what is changed. */
function unified({ path, kind, diff }: Change): string {
  const name = path.replace(/^\/+/, '')
  const head = `diff --git a/${name} b/${kind.move_path?.replace(/^\/+/, '') ?? name}\n--- a/${name}\n+++ b/${name}\n`
  if (kind.type === 'update' || diff.startsWith('@@')) return head + diff
  const lines = diff.replace(/\n$/, '').split('\n')
  const [sign, range] =
    kind.type === 'add' ? ['+', `-0,0 +1,${lines.length}`] : ['-', `-1,${lines.length} +0,0`]
  return `${head}@@ ${range} @@\n${lines.map((line) => sign + line).join('\n')}\n`
}

function FileDiff({ change }: { change: Change }) {
  const files = useMemo(() => {
    try {
      return parseDiff(unified(change))
    } catch {
      return []
    }
  }, [change])
  return (
    <figure className="diff">
      <figcaption>
        {change.kind.type} <code>{change.path}</code>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <div className="scroll" tabIndex={0}>
        {files.length === 0 || !files[0]?.hunks.length ? (
          <pre>{change.diff}</pre>
        ) : (
          files.map(({ newPath, type, hunks }) => (
            <Diff key={newPath} viewType="unified" diffType={type} hunks={hunks}>
              {(hunks) => hunks.map((hunk) => <Hunk key={hunk.content} hunk={hunk} />)}
            </Diff>
          ))
        )}
      </div>
    </figure>
  )
}

const asks = {
  command: 'Run this command?',
  fileChange: 'Make these changes?',
  mcpToolCall: 'Call this tool?',
}

/** An approval, with what it is about where no item shows that. */
export function LooseAsk({ approval, doing }: { approval: Approval; doing: MessageProps['doing'] }) {
  const { kind, command, call } = approval
  const title = call ? `${call.server}: ${call.tool}` : (command ?? kind)
  return (
    <section className="card" aria-label={`${kind} ${title}`}>
      <h2>
        <code>{title}</code> <span className="badge">waiting</span>
      </h2>
      {call?.arguments != null && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <pre tabIndex={0}>{JSON.stringify(call.arguments, null, 2)}</pre>
      )}
      <Ask approval={approval} doing={doing} />
    </section>
  )
}

function Ask({ approval, doing }: { approval: Approval; doing: MessageProps['doing'] }) {
  const [reason, setReason] = useState('')
  const answer = (decision: string, why = '') => doing(() => api.answer(approval.id, decision, why))
  return (
    <form
      className="ask"
      aria-label="Approval"
      onSubmit={(event) => {
        event.preventDefault()
        void answer('decline', reason.trim())
      }}
    >
      <p role="status">
        {asks[approval.kind]}
        {approval.reason && ` ${approval.reason}`}
      </p>
      <div className="buttons">
        <button type="button" className="primary" onClick={() => answer('accept')}>
          Yes
        </button>
        <button type="button" onClick={() => answer('acceptForSession')}>
          Always
        </button>
        <input
          aria-label="Reason for no"
          placeholder="Why not (the agent is told)"
          value={reason}
          onChange={({ target }) => setReason(target.value)}
        />
        <button type="submit">No</button>
      </div>
    </form>
  )
}
