// The README and the pages of docs/, and the code in them.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** @param {string} name of a file of the package */
export const read = (name) => readFileSync(join(root, name), 'utf8')

/** The pages of docs/. */
export const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))

/** @type {Record<string, string>} */
const extensions = { js: 'mjs', ts: 'mts', cjs: 'cjs' }

/**
 * @param {string} page
 * @returns {{ name: string, code: string }[]} the code blocks, each named by its page, its line there and its language
 */
export function blocks(page) {
  const text = read(page)
  const found = [...text.matchAll(/^```(js|ts|cjs)\n(.*?)^```$/gms)]
  return found.map(({ 1: language = '', 2: code = '', index }) => {
    const line = text.slice(0, index).split('\n').length
    return { name: `${page.replace(/\W/g, '-')}-line-${line}.${extensions[language]}`, code }
  })
}

/**
 * @param {string} code
 * @returns {string} the same where AI SDK 7 has another name than 6: the provider of others is for 7 alone
 */
export function asInstalled(code) {
  return code.includes('ai-sdk-provider-codex-cli') ? code.replace("from 'ai'", "from 'ai-v7'") : code
}

/**
 * A folder inside the package, so that its code can import the package by name.
 *
 * @param {import('node:test').TestContext} t
 */
export function folderInside(t) {
  mkdirSync(join(root, 'target'), { recursive: true })
  const folder = mkdtempSync(join(root, 'target/guide-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}
