import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'

/** @typedef {import('../../testing/index.mjs').ScriptedProvider} ScriptedProvider */
/** @typedef {import('../../testing/index.mjs').CodexHome} CodexHome */
/** @typedef {{ type: string, delta?: string, item?: Record<string, unknown>, response?: Record<string, unknown> }} SseEvent */

/**
 * Asks the provider the way codex does.
 *
 * @param {ScriptedProvider} provider
 * @param {string} [prompt]
 * @param {{ thread?: string, turn?: string, signal?: AbortSignal }} [options]
 */
export function ask(provider, prompt = 'hi', { thread = 'thread-1', turn, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { 'content-type': 'application/json' }
  if (turn) headers['x-codex-turn-metadata'] = JSON.stringify({ turn_id: turn })
  const content = [{ type: 'input_text', text: prompt }]
  const body = JSON.stringify({
    model: 'gpt-5.5',
    prompt_cache_key: thread,
    input: [{ type: 'message', role: 'user', content }],
  })
  return fetch(`${provider.url}/responses`, { method: 'POST', headers, body, signal: signal ?? null })
}

/**
 * @param {string} stream
 * @returns {SseEvent[]}
 */
export function events(stream) {
  return stream.split('\n').flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6))] : []))
}

/**
 * The text of the deltas that answer a prompt.
 *
 * @param {ScriptedProvider} provider
 * @param {string} [prompt]
 * @param {{ thread?: string, turn?: string }} [options]
 */
export async function answer(provider, prompt, options) {
  const response = await ask(provider, prompt, options)
  assert.equal(response.status, 200)
  return events(await response.text())
    .map(({ delta }) => delta ?? '')
    .join('')
}

/** The native binary, from the platform package that npm put beside `@openai/codex`. */
function codexBinary() {
  const require = createRequire(import.meta.url)
  const fromCodex = createRequire(require.resolve('@openai/codex/package.json'))
  const name = `@openai/codex-${process.platform}-${process.arch}/package.json`
  const vendor = join(dirname(fromCodex.resolve(name)), 'vendor')
  const [target = ''] = readdirSync(vendor)
  return join(vendor, target, 'bin', process.platform === 'win32' ? 'codex.exe' : 'codex')
}

const CODEX = codexBinary()

/**
 * @param {CodexHome} home
 * @param {string} prompt
 */
export function startCodex(home, prompt) {
  const args = ['exec', '--experimental-json', '--skip-git-repo-check', prompt]
  const child = spawn(CODEX, args, {
    cwd: home.workspace,
    env: { ...process.env, ...home.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, exited] = [text(child.stdout), text(child.stderr), once(child, 'exit')]
  const finished = async () => {
    const [code, signal] = await exited
    const lines = (await stdout).split('\n').filter(Boolean)
    return { code, signal, events: lines.map((line) => JSON.parse(line)), stderr: await stderr }
  }
  return { child, finished: finished() }
}

/**
 * @param {CodexHome} home
 * @param {string} prompt
 */
export function runCodex(home, prompt) {
  return startCodex(home, prompt).finished
}
