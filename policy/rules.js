'use strict'

const { folderOf } = require('./folders.js')
const { enteredBy, lookedAt, namedBy } = require('./looks.js')
const { foldersOf, isMeant, isNamed, isTexts, patternOf } = require('./patterns.js')
const { understand } = require('./request.js')
const { argumentError, checkObject } = require('../glue/json.js')

/**
 * @typedef {import('./index.js').Rule} Rule
 * @typedef {import('./index.js').ApprovalAnswer} ApprovalAnswer
 * @typedef {import('../index.js').ApprovalDecision} ApprovalDecision
 * @typedef {import('./patterns.js').Pattern} Pattern
 */

/**
 * @param {string} label
 * @param {(request: import('../index.js').ApprovalRequest) => Promise<ApprovalAnswer | undefined>} decide
 * @returns {Rule}
 */
function rule(label, decide) {
  return Object.defineProperty(decide, 'name', { value: label })
}

/**
 * Allows commands. Each command of a script must be meant by one of the patterns.
 * @param {unknown[]} given
 */
function allowCommands(...given) {
  const patterns = given.flat().map((one, index) => patternOf(one, `patterns[${index}]`))
  if (patterns.length === 0) throw argumentError('patterns: must be one command or more')
  return rule('allowCommands', async (request) => {
    const reading = await understand(request)
    if (reading.about !== 'command') return undefined
    /** @type {Set<string>} */
    const used = new Set()
    for (const command of reading.commands) {
      const pattern = await first(patterns, (one) => isMeant(one, command, reading.cwd))
      if (pattern === undefined) return undefined
      used.add(pattern.label)
    }
    return { decision: 'accept', rule: `allowCommands: ${[...used].join(', ')}` }
  })
}

/**
 * Allows changes of files in folders, and commands that but look at what is there.
 * @param {unknown[]} given
 */
function allowFolders(...given) {
  const folders = foldersOf(given.flat(), 'folders')
  return rule('allowFolders', async (request) => {
    const reading = await understand(request)
    const isChange = reading.about === 'files'
    const paths = reading.about === 'files' ? reading.paths : lookedAt(reading)
    if (paths === undefined) return undefined
    /** @type {Set<string>} */
    const used = new Set()
    for (const path of paths) {
      const folder = await folderOf(folders, path, { special: !isChange })
      if (folder === undefined) return undefined
      used.add(folder)
    }
    return { decision: 'accept', rule: `allowFolders: ${[...used].join(', ')}` }
  })
}

/**
 * Allows the network to hosts: by name, or `*.name` for those below it.
 * @param {unknown[]} given
 */
function allowHosts(...given) {
  const hosts = hostsOf(given.flat())
  return rule('allowHosts', async (request) => {
    const reading = await understand(request)
    if (reading.about !== 'network') return undefined
    const host = hosts.find((one) => isHost(one, reading.host))
    return host === undefined ? undefined : { decision: 'accept', rule: `allowHosts: ${host}` }
  })
}

/**
 * @param {unknown[]} given
 * @returns {string[]}
 */
function hostsOf(given) {
  if (given.length === 0 || !isTexts(given))
    throw argumentError('hosts: must be one host or more, as strings')
  return given.map((host) => {
    const name = plainHost(host.startsWith('*.') ? host.slice(2) : host)
    if (name === undefined) {
      throw argumentError(
        `hosts: ${JSON.stringify(host)} is no host; give a name or an address, without a port`,
      )
    }
    return host.startsWith('*.') ? `*.${name}` : name
  })
}

/**
 * A host as it is compared; undefined for what is none.
 * @param {string} host
 */
function plainHost(host) {
  try {
    const { hostname, href } = new URL(`http://${host}/`)
    const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname
    return name !== '' && !name.includes('*') && href === `http://${hostname}/` ? name : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {string} allowed
 * @param {string} asked
 */
function isHost(allowed, asked) {
  const name = plainHost(asked)
  if (name === undefined) return false
  return allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : name === allowed
}

/**
 * Asks a person, or whoever is to decide. Takes whatever comes to it.
 * @param {unknown} handler
 */
function ask(handler) {
  if (typeof handler !== 'function') throw argumentError('handler: must be a function that decides')
  /** @type {Rule} */
  const asking = async (request, context) => {
    const reading = await understand(request)
    // Whatever else a context has is not lost.
    const answer = await handler(request, Object.assign(Object.create(context), { reading: told(reading) }))
    if (answer === undefined || answer === null) return undefined
    return typeof answer === 'object' && 'decision' in answer
      ? { rule: 'ask', ...answer }
      : { decision: answer, rule: 'ask' }
  }
  return Object.defineProperty(asking, 'name', { value: 'ask' })
}

/**
 * @param {import('./request.js').RequestReading} reading
 * @returns {import('./index.js').Reading}
 */
function told(reading) {
  if (reading.about !== 'command') {
    return reading.about === 'unknown' ? { about: 'unknown', why: reading.why } : reading
  }
  return { about: 'command', commands: reading.commands.map(({ words }) => words), cwd: reading.cwd }
}

/**
 * Refuses: everything that comes to it, or the commands, folders and hosts that are named.
 * @param {unknown[]} given
 */
function deny(...given) {
  const all = given.flat()
  if (all.length === 0) return rule('deny', async () => ({ decision: 'decline', rule: 'deny' }))
  const last = typeof all.at(-1) === 'object' ? all.pop() : {}
  checkObject(last, 'options')
  const { commands = [], folders, hosts, decision = 'decline', ...stray } = /** @type {any} */ (last)
  const [unknown] = Object.keys(stray)
  if (unknown !== undefined) {
    throw argumentError(`options.${unknown}: is no field; it takes commands, folders, hosts, decision`)
  }
  if (decision !== 'decline' && decision !== 'cancel') {
    throw argumentError("options.decision: must be 'decline' or 'cancel'")
  }
  const named = [...all, ...[commands].flat()]
  const wanted = {
    patterns: named.map((one, index) => patternOf(one, `commands[${index}]`)),
    folders: folders === undefined ? [] : foldersOf([folders].flat(), 'options.folders'),
    hosts: hosts === undefined ? [] : hostsOf([hosts].flat()),
  }
  return rule('deny', async (request) => {
    const hit = await denied(await understand(request), wanted)
    return hit === undefined ? undefined : { decision, rule: `deny: ${hit}` }
  })
}

/**
 * What a request is refused for.
 *
 * @param {import('./request.js').RequestReading} reading
 * @param {{ patterns: Pattern[], folders: string[], hosts: string[] }} wanted
 * @returns {Promise<string | undefined>}
 */
async function denied(reading, { patterns, folders, hosts }) {
  if (reading.about === 'files') return folderNamed(folders, reading.paths)
  if (reading.about === 'network') return hosts.find((host) => isHost(host, reading.host))
  const pattern = patterns.find((one) => reading.named.some((words) => isNamed(one, words)))
  if (pattern !== undefined) return pattern.label
  const { cwd } = reading
  if (cwd === undefined || folders.length === 0) return undefined
  const commands =
    reading.about === 'command'
      ? reading.commands
      : reading.named.map((words) => ({ words, reads: [], writes: [], moves: [] }))
  const named = await folderNamed(folders, [cwd, ...commands.flatMap((command) => namedBy(command, cwd))])
  if (named !== undefined) return named
  const entered = commands.flatMap((command) => enteredBy(command, cwd))
  return first(folders, async (folder) => (await folderNamed(entered, [folder])) !== undefined)
}

/**
 * The first of some folders in which one of the paths lies.
 *
 * @param {readonly string[]} folders
 * @param {readonly string[]} paths
 * @returns {Promise<string | undefined>}
 */
async function folderNamed(folders, paths) {
  for (const path of paths) {
    const folder = await folderOf(folders, path, { special: true })
    if (folder !== undefined) return folder
  }
  return undefined
}

/**
 * @template T
 * @param {readonly T[]} all
 * @param {(one: T) => Promise<boolean>} fits
 * @returns {Promise<T | undefined>}
 */
async function first(all, fits) {
  for (const one of all) if (await fits(one)) return one
  return undefined
}

module.exports = { allowCommands, allowFolders, allowHosts, ask, deny }
