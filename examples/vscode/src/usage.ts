// Tokens of the chat that was used last, in the status bar.

import type { Protocol } from 'codex-node'
import * as vscode from 'vscode'

export class Usage {
  readonly #item = vscode.window.createStatusBarItem('codex-node.usage', vscode.StatusBarAlignment.Right)
  #last = 'no tokens yet'

  constructor() {
    this.#item.name = 'Codex'
    this.#item.command = 'codex-node.steer'
    this.show(false)
    this.#item.show()
  }

  tokens({ total, last, modelContextWindow }: Protocol.ThreadTokenUsage) {
    this.#last = `${count(total.totalTokens)} tokens`
    const filled = modelContextWindow
      ? `, ${percent(last.totalTokens / modelContextWindow)} of the context`
      : ''
    this.#item.tooltip = `${count(total.inputTokens)} in, ${count(total.outputTokens)} out${filled}`
  }

  show(isRunning: boolean) {
    this.#item.text = `$(${isRunning ? 'loading~spin' : 'terminal'}) Codex: ${this.#last}`
  }

  dispose() {
    this.#item.dispose()
  }
}

const count = (tokens: number) => tokens.toLocaleString('en')
const percent = (share: number) => `${Math.round(100 * share)} %`
