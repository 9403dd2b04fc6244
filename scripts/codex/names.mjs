import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../setup.mjs'

/** @typedef {{ path: string, text: string }} Source */

const FEW = 3
const READ = /\.(?:rs|[cm]?[jt]sx?|md)$/
// What is generated names everything, and what compares two versions names what it likes.
const LEFT_OUT =
  /^(?:protocol\.d\.ts|index\.d\.ts|CHANGELOG\.md|scripts\/(?:protocol|codex)\/|.*\/(?:wire_fields|empty_params)\.rs$|__test__\/codex-report)/

/**
 * The files of the repository that may name a place of the protocol.
 *
 * @returns {Promise<Source[]>}
 */
export async function readSources() {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root })
  const paths = stdout.split('\0').filter((path) => READ.test(path) && !LEFT_OUT.test(path))
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })))
}

/**
 * The files that name what changed: a method by its text; a field or value together with its type or a method that
 * carries it, as most fields are plain words.
 *
 * @param {import('./difference.mjs').Change} change
 * @param {Source[]} sources
 * @returns {string[]}
 */
export function filesNaming(change, sources) {
  const { what, kind, name, type } = change
  if (kind !== 'field' && kind !== 'value') return naming(sources, quoted(name))
  // Of what is new, the many methods that carry a thread or an item say nothing.
  const carriers = what === 'added' && change.carriers.length > FEW ? [] : change.carriers
  const around = new RegExp(
    [`\\b${type}\\b`, ...carriers.map((method) => quoted(method).source), ...variantsOf(name)].join('|'),
  )
  const near = sources.filter(({ text }) => around.test(text))
  if (kind === 'value') return naming(near, quoted(/'(.*)'$/.exec(name)?.[1] ?? ''))
  const field = /(\w+)$/.exec(name.replace(/(?:\[\]|\{\})+$/, ''))?.[1] ?? ''
  const snake = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return naming(near, new RegExp(`\\b(?:${field}|${snake})\\b`))
}

/** @param {Source[]} sources @param {RegExp} what */
function naming(sources, what) {
  return sources.filter(({ text }) => what.test(text)).map(({ path }) => path)
}

/** Of `ThreadItem(mcpToolCall).x`, the literal that tells the member. @param {string} name */
function variantsOf(name) {
  return [...name.matchAll(/\(([^)]+)\)/g)].map(([, tag]) => quoted(String(tag)).source)
}

/** @param {string} text */
function quoted(text) {
  return new RegExp(`['"\`]${text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}['"\`]`)
}
