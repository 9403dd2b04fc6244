// Reviews the changes of the repository in this folder that are not committed.
//
//   node examples/review.mjs            or against a branch: node examples/review.mjs main
import { Codex } from 'codex-node'

const branch = process.argv[2]
/** @type {import('codex-node').ReviewTarget} */
const target = branch === undefined ? { type: 'uncommittedChanges' } : { type: 'baseBranch', branch }

const codex = new Codex()
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })
  // A review is a turn like any other.
  const review = await thread.review(target)
  for await (const step of review.steps()) {
    if (step.stepType === 'exec') console.log(`$ ${step.text}`)
  }
  const { finalResponse } = await review.result()
  console.log(finalResponse ?? 'The review ended without a word.')
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}
