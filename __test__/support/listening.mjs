// A real app-server that listens.

import './environment.mjs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, realpathSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'
import { codexExecutable } from './codex.mjs'

/**
 * A real app-server that listens, with a scripted provider and a home of its own; it ends with the test.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 * @param {object} [options]
 * @param {string} [options.listen]
 * @param {string[]} [options.args] further arguments, such as those of `--ws-auth`
 * @param {Parameters<typeof createCodexHome>[1]} [options.home]
 */
export async function listening(t, { listen = 'ws://127.0.0.1:0', args = [], home: homeOptions } = {}) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access', ...homeOptions })
  const start = (/** @type {string} */ at) =>
    spawnServer(['app-server', '--listen', at, ...args], { ...process.env, ...home.env })
  let server = start(listen)
  t.after(async () => {
    await server.kill()
    await provider.close()
    await home.remove()
  })
  const url = listen.startsWith('unix:') ? listen : await server.url()
  if (listen.startsWith('unix:')) {
    await server.accepts(
      listen === 'unix://'
        ? join(home.codexHome, 'app-server-control/app-server-control.sock')
        : listen.slice('unix://'.length),
    )
  }
  return {
    provider,
    home,
    url,
    /** Its process id. */
    get pid() {
      return /** @type {number} */ (server.child.pid)
    },
    /** Ends it at once, as a crash does. */
    kill: () => server.kill(),
    /** Starts it again after `kill()`, at the same address. */
    restart: async () => {
      server = start(url)
      await server.url()
    },
  }
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} env */
function spawnServer(args, env) {
  const child = spawn(codexExecutable(), args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    child.emit('stderr')
  })
  const ended = exited.then(() => {
    throw new Error(`codex ended: ${stderr}`)
  })
  ended.catch(() => {})
  return {
    child,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    url: async () => {
      for (;;) {
        const url = /listening on: (ws:\S+)\s/.exec(stderr)?.[1]
        if (url !== undefined) return url
        await Promise.race([once(child, 'stderr'), ended])
      }
    },
    /** It says nothing about a socket. @param {string} path */
    accepts: async (path) => {
      while (!(await connects(path)))
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ended])
    },
  }
}

/** @param {string} path */
async function connects(path) {
  if (!existsSync(path)) return false
  const socket = net.connect(realpathSync(path))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
