// examples/electron as it is packed: what lies in the archive and what beside it, codex-node run from within, and what
// serves its windows. Electron itself runs in the workflow; here a stand-in reads the archive.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createPackageWithOptions, listPackage } from '@electron/asar'
import {
  command,
  createCodexHome,
  createGate,
  failed,
  hang,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { installCodex, installSelf, platformPackage } from '../support/package.mjs'
import { temporaryFolder } from '../support/rig.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const example = join(root, 'examples/electron')
const { build, main } = JSON.parse(readFileSync(join(example, 'package.json'), 'utf8'))
const { CODEX_PATH: codexPath = join(root, 'node_modules/@openai/codex/bin/codex.js') } = process.env

/** The app with its packages, where the version of the scripted codex tells which was started. */
function installApp(/** @type {string} */ folder) {
  cpSync(example, folder, { recursive: true, filter: (path) => basename(path) !== 'node_modules' })
  const modules = join(folder, 'node_modules')
  const self = installSelf(folder)
  installCodex(modules, '0.169.7')
  // As it is published, the addon is in a package of its own.
  for (const addon of readdirSync(self).filter((name) => name.endsWith('.node'))) {
    const name = `codex-node-${addon.slice('codex-node.'.length, -'.node'.length)}`
    mkdirSync(join(modules, name))
    writeFileSync(
      join(modules, name, 'package.json'),
      JSON.stringify({ name, version: '0.1.0', main: addon }),
    )
    renameSync(join(self, addon), join(modules, name, addon))
  }
  return modules
}

/**
 * The app as electron-builder packs it, by the patterns of its own configuration.
 *
 * @param {string} app
 * @param {string} archive
 */
function pack(app, archive) {
  return createPackageWithOptions(app, archive, { unpack: `{${build.asarUnpack.join(',')}}` })
}

/** @param {string} folder @returns {string[]} the files in it */
const filesIn = (folder) =>
  /** @type {string[]} */ (readdirSync(folder, { recursive: true }))
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.replaceAll('\\', '/'))

/** What Electron does with its archives, done for Node; and it says that it is Electron. */
const standIn = `
require(${JSON.stringify(join(root, 'node_modules/asar-node'))}).register()
Object.defineProperty(process.versions, 'electron', { value: '45.5.0' })
require(process.argv[2])
`

/** Runs in the archive, as the utility process does. */
const inside = `
const { Codex } = require('codex-node')
const { Codex: Exec } = require('codex-node/exec')
async function main() {
  const codex = new Codex()
  const { serverInfo } = await codex.connect()
  const { finalResponse } = await codex.run('go')
  await codex.close()
  const searched = await new Exec({ codexPath: __dirname + '/none' }).startThread().run('go').catch(({ code }) => code)
  console.log(JSON.stringify({ file: __filename, version: serverInfo.version, finalResponse, searched }))
}
main()
`

test('the app in an archive: addon and codex lie beside it, and codex-node runs them from within', async (t) => {
  const folder = temporaryFolder(t)
  const [app, resources] = [join(folder, 'app'), join(folder, 'resources')]
  const modules = installApp(app)
  const outside = [...filesIn(modules)].filter(
    (name) => name.endsWith('.node') || name.startsWith('@openai/codex'),
  )
  assert.ok(
    outside.some((name) => name.endsWith('.node')) && outside.some((name) => name.includes(platformPackage)),
  )
  writeFileSync(join(app, 'inside.cjs'), inside)
  mkdirSync(resources)
  const archive = join(resources, 'app.asar')
  await pack(app, archive)

  assert.deepEqual(filesIn(`${archive}.unpacked/node_modules`).sort(), outside.sort())
  const packed = listPackage(archive, { isPack: false }).map((name) => name.replaceAll('\\', '/'))
  for (const name of ['/package.json', `/${main}`, '/src/agent.mjs', '/node_modules/codex-node/index.js']) {
    assert.ok(packed.includes(name), name)
  }
  // Nothing but the archive and what lies beside it.
  rmSync(app, { recursive: true })

  const program = join(folder, 'stand-in.cjs')
  writeFileSync(program, standIn)
  const file = join(archive, 'inside.cjs')
  const { stdout } = await run(process.execPath, [program, file], {
    cwd: folder,
    env: { ...process.env, CODEX_PATH: '', PATH: '' },
  })
  assert.deepEqual(JSON.parse(stdout), {
    file,
    version: '0.169.7',
    finalResponse: 'Hello from the rig.',
    searched: 'BINARY_NOT_FOUND',
  })
})

describe('what serves a window', () => {
  /** @param {import('node:test').TestContext} t */
  async function served(t) {
    const folder = temporaryFolder(t)
    installApp(folder)
    const { serve } = await import(pathToFileURL(join(folder, 'src/serve.mjs')).href)
    const provider = await startScriptedProvider({ fallback: 'fail' })
    const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
    const told = new EventEmitter()
    /** @type {(message: object) => void} */
    let say = () => {}
    const variables = { ...home.env, CODEX_PATH: codexPath }
    const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
    Object.assign(process.env, variables)
    const end = serve({
      folder: home.workspace,
      send: (/** @type {{ type: string }} */ message) => told.emit(message.type, structuredClone(message)),
      listen: (/** @type {typeof say} */ listener) => {
        say = listener
      },
    })
    t.after(async () => {
      await end()
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      await provider.close()
      await home.remove()
    })
    return { provider, home, told, say: (/** @type {object} */ message) => say(message) }
  }

  test('a turn with a question, and one that is steered and stopped', async (t) => {
    const { provider, home, told, say: tell } = await served(t)
    let text = ''
    told.on('delta', (message) => {
      text += message.text
    })
    provider.enqueue(
      command('touch made', { sandbox_permissions: 'require_escalated', justification: 'To see' }),
      say('Made.'),
    )
    const asked = once(told, 'question')
    const ended = once(told, 'ended')
    tell({ type: 'turn', input: 'Make it' })
    const [question] = await asked
    assert.equal(question.reason, 'To see')
    assert.match(question.text, /touch made/)
    assert.ok(!existsSync(join(home.workspace, 'made')))
    tell({ type: 'answer', id: question.id, allowed: true })
    const [{ status, tokens }] = await ended
    assert.equal(status, 'completed')
    assert.ok(tokens > 0)
    assert.equal(text, 'Made.')
    assert.ok(existsSync(join(home.workspace, 'made')))

    const gate = createGate()
    provider.enqueue(reply([say('At it.'), waitFor(gate)]), hang(say('Heard.')))
    tell({ type: 'turn', input: 'Go on' })
    await gate.reached
    const steered = once(told, 'steered')
    tell({ type: 'turn', input: 'Hurry up' })
    await steered
    const heard = provider.nextRequest(({ userText }) => userText === 'Hurry up')
    gate.open()
    await heard
    const stopped = once(told, 'ended')
    tell({ type: 'stop' })
    assert.equal((await stopped)[0].status, 'interrupted')
  })

  test('what goes wrong is told in words', async (t) => {
    const { provider, told, say: tell } = await served(t)
    provider.enqueue(failed('invalid_prompt', 'out of luck'))
    const error = once(told, 'error')
    tell({ type: 'turn', input: 'Make it' })
    assert.match((await error)[0].message, /out of luck/)
  })
})
