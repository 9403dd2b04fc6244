// Asks codex something about this folder, then asks again on the same thread.
//
//   node examples/quickstart.mjs "What does this project do?"
import { Codex, CodexError } from 'codex-node'

const question = process.argv[2] ?? 'What does this project do? Answer in one sentence.'

// Cheap: codex is started by the first call.
const codex = new Codex()
try {
  // The agent may read files here and run commands that change nothing.
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })

  const first = await thread.run(question)
  console.log(first.finalResponse)

  // The thread remembers: each turn builds on those before it.
  const second = await thread.run('Now say that in five words.')
  console.log(second.finalResponse)

  // `resumeThread` takes the id, in this program or in another.
  console.log(`thread ${thread.id}, ${thread.usage?.total.totalTokens ?? 0} tokens`)
} catch (error) {
  if (!(error instanceof CodexError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
} finally {
  // Ends codex and everything that it started.
  await codex.close()
}
