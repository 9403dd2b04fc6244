// Asks in the terminal before the agent does what its sandbox does not allow.
//
//   node examples/approvals.mjs "Run the tests and fix what fails"
import { createInterface } from 'node:readline/promises'
import { Codex } from 'codex-node'

const prompt = process.argv[2] ?? 'Run the tests of this project and tell me what fails.'
const terminal = createInterface({ input: process.stdin, output: process.stdout })

const codex = new Codex({
  // The signal is aborted when the answer is not wanted any more, as when the turn was interrupted.
  onApproval: async (request, { signal }) => {
    const answer = await terminal.question(`\n${describe(request)}\n[y]es, [a]lways, [n]o: `, { signal })
    if (answer.startsWith('y')) return 'accept'
    return answer.startsWith('a') ? 'acceptForSession' : 'decline'
  },
})
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })
  const result = await thread.run(prompt)
  console.log(`\n${result.finalResponse}`)
} finally {
  terminal.close()
  await codex.close()
}

/** @param {import('codex-node').ApprovalRequest} request */
function describe(request) {
  const { reason } = request.params
  const because = reason ? `, because: ${reason}` : ''
  if (request.method === 'item/commandExecution/requestApproval') {
    return `The agent wants to run ${request.params.command}${because}`
  }
  // What is to be changed comes with the request.
  const changes = 'changes' in request ? (request.changes ?? []) : []
  return `The agent wants to change ${changes.map(({ path }) => path).join(', ') || 'files'}${because}`
}
