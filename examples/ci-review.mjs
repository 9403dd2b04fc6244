// Reviews a branch in CI: each finding becomes an annotation of GitHub, and an urgent one fails the job.
//
//   node examples/ci-review.mjs main
import { relative } from 'node:path'
import { Codex, retryOnOverload } from 'codex-node'

const branch = process.argv[2] ?? 'main'
/** Findings of this priority and those before it fail the job. */
const URGENT = 1

const codex = new Codex()
try {
  const thread = await codex.startThread({
    cwd: process.cwd(),
    sandbox: 'read-only',
    approvalMode: 'deny_all',
  })
  const start = () => thread.review({ type: 'baseBranch', branch })
  const { review, finalResponse } = await retryOnOverload(async () => (await start()).result(), {
    onRetry: ({ error, delayMs }) => console.error(`${error}; again in ${Math.round(delayMs)} ms`),
  })
  if (!review?.findings) {
    // Words for a person: nobody can say what is urgent in them.
    console.log(finalResponse ?? 'The reviewer said nothing.')
  }
  for (const { file, lines, priority, title, body } of review?.findings ?? []) {
    const level = priority !== null && priority <= URGENT ? 'error' : 'warning'
    const place = `file=${relative(process.cwd(), file)},line=${lines?.start ?? 1},endLine=${lines?.end ?? 1}`
    console.log(`::${level} ${place},title=${title}::${body.replaceAll('\n', '%0A')}`)
    if (level === 'error') process.exitCode = 1
  }
} catch (error) {
  console.error(String(error))
  process.exitCode = 2
} finally {
  await codex.close()
}
