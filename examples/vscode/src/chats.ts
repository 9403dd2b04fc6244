// A thread per chat. VS Code gives a chat no name, but the results of its earlier answers: they carry the thread's id.

import { Codex, CodexError, JsonRpcError, type Thread, type Turn, type TurnEvent } from 'codex-node'
import * as vscode from 'vscode'
import type { Approvals } from './approvals'
import type { Changes } from './changes'
import type { Usage } from './usage'

/** A turn that is shown: by one answer after the other, where messages steer it. */
interface Running {
  thread: Thread
  turn: Turn
  events: AsyncIterator<TurnEvent>
  /** What the last answer was about to read when it gave way to the next. */
  next: Promise<IteratorResult<TurnEvent>> | undefined
  stopping: AbortController
}

interface Parts {
  approvals: Approvals
  changes: Changes
  usage: Usage
}

export class Chats {
  readonly #parts: Parts
  readonly #threads = new Map<string, Promise<Thread>>()
  readonly #running = new Map<string, Running>()
  #codex: Codex | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async handle(
    { prompt, references }: vscode.ChatRequest,
    context: vscode.ChatContext,
    stream: vscode.ChatResponseStream,
    token: vscode.CancellationToken,
  ): Promise<vscode.ChatResult> {
    const input = prompt + mentioned(references)
    try {
      const threadId = threadOf(context.history)
      const steered = await this.#steered(threadId, input)
      if (steered !== undefined) stream.progress('The running turn has been told')
      const running = steered ?? (await this.#started(threadId, input))
      const cancelling = token.onCancellationRequested(() => running.stopping.abort())
      try {
        await this.#follow(running, context, stream)
      } catch (error) {
        if (!running.stopping.signal.aborted) throw error
      } finally {
        cancelling.dispose()
      }
      return { metadata: { threadId: running.thread.id } }
    } catch (error) {
      if (!(error instanceof CodexError)) throw error
      const hint = error.hint === undefined ? '' : ` ${error.hint}`
      return { errorDetails: { message: `${error.message}${hint}` } }
    }
  }

  /** Tells the turn that began last something, which the agent reads before its next step. */
  async steer(message?: string) {
    const running = [...this.#running.values()].at(-1)
    if (running === undefined) {
      vscode.window.showInformationMessage('Codex is not at work.')
      return
    }
    const text = message ?? (await vscode.window.showInputBox({ prompt: 'What should Codex know?' }))
    if (text) await running.turn.steer(text)
  }

  async close() {
    const codex = this.#codex
    this.#codex = undefined
    this.#threads.clear()
    await codex?.close()
  }

  /** The turn that the chat has running, which has been told; undefined where there is none. */
  async #steered(threadId: string | undefined, input: string): Promise<Running | undefined> {
    const running = threadId === undefined ? undefined : this.#running.get(threadId)
    if (running === undefined) return undefined
    try {
      await running.turn.steer(input)
      return running
    } catch (error) {
      // It ended in the meantime.
      if (error instanceof JsonRpcError) return undefined
      throw error
    }
  }

  async #started(threadId: string | undefined, input: string): Promise<Running> {
    const thread = await this.#thread(threadId)
    const stopping = new AbortController()
    const turn = await thread.turn(input, { signal: stopping.signal })
    const running = { thread, turn, events: turn[Symbol.asyncIterator](), next: undefined, stopping }
    this.#running.set(thread.id, running)
    // Also where no answer shows its end, as the message that it gave way to was taken back.
    const over = () => {
      if (this.#running.get(thread.id) === running) this.#running.delete(thread.id)
      this.#parts.usage.show(this.#running.size > 0)
    }
    turn.result().then(over, over)
    return running
  }

  /** Shows a turn to its end, or until the next message of the chat waits, whose answer then goes on with it. */
  async #follow(running: Running, context: vscode.ChatContext, stream: vscode.ChatResponseStream) {
    const { approvals, changes, usage } = this.#parts
    const { thread, turn, events } = running
    const shown = approvals.show(thread.id, stream)
    const asked = askedToYield(context)
    usage.show(true)
    try {
      for (;;) {
        running.next ??= events.next()
        const next = await Promise.race([running.next, asked.promise])
        if (next === undefined) return
        running.next = undefined
        if (next.done) break
        this.#show(next.value, stream)
      }
      const { items } = await turn.result()
      // At the end: what stands before it VS Code folds.
      const changed = items.flatMap((item) =>
        item.type === 'fileChange' && item.status === 'completed' ? item.changes : [],
      )
      await changes.show(stream, turn.id, changed)
    } finally {
      asked.dispose()
      shown.dispose()
    }
  }

  #show(event: TurnEvent, stream: vscode.ChatResponseStream) {
    switch (event.method) {
      case 'item/agentMessage/delta':
        stream.markdown(event.params.delta)
        break
      case 'item/started':
        if (event.params.item.type === 'commandExecution') stream.progress(`$ ${event.params.item.command}`)
        break
      case 'item/completed': {
        const { item } = event.params
        if (item.type === 'agentMessage') stream.markdown('\n\n')
        break
      }
      case 'thread/tokenUsage/updated':
        this.#parts.usage.tokens(event.params.tokenUsage)
        this.#parts.usage.show(true)
        break
    }
  }

  #thread(resumed: string | undefined): Promise<Thread> {
    this.#codex ??= new Codex({
      ...this.#parts.approvals.handlers,
      ...(setting('codexPath') ? { codexPath: setting('codexPath') } : {}),
      clientInfo: { name: 'codex_node_vscode', title: 'VS Code', version: '0.1.0' },
    })
    const codex = this.#codex
    if (resumed !== undefined) {
      const open = this.#threads.get(resumed) ?? codex.resumeThread(resumed)
      this.#threads.set(resumed, open)
      // What failed once may go well the next time.
      open.catch(() => this.#threads.delete(resumed))
      return open
    }
    const [folder] = vscode.workspace.workspaceFolders ?? []
    const model = setting('model')
    const started = codex.startThread({
      ...(folder === undefined ? {} : { cwd: folder.uri.fsPath }),
      ...(model ? { model } : {}),
      sandbox: setting('sandbox') as 'read-only' | 'workspace-write' | 'danger-full-access',
    })
    started.then(
      (thread) => this.#threads.set(thread.id, started),
      () => {},
    )
    return started
  }
}

/**
 * Resolves when a message has been sent to steer the answer that is given. VS Code says so by a property that its types do
 * not have yet, and by no event.
 */
function askedToYield(context: vscode.ChatContext) {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<undefined>((resolve) => {
    timer = setInterval(() => {
      if ((context as { yieldRequested?: boolean }).yieldRequested === true) resolve(undefined)
    }, 100)
  })
  return { promise, dispose: () => clearInterval(timer) }
}

const setting = (name: string) => vscode.workspace.getConfiguration('codex-node').get<string>(name)

function threadOf(history: vscode.ChatContext['history']): string | undefined {
  for (const turn of history.toReversed()) {
    if (turn instanceof vscode.ChatResponseTurn && turn.result.metadata?.threadId) {
      return String(turn.result.metadata.threadId)
    }
  }
  return undefined
}

/** Files and places that the message has been given, which codex reads for itself. */
function mentioned(references: readonly vscode.ChatPromptReference[]): string {
  const places = references.flatMap(({ value }) => {
    if (value instanceof vscode.Uri) return [value.fsPath]
    return value instanceof vscode.Location ? [`${value.uri.fsPath}:${value.range.start.line + 1}`] : []
  })
  return places.length === 0 ? '' : `\n\nSee ${places.join(', ')}`
}
