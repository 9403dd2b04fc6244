// Turns on the scripted app-server.

import { Codex as Exec } from '../../exec/index.mjs'
import { appServer, execs } from './script.mjs'
import { listen } from './server.mjs'

/** How often each kind; what starts a process is rare, as it costs as much as a hundred turns. */
const weights = {
  run: 2600,
  stream: 1600,
  text: 1200,
  steps: 500,
  fresh: 200,
  unread: 200,
  break: 500,
  abort: 400,
  'early abort': 200,
  interrupt: 200,
  steer: 400,
  tools: 400,
  approvals: 400,
  'sub-agents': 300,
  schema: 400,
  'wrong output': 50,
  failed: 200,
  continued: 200,
  silent: 10,
  queue: 200,
  crowd: 200,
  observed: 50,
  exec: 30,
  'exec break': 5,
  'exec abort': 5,
  crash: 12,
  reopen: 12,
}
/** Of clients that live as long as the soak. */
const steady = { crash: 0, reopen: 0 }

/**
 * @param {string} rig the executable
 * @param {number} count of lanes; every fourth is remote
 * @returns {Promise<import('./lane.mjs').Place[]>}
 */
export async function scriptedPlaces(rig, count) {
  const env = { CODEX_RIG_SCRIPT: JSON.stringify(appServer) }
  const everything = /** @type {Record<string, string>} */ (process.env)
  const clients = {
    say: new Exec({ codexPath: rig, env: { ...everything, CODEX_RIG_SCRIPT: JSON.stringify(execs.say) } }),
    open: new Exec({ codexPath: rig, env: { ...everything, CODEX_RIG_SCRIPT: JSON.stringify(execs.open) } }),
  }
  const common = {
    thread: {},
    patienceMs: 20,
    exec: (/** @type {string} */ prompt) => clients[prompt === 'open' ? 'open' : 'say'].startThread(),
  }
  const places = Array.from({ length: count }, async (_, at) => {
    const often = at % 4 === 0 ? { ...weights, ...steady } : weights
    if (at % 4 !== 3) return { ...common, name: `lane ${at}, stdio`, ...local(rig, env), weights: often }
    const server = await listen(rig, { ...process.env, ...env })
    return {
      ...common,
      name: `lane ${at}, websocket`,
      options: { url: server.url },
      weights: { ...weights, reconnect: 30 },
      crash: () => server.restart(),
      close: () => server.kill(),
    }
  })
  return Promise.all(places)
}

/** @param {string} codexPath @param {Record<string, string>} env */
function local(codexPath, env) {
  return {
    options: { codexPath, env },
    crash: (/** @type {import('../../index.js').Codex} */ { pid }) => {
      if (pid !== null) process.kill(pid, 'SIGKILL')
    },
  }
}
