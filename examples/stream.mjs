// Shows what the agent is doing on one line that changes, and prints its answer when it is done.
//
//   node examples/stream.mjs "Which file here is the longest?"
import { Codex } from 'codex-node'

const question = process.argv[2] ?? 'Which file in this folder is the longest?'
const codex = new Codex()
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })
  const turn = await thread.turn(question)

  let written = 0
  // Every notification of the turn, typed by its method.
  for await (const event of turn) {
    switch (event.method) {
      case 'item/started':
        showItem(event.params.item)
        break
      case 'item/agentMessage/delta':
        written += event.params.delta.length
        show(`writing: ${written} characters`)
        break
      case 'error':
        show(`${event.params.willRetry ? 'trying again' : 'failed'}: ${event.params.error.message}`)
        break
    }
  }
  show('')

  // The turn is over: its result is there at once. It rejects if the turn failed.
  const result = await turn.result()
  console.log(result.finalResponse)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}

/** @param {import('codex-node').Protocol.ThreadItem} item */
function showItem(item) {
  if (item.type === 'reasoning') show('thinking')
  else if (item.type === 'commandExecution') show(`running: ${item.command}`)
  else if (item.type === 'fileChange')
    show(`changing: ${item.changes.map((change) => change.path).join(', ')}`)
}

/** @param {string} text */
function show(text) {
  // On a terminal each line replaces the one before it; the answer alone goes to stdout.
  const { isTTY, columns } = process.stderr
  if (isTTY) process.stderr.write(`\r\x1b[2K${text.replaceAll('\n', ' ').slice(0, columns - 1)}`)
  else if (text !== '') process.stderr.write(`${text}\n`)
}
