import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../setup.mjs'
import { command, node } from '../test/steps.mjs'

/** @typedef {import('./report.mjs').Check} Check */

const TAP = join(root, 'target/node-test.tap')

/**
 * Writes anew what comes from the schema, and holds our types against it.
 *
 * @param {string} oldest path of the oldest supported codex
 * @returns {Promise<Check[]>}
 */
export async function generate(oldest) {
  const checks = [
    await said('generate-protocol', node('scripts/generate-protocol.mjs', '--oldest', oldest)),
    await said('build', node('scripts/build.mjs')),
    await said('types', node('node_modules/typescript/bin/tsc', '-p', '.')),
  ]
  return checks
}

/**
 * @param {string} version
 * @param {boolean} installed whether node_modules has it, so that everything is tested and not only what runs codex
 * @param {string[]} files
 * @returns {Promise<Check>}
 */
export async function testOn(version, installed, files) {
  await rm(TAP, { force: true })
  const { CODEX_PATH: _, ...env } = process.env
  const args = ['scripts/test.mjs', ...(installed ? [] : ['--codex', version]), ...files]
  const passed = await command(process.execPath, args, env)()
  const failed = passed ? [] : failedIn(await readFile(TAP, 'utf8').catch(() => ''))
  return { name: `tests on codex ${version}`, passed, failed }
}

/**
 * The tests that failed, without the suites around them.
 *
 * @param {string} tap
 * @returns {string[]}
 */
export function failedIn(tap) {
  const failed = tap.matchAll(/^ *not ok \d+ - (.*)\n *---\n([\s\S]*?)\n *\.\.\.$/gm)
  return [...failed]
    .filter(([, , facts]) => !/failureType: 'subtestsFailed'/.test(String(facts)))
    .map(([, name, facts]) => {
      const file = /location: '.*?(__test__\/[^':]+)/.exec(String(facts))?.[1]
      return `\`${name}\`${file ? ` (${file})` : ''}`
    })
}

/**
 * @param {string} name
 * @param {import('../test/steps.mjs').Step} step
 * @returns {Promise<Check>}
 */
async function said(name, step) {
  console.log(`\n== ${name} ==`)
  let text = ''
  const passed = await step((chunk) => (text += chunk))
  process.stdout.write(text)
  const lines = text.split('\n').filter((line) => /\berror\b|^ {2}\S/i.test(line))
  return { name, passed, failed: passed ? [] : lines.slice(0, 20).map((line) => `\`${line.trim()}\``) }
}
