// Works off a list of jobs, some at once. Killed anywhere and started again it does nothing twice.
//
//   node examples/batch.mjs jobs.json     {"jobs": [{"id": "a", "prompt": "..."}, ...]}
import { readFileSync, writeFileSync } from 'node:fs'
import { Codex, retryOnOverload, TurnFailedError } from 'codex-node'

const file = process.argv[2] ?? 'jobs.json'
const AT_ONCE = 4

/** @typedef {{ id: string, prompt: string, threadId?: string, answer?: string | null, error?: string }} Job */
/** @type {{ jobs: Job[] }} */
const state = JSON.parse(readFileSync(file, 'utf8'))
const save = () => writeFileSync(file, `${JSON.stringify(state, null, 2)}\n`)

const codex = new Codex()
const waiting = state.jobs.filter((job) => job.answer === undefined && job.error === undefined)
try {
  await Promise.all(Array.from({ length: AT_ONCE }, work))
} finally {
  await codex.close({ graceMs: 5_000, interrupt: true })
}
const failed = state.jobs.filter(({ error }) => error !== undefined)
console.log(`${state.jobs.length - failed.length} done, ${failed.length} failed`)
if (failed.length > 0) process.exitCode = 1

async function work() {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    try {
      job.answer = await answer(job)
    } catch (error) {
      if (!(error instanceof TurnFailedError)) throw error
      job.error = error.message
    }
    save()
  }
}

/** @param {Job} job */
async function answer(job) {
  const options = { cwd: process.cwd(), sandbox: /** @type {const} */ ('workspace-write') }
  const thread = job.threadId ? await codex.resumeThread(job.threadId) : await codex.startThread(options)
  // Written down before anything is done in it.
  job.threadId = thread.id
  save()
  const outcome = await thread.outcomeOf(job.id)
  if (outcome.status === 'completed') {
    return (
      outcome.turn.items.flatMap((item) => (item.type === 'agentMessage' ? [item.text] : [])).at(-1) ?? null
    )
  }
  const start = () =>
    outcome.status === 'notBegun'
      ? thread.turn(job.prompt, { clientUserMessageId: job.id })
      : thread.proceed()
  const { finalResponse } = await retryOnOverload(start, {
    maxAttempts: 5,
    onRetry: ({ attempt, error }) => console.error(`${job.id}: attempt ${attempt}: ${error}`),
  })
  return finalResponse
}
