// Changes the agent's mind in the middle of a turn, then stops another turn half-way.
//
//   node examples/steer-and-interrupt.mjs
import { Codex } from 'codex-node'

const codex = new Codex()
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })

  // More input for the turn that runs: the agent drops what it was writing and takes it into account.
  const poem = await thread.turn('Write a long poem about the sea.')
  let steered = false
  for await (const text of poem.text()) {
    process.stdout.write(text)
    if (!steered) {
      steered = true
      await poem.steer('About mountains instead, and only two lines.')
      process.stdout.write('\n--- steered ---\n')
    }
  }
  console.log(`\n--- ${(await poem.result()).status} ---`)

  // An interrupted turn is no failure: its result holds what was there.
  const story = await thread.turn('Now tell a very long story.')
  let length = 0
  for await (const text of story.text()) {
    process.stdout.write(text)
    length += text.length
    if (length > 200) await story.interrupt()
  }
  console.log(`\n--- ${(await story.result()).status} ---`)

  // The thread goes on. A deadline of your own is a signal.
  const title = await thread.run('Give the story a title.', { signal: AbortSignal.timeout(120_000) })
  console.log(title.finalResponse)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}
