// A chat in the terminal that goes on where it was left: what you type while the agent works is added to its turn.
//
//   node examples/chat.mjs chat.json
//
// `/stop` interrupts, `/plan ...` asks for a plan first, the end of the input ends the chat.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ask, Codex } from 'codex-node'

const file = process.argv[2] ?? 'chat.json'

const questions = ask(({ type, question }) => {
  if (type !== 'asked' || question.kind !== 'approval') return
  const { request } = question
  const what = request.kind === 'command' ? request.command : request.kind
  console.log(`\n? ${what} (${request.reason ?? 'no reason given'}): /yes or /no`)
})
const codex = new Codex({ ...questions.handlers })
try {
  const thread = existsSync(file)
    ? await codex.resumeThread(JSON.parse(readFileSync(file, 'utf8')).threadId)
    : await codex.startThread({ cwd: process.cwd(), sandbox: 'workspace-write' })
  /** @type {Promise<void>[]} */
  const shown = []
  // What was typed until now waits: a line that comes before the loop begins would be lost.
  for await (const line of createInterface({ input: process.stdin })) {
    const [first] = questions.open
    if (line === '/stop') await thread.currentTurn?.interrupt()
    else if (first && (line === '/yes' || line === '/no')) {
      questions.answer(first.id, line === '/yes' ? 'accept' : 'decline')
    } else {
      const planned = /^\/plan (.*)/.exec(line)?.[1]
      const collaborationMode = planned === undefined ? 'default' : 'plan'
      const { turn, steered } = await thread.send(planned ?? line, { collaborationMode })
      if (!steered) shown.push(show(turn))
    }
    writeFileSync(file, JSON.stringify({ threadId: thread.id }))
  }
  await Promise.all(shown)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close({ graceMs: 5_000, interrupt: true })
}

/** @param {import('codex-node').Turn} turn */
async function show(turn) {
  // A messenger takes an edit of a message once in a while, and so does this.
  for await (const text of turn.text({ everyMs: 100 })) process.stdout.write(text)
  const { plan, status } = await turn.result()
  if (plan !== undefined) process.stdout.write(`\nThe plan:\n${plan}`)
  console.log(status === 'completed' ? '' : `\n(${status})`)
}
