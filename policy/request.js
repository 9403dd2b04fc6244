'use strict'

// What an approval is asked for: by codex's own account, and by the parser's reading of it. Where the two differ, or one of
// them says nothing, it is not understood.

const { posix } = require('node:path')
const { readScript } = require('./script.js')

/**
 * @typedef {import('../index.js').ApprovalRequest} ApprovalRequest
 * @typedef {import('./script.js').Command} Command
 *
 * @typedef {object} CommandReading
 * @property {'command'} about
 * @property {Command[]} commands
 * @property {string[][]} named
 * @property {string} cwd
 * @property {boolean} isLook whether codex says that it does but look at files
 *
 * @typedef {{ about: 'files', paths: string[] }} FilesReading
 * @typedef {{ about: 'network', host: string }} NetworkReading
 * @typedef {{ about: 'unknown', why: string, named: string[][], cwd?: string }} UnknownReading
 * @typedef {CommandReading | FilesReading | NetworkReading | UnknownReading} RequestReading
 */

/** Shells whose words are those of the parser, as long as they are literal. */
const SHELLS = new Set(['bash', 'sh', 'zsh', 'dash', 'ash'])

/** Where they are what they are called: the agent may name any program for its shell. */
const SHELL_FOLDERS = new Set([
  '.',
  '/bin',
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/run/current-system/sw/bin',
])

/** @type {WeakMap<object, Promise<RequestReading>>} */
const readings = new WeakMap()

/**
 * What a request is about. Each is read once, however many rules ask.
 *
 * @param {ApprovalRequest} request
 * @returns {Promise<RequestReading>}
 */
function understand(request) {
  let reading = readings.get(request)
  if (reading === undefined) {
    reading = readingOf(request)
    readings.set(request, reading)
  }
  return reading
}

/**
 * @param {ApprovalRequest} request
 * @returns {Promise<RequestReading>}
 */
async function readingOf(request) {
  switch (request.method) {
    case 'item/fileChange/requestApproval':
    case 'applyPatchApproval':
      return filesOf(request)
    case 'item/commandExecution/requestApproval':
    case 'execCommandApproval': {
      const reading = await commandOf(request)
      const { cwd } = request.params
      return reading.about === 'unknown' && typeof cwd === 'string' ? { ...reading, cwd } : reading
    }
    default:
      return unknown(`it asks for ${request.kind}`)
  }
}

/**
 * @param {string} why
 * @param {string[][]} [named]
 * @returns {UnknownReading}
 */
const unknown = (why, named = []) => ({ about: 'unknown', why, named })

/**
 * @param {Extract<ApprovalRequest, { method: 'item/fileChange/requestApproval' | 'applyPatchApproval' }>} request
 * @returns {RequestReading}
 */
function filesOf(request) {
  const { grantRoot } = request.params
  const root = typeof grantRoot === 'string' ? [grantRoot] : []
  if (request.method === 'applyPatchApproval') {
    const changes = Object.entries(request.params.fileChanges ?? {})
    if (changes.length === 0) return unknown('codex does not say which files it changes')
    const moved = changes.flatMap(([, change]) => ('move_path' in change ? (change.move_path ?? []) : []))
    return { about: 'files', paths: [...changes.map(([path]) => path), ...moved, ...root] }
  }
  const changes = request.changes ?? []
  if (changes.length === 0) return unknown('codex does not say which files it changes')
  const paths = changes.flatMap(({ path, kind }) =>
    kind?.type === 'update' && typeof kind.move_path === 'string' ? [path, kind.move_path] : [path],
  )
  return { about: 'files', paths: [...paths, ...root] }
}

/**
 * @param {Extract<ApprovalRequest, { method: 'item/commandExecution/requestApproval' | 'execCommandApproval' }>} request
 * @returns {Promise<RequestReading>}
 */
async function commandOf(request) {
  if (request.method === 'execCommandApproval') {
    const { command, cwd, parsedCmd } = request.params
    const looks = parsedCmd.map(({ type }) => (type === 'list_files' ? 'listFiles' : type))
    const said = parsedCmd.map(({ cmd }) => cmd)
    return read(command, cwd, { said, looks, proposed: null })
  }
  const { params } = request
  const context = params.networkApprovalContext
  if (context != null) return { about: 'network', host: context.host }
  if (params.kind !== undefined && params.kind !== 'command') return unknown(`it is a ${params.kind}`)
  if (params.additionalPermissions != null) return unknown('it asks for more permissions')
  if (params.environmentId != null && params.environmentId !== 'local') return unknown('it runs elsewhere')
  if (typeof params.command !== 'string' || typeof params.cwd !== 'string') {
    return unknown('codex does not say what it runs')
  }
  const outer = await readScript(params.command)
  if ('why' in outer) return unknown(outer.why, outer.named)
  const [command, ...others] = outer.commands
  if (command === undefined || others.length > 0 || command.reads.length + command.writes.length > 0) {
    return unknown('it is not one program and its arguments', outer.named)
  }
  const actions = params.commandActions ?? []
  return read(command.words, params.cwd, {
    said: actions.map((action) => action.command),
    looks: actions.map(({ type }) => type),
    proposed: params.proposedExecpolicyAmendment ?? null,
  })
}

/**
 * @typedef {object} Account what codex says of a command
 * @property {string[]} said
 * @property {string[]} looks
 * @property {string[] | null} proposed
 */

/**
 * @param {string[]} argv
 * @param {string} cwd
 * @param {Account} account
 * @returns {Promise<RequestReading>}
 */
async function read(argv, cwd, { said, looks, proposed }) {
  const [program = '', flag, script, ...more] = argv
  const isShell = SHELLS.has(posix.basename(program))
  if (!isShell) {
    const command = { words: argv, reads: [], writes: [], moves: [] }
    return { about: 'command', commands: [command], named: [argv], cwd, isLook: false }
  }
  const isTrusted = SHELL_FOLDERS.has(posix.dirname(program)) && !program.startsWith('.')
  if (!isTrusted && program !== process.env.SHELL) return unknown(`its shell is ${program}`)
  if ((flag !== '-lc' && flag !== '-c') || script === undefined || more.length > 0) {
    return unknown('its shell is given no script', [argv])
  }
  const reading = await readScript(script)
  if ('why' in reading) return unknown(reading.why, reading.named)
  const { commands, named } = reading
  const differs = await difference(argv, commands, said, proposed)
  if (differs !== undefined) return unknown(differs, named)
  return { about: 'command', commands, named, cwd, isLook: isLook(looks, commands) }
}

/**
 * Where codex's own reading is of something else than the parser's: the parts that it shows, and the words of which it
 * would make a rule.
 *
 * @param {string[]} argv
 * @param {Command[]} commands
 * @param {string[]} said
 * @param {string[] | null} proposed
 * @returns {Promise<string | undefined>}
 */
async function difference(argv, commands, said, proposed) {
  for (const part of said) {
    const reading = await readScript(part)
    if ('why' in reading) return `codex reads in it what is not plain: ${reading.why}`
    const isThere = reading.commands.every(({ words }) => commands.some((one) => isSame(one.words, words)))
    if (!isThere) return 'codex reads it differently'
  }
  if (proposed === null || isSame(proposed, argv)) return undefined
  const begins = commands.some(({ words }) => isSame(words.slice(0, proposed.length), proposed))
  return begins ? undefined : 'codex reads it differently'
}

/**
 * Whether codex says that a command but looks, where it is a single one: of more than one it may leave some out.
 *
 * @param {string[]} looks
 * @param {Command[]} commands
 */
function isLook([look, ...others], commands) {
  if (others.length > 0 || commands.length !== 1) return false
  return look === 'read' || look === 'listFiles' || look === 'search'
}

/**
 * @param {readonly string[]} some
 * @param {readonly string[]} others
 */
function isSame(some, others) {
  return some.length === others.length && some.every((word, index) => word === others[index])
}

module.exports = { understand }
