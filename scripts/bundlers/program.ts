import './program.mjs'
import { Codex, type TurnResult } from 'codex-node'

export async function ask(question: string): Promise<TurnResult> {
  await using codex = new Codex()
  return await codex.run(question)
}
