// One `codex exec` for each turn: asks about this folder, shows the commands of the agent, and goes on by the id of a
// thread. The way for a script that asks a thing or two.
//
//   node examples/exec.mjs "What does this project do?"
//   node examples/exec.mjs --resume THREAD "And how is it tested?"
import { parseArgs } from 'node:util'
import { CodexError } from 'codex-node'
import { Codex } from 'codex-node/exec'

const { values, positionals } = parseArgs({ options: { resume: { type: 'string' } }, allowPositionals: true })
const question = positionals[0] ?? 'What does this project do? Answer in one sentence.'

// Nothing runs between turns, so there is nothing to close.
const codex = new Codex()
/** @type {import('codex-node/exec').ThreadOptions} */
const options = { sandboxMode: 'read-only', skipGitRepoCheck: true }
const thread = values.resume ? codex.resumeThread(values.resume, options) : codex.startThread(options)

// Ctrl-C ends the turn and everything that codex has started for it.
const controller = new AbortController()
process.once('SIGINT', () => controller.abort())

try {
  const { events, result } = await thread.runStreamed(question, { signal: controller.signal })
  for await (const event of events) {
    if (event.type === 'item.started' && event.item.type === 'command_execution') {
      console.error(`$ ${event.item.command}`)
    }
  }
  const { finalResponse, usage, turnUsage } = await result()
  console.log(finalResponse)
  console.error(`${turnUsage?.input_tokens ?? '?'} of ${usage?.input_tokens ?? '?'} input tokens`)
  console.error(`go on with: --resume ${thread.id}`)
} catch (error) {
  if (!(error instanceof CodexError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}
