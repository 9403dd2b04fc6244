// Submits a turn for each prompt, on one thread, follows them, and answers what the agent asks.
//
//   REDIS_URL=redis://host node submit.mjs "first prompt" "second prompt"

import { Fleet } from 'codex-node/fleet'

const prompts = process.argv.slice(2)
if (prompts.length === 0) prompts.push('What does this project do?', 'Which part of it would you test first?')
const fleet = new Fleet({ connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
const options = {
  key: process.cwd(),
  cwd: process.cwd(),
  approvalPolicy: /** @type {const} */ ('on-request'),
}

// Here nobody is asked: a program that may say yes would ask a person.
const controller = new AbortController()
const answering = (async () => {
  for await (const request of fleet.requests({ signal: controller.signal })) {
    console.log(`\n[${request.handler} of ${request.key}: declined]`)
    await request.answer('decline')
  }
})()

const jobs = []
for (const prompt of prompts) jobs.push(await fleet.submit(prompt, options))
for (const [index, job] of jobs.entries()) {
  console.log(`\n> ${prompts[index]}`)
  for await (const event of job.events()) {
    if (event.method === 'fleet/begun') console.log(`[${event.params.worker}]`)
    if (event.method === 'item/agentMessage/delta') process.stdout.write(event.params.delta)
  }
  const { usage } = await job.result()
  console.log(`\n[${usage?.total.totalTokens ?? '?'} tokens so far]`)
}
controller.abort()
await answering
await fleet.close()
