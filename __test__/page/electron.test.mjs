// The page of examples/electron in a real Chromium: where Electron would hand it a port to the utility process, a channel
// leads to the same code here, on the real codex with a scripted model.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { command, createCodexHome, hang, say, startScriptedProvider } from '../../testing/index.mjs'
import { installSelf } from '../support/package.mjs'
import { temporaryFolder } from '../support/rig.mjs'
import { startChromium } from './chromium.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const types = /** @type {Record<string, string>} */ ({
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
})

test('the page of examples/electron: a turn, a question, a stop, and no error', async (t) => {
  const folder = temporaryFolder(t)
  cpSync(join(root, 'examples/electron/src'), folder, { recursive: true })
  installSelf(folder)
  const { serve } = await import(pathToFileURL(join(folder, 'serve.mjs')).href)
  const provider = await startScriptedProvider({ fallback: 'fail' })
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const files = createServer((request, response) => {
    const file = join(folder, request.url ?? '')
    response.setHeader('content-type', types[extname(file)] ?? 'text/plain')
    response.end(existsSync(file) ? readFileSync(file) : undefined)
  })
  await new Promise((resolve) => files.listen(0, '127.0.0.1', () => resolve(undefined)))
  const browser = await startChromium()
  const page = await browser.newPage()
  /** @type {string[]} */
  const errors = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })

  Object.assign(process.env, home.env, {
    CODEX_PATH: process.env.CODEX_PATH ?? join(root, 'node_modules/@openai/codex/bin/codex.js'),
  })
  /** @type {(message: object) => void} */
  let tell = () => {}
  const end = serve({
    folder: home.workspace,
    send: (/** @type {object} */ message) =>
      page.evaluate((message) => Reflect.get(window, 'port').postMessage(message), message),
    listen: (/** @type {typeof tell} */ listener) => {
      tell = listener
    },
  })
  t.after(async () => {
    await end()
    await browser.close()
    files.close()
    await provider.close()
    await home.remove()
  })
  await page.exposeFunction('tell', (/** @type {object} */ message) => tell(message))
  const { port } = /** @type {import('node:net').AddressInfo} */ (files.address())
  await page.goto(`http://127.0.0.1:${port}/page.html`)
  assert.ok(await page.locator('#input').isDisabled())
  // As src/preload.cjs does.
  await page.evaluate(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => Reflect.get(window, 'tell')(data)
    Reflect.set(window, 'port', port1)
    window.postMessage('port', '*', [port2])
  })
  const ask = async (/** @type {string} */ text) => {
    await page.fill('#input', text)
    await page.press('#input', 'Enter')
  }
  const sees = (/** @type {string} */ text) => page.getByText(text).first().waitFor()
  await page.locator('#input:enabled').waitFor()

  provider.enqueue(
    command('touch made', { sandbox_permissions: 'require_escalated', justification: 'To see' }),
    say('It is made.'),
  )
  await ask('Make it')
  await sees('To see')
  assert.ok(!existsSync(join(home.workspace, 'made')))
  await page.getByRole('button', { name: 'Allow' }).click()
  await sees('It is made.')
  await sees('completed,')
  assert.ok(existsSync(join(home.workspace, 'made')))

  provider.enqueue(hang(say('This takes long.')))
  await ask('Never end')
  await sees('This takes long.')
  await page.click('#stop')
  await sees('interrupted,')
  assert.deepEqual(errors, [])
})
