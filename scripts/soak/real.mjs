// Turns on the real codex, whose model is scripted.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect as dial } from 'node:net'
import { Codex as Exec } from '../../exec/index.mjs'
import { createCodexHome } from '../../testing/index.mjs'
import { listen } from './server.mjs'

/** How often each kind. */
const weights = {
  run: 20,
  stream: 15,
  text: 12,
  steps: 5,
  fresh: 4,
  unread: 2,
  break: 6,
  abort: 5,
  'early abort': 4,
  interrupt: 3,
  steer: 5,
  tools: 5,
  approvals: 5,
  'sub-agents': 4,
  schema: 5,
  'wrong output': 1,
  failed: 3,
  continued: 3,
  silent: 1,
  queue: 2,
  crowd: 2,
  observed: 1,
  exec: 1,
  'exec break': 0.3,
  'exec abort': 0.3,
  crash: 0.5,
  reopen: 0.5,
}

/**
 * @param {string} codexPath
 * @param {number} count of lanes; every fourth is remote
 */
export async function realPlaces(codexPath, count) {
  const provider = fork(new URL('./provider.mjs', import.meta.url))
  const [url] = await once(provider, 'message')
  // Each has its own: where several write to one, one waits for another.
  const homes = await Promise.all(Array.from({ length: count }, () => createCodexHome({ url }, homeOptions)))
  const places = homes.map(async ({ env, workspace }, at) => {
    const exec = new Exec({ codexPath, env: { .../** @type {any} */ (process.env), ...env } })
    const options = { skipGitRepoCheck: true, workingDirectory: workspace }
    const common = {
      thread: { cwd: workspace, approvalPolicy: /** @type {const} */ ('untrusted') },
      patienceMs: 2_000,
      exec: () => exec.startThread(options),
    }
    if (at % 4 !== 3) {
      const crash = (/** @type {import('../../index.js').Codex} */ { pid }) => {
        if (pid !== null) process.kill(pid, 'SIGKILL')
      }
      return { ...common, name: `lane ${at}, stdio`, options: { codexPath, env }, weights, crash }
    }
    const server = await listen(codexPath, { ...process.env, ...env })
    const line = await proxy(Number(new URL(server.url).port))
    return {
      ...common,
      name: `lane ${at}, websocket`,
      options: { url: line.url },
      weights: { ...weights, reconnect: 4 },
      crash: () => server.restart(),
      drop: line.cut,
      close: async () => {
        line.close()
        await server.kill()
      },
    }
  })
  return {
    places: await Promise.all(places),
    end: async () => {
      const gone = once(provider, 'exit')
      provider.disconnect()
      await gone
      await Promise.all(homes.map((home) => home.remove()))
    },
  }
}

/** Sub-agents are offered to models that codex does not know. @type {import('../../testing/index.js').CodexHomeOptions} */
const homeOptions = { model: 'mock-model', sandboxMode: 'danger-full-access' }

/** A line to a server that can be cut. @param {number} port */
async function proxy(port) {
  /** @type {Set<import('node:net').Socket>} */
  const open = new Set()
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  const server = createServer((client) => {
    const there = dial(port, '127.0.0.1')
    for (const socket of [client, there]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        there.destroy()
      })
    }
    client.pipe(there).pipe(client)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  const close = () => {
    cut()
    server.close()
  }
  return { url: `ws://127.0.0.1:${address.port}`, cut, close }
}
