// Uses a codex on another machine, over any program that runs a command there and passes its input and output on.
//
//   node examples/remote-command.mjs ssh build-host codex app-server
//   node examples/remote-command.mjs docker exec -i my-container codex app-server
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Codex } from 'codex-node'

const [command, ...args] = process.argv.slice(2)
if (command === undefined) {
  console.error('usage: node examples/remote-command.mjs COMMAND [ARGUMENT ...]')
  process.exit(2)
}

const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
// It may not be there at all.
const exited = once(child, 'close').catch((error) => console.error(String(error)))
const codex = new Codex({ transport: { readable: child.stdout, writable: child.stdin } })
try {
  const { codexHome, platformOs } = await codex.connect()
  console.log(`codex on ${platformOs}, at home in ${codexHome}`)

  // Folders are those of the other machine.
  const { finalResponse } = await codex.run('Which folder are you in, and what is in it?', {
    sandbox: 'read-only',
  })
  console.log(finalResponse)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  // Closes the command's input, which ends codex, and the command with it.
  await codex.close()
  await exited
}
