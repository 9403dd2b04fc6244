// The page of examples/web in a real Chromium, on the real codex with a scripted model.
//
// UPDATE_IMAGES=1 takes the pictures of docs/images anew.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from '../../examples/web/build.mjs'
import { start } from '../../examples/web/server.mjs'
import {
  addFile,
  command,
  createCodexHome,
  createGate,
  deltas,
  failed,
  functionCall,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { kill } from '../support/processes.mjs'
import { startChromium } from './chromium.mjs'

const require = createRequire(import.meta.url)
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const images = fileURLToPath(new URL('../../docs/images', import.meta.url))

/** @type {import('playwright-core').Browser} */
let browser
let dist = ''

before(async () => {
  dist = mkdtempSync(join(tmpdir(), 'codex-node-page-'))
  ;[browser] = await Promise.all([startChromium(), build(dist)])
})
after(async () => {
  await browser?.close()
  await (await shared)?.close()
  rmSync(dist, { recursive: true, force: true, maxRetries: 10 })
})

/** The page's server, and a codex of its own with a model that is scripted. */
async function startSite() {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const server = await start({
    dist,
    codex: { env: home.env },
    thread: { cwd: home.workspace, sandbox: 'danger-full-access', approvalPolicy: 'untrusted' },
  })
  return {
    provider,
    server,
    async close() {
      await server.close()
      await provider.close()
      await home.remove()
    },
  }
}

/** @typedef {Awaited<ReturnType<typeof startSite>>} Site */
/** The one of all tests that leave it as it is. @type {Promise<Site> | undefined} */
let shared

/**
 * A way to open the page, in a browser that has not seen it.
 *
 * @param {import('node:test').TestContext} t
 * @param {Site} [own]
 */
async function site(t, own) {
  if (own === undefined) shared ??= startSite()
  const { provider, server } = own ?? (await /** @type {Promise<Site>} */ (shared))
  // What turns while codex works would be drawn all the time.
  const context = await browser.newContext({
    viewport: { width: 1100, height: 760 },
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(20_000)
  /** What no page should say. @type {string[]} */
  const complaints = []
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [], 'no console error')
  })
  /** @param {string} [address] */
  const open = async (address = server.url) => {
    const page = await context.newPage()
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(address)
    return page
  }
  return { provider, server, open, complaints }
}

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page @param {string} text */
async function ask(page, text) {
  const box = page.getByRole('textbox', { name: 'Message' })
  await box.fill(text)
  await box.press('Enter')
}

/** @param {Page} page @param {string} text */
async function askAnew(page, text) {
  await page.getByRole('button', { name: 'New thread' }).first().click()
  await page.locator('form.composer button[type=submit]:enabled').waitFor()
  await ask(page, text)
}

/** @param {Page} page @param {string} text */
const see = (page, text) => page.getByRole('log').getByText(text, { exact: false }).first().waitFor()

/** @param {Page} page */
const settled = (page) => page.getByRole('button', { name: 'Send' }).waitFor()

/** @param {Page} page @param {string} name */
async function looksRight(page, name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate('axe.run()')
  const said = violations.map((/** @type {any} */ { id, nodes }) => [
    id,
    nodes.map((/** @type {any} */ node) => node.html),
  ])
  assert.deepEqual(said, [], `axe, ${name}`)
  if (takesImages) await page.screenshot({ path: join(images, `web-${name}.png`) })
}

const takesImages = process.env.UPDATE_IMAGES === '1'

describe('the page', { timeout: 170_000, concurrency: takesImages ? 1 : 3 }, () => {
  test('shows the first words while they come, a plan, a command with its output, a diff, and the tokens', async (t) => {
    const { provider, open } = await site(t)
    const [first, rest] = [createGate(), createGate()]
    const plan = (/** @type {string} */ one, /** @type {string} */ two) =>
      functionCall('update_plan', {
        plan: [
          { step: 'Look', status: one },
          { step: 'Write', status: two },
        ],
      })
    provider.when(
      'please show',
      reply([
        deltas(2, { text: 'First words. ' }),
        waitFor(first),
        ' **Bold** and `code`.',
        plan('in_progress', 'pending'),
      ]),
      reply([command('printf "one\\n"; sleep 0.3; printf "two\\n"; exit 3', { login: false })]),
      reply([plan('completed', 'in_progress'), addFile('new.txt', 'a line\nanother\n')]),
      reply([waitFor(rest), 'All done.']),
    )
    const page = await open()
    await askAnew(page, 'please show')
    await see(page, 'First words. First words.')
    assert.equal(await page.getByRole('button', { name: 'Stop' }).isVisible(), true)
    await page.getByText(/^Working$/).waitFor()
    await looksRight(page, 'streaming')
    first.open()
    assert.equal(await page.getByRole('log').locator('strong').textContent(), 'Bold')
    await page.getByRole('checkbox', { name: 'Look: inProgress' }).waitFor()

    const approval = page.getByRole('form', { name: 'Approval' })
    await approval.getByText('Run this command?').waitFor()
    await looksRight(page, 'approval')
    await approval.getByRole('button', { name: 'Yes' }).click()
    await page.getByText('exit code 3').waitFor()
    assert.equal(await page.locator('section.card pre').first().textContent(), 'one\ntwo\n')

    await approval.getByText('Make these changes?').waitFor()
    await page.getByRole('checkbox', { name: 'Look: completed' }).waitFor()
    assert.equal(await page.locator('.diff td.diff-code-insert').count(), 2)
    await approval.getByRole('button', { name: 'Always' }).click()
    await approval.waitFor({ state: 'hidden' })
    rest.open()
    await see(page, 'All done.')
    await settled(page)
    await page.getByRole('img', { name: /^Tokens of the last 1 turns: \d+/ }).waitFor()
    await looksRight(page, 'done')
    await page.getByRole('button', { name: 'Dark' }).click()
    await looksRight(page, 'dark')
  })

  test('no declines, and the reason reaches the model', async (t) => {
    const { provider, open } = await site(t)
    provider.when('please no', command('touch made', { login: false }), say('As you wish.'))
    const page = await open()
    await askAnew(page, 'please no')
    const approval = page.getByRole('form', { name: 'Approval' })
    await approval.getByRole('textbox', { name: 'Reason for no' }).fill('not on a Sunday')
    await page.keyboard.press('Enter')
    await page.getByText('declined', { exact: true }).waitFor()
    await see(page, 'I declined that: not on a Sunday')
    await settled(page)
    await looksRight(page, 'declined')
    assert.ok(
      provider.requests.some(({ userMessages }) => userMessages.includes('I declined that: not on a Sunday')),
    )
  })

  test('a reload in the middle of a turn, and a second tab, show all of it once and go on', async (t) => {
    const { provider, open } = await site(t)
    const gate = createGate()
    provider.when('please reload', reply([deltas(3, { text: 'word ' }), waitFor(gate), 'last.']))
    provider.when('more', command('touch made', { login: false }), say('Made.'))
    const page = await open()
    await askAnew(page, 'please reload')
    await see(page, 'word word word')
    const other = await open(page.url())
    await page.reload()
    const both = [page, other]
    for (const tab of both) {
      await see(tab, 'word word word')
      assert.equal(await tab.getByLabel('You').textContent(), 'please reload')
    }
    await looksRight(page, 'reloaded')
    gate.open()
    for (const tab of both) {
      await see(tab, 'word word word last.')
      await settled(tab)
      assert.equal(await tab.getByLabel('Codex').textContent(), 'word word word last.')
    }
    // What the one asks the other shows, and may answer.
    await ask(page, 'more')
    const asked = other.getByRole('form', { name: 'Approval' })
    await asked.waitFor()
    await looksRight(other, 'second-tab')
    await asked.getByRole('button', { name: 'Yes' }).click()
    for (const tab of both) {
      await see(tab, 'Made.')
      await settled(tab)
      assert.deepEqual(await tab.getByLabel('You').allTextContents(), ['please reload', 'more'])
      assert.equal(await tab.getByRole('form', { name: 'Approval' }).count(), 0)
    }
    // And read from codex, it is the same.
    const said = await page.getByLabel('Codex').allTextContents()
    await page.reload()
    await see(page, 'Made.')
    assert.deepEqual(await page.getByLabel('Codex').allTextContents(), said)
  })

  test('a line that drops is opened again', async (t) => {
    const own = await startSite()
    const { provider, open, server, complaints } = await site(t, own)
    t.after(own.close)
    const gate = createGate()
    provider.when('please drop', reply([deltas(3, { text: 'word ' }), waitFor(gate), 'last.']))
    const page = await open()
    await askAnew(page, 'please drop')
    await see(page, 'word word word')
    server.drop()
    gate.open()
    await see(page, 'word word word last.')
    await settled(page)
    assert.equal(await page.getByLabel('Codex').textContent(), 'word word word last.')
    // Chromium says itself that it was cut off.
    complaints.splice(0)
  })

  test('steer adds to the turn, stop ends it', async (t) => {
    const { provider, open } = await site(t)
    const gate = createGate()
    provider.when('steer me', reply([deltas(3, { text: 'word ' }), waitFor(gate)]))
    provider.when('shorter please', reply(['Heard.', waitFor(createGate())]))
    const page = await open()
    await askAnew(page, 'steer me')
    await see(page, 'word word word')
    const steer = page.getByRole('textbox', { name: 'Steer the turn' })
    await steer.fill('shorter please')
    await steer.press('Enter')
    await see(page, 'Heard.')
    await see(page, 'shorter please')
    await looksRight(page, 'steered')
    await page.getByRole('button', { name: 'Stop' }).click()
    await see(page, 'Stopped.')
    await settled(page)
    await looksRight(page, 'stopped')
    gate.open()
  })

  test('what goes wrong is said in words: a turn that fails, a codex that dies', async (t) => {
    const own = await startSite()
    const { provider, open, server, complaints } = await site(t, own)
    t.after(own.close)
    provider.when('fail', failed('invalid_prompt', 'The model is on holiday.'))
    provider.when('die', reply([deltas(1, { text: 'Oh no. ' }), waitFor(createGate())]))
    const page = await open()
    await askAnew(page, 'fail')
    const alert = page.getByRole('alert')
    await alert.getByText('The model is on holiday.').waitFor()
    await looksRight(page, 'failed')
    await settled(page)
    await ask(page, 'die')
    await see(page, 'Oh no.')
    kill(server.agent.codex.pid ?? 0)
    await alert.getByText(/SIGKILL/).waitFor()
    await settled(page)
    // The next turn has a new codex.
    provider.when('and now', say('Alive.'))
    await ask(page, 'and now')
    await see(page, 'Alive.')
    assert.deepEqual(complaints, [])
  })

  test('threads are searched, renamed, forked and archived', async (t) => {
    const own = await startSite()
    const { provider, open } = await site(t, own)
    t.after(own.close)
    provider.when('apples', say('Red.'))
    provider.when('pears', say('Green.'))
    const page = await open()
    await askAnew(page, 'apples')
    await see(page, 'Red.')
    await settled(page)
    await askAnew(page, 'pears')
    await see(page, 'Green.')
    const list = page.getByRole('navigation', { name: 'Threads' })
    const titles = list.locator('.title')
    await list.getByRole('button', { name: 'Rename apples' }).click()
    await list.getByRole('textbox', { name: 'New name' }).fill('Fruit')
    await page.keyboard.press('Enter')
    await list.getByRole('button', { name: 'Fruit', exact: true }).click()
    await see(page, 'Red.')
    await list.getByRole('searchbox').fill('pears')
    await list.getByRole('button', { name: 'Fruit', exact: true }).waitFor({ state: 'hidden' })
    assert.deepEqual(await titles.allTextContents(), ['pears'])
    await looksRight(page, 'threads')
    await list.getByRole('searchbox').fill('')
    await list.getByRole('button', { name: 'Fork Fruit' }).click()
    await titles.nth(2).waitFor()
    await see(page, 'Red.')
    await list.getByRole('button', { name: 'Archive pears' }).click()
    await list.getByRole('button', { name: 'pears', exact: true }).waitFor({ state: 'hidden' })
    assert.equal(await titles.count(), 2)
  })

  test('an image is pasted, shown and sent', async (t) => {
    const { provider, open } = await site(t)
    provider.when('what is this', say('A dot.'))
    const page = await open()
    await page.getByRole('button', { name: 'New thread' }).first().click()
    await page.locator('form.composer button[type=submit]:enabled').waitFor()
    const dot =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
    await page.getByRole('textbox', { name: 'Message' }).evaluate((box, base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
      const clipboardData = new DataTransfer()
      clipboardData.items.add(new File([bytes], 'dot.png', { type: 'image/png' }))
      box.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, dot)
    await page.getByRole('list', { name: 'Images' }).getByRole('img', { name: 'dot.png' }).waitFor()
    await looksRight(page, 'image')
    await ask(page, 'what is this')
    await see(page, 'A dot.')
    await settled(page)
    assert.ok(JSON.stringify(provider.requests.at(-1)?.body).includes(dot))
    await page.reload()
    await page.getByLabel('You').getByRole('img').waitFor()
  })
})

test('the server is for this machine and its own page alone', async (t) => {
  const { server } = await site(t)
  const status = async (/** @type {string} */ url, /** @type {RequestInit} */ init = {}) =>
    (await fetch(url, { redirect: 'manual', ...init })).status
  const { origin, url } = server
  assert.match(origin, /^http:\/\/127\.0\.0\.1:/)
  assert.equal(await status(origin), 401)
  assert.equal(await status(`${origin}/?token=wrong`), 401)
  const response = await fetch(url, { redirect: 'manual' })
  const cookie = response.headers.get('set-cookie') ?? ''
  assert.match(cookie, /HttpOnly; SameSite=Strict/)
  const headers = { cookie: cookie.split(';')[0] ?? '' }
  assert.equal(await status(`${origin}/api/threads`, { headers }), 200)
  assert.equal(
    await status(`${origin}/api/threads`, { headers: { ...headers, origin: 'http://evil.example' } }),
    403,
  )
  assert.equal(await status(`${origin}/api/threads`, { method: 'POST', headers }), 403, 'no origin')
  assert.equal(
    await status(`${origin}/api/threads`, { method: 'POST', headers: { ...headers, origin } }),
    200,
  )
  // What a name that another site points here would send.
  const there = request(`${origin}/api/threads`, { headers: { ...headers, host: 'evil.example' } }).end()
  const [answer] = await once(there, 'response')
  assert.equal(answer.resume().statusCode, 403)
  assert.equal(await status(`${origin}/../server.mjs`, { headers }), 404)
  assert.equal(await status(`${origin}/api/nothing`, { headers }), 404)
})
