// What codex changed, as a diff in the editor: the file as it is, beside what it was.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Protocol } from 'codex-node'
import { applyPatch, parsePatch, reversePatch } from 'diff'
import * as vscode from 'vscode'

const scheme = 'codex-node-before'
const command = 'codex-node.diff'

type Change = Protocol.FileUpdateChange

export class Changes {
  /** Texts of before, by the query of their address. */
  readonly #texts = new Map<string, string>()
  readonly #registered = vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      provideTextDocumentContent: ({ query }) => this.#texts.get(query) ?? '',
    }),
    vscode.commands.registerCommand(command, (path: string, id: string) => open(path, id)),
  )

  /** A button for each file that a turn has changed. */
  async show(stream: vscode.ChatResponseStream, turnId: string, changes: readonly Change[]) {
    const byPath = Map.groupBy(
      changes,
      ({ path, kind }) => (kind.type === 'update' && kind.move_path) || path,
    )
    for (const [path, steps] of byPath) {
      const before = await textBefore(path, steps)
      if (before === undefined) continue
      const id = `${turnId}:${path}`
      this.#texts.set(id, before)
      stream.button({ title: `Diff of ${basename(path)}`, command, arguments: [path, id] })
    }
  }

  dispose() {
    this.#registered.dispose()
    this.#texts.clear()
  }
}

function open(path: string, id: string) {
  const now = vscode.Uri.file(path)
  const before = now.with({ scheme, query: id })
  return vscode.commands.executeCommand('vscode.diff', before, now, `${basename(path)} (by Codex)`)
}

/** The text before all the changes: they are taken back, the last one first. */
async function textBefore(path: string, changes: readonly Change[]): Promise<string | undefined> {
  let text = await readFile(path, 'utf8').catch(() => '')
  for (const { kind, diff } of changes.toReversed()) {
    // Codex has the whole text of a file that is new or gone, and hunks for one that is changed.
    if (kind.type === 'add') text = ''
    else if (kind.type === 'delete') text = diff
    else {
      const [patch] = parsePatch(diff)
      const earlier = patch && applyPatch(text, reversePatch(patch))
      // Somebody else has changed the file since.
      if (typeof earlier !== 'string') return undefined
      text = earlier
    }
  }
  return text
}
