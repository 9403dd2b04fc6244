'use strict'

// Which commands a pattern means: its words, and after them what it says. An option that it does not name is none of its.

const { posix, resolve } = require('node:path')
const { folderOf, named, placeOf, startedIn } = require('./folders.js')
const { isLooker, isPlain } = require('./looks.js')
const { argumentError, checkObject } = require('../glue/json.js')

/**
 * @typedef {import('./script.js').Command} Command
 *
 * @typedef {object} Pattern
 * @property {readonly string[]} words
 * @property {ReadonlySet<string>} options
 * @property {readonly string[] | undefined} within absolute
 * @property {string} label
 */

/** What a shell would take for more than itself: a pattern is words, and no script. */
const SPECIAL = new Set('\'"\\$`;&|<>(){}[]?!#~\n\r\t')

/** Where `@` begins a name. Others, as compilers do, take it for a file with more arguments. */
const NAMED_BY_AT = new Set(['git', 'npm', 'npx', 'pnpm', 'yarn', 'bun', 'bunx'])

const FIELDS = ['command', 'options', 'within']

/** Where a command may always write to, and read from. */
const NOWHERE = '/dev/null'

/**
 * @param {any} given
 * @param {string} what
 * @returns {Pattern}
 */
function patternOf(given, what) {
  if (typeof given === 'string') return pattern(given, [], undefined, what)
  checkObject(given, what)
  const stray = Object.keys(given).find((name) => !FIELDS.includes(name))
  if (stray !== undefined) throw argumentError(`${what}.${stray}: is no field; it takes ${FIELDS.join(', ')}`)
  const { command, options = [], within } = given
  if (!isTexts(options)) throw argumentError(`${what}.options: must be an array of strings`)
  const folders = within === undefined ? undefined : foldersOf([within].flat(), `${what}.within`)
  return pattern(command, options, folders, what)
}

/**
 * @param {unknown} command
 * @param {string[]} options
 * @param {string[] | undefined} within
 * @param {string} what
 * @returns {Pattern}
 */
function pattern(command, options, within, what) {
  const words = wordsOf(command, what)
  return { words, options: new Set(options), within, label: words.join(' ') }
}

/**
 * @param {unknown} command
 * @param {string} what
 * @returns {string[]}
 */
function wordsOf(command, what) {
  if (isTexts(command) && command.length > 0) return absolute([...command])
  if (typeof command !== 'string') {
    throw argumentError(`${what}: must be a command as a string, or as an array of its words`)
  }
  const special = [...command].find((character) => SPECIAL.has(character))
  if (special !== undefined) {
    throw argumentError(
      `${what}: ${JSON.stringify(special)} is not accepted in a pattern; give an array of words`,
    )
  }
  const words = command.split(' ').filter((word) => word !== '')
  if (words.length === 0 || words[0] === '*') throw argumentError(`${what}: must name a program`)
  return absolute(words)
}

/**
 * A program that is named by a path is that file, wherever the agent is.
 * @param {string[]} words
 */
function absolute([program = '', ...rest]) {
  return [program.includes('/') ? resolve(program) : program, ...rest]
}

/**
 * @param {unknown[]} given
 * @param {string} what
 * @returns {string[]}
 */
function foldersOf(given, what) {
  if (given.length === 0 || !isTexts(given) || given.includes('')) {
    throw argumentError(`${what}: must be the path of a folder, or several`)
  }
  return given.map((folder) => resolve(folder))
}

/**
 * @param {unknown} value
 * @returns {value is string[]}
 */
function isTexts(value) {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/**
 * Whether a command is one that a pattern means.
 *
 * @param {Pattern} pattern
 * @param {Command} command
 * @param {string} cwd
 * @returns {Promise<boolean>}
 */
async function isMeant({ words, options, within }, command, cwd) {
  const folder = startedIn(cwd, command.moves)
  if (!(await isProgram(words[0] ?? '', command.words[0] ?? '', folder))) return false
  const args = argumentsOf(words, options, command.words)
  if (args === undefined) return false
  const files = [...command.reads, ...command.writes].filter((file) => file !== NOWHERE)
  if (within === undefined) return files.length === 0
  // What a program does with its arguments is not known, but of those that only look.
  const looked = ['.', ...command.reads, ...(isLooker(command.words[0] ?? '') ? args : [])]
  for (const path of ['.', ...args, ...files]) {
    const special = looked.includes(path) && !command.writes.includes(path)
    if ((await folderOf(within, folder && named(folder, path), { special })) === undefined) return false
  }
  return true
}

/**
 * @param {string} wanted
 * @param {string} given
 * @param {string | undefined} folder
 */
async function isProgram(wanted, given, folder) {
  // A bare name is found on PATH, a path is what lies there.
  if (!wanted.includes('/') || !given.includes('/')) return wanted === given
  const path = named(folder, given)
  const place = path === undefined ? undefined : await placeOf(path)
  return place !== undefined && place === (await placeOf(wanted))
}

/**
 * What of the arguments is not in the pattern itself; undefined where they don't fit it.
 *
 * @param {readonly string[]} pattern
 * @param {ReadonlySet<string>} options
 * @param {readonly string[]} command
 * @returns {string[] | undefined}
 */
function argumentsOf([program = '', ...wanted], options, [, ...given]) {
  const isPlainHere = (/** @type {string} */ argument) =>
    isPlain(argument) && (!argument.startsWith('@') || NAMED_BY_AT.has(program))
  /** @type {string[]} */
  const free = []
  let at = 0
  for (const argument of given) {
    const word = wanted[at]
    if (word !== '*' && word === argument) {
      at++
      continue
    }
    if (!isPlainHere(argument)) {
      const [name = '', ...value] = argument.split('=')
      if (!options.has(argument) && !(value.length > 0 && options.has(name))) return undefined
      if (value.length > 0 && !options.has(argument)) free.push(value.join('='))
      continue
    }
    if (word !== '*') return undefined
    free.push(argument)
    // The last stands for any number.
    if (at < wanted.length - 1) at++
  }
  const rest = wanted.slice(at)
  return rest.length === 0 || (rest.length === 1 && rest[0] === '*') ? free : undefined
}

/**
 * Whether words are a command that is to be refused: its program, wherever it lies, and the others in their order, whatever
 * stands between them.
 *
 * @param {Pattern} pattern
 * @param {readonly string[]} words
 */
function isNamed({ words: [wanted = '', ...rest] }, [program = '', ...args]) {
  if (posix.basename(program) !== posix.basename(wanted)) return false
  let at = 0
  for (const argument of args) if (argument === rest[at] || rest[at] === '*') at++
  return at >= rest.filter((word) => word !== '*').length
}

module.exports = { foldersOf, isMeant, isNamed, isTexts, patternOf }
