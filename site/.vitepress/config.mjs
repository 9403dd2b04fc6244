import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import llms from 'vitepress-plugin-llms'
import { dist, entries, pages, root } from '../places.mjs'
import { sections } from '../sections.mjs'

/** @param {string} page @returns {string} its heading, without the marks of code */
const title = (page) =>
  (/^# (.+)$/m.exec(readFileSync(join(pages, page), 'utf8'))?.[1] ?? page).replaceAll('`', '')
/** @param {string} page */
const item = (page) => ({ text: title(page), link: `/${page.replace(/(index)?\.md$/, '')}` })

const guide = Object.entries(sections).map(([text, names]) => ({
  text,
  items: names.map((name) => item(`${name}.md`)),
}))
const modules = Object.entries(entries).map(([file, text]) => ({
  text,
  link: `/reference/${file === 'index.d.ts' ? 'index' : file.replace(/(\/index)?\.d\.ts$/, '')}/`,
}))
const classes = readdirSync(join(pages, 'reference/index/classes')).sort()
const reference = [
  { text: 'Entries', items: modules },
  {
    text: 'Classes of codex-node',
    items: classes.map((name) => ({
      text: name.replace(/\.md$/, ''),
      link: `/reference/index/classes/${name.replace(/\.md$/, '')}`,
    })),
  },
]
const groups = readdirSync(join(pages, 'reference/protocol')).sort()
const protocol = [{ text: 'The protocol', items: groups.map((name) => item(`reference/protocol/${name}`)) }]

export default defineConfig({
  title: 'codex-node',
  description: 'Drive the Codex agent from Node',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: pages,
  outDir: dist,
  cacheDir: join(root, 'target/site/cache'),
  cleanUrls: false,
  metaChunk: true,
  lastUpdated: false,
  // Else a browser asks for /favicon.ico.
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  vite: {
    // Its messages name every page.
    logLevel: 'warn',
    build: { chunkSizeWarningLimit: 4000 },
    plugins: [
      llms({ domain: process.env.DOCS_DOMAIN, ignoreFiles: ['reference/**', 'files/**'], sidebar: guide }),
    ],
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/threads' },
      { text: 'Examples', link: '/examples/' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Protocol', link: '/reference/protocol/' },
    ],
    sidebar: { '/reference/protocol/': protocol, '/reference/': reference, '/': guide },
  },
})
