// Connects to the codex that examples/serve.mjs shares, and follows the turn that runs there.
//
//   node examples/take-over.mjs ws://127.0.0.1:PORT TOKEN_FILE THREAD_ID ["more input"]
import { readFile } from 'node:fs/promises'
import { Codex } from 'codex-node'

const [url, tokenFile, threadId, input] = process.argv.slice(2)
if (!url || !tokenFile || !threadId) {
  console.error('usage: node examples/take-over.mjs URL TOKEN_FILE THREAD_ID ["more input"]')
  process.exit(2)
}

const token = await readFile(tokenFile, 'utf8').catch((error) => {
  console.error(String(error))
  process.exit(1)
})
const codex = new Codex({ url, token })
// When the line drops it is opened again, and the turn goes on.
codex.on('connection', ({ type }) => console.error(`(${type})`))
try {
  const thread = await codex.resumeThread(threadId)
  const turn = await thread.runningTurn()
  if (turn === null) {
    console.log('No turn runs there.')
  } else {
    if (input) await turn.steer(input)
    for await (const text of turn.text()) process.stdout.write(text)
    const { status } = await turn.result()
    console.log(`\n${status}`)
  }
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  // The server goes on: it belongs to who started it.
  await codex.close()
}
