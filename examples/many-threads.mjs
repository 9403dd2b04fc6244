// Asks several questions at once: one codex process, one thread for each.
//
//   node examples/many-threads.mjs "First question" "Second question" ...
import { Codex, retryOnOverload } from 'codex-node'

const given = process.argv.slice(2)
const questions =
  given.length > 0
    ? given
    : ['Which languages is this project written in?', 'How is it tested?', 'What would you improve first?']

const codex = new Codex()
try {
  const answers = await Promise.allSettled(questions.map(ask))
  answers.forEach((answer, index) => {
    console.log(`\n# ${questions[index]}`)
    // One that failed does not touch the others.
    console.log(answer.status === 'fulfilled' ? answer.value : `failed: ${answer.reason.message}`)
  })
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}

/** @param {string} question */
async function ask(question) {
  // Ephemeral: not kept on disk, as nobody will resume it.
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only', ephemeral: true })
  // A provider with many turns at once may say that it is overloaded.
  const result = await retryOnOverload(() => thread.run(question))
  console.error(`answered after ${((result.durationMs ?? 0) / 1000).toFixed(1)} s: ${question}`)
  return result.finalResponse
}
