// Starts a codex that several programs share, and a turn on it that another program may take over.
//
//   node examples/serve.mjs "Run the tests and fix what fails"
import { Codex, serve } from 'codex-node'

const prompt = process.argv[2] ?? 'Run the tests of this project and tell me what fails.'

// It listens on this machine alone, and ends with this program.
const server = await serve().catch((error) => {
  console.error(String(error))
  process.exit(1)
})
const codex = new Codex({ url: server.url, token: server.token })
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only' })
  const turn = await thread.turn(prompt)

  // The token is in a file that only this user can read: nobody sees it in the list of processes.
  console.log(`node examples/take-over.mjs ${server.url} "${server.tokenFile}" ${thread.id}`)

  const result = await turn.result()
  console.log(`${result.status}: ${result.finalResponse}`)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
  await server.close()
}
