// An app-server that listens, and that can be killed and started again at the same address.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/**
 * @param {string} executable
 * @param {NodeJS.ProcessEnv} env
 */
export async function listen(executable, env) {
  let url = 'ws://127.0.0.1:0'
  const start = async () => {
    const args = ['app-server', '--listen', url]
    const child = spawn(executable, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const exited = once(child, 'exit')
    const lines = createInterface({ input: child.stderr })
    let said = ''
    let isUp = false
    for await (const line of lines) {
      said += `${line}\n`
      const found = /listening on: (ws:\S+)/.exec(line)?.[1]
      if (found === undefined) continue
      url = found
      isUp = true
      break
    }
    if (!isUp) throw new Error(`${executable} ended: ${said}`)
    child.stderr.resume()
    const kill = async () => {
      child.kill('SIGKILL')
      await exited
    }
    return { kill }
  }
  let server = await start()
  // It would outlive who started it.
  process.once('exit', () => void server.kill())
  return {
    url,
    kill: () => server.kill(),
    async restart() {
      await server.kill()
      server = await start()
    },
  }
}
