// npm run test:vscode     examples/vscode in a real extension host: that of code-server, with Chromium as its window
//
// code-server (0.6 GB, compiled in part) and Node 24, which it needs, come from npm into target/vscode and stay there. The
// codex is the real one with a scripted model. SHOW=1 leaves pictures of each step in target/vscode/pictures.

import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, parse } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { root, SetupError } from './setup.mjs'
import { freePort, prepare } from './test/ecosystem.mjs'

const cache = join(root, 'target/vscode')
const project = join(cache, 'extension')
const server = join(cache, 'server')
const node24 = join(server, 'node_modules/node24/bin')
const vsce = join(project, 'node_modules/.bin/vsce')
const CODE_SERVER = '4.139.1'
const MOST_BYTES = 10_000_000

/** What it takes to compile what code-server has of native code. */
const DEBIAN = [
  'libkrb5-dev',
  'libsecret-1-dev',
  'libxkbfile-dev',
  'libx11-dev',
  'pkg-config',
  'g++',
  'make',
  'python3',
]

/** @typedef {Omit<Awaited<ReturnType<typeof prepare>>, 'env'>} Tester */

async function main() {
  if (process.platform !== 'linux')
    throw new SetupError('npm run test:vscode needs Linux, as code-server does')
  const manifest = JSON.parse(readFileSync(join(root, 'examples/vscode/package.json'), 'utf8'))
  // That of this checkout is installed from its tarball.
  delete manifest.devDependencies['codex-node']
  const { env, ...tester } = await prepare(project, manifest)
  cpSync(join(root, 'examples/vscode'), project, {
    recursive: true,
    filter: (path) => !/[\\/](package\.json|node_modules|dist)$/.test(path),
  })
  await installServer()

  const files = packaged(tester, env)
  if (files !== undefined) await inHost(files, tester, env)
  process.exitCode = tester.summary() ? 0 : 1
}

async function installServer() {
  if (existsSync(join(server, 'node_modules/code-server/lib/vscode/node_modules'))) return
  if (spawnSync('pkg-config', ['--exists', 'krb5-gssapi', 'libsecret-1', 'xkbfile', 'x11']).status !== 0) {
    const wanted = `apt-get install -y --no-install-recommends ${DEBIAN.join(' ')}`
    if (process.getuid?.() !== 0)
      throw new SetupError(`code-server has to be compiled, which needs: ${wanted}`)
    console.log(wanted)
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
    const { status } = spawnSync('sh', ['-c', `${wanted} -qq`], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw new SetupError(`this is needed to compile code-server, and failed: ${wanted}`)
  }
  console.log('Installing code-server, which takes minutes ...')
  // What an installation left that failed makes the next one fail.
  rmSync(server, { recursive: true, force: true })
  mkdirSync(server, { recursive: true })
  writeFileSync(join(server, 'package.json'), '{"private":true}')
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
  const { npm } = await import('./test/package.mjs')
  npm(server, 'install', ...quietly, `node24@npm:node-linux-${process.arch}@24`)
  // Its version of Node is the one that it is compiled for and runs on.
  process.env.PATH = [node24, process.env.PATH].join(delimiter)
  npm(server, 'install', ...quietly, '--foreground-scripts', `code-server@${CODE_SERVER}`)
}

/**
 * The extension as users get it, and the one that the test looks through.
 *
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
function packaged(tester, env) {
  const started = Date.now()
  const run = (/** @type {string} */ cwd, /** @type {string} */ program, /** @type {string[]} */ ...args) => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
    return status === 0 ? undefined : `${stdout}\n${stderr}`
  }
  const ours = join(cache, 'codex-node.vsix')
  const driver = join(cache, 'driver.vsix')
  const args = ['package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out']
  const wrong =
    run(project, join(project, 'node_modules/.bin/tsc')) ??
    run(project, process.execPath, 'build.mjs') ??
    run(project, vsce, ...args, ours) ??
    run(join(root, 'scripts/vscode/driver'), vsce, ...args, driver)
  if (!tester.report('the extension compiles and is packed', started, wrong && 'It failed:', wrong)) return
  const bytes = statSync(ours).size
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  tester.report(
    `it has ${size}, of ${MOST_BYTES / 1e6}`,
    started,
    bytes < MOST_BYTES ? undefined : 'That is too much',
  )
  return [ours, driver]
}

/**
 * @param {string[]} extensions
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
async function inHost(extensions, tester, env) {
  // Only now: their packages have just been installed.
  // By a name that the compiler does not follow: what drives a browser has the types of a page, these files have not.
  const chromium = '../__test__/page/chromium.mjs'
  const { startChromium } = await import(chromium)
  const testing = await import('../testing/index.mjs')
  const { command, createCodexHome, createGate, hang, patch, reply, say, startScriptedProvider, waitFor } =
    testing

  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'codex-node-vscode-')))
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const host = new Host(folder, home.workspace, { ...env, ...home.env })
  const browser = await startChromium()
  /** @type {any} a page of playwright */
  let page
  let count = 0

  /** @param {string} name @param {() => Promise<void>} body */
  async function step(name, body) {
    const started = Date.now()
    const wrong = await body().then(
      () => undefined,
      (error) => String(error?.stack ?? error),
    )
    if (wrong !== undefined || process.env.SHOW) {
      const picture = join(cache, 'pictures', `${++count}.png`)
      mkdirSync(dirname(picture), { recursive: true })
      await page?.screenshot({ path: picture })
    }
    if (!tester.report(name, started, wrong, host.said)) throw new Error('stopped')
  }

  try {
    for (const extension of extensions) host.install(extension)
    host.settings({ 'workbench.startupEditor': 'none' })
    await step('activation in the extension host', async () => {
      await host.start()
      page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
      await page.goto(host.url)
      await host.until(({ isActive }) => isActive)
    })
    const view = page
    const ask = (/** @type {string} */ text) =>
      host.run('workbench.action.chat.open', { query: `@codex ${text}` })
    const sees = (/** @type {string | RegExp} */ text) =>
      view.getByText(text).first().waitFor({ timeout: 60_000 })
    const click = (/** @type {string} */ name) =>
      view.getByRole('button', { name, exact: true }).last().click({ timeout: 60_000 })

    await step('a turn with a command, in the chat', async () => {
      provider.enqueue(command('echo from-the-host'), say('The command said so.'))
      await ask('Run something')
      await sees('The command said so.')
    })

    await step('an approval: a button of the chat, and the command runs', async () => {
      provider.enqueue(
        command('touch allowed', {
          sandbox_permissions: 'require_escalated',
          justification: 'Because of the test',
        }),
        say('It was allowed.'),
      )
      await ask('Touch it')
      await sees('Because of the test')
      if (existsSync(join(home.workspace, 'allowed'))) throw new Error('it ran before it was allowed')
      await click('Allow')
      await sees('It was allowed.')
      if (!existsSync(join(home.workspace, 'allowed'))) throw new Error('it did not run')
    })

    await step('the next message goes on in the same thread', async () => {
      const threads = new Set(provider.requests.map(({ threadId }) => threadId).filter(Boolean))
      if (threads.size !== 1) throw new Error(`there were ${threads.size} threads`)
    })

    await step('a changed file opens as a diff in the editor', async () => {
      writeFileSync(join(home.workspace, 'shop.txt'), 'one\ntwo\nthree\n')
      provider.enqueue(
        patch('*** Begin Patch\n*** Update File: shop.txt\n@@\n one\n-two\n+TWO\n three\n*** End Patch\n'),
        say('It is changed.'),
      )
      await ask('Change it')
      await sees('It is changed.')
      await click('Diff of shop.txt')
      await host.until(({ tabs }) => tabs.some((label) => label.includes('shop.txt (by Codex)')))
      const before = view.locator('.original-in-monaco-diff-editor .view-line', { hasText: 'two' })
      await before.first().waitFor({ timeout: 30_000 })
    })

    await step('tokens in the status bar', () => sees(/Codex: [\d,]+ tokens/))

    await step('a second message steers the running turn', async () => {
      const gate = createGate()
      provider.enqueue(reply([say('I am at it.'), waitFor(gate)]), say('I have heard you.'))
      await ask('Take your time')
      await gate.reached
      // Written and sent as a user does: the command would put it behind the running answer.
      await host.run('workbench.action.chat.open', { query: '@codex Hurry up', isPartialQuery: true })
      await view.locator('.interactive-input-editor .view-line', { hasText: 'Hurry' }).waitFor()
      await view.keyboard.press('Enter')
      await sees('The running turn has been told')
      gate.open()
      // Its answer goes on with the same turn.
      await sees('I have heard you.')
      const [first, second] = ['Take your time', 'Hurry up'].map((text) =>
        provider.requests.find(({ userText }) => userText?.includes(text)),
      )
      if (second === undefined || second.turnId !== first?.turnId) throw new Error('it was another turn')
    })

    await step('stopping the answer interrupts the turn', async () => {
      const asked = provider.nextRequest(({ userText }) => userText?.includes('Never end') === true)
      provider.enqueue(hang(say('This takes long.')))
      await ask('Never end')
      await asked
      await sees('This takes long.')
      await host.run('workbench.action.chat.cancel')
      provider.enqueue(say('Free again.'))
      await ask('And now?')
      await sees('Free again.')
    })

    await step('a killed extension host leaves no codex', async () => {
      provider.enqueue(hang(say('In the middle.')))
      await ask('Once more')
      await sees('In the middle.')
      const running = codexesOf(home.codexHome)
      if (running.length === 0) throw new Error('no codex was found running')
      process.kill((await host.state()).pid, 'SIGKILL')
      await until(() => codexesOf(home.codexHome).length === 0, 10_000)
    })
  } catch (error) {
    if (/** @type {Error} */ (error).message !== 'stopped') throw error
  } finally {
    await browser.close()
    await host.close()
    await provider.close()
    await home.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/**
 * The processes of codex that a home belongs to. (Linux.)
 *
 * @param {string} codexHome
 */
function codexesOf(codexHome) {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const { name } = parse(readlinkSync(`/proc/${pid}/exe`))
      return (
        name === 'codex' && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CODEX_HOME=${codexHome}\0`)
      )
    } catch {
      return false
    }
  })
}

/**
 * There is no event for what other programs do.
 *
 * @param {() => unknown} isSo
 * @param {number} [withinMs]
 */
async function until(isSo, withinMs = 120_000) {
  const deadline = Date.now() + withinMs
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${isSo}`)
    await pause(100)
  }
}

/** @typedef {{ pid: number, isActive: boolean, tabs: string[] }} State */

/** code-server, and the driver in its extension host. */
class Host {
  said = ''
  url = ''
  #driver = ''
  #args
  #env
  #folder
  #workspace
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child

  /** @param {string} folder @param {string} workspace @param {NodeJS.ProcessEnv} env */
  constructor(folder, workspace, env) {
    this.#folder = folder
    this.#workspace = workspace
    this.#args = [
      join(server, 'node_modules/code-server/out/node/entry.js'),
      ...['--extensions-dir', join(folder, 'extensions'), '--user-data-dir', join(folder, 'data')],
    ]
    this.#env = { ...env, PATH: [node24, env.PATH].join(delimiter) }
  }

  /** @param {string} extension */
  install(extension) {
    const args = [...this.#args, '--install-extension', extension]
    const { status, stdout, stderr } = spawnSync(join(node24, 'node'), args, {
      env: this.#env,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${extension} could not be installed:\n${stdout}\n${stderr}`)
  }

  /** @param {object} settings of the user */
  settings(settings) {
    const folder = join(this.#folder, 'data/User')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
  }

  async start() {
    const [port, driverPort] = [await freePort(), await freePort()]
    this.url = `http://127.0.0.1:${port}/?folder=${this.#workspace}`
    this.#driver = `http://127.0.0.1:${driverPort}`
    const args = [
      ...this.#args,
      ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--enable-proposed-api', 'test.driver'],
      ...[
        '--disable-telemetry',
        '--disable-update-check',
        '--disable-workspace-trust',
        '--disable-file-downloads',
      ],
    ]
    const env = { ...this.#env, DRIVER_PORT: String(driverPort) }
    this.#child = spawn(join(node24, 'node'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.said += text
      })
    }
    await until(() =>
      fetch(this.url).then(
        () => true,
        () => false,
      ),
    )
  }

  /** @returns {Promise<State>} */
  async state() {
    return /** @type {State} */ (await (await fetch(this.#driver)).json())
  }

  /** @param {(state: State) => boolean} isSo */
  until(isSo) {
    return until(async () => {
      try {
        return isSo(await this.state())
      } catch {
        return false
      }
    })
  }

  /**
   * Does a command of VS Code, without waiting for its end: that of an answer is far off.
   *
   * @param {string} command
   * @param {unknown[]} args
   */
  async run(command, ...args) {
    const response = await fetch(this.#driver, { method: 'POST', body: JSON.stringify({ command, args }) })
    if (!response.ok) throw new Error(await response.text())
  }

  async close() {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill()
    await ended
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
