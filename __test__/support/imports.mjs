// Who imports whom, read from the text of the sources.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/**
 * For each file those that it needs.
 * @typedef {Map<string, Set<string>>} Imports
 */

/**
 * The files of a crate. Tests are left out; what a module only names to have it compiled, or to pass its items on, is
 * no import: who takes the item from there imports the file that has it.
 *
 * @param {string} root
 * @param {string} crate folder of its sources, relative to `root`
 * @returns {Imports}
 */
export function rustImports(root, crate) {
  /** @type {Map<string, { file: string, text: string, passes: Map<string, string[]> }>} */
  const modules = new Map()
  const names = /** @type {string[]} */ (readdirSync(join(root, crate), { recursive: true }))
  for (const name of names) {
    if (!name.endsWith('.rs') || /(^|[/_])tests(\.rs|\/)/.test(name)) continue
    const path = name.replace(/\.rs$/, '').replace(/(^|\/)(mod|lib|main)$/, '')
    const code = withoutTests(withoutComments(readFileSync(join(root, crate, name), 'utf8')))
    const module = path === '' ? 'crate' : `crate::${path.replaceAll('/', '::')}`
    modules.set(module, { file: join(crate, name), text: code, passes: new Map() })
  }
  for (const [module, it] of modules) {
    for (const [, uses = ''] of it.text.matchAll(/\bpub(?:\([^)]*\))? use ([^;]+);/g)) {
      for (const { path, as } of leaves(uses)) it.passes.set(as, absolute(module, path, modules))
    }
    it.text = it.text.replace(/\bpub(?:\([^)]*\))? use [^;]+;/g, '')
  }

  /** @param {string[]} path @param {number} [depth] @returns {string | undefined} the module that has an item */
  const home = (path, depth = 0) => {
    if (depth > 20) return undefined
    for (let length = path.length; length > 0; length--) {
      const found = modules.get(path.slice(0, length).join('::'))
      if (found === undefined) continue
      const next = path[length]
      const passed = next === undefined ? undefined : (found.passes.get(next) ?? found.passes.get('*'))
      if (passed !== undefined) return home([...passed, ...path.slice(length + 1)], depth + 1)
      return path.slice(0, length).join('::')
    }
    return undefined
  }

  /** @type {Imports} */
  const imports = new Map()
  for (const [module, { file, text }] of modules) {
    const needs = new Set()
    const paths = [...text.matchAll(/\buse ([^;]+);/g)].flatMap(([, uses = '']) => leaves(uses))
    const inline = text.replace(/\buse [^;]+;/g, '').matchAll(/\b(?:crate|super)(?:::\w+)+/g)
    for (const path of [
      ...paths.map((leaf) => leaf.path),
      ...[...inline].map(([path]) => path.split('::')),
    ]) {
      const found = home(absolute(module, path, modules))
      const target = found === undefined ? undefined : modules.get(found)?.file
      if (target !== undefined && target !== file) needs.add(target)
    }
    imports.set(file, needs)
  }
  return imports
}

/** @param {string} text */
function withoutComments(text) {
  return text.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '')
}

/** @param {string} text */
function withoutTests(text) {
  return text.replace(
    /#\[cfg\(test\)\]\s*(#\[[^\]]*\]\s*)*(pub(\([^)]*\))? )?(mod \w+;|use [^;]+;|(mod|fn|impl)[\s\S]*?\n}\n)/g,
    '',
  )
}

/**
 * The paths of a `use` line, its braces undone.
 *
 * @param {string} uses
 * @returns {{ path: string[], as: string }[]}
 */
function leaves(uses) {
  const text = uses.replace(/\s+/g, ' ').trim()
  const open = text.indexOf('{')
  if (open < 0) {
    const [path = '', as] = text.split(' as ')
    const parts = path.split('::')
    if (parts.at(-1) === 'self') parts.pop()
    return [{ path: parts, as: (as ?? parts.at(-1) ?? '').trim() }]
  }
  const before = text.slice(0, open).replace(/::$/, '').split('::').filter(Boolean)
  const inner = text.slice(open + 1, text.lastIndexOf('}'))
  return divide(inner).flatMap((part) =>
    leaves(part).map(({ path, as }) => ({ path: [...before, ...path], as: as || (before.at(-1) ?? '') })),
  )
}

/** @param {string} text a list whose commas in braces don't count @returns {string[]} */
function divide(text) {
  const parts = ['']
  let depth = 0
  for (const one of text) {
    if (one === '{') depth++
    if (one === '}') depth--
    if (one === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += one
  }
  return parts.map((part) => part.trim()).filter(Boolean)
}

/**
 * @param {string} module
 * @param {string[]} path
 * @param {Map<string, unknown>} modules
 * @returns {string[]}
 */
function absolute(module, path, modules) {
  const from = module.split('::')
  const [first = '', ...rest] = path
  if (first === 'crate') return path
  if (first === 'self') return [...from, ...rest]
  if (first === 'super') {
    let parent = from.slice(0, -1)
    let left = rest
    while (left[0] === 'super') {
      parent = parent.slice(0, -1)
      left = left.slice(1)
    }
    return [...parent, ...left]
  }
  // A module below this one, or else another crate.
  return modules.has([...from, first].join('::')) ? [...from, ...path] : path
}

/**
 * @param {string} root
 * @param {string[]} files relative to `root`
 * @returns {Imports}
 */
export function scriptImports(root, files) {
  const pattern = /(?:\bfrom\s*|\brequire\(\s*|\bimport\(\s*|^import\s*)['"](\.[^'"]*)['"]/gm
  /** @type {Imports} */
  const imports = new Map()
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    const found = [...text.matchAll(pattern)].map(([, path = '']) => join(dirname(file), path))
    const real = found.filter((path) => existsSync(join(root, path)) && path !== file)
    imports.set(relative('', file), new Set(real))
  }
  return imports
}

/**
 * Each group of files that need each other, in order.
 *
 * @param {Imports} imports
 * @returns {string[][]}
 */
export function circles(imports) {
  // Tarjan's strongly connected components.
  /** @type {Map<string, { index: number, low: number, onStack: boolean }>} */
  const seen = new Map()
  /** @type {string[]} */
  const stack = []
  /** @type {string[][]} */
  const found = []
  /** @param {string} file */
  const visit = (file) => {
    const it = { index: seen.size, low: seen.size, onStack: true }
    seen.set(file, it)
    stack.push(file)
    for (const next of imports.get(file) ?? []) {
      const other = seen.get(next) ?? visit(next)
      if (other.onStack) it.low = Math.min(it.low, other.low)
    }
    if (it.low === it.index) {
      const group = stack.splice(stack.indexOf(file))
      for (const one of group) Object.assign(seen.get(one) ?? {}, { onStack: false })
      if (group.length > 1) found.push(group.sort())
    }
    return it
  }
  for (const file of imports.keys()) if (!seen.has(file)) visit(file)
  return found.sort()
}
