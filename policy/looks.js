'use strict'

// Which files a command looks at, and which it names at all.

const { posix } = require('node:path')
const { named, startedIn } = require('./folders.js')

/**
 * @typedef {import('./script.js').Command} Command
 * @typedef {import('./request.js').RequestReading} RequestReading
 */

/**
 * Programs that do nothing but look at files, as long as they have no options, with how many of their arguments come before
 * the paths. Codex says `read` of more of them, also of some that run what a file or an argument says: awk, git, less.
 */
const LOOKERS = new Map([
  ...['cat', 'head', 'tail', 'nl', 'wc', 'ls', 'tree', 'du', 'find'].map(
    (name) => /** @type {const} */ ([name, 0]),
  ),
  ...['grep', 'rg', 'fd'].map((name) => /** @type {const} */ ([name, 1])),
])

/** Those that go into the folders that they are given. */
const DEEP = new Set(['tree', 'du', 'find', 'rg', 'fd'])

/**
 * Whether an argument can be but a name: no option, and no setting as `dd`, `make` and `env` take them.
 * @param {string} argument
 */
function isPlain(argument) {
  return !argument.startsWith('-') && !argument.startsWith('+') && !argument.includes('=')
}

/**
 * What a command looks at, where that is all it does: by codex's word and by ours, without options, which can make a
 * program do anything, and without a redirection.
 *
 * @param {RequestReading} reading
 * @returns {string[] | undefined}
 */
function lookedAt(reading) {
  if (reading.about !== 'command' || !reading.isLook) return undefined
  const [command] = reading.commands
  if (command === undefined || command.reads.length + command.writes.length > 0) return undefined
  const [program = '', ...args] = command.words
  const before = LOOKERS.get(program)
  if (before === undefined || !args.every(isPlain)) return undefined
  return absolute(reading.cwd, pathsOf(args, before))
}

/**
 * @param {string[]} args
 * @param {number} before
 */
function pathsOf(args, before) {
  const paths = args.slice(before)
  return paths.length > 0 ? paths : ['.']
}

/**
 * @param {string | undefined} folder
 * @param {string[]} paths
 */
const absolute = (folder, paths) => paths.flatMap((path) => named(folder, path) ?? [])

/**
 * The paths that a command may mean, by any of its words and redirections.
 *
 * @param {Command} command
 * @param {string} cwd
 */
function namedBy({ words, reads, writes, moves }, cwd) {
  const values = words.slice(1).flatMap((word) => [word, ...word.split('=').slice(1)])
  return absolute(startedIn(cwd, moves) ?? cwd, [...values, ...reads, ...writes])
}

/**
 * The folders that a command goes into, as far as that is known.
 *
 * @param {Command} command
 * @param {string} cwd
 */
function enteredBy({ words: [program = '', ...args], moves }, cwd) {
  const name = posix.basename(program)
  const isDeep =
    DEEP.has(name) || (name === 'grep' && args.some((word) => /^-(\w*[rR]|-\w*-?recursive)/.test(word)))
  if (!isDeep) return []
  return absolute(startedIn(cwd, moves) ?? cwd, pathsOf(args.filter(isPlain), LOOKERS.get(name) ?? 0))
}

/** @param {string} program */
const isLooker = (program) => LOOKERS.has(program)

module.exports = { enteredBy, isLooker, isPlain, lookedAt, namedBy }
