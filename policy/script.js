'use strict'

// What a shell script does, as its parser reads it. Only what is plain is understood: simple commands of literal words.

/**
 * @typedef {typeof import('unbash', { with: { 'resolution-mode': 'import' } })} Parser
 * @typedef {import('unbash', { with: { 'resolution-mode': 'import' } }).SyntaxNode} Node
 * @typedef {import('unbash', { with: { 'resolution-mode': 'import' } }).Word} Word
 * @typedef {import('unbash', { with: { 'resolution-mode': 'import' } }).Command} CommandNode
 *
 * A simple command: its words, the files that it reads from and writes to by redirections, and where it is started: the
 * folders that `cd` went to before, or null where that can't be known.
 * @typedef {{ words: string[], reads: string[], writes: string[], moves: string[] | null }} Command
 *
 * `named` are the commands that stand anywhere in it, as far as their words are literal: also those of what is not
 * understood.
 * @typedef {{ commands: Command[], named: string[][] } | { why: string, named: string[][] }} Reading
 */

/** What is not plain, and why it is not understood. */
class NotPlain extends Error {}

/** Commands after which nobody knows the folder, or what a name stands for. */
const MOVERS = new Set(['pushd', 'popd', 'builtin', 'command', 'eval', 'exec', 'source', '.', 'alias'])

/** Blanks that some shell or reader may take for one. */
const BLANKS = new Set([
  '\u0085',
  '\u00a0',
  '\u1680',
  '\u2028',
  '\u2029',
  '\u202f',
  '\u205f',
  '\u3000',
  '\ufeff',
])

/** @type {Promise<Parser> | undefined} */
let loading

/**
 * The parser. It is loaded with the first command that is asked for.
 * @returns {Promise<Parser>}
 */
function parser() {
  loading ??= import('unbash').catch((error) => {
    loading = undefined
    throw new Error('codex-node/policy reads commands with the package unbash: npm install unbash', {
      cause: error,
    })
  })
  return loading
}

/**
 * @param {string} script
 * @returns {Promise<Reading>}
 */
async function readScript(script) {
  const bash = await parser()
  const tree = bash.parse(script)
  const named = namedIn(tree, bash)
  try {
    checkCharacters(script)
    const error = tree.errors?.[0]
    if (error !== undefined) throw new NotPlain(`it does not parse: ${error.message}`)
    /** @type {{ pos: number, end: number }[]} */
    const read = []
    const commands = [...commandsOf(tree, read)]
    if (commands.length === 0) throw new NotPlain('it is empty')
    checkRest(script, read)
    return { commands, named }
  } catch (error) {
    if (error instanceof NotPlain) return { why: error.message, named }
    throw error
  }
}

/** What ends a word, or begins another one, where it stands without quotes. */
const OPERATORS = new Set('<>()|&;`')

/** @param {string} script */
function checkCharacters(script) {
  // The shell joins such lines before it reads them: `$`, and `(` in the next one.
  if (/[^ \t\n]\\\n/.test(script)) throw new NotPlain('a word of it goes on in the next line')
  for (const character of script) {
    const code = /** @type {number} */ (character.codePointAt(0))
    const isControl = (code < 0x20 && character !== '\n' && character !== '\t') || code === 0x7f
    if (isControl) throw new NotPlain('it holds a control character')
    const isBlank = BLANKS.has(character) || (code >= 0x2000 && code <= 0x200f)
    if (isBlank) throw new NotPlain('it holds a blank that is no space')
  }
}

/**
 * Refuses what the parser has passed over in silence: between words there is nothing but what parts commands, and comments.
 *
 * @param {string} script
 * @param {readonly { pos: number, end: number }[]} read
 */
function checkRest(script, read) {
  let rest = ''
  let at = 0
  for (const { pos, end } of [...read].sort((one, other) => one.pos - other.pos)) {
    rest += `${script.slice(at, pos)} `
    at = end
  }
  rest += script.slice(at)
  if (!/^(?:[\s;&|]|#[^\n]*)*$/.test(rest.replaceAll('\\\n', ''))) throw new NotPlain('some of it is no word')
}

/**
 * @param {import('unbash', { with: { 'resolution-mode': 'import' } }).Script} script
 * @param {{ pos: number, end: number }[]} read gets the places of all that is read
 * @returns {Generator<Command>}
 */
function* commandsOf(script, read) {
  /** @type {string[] | null} */
  let moves = []
  for (const { command, background } of script.commands) {
    if (background) throw new NotPlain('it goes on in the background')
    const parts = command.type === 'AndOr' ? command.commands : [command]
    const operators = command.type === 'AndOr' ? command.operators : []
    let moved = false
    for (const [index, part] of parts.entries()) {
      for (const node of pipeline(part)) {
        const command = simple(node, read)
        yield { ...command, moves }
        const to = moveOf(command.words)
        if (to === undefined) continue
        moved = true
        // Whether it went there is known by what comes after `&&` alone, and within a pipe it goes nowhere else.
        const isCertain = to !== null && part.type === 'Command' && operators[index] === '&&'
        moves = moves !== null && isCertain ? [...moves, to] : null
      }
      if (moved && operators[index] === '||') moves = null
    }
    if (moved) moves = null
  }
}

/**
 * @param {import('unbash', { with: { 'resolution-mode': 'import' } }).PipelineNode} node
 * @returns {readonly Node[]}
 */
function pipeline(node) {
  if (node.type !== 'Pipeline') return [node]
  if (node.prefixes.length > 0) throw new NotPlain('it has `!` or `time` in it')
  return node.commands
}

/**
 * @param {Node} node
 * @param {{ pos: number, end: number }[]} read
 * @returns {{ words: string[], reads: string[], writes: string[] }}
 */
function simple(node, read) {
  if (node.type !== 'Command') throw new NotPlain(`it has a ${node.type} in it`)
  if (node.name === undefined) throw new NotPlain('it sets variables')
  const words = [literal(node.name)]
  /** @type {string[]} */
  const reads = []
  /** @type {string[]} */
  const writes = []
  read.push(node.name, ...node.prefix, ...node.suffix)
  for (const part of [...node.prefix, ...node.suffix]) {
    if (part.type === 'Word') words.push(literal(part))
    else if (part.type === 'Assignment') throw new NotPlain('it sets variables')
    else if (part.type !== 'Redirect') throw new NotPlain(`it has a ${part.type} in it`)
    else redirection(part, reads, writes)
  }
  return { words, reads, writes }
}

/**
 * @param {import('unbash', { with: { 'resolution-mode': 'import' } }).Redirect} redirect
 * @param {string[]} reads
 * @param {string[]} writes
 */
function redirection({ operator, descriptor, target }, reads, writes) {
  // Not every shell has descriptors of two digits: there the number is an argument.
  if (target === undefined || (descriptor && !('value' in descriptor && descriptor.value <= 9))) {
    throw new NotPlain('it has a redirection that is not plain')
  }
  const to = literal(target)
  if (operator === '>&' && (to === '1' || to === '2')) return
  if (operator === '<') reads.push(to)
  else if (operator === '>' || operator === '>>' || operator === '>|') writes.push(to)
  else throw new NotPlain(`it has the redirection ${operator}`)
}

/**
 * Where a command goes; undefined for one that stays, null where nobody knows.
 * @param {string[]} words
 */
function moveOf([name = '', ...rest]) {
  if (MOVERS.has(name)) return null
  if (name !== 'cd') return undefined
  const [to, ...more] = rest
  return to === undefined || to === '' || to.startsWith('-') || more.length > 0 ? null : to
}

/**
 * A word that stands for itself in every shell.
 * @param {Word} word
 */
function literal(word) {
  // A home, and in zsh the path of a command.
  if (word.text.startsWith('~') || word.text.startsWith('=')) throw new NotPlain('it has an expansion in it')
  for (const part of word.parts ?? []) {
    if (part.type === 'Literal' || part.type === 'SingleQuoted') continue
    const isText = part.type === 'DoubleQuoted' && part.parts.every(({ type }) => type === 'Literal')
    if (!isText) throw new NotPlain(`it has a ${part.type} in it`)
  }
  const strange = strangeIn(word.text)
  if (strange !== undefined) throw new NotPlain(`it has ${strange} in it`)
  return word.value
}

/**
 * What in a word some shell takes for more than itself, where the parser does not: `2<(a)` is a file that another command
 * writes, `$=a` a variable of zsh.
 *
 * @param {string} text
 * @returns {string | undefined}
 */
function strangeIn(text) {
  if (/^\{\w+\}$/.test(text)) return 'a word that may name a descriptor'
  /** @type {string | undefined} */
  let quote
  let isEscaped = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    const next = text.charAt(at + 1)
    if (isEscaped) isEscaped = false
    else if (character === '\\' && quote !== "'") isEscaped = true
    else if (character === quote) quote = undefined
    else if (quote === undefined && (character === "'" || character === '"')) quote = character
    else if (quote === undefined && OPERATORS.has(character)) return 'an operator within a word'
    else if (character === '$' && quote !== "'" && !(quote === '"' ? /["\s]/ : /^$/).test(next))
      return 'an expansion'
  }
  return isEscaped ? 'a backslash at its end' : undefined
}

/**
 * The words of all commands in a tree that are literal at least where they begin.
 *
 * @param {Node} tree
 * @param {Parser} bash
 */
function namedIn(tree, bash) {
  /** @type {string[][]} */
  const named = []
  /** @param {Node} node */
  const visit = (node) => {
    if (node.type === 'Command' && node.name !== undefined) {
      const words = [node.name, ...node.suffix.filter((part) => part.type === 'Word')]
      named.push(words.map((word) => word.value))
    }
    bash.forEachChild(node, visit)
  }
  visit(tree)
  return named
}

module.exports = { readScript }
