// Questions of codex as buttons in the chat.

import { type ApprovalDecision, type ApprovalRequest, ask, type Handlers } from 'codex-node'
import * as vscode from 'vscode'

const command = 'codex-node.answer'

const buttons: [string, ApprovalDecision][] = [
  ['Allow', 'accept'],
  ['Allow in this chat', 'acceptForSession'],
  ['Decline', 'decline'],
]

export class Approvals {
  /** Whoever shows the questions of a turn, by its thread. */
  readonly #shown = new Map<string, vscode.ChatResponseStream>()
  readonly #questions = ask(({ type, question }) => {
    if (type !== 'asked' || question.kind !== 'approval') return
    const stream = this.#shown.get(question.request.threadId)
    if (stream === undefined) this.#questions.answer(question.id, 'decline')
    else show(stream, question.id, question.request)
  })
  readonly #command = vscode.commands.registerCommand(command, (id: string, decision: ApprovalDecision) =>
    this.#questions.answer(id, decision),
  )

  /** For the options of the client: what is no approval is declined. */
  get handlers(): Pick<Handlers, 'onApproval'> {
    return { onApproval: this.#questions.handlers.onApproval }
  }

  show(threadId: string, stream: vscode.ChatResponseStream): vscode.Disposable {
    this.#shown.set(threadId, stream)
    return new vscode.Disposable(() => {
      if (this.#shown.get(threadId) === stream) this.#shown.delete(threadId)
    })
  }

  dispose() {
    this.#command.dispose()
  }
}

function show(stream: vscode.ChatResponseStream, id: string, request: ApprovalRequest) {
  const text = new vscode.MarkdownString('\n\n')
  if (request.kind === 'command') {
    text.appendMarkdown('Codex asks to run\n').appendCodeblock(request.command ?? 'a command', 'sh')
  } else if (request.kind === 'fileChange') {
    text.appendMarkdown('Codex asks to change files.')
  } else {
    text.appendMarkdown('Codex asks to call a tool of an MCP server.')
  }
  if (request.reason) text.appendText(`\n${request.reason}`)
  stream.markdown(text)
  for (const [title, decision] of buttons) stream.button({ title, command, arguments: [id, decision] })
}
