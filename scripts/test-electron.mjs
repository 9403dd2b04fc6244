// npm run test:electron     examples/electron, packed by electron-builder and run by Electron, its window driven by playwright
//
// Electron is downloaded from GitHub, so this needs the internet; on Linux it needs a screen, such as that of xvfb-run.
// The codex is the one in the app, with a scripted model.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { root, SetupError } from './setup.mjs'
import { environment, prepare } from './test/ecosystem.mjs'

const project = join(root, 'target/electron/app')

async function main() {
  const manifest = JSON.parse(readFileSync(join(root, 'examples/electron/package.json'), 'utf8'))
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  // That of this checkout is installed from its tarballs, as is the codex that it is tested with.
  const { 'codex-node': _, ...dependencies } = manifest.dependencies
  dependencies['@openai/codex'] = devDependencies['@openai/codex']
  const { run, report, summary } = await prepare(project, { ...manifest, dependencies })
  cpSync(join(root, 'examples/electron/src'), join(project, 'src'), { recursive: true })

  rmSync(join(project, 'dist'), { recursive: true, force: true })
  const builder = createRequire(join(project, 'package.json')).resolve('electron-builder/package.json')
  const cli = join(dirname(builder), JSON.parse(readFileSync(builder, 'utf8')).bin['electron-builder'])
  // With all of the environment: what it downloads may have to go through a proxy, into a cache.
  const packing = { cwd: project, env: process.env, says: /packaging/ }
  if (await run('electron-builder packs the app', process.execPath, [cli, '--dir'], packing))
    await inElectron(report)
  process.exitCode = summary() ? 0 : 1
}

/** @returns {string} the program that electron-builder has made for this system */
function executable() {
  const [folder = ''] = readdirSync(join(project, 'dist')).filter((name) => /^mac|-unpacked$/.test(name))
  const inside = join(project, 'dist', folder)
  if (process.platform !== 'darwin') {
    return join(inside, `codex-node-electron${process.platform === 'win32' ? '.exe' : ''}`)
  }
  const [app = ''] = readdirSync(inside).filter((name) => name.endsWith('.app'))
  return join(inside, app, 'Contents/MacOS', basename(app, '.app'))
}

/** @param {Awaited<ReturnType<typeof prepare>>['report']} report */
async function inElectron(report) {
  // By a name that the compiler does not follow: what drives a window has the types of a page, these files have not.
  const playwright = 'playwright-core'
  const { _electron } = await import(playwright)
  const { command, createCodexHome, hang, say, startScriptedProvider } = await import('../testing/index.mjs')
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const { CODEX_PATH: _, ...env } = { ...environment(), ...screen(), ...home.env }
  const app = await _electron.launch({
    executablePath: executable(),
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    env: { ...env, CODEX_EXAMPLE_FOLDER: home.workspace },
    timeout: 60_000,
  })
  /** @type {any} */
  let page

  /** @param {string} name @param {() => Promise<string | undefined | void>} body what is wrong, if anything */
  async function step(name, body) {
    const started = Date.now()
    const wrong = await body().catch((error) => String(error?.stack ?? error))
    if (!report(name, started, wrong || undefined)) throw new Error('stopped')
  }
  const ask = async (/** @type {string} */ text) => {
    await page.fill('#input', text)
    await page.press('#input', 'Enter')
  }
  const sees = (/** @type {string} */ text) => page.getByText(text).first().waitFor({ timeout: 60_000 })

  try {
    await step('the window opens, and its page has no Node', async () => {
      page = await app.firstWindow()
      await page.locator('#input:enabled').waitFor({ timeout: 60_000 })
      const found = await page.evaluate(
        "[typeof require, typeof process, typeof module, typeof Buffer].join(' ')",
      )
      if (found !== 'undefined undefined undefined undefined') return found
    })
    await step('a turn of the codex that is unpacked beside the archive', async () => {
      provider.enqueue(command('echo by-electron'), say('The command ran.'))
      await ask('Run something')
      await sees('The command ran.')
      await sees('completed,')
      const { version } = JSON.parse(
        readFileSync(join(project, 'node_modules/@openai/codex/package.json'), 'utf8'),
      )
      const agent = String(
        provider.requests.find(({ path }) => path.endsWith('/responses'))?.headers['user-agent'],
      )
      if (!agent.includes(version)) return `${agent} is not codex ${version}`
    })
    await step('an approval in the page', async () => {
      provider.enqueue(
        command('echo allowed > made', { sandbox_permissions: 'require_escalated', justification: 'To see' }),
        say('It was allowed.'),
      )
      await ask('Make it')
      await page.getByRole('button', { name: 'Allow' }).last().click({ timeout: 60_000 })
      await sees('It was allowed.')
      if (!existsSync(join(home.workspace, 'made'))) return 'the command did not run'
    })
    await step('a turn that is stopped', async () => {
      provider.enqueue(hang(say('This takes long.')))
      await ask('Never end')
      await sees('This takes long.')
      await page.click('#stop')
      await sees('interrupted,')
    })
    await step('a killed app leaves no codex', async () => {
      provider.enqueue(hang(say('In the middle.')))
      await ask('Once more')
      await sees('In the middle.')
      const before = codexes()
      if (before === 0) return 'no codex was found running'
      const ended = new Promise((resolve) => app.process().once('exit', resolve))
      app.process().kill('SIGKILL')
      await ended
      const deadline = Date.now() + 15_000
      while (codexes() > 0) {
        if (Date.now() > deadline) return 'codex still runs'
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    })
  } catch (error) {
    if (/** @type {Error} */ (error).message !== 'stopped') throw error
  } finally {
    await app.close().catch(() => {})
    await provider.close()
    await home.remove()
  }
}

/** What a window needs on Linux. */
function screen() {
  const names = ['DISPLAY', 'XAUTHORITY', 'WAYLAND_DISPLAY', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS']
  return Object.fromEntries(names.map((name) => [name, process.env[name]]).filter(([, value]) => value))
}

/** How many processes of codex there are that run from the packed app. */
function codexes() {
  const [program, args] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', '(Get-Process codex -ErrorAction SilentlyContinue).Path']]
      : ['ps', ['-axww', '-o', 'command=']]
  const { stdout, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  return stdout
    .replaceAll('\\', '/')
    .split('\n')
    .filter(
      (line) => /app\.asar\.unpacked\/.*\/codex(\.exe)?(\s|$)/.test(line) && line.includes('target/electron'),
    ).length
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
