// Asks in the terminal before the agent does what its sandbox does not allow.
//
//   node examples/approvals.mjs "Run the tests and fix what fails"
import { createInterface } from 'node:readline/promises'
import { Codex } from 'codex-node'

const prompt = process.argv[2] ?? 'Run the tests of this project and tell me what fails.'
const terminal = createInterface({ input: process.stdin, output: process.stdout })
// Nobody answers any more once the input is over.
const over = new AbortController()
terminal.once('close', () => over.abort())
/** @type {Promise<unknown>} */
let asked = Promise.resolve()

const codex = new Codex({
  // Handlers run side by side, a terminal shows one question after the other. The signal is aborted when the answer is
  // not wanted any more, as when the turn was interrupted.
  onApproval: (request, { signal }) => {
    const question = () => ask(describe(request), AbortSignal.any([signal, over.signal]))
    const decision = asked.then(question)
    asked = decision.catch(() => {})
    return decision
  },
})
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })
  const result = await thread.run(prompt)
  console.log(`\n${result.finalResponse}`)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  terminal.close()
  await codex.close()
}

/** @param {string} what @param {AbortSignal} signal @returns {Promise<'accept' | 'acceptForSession' | 'decline'>} */
async function ask(what, signal) {
  signal.throwIfAborted()
  const answer = await terminal.question(`\n${what}\n[y]es, [a]lways, [n]o: `, { signal })
  if (answer.startsWith('y')) return 'accept'
  return answer.startsWith('a') ? 'acceptForSession' : 'decline'
}

/** @param {import('codex-node').ApprovalRequest} request */
function describe(request) {
  const because = request.reason ? `, because: ${request.reason}` : ''
  switch (request.kind) {
    case 'command':
      return `The agent wants to run ${request.command}${because}`
    case 'mcpToolCall':
      return `The agent wants to call ${request.tool} of ${request.server}${because}`
    case 'fileChange': {
      const paths = request.changes?.map(({ path }) => path).join(', ')
      return `The agent wants to change ${paths || 'files'}${because}`
    }
  }
}
