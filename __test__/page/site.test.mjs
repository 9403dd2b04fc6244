// The site of the guide, as `npm run docs` builds it, in a real Chromium.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serve } from 'vitepress'
import { buildSite } from '../../site/build.mjs'
import { draw } from '../../site/charts.mjs'
import { dist, root, site } from '../../site/places.mjs'
import { sections } from '../../site/sections.mjs'
import { pages as written } from '../support/guide.mjs'
import { startChromium } from './chromium.mjs'

/** @type {import('playwright-core').Browser} */
let browser
/** @type {import('node:http').Server} */
let server
let url = ''

before(async () => {
  // The browser first: what follows may fail, and it has to be closed.
  browser = await startChromium()
  await buildSite({ onlyIfChanged: true })
  const app = await serve({ root: site, port: 0 })
  server = /** @type {import('node:http').Server} */ (app.server)
  if (!server.listening) await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
})
after(async () => {
  await browser?.close()
  server?.close()
})

/**
 * A page of the browser, and what went wrong in it.
 *
 * @param {import('node:test').TestContext} t
 */
async function open(t) {
  // Not compressed for each page anew, and nothing in motion that is drawn all the time.
  const page = await browser.newPage({
    extraHTTPHeaders: { 'accept-encoding': 'identity' },
    reducedMotion: 'reduce',
  })
  t.after(() => page.close())
  /** @type {string[]} */
  const wrong = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(`${page.url()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => wrong.push(`${page.url()}: ${error}`))
  page.on('response', (response) => {
    if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`)
  })
  return { page, wrong }
}

test('search finds interrupt, and leads to its page', async (t) => {
  const { page, wrong } = await open(t)
  await page.goto(url)
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByRole('searchbox').fill('interrupt')
  const result = page.locator('.result', { hasText: 'Steer, interrupt, abort' }).first()
  await result.click()
  await page.getByRole('heading', { name: 'Steer, interrupt, abort', level: 1 }).waitFor()
  assert.match(page.url(), /\/steering\.html/)
  assert.deepEqual(wrong, [])
})

test('no page of the guide has an error', async (t) => {
  const { page, wrong } = await open(t)
  const names = Object.values(sections).flat()
  for (const name of [...names, 'reference/', 'reference/index/classes/Thread', 'reference/protocol/turn']) {
    const path = name.endsWith('/') ? name : `${name}.html`
    await page.goto(`${url}/${path}`)
    await page.locator('h1').waitFor()
  }
  assert.deepEqual(wrong, [])
})

test('every page has a title', () => {
  const files = readdirSync(dist, { recursive: true }).map(String)
  const pages = files.filter((name) => name.endsWith('.html') && name !== '404.html')
  assert.ok(pages.length > 200)
  const titles = pages.map(
    (name) => /<title>(.*?)<\/title>/.exec(readFileSync(join(dist, name), 'utf8'))?.[1],
  )
  // Two pages are called like the package.
  const own = ['index.html', join('reference', 'index', 'index.html')]
  const without = pages.filter((_, index) => !/^\S.* \| codex-node$/.test(titles[index] ?? ''))
  assert.deepEqual(without.sort(), own)
})

test('the charts are those of the figures of the benchmark', async () => {
  for (const [name, svg] of Object.entries(await draw())) {
    assert.equal(
      readFileSync(join(root, 'docs/images', name), 'utf8'),
      svg,
      `${name}: run node site/charts.mjs`,
    )
  }
})

test('llms.txt names every page of the guide, and each is there as Markdown', () => {
  const text = readFileSync(join(dist, 'llms.txt'), 'utf8')
  for (const name of written) {
    assert.ok(text.includes(`(/${name})`), `llms.txt does not name ${name}`)
    assert.ok(existsSync(join(dist, name)), `${name} is not there`)
  }
})
