import { existsSync } from 'node:fs'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'
import { changed, files, prompt, steps } from './scenario.mjs'

/**
 * What the turn needs: who answers, where codex works, and what to ask.
 *
 * @typedef {object} Stage
 * @property {string} model who answers, for people
 * @property {string} workspace
 * @property {string} place the workspace, for people
 * @property {string} prompt
 * @property {import('../../index.js').CodexOptions} codex
 * @property {import('../../index.js').StartThreadOptions} thread
 * @property {import('../../index.js').TurnOptions} turn
 * @property {() => Promise<void>} check throws if the turn did not do what it should have
 * @property {() => Promise<void>} leave removes what is of no use afterwards
 */

/**
 * @param {string} wanted the user's prompt, or ''
 * @returns {Promise<Stage>}
 */
export function setStage(wanted) {
  const apiKey = process.env.OPENAI_API_KEY
  const codexHome = process.env.CODEX_HOME || join(homedir(), '.codex')
  if (existsSync(join(codexHome, 'auth.json'))) return realStage(wanted, `the account in ${codexHome}`)
  if (apiKey) return realStage(wanted, 'the account of OPENAI_API_KEY', apiKey)
  return scriptedStage(wanted)
}

/**
 * @param {string} wanted
 * @returns {Promise<Stage>}
 */
async function scriptedStage(wanted) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  provider.enqueue(...steps)
  await writeFiles(home.workspace)
  return {
    model: `scripted, as no account is set up${wanted === '' ? '' : '; the prompt does not change its answer'}`,
    workspace: home.workspace,
    place: `${home.workspace} (temporary, removed at the end)`,
    prompt: wanted || prompt,
    codex: { env: home.env },
    // What it runs is written in scenario.mjs, and not every machine can sandbox.
    thread: { sandbox: 'danger-full-access' },
    turn: { inactivityTimeoutMs: 60_000 },
    async check() {
      if (provider.errors.length > 0) throw provider.errors[0]
      const { name, text } = changed
      if ((await readFile(join(home.workspace, name), 'utf8')) !== text)
        throw new Error(`${name} was not fixed`)
    },
    async leave() {
      await provider.close()
      await home.remove()
    },
  }
}

/**
 * @param {string} wanted
 * @param {string} model
 * @param {string} [apiKey]
 * @returns {Promise<Stage>}
 */
async function realStage(wanted, model, apiKey) {
  const workspace = await temporaryFolder('codex-node-demo-')
  if (wanted === '') await writeFiles(workspace)
  // The key logs in, and codex writes a login down: not in the user's own home.
  const codexHome = apiKey === undefined ? undefined : await temporaryFolder('codex-node-home-')
  return {
    model,
    workspace,
    place: `${workspace} (temporary, left as it is at the end)`,
    prompt: wanted || prompt,
    codex: codexHome === undefined ? {} : { apiKey, env: { CODEX_HOME: codexHome } },
    // Nobody is asked: what the sandbox forbids is not done.
    thread: { sandbox: 'workspace-write', approvalMode: 'deny_all' },
    turn: {},
    async check() {},
    async leave() {
      if (codexHome !== undefined) await rm(codexHome, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

/** @param {string} prefix */
async function temporaryFolder(prefix) {
  return realpath(await mkdtemp(join(tmpdir(), prefix)))
}

/** @param {string} folder */
async function writeFiles(folder) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}
