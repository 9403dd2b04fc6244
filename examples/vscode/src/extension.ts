// A chat participant that is a Codex agent. One codex serves all chats of this window; it starts with the first message.

import * as vscode from 'vscode'
import { Approvals } from './approvals'
import { Changes } from './changes'
import { Chats } from './chats'
import { Usage } from './usage'

let chats: Chats | undefined

export function activate(context: vscode.ExtensionContext) {
  const approvals = new Approvals()
  const changes = new Changes()
  const usage = new Usage()
  const agent = new Chats({ approvals, changes, usage })
  chats = agent

  const participant = vscode.chat.createChatParticipant('codex-node.codex', (request, chat, stream, token) =>
    agent.handle(request, chat, stream, token),
  )
  participant.iconPath = new vscode.ThemeIcon('terminal')
  context.subscriptions.push(
    participant,
    approvals,
    changes,
    usage,
    vscode.commands.registerCommand('codex-node.steer', (message?: string) => agent.steer(message)),
    vscode.commands.registerCommand('codex-node.restart', () => agent.close()),
  )
}

// Awaited by VS Code. Where the extension host is killed instead, codex-node ends codex all the same.
export async function deactivate() {
  await chats?.close()
}
