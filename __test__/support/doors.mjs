// The public doors of all entries, read from their types: what gives a promise or a loop.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What is waited for, and what is read in a loop. */
const WAITED = new Set(['Promise', 'PromiseLike'])
const LOOPS = ['AsyncGenerator', 'AsyncIterable', 'AsyncIterableIterator', 'AsyncIterator']
/** The doors of a loop that all loops have: whoever tries the one that gives it tries these. */
const OF_LOOPS = ['next', 'return', 'throw', '[Symbol.asyncIterator]']
/** The same as `close()`. */
const DISPOSE = '[Symbol.asyncDispose]'

/** @typedef {any} Node of the syntax tree */

/** The files of types that an entry is made of, itself first. @param {string} file @param {Set<string>} [found] */
function filesOf(file, found = new Set()) {
  if (found.has(file)) return found
  found.add(file)
  for (const { source } of parse(file).body) {
    if (!source?.value.startsWith('.')) continue
    filesOf(join(dirname(file), source.value.replace(/\.(m?)js$/, '.d.$1ts')), found)
  }
  return found
}

/** @param {string} file @returns {Node} */
const parse = (file) => parseAst(readFileSync(file, 'utf8'), { lang: 'dts' })

/** The name of a type, whatever its arguments. @param {Node} type */
const nameOf = (type) => type?.typeName?.name ?? type?.expression?.name

/** @param {Node} key @param {string} text */
function keyOf(key, text) {
  const name = text.slice(key.start, key.end).replace(/^'|'$/g, '')
  return name.replace(/^globalThis\./, '').replace(/^Symbol\..*/, '[$&]')
}

/**
 * The names of all types that are loops.
 *
 * @param {{ declared: Node[] }[]} all
 */
function loopsOf(all) {
  const loops = new Set(LOOPS)
  const declared = all.flatMap((one) => one.declared)
  for (let before = 0; before !== loops.size; ) {
    before = loops.size
    for (const { id, extends: parents = [] } of declared) {
      if (parents.some((/** @type {Node} */ one) => loops.has(nameOf(one)))) loops.add(id.name)
    }
  }
  return loops
}

/**
 * All doors, as `entry: Class.method` or `entry: function`.
 * @returns {string[]}
 */
export function publicDoors() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entries = Object.values(exports).flatMap((entry) => entry.require?.types ?? [])
  const files = new Set(entries.flatMap((types) => [...filesOf(join(root, types))]))
  files.delete(join(root, 'protocol.d.ts'))
  const all = [...files].map((file) => {
    const declared = parse(file).body.flatMap((/** @type {Node} */ node) => node.declaration ?? node)
    return { file, text: readFileSync(file, 'utf8'), declared }
  })
  const loops = loopsOf(all)
  /** @type {Set<string>} */
  const doors = new Set()
  for (const { file, text, declared } of all) {
    const path = relative(root, file)
    const entry = path.startsWith('web/client')
      ? 'web/client'
      : path.includes('/') && !path.startsWith('types/')
        ? dirname(path)
        : 'codex-node'
    /** @param {Node} type @param {string} name */
    const look = (type, name) => {
      const isDoor = WAITED.has(nameOf(type)) || loops.has(nameOf(type))
      // A method that is that of another class, by its name.
      const isOther = type?.type === 'TSIndexedAccessType' && name.includes('.')
      if (isDoor || isOther) doors.add(`${entry}: ${name}`)
      for (const inner of type?.types ?? []) look(inner, name)
      if (type?.type === 'TSArrayType') look(type.elementType, name)
      if (type?.type === 'TSFunctionType') look(type.returnType?.typeAnnotation, name)
      if (type?.type === 'TSTypeLiteral') members(type.members, name)
    }
    /** @param {Node[]} list @param {string} of */
    const members = (list, of) => {
      for (const { type, key, value, returnType, typeAnnotation, accessibility } of list) {
        if (type === 'TSCallSignatureDeclaration') look(returnType?.typeAnnotation, of)
        if (key === undefined || accessibility === 'private') continue
        const name = keyOf(key, text)
        if (name === DISPOSE || (loops.has(of) && OF_LOOPS.includes(name))) continue
        const given = returnType ?? value?.returnType ?? typeAnnotation
        look(given?.typeAnnotation, `${of}.${name}`)
      }
    }
    for (const { type, id, body, returnType, typeAnnotation } of declared) {
      if (id === undefined) continue
      if (type === 'ClassDeclaration' || type === 'TSInterfaceDeclaration') members(body.body, id.name)
      else if (type === 'TSDeclareFunction') look(returnType?.typeAnnotation, id.name)
      else look(typeAnnotation, id.name)
    }
  }
  return [...doors].sort()
}

/**
 * What a door is left with: the error of a promise, or of a loop that is read to its end.
 *
 * @param {() => any} call
 * @returns {Promise<any>}
 */
export function failureOf(call) {
  return read(callsTheDoor(call)).then(
    () => undefined,
    (error) => error,
  )
}

/** The frame that is looked for: it is left before anything is awaited. @param {() => any} call */
function callsTheDoor(call) {
  return call()
}

/** @param {any} given */
async function read(given) {
  const loop = await given
  while (typeof loop?.next === 'function' && !(await loop.next()).done);
}

/** That an error has the frames of who called. @param {any} error */
export function assertNames(error) {
  assert.ok(error instanceof Error, `no error, but ${error}`)
  assert.match(String(error.stack), /\n\s+at callsTheDoor /)
}

/** That no door is left out of a table, and none stands there that is gone. @param {string[]} known @param {string[]} doors */
export function assertAll(known, doors) {
  const without = (/** @type {string[]} */ some, /** @type {string[]} */ others) =>
    some.filter((door) => !others.includes(door))
  assert.deepEqual({ missing: without(doors, known), gone: without(known, doors) }, { missing: [], gone: [] })
}
