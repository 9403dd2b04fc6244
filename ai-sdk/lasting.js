'use strict'

const { isDeepStrictEqual } = require('node:util')

/** @typedef {Record<string, any>} Options */

/** What codex keeps for later turns once a turn has said it. The names of one go together, as some exclude others. */
const LASTING = {
  sandbox: ['sandbox', 'sandboxPolicy'],
  approvals: ['approvalMode', 'approvalPolicy', 'approvalsReviewer'],
  cwd: ['cwd'],
  personality: ['personality'],
  serviceTier: ['serviceTier'],
  summary: ['summary'],
}

/** What of them says how far the agent may go: a call that asks for it does so for its turn alone, also for the first one. */
const LIMITS = [...LASTING.sandbox, ...LASTING.approvals]

/** What can't stand beside a name. @type {Record<string, string[]>} */
const EXCLUDES = {
  sandbox: ['sandboxPolicy'],
  sandboxPolicy: ['sandbox'],
  approvalMode: ['approvalPolicy', 'approvalsReviewer'],
  approvalPolicy: ['approvalMode'],
  approvalsReviewer: ['approvalMode'],
}

/**
 * Settings over others: one that is given takes those out that it can't stand beside.
 *
 * @param {Options} under
 * @param {Options} over without what is undefined
 * @returns {Options}
 */
function merged(under, over) {
  const left = { ...under }
  for (const name of Object.keys(over)) for (const other of EXCLUDES[name] ?? []) delete left[other]
  return { ...left, ...over }
}

/** The settings that turns of a thread change, so that each call has its own. */
class Lasting {
  #opened
  #defaults
  /** What was asked for last of each, where it is another than at the beginning. @type {Map<string, Options | null>} */
  #asked = new Map()
  /** The effort that a turn was told last. @type {string | undefined} */
  #effort

  /**
   * @param {Options} opened what the thread was opened with
   * @param {import('../index.js').ThreadDefaults} defaults what it has since then
   */
  constructor(opened, defaults) {
    this.#opened = opened
    this.#defaults = { ...defaults }
  }

  /**
   * The same where the thread is opened again, or forked: what a call asked for is in force there as well.
   *
   * @param {Options} opened
   * @param {import('../index.js').ThreadDefaults} defaults
   */
  again(opened, defaults) {
    const next = new Lasting(opened, defaults)
    for (const [key, names] of Object.entries(LASTING)) {
      if (!isDeepStrictEqual(picked(opened, names), picked(this.#opened, names))) continue
      Object.assign(next.#defaults, picked(this.#defaults, names))
      const asked = this.#asked.get(key)
      if (asked !== undefined) next.#asked.set(key, asked)
    }
    if (opened.effort === this.#opened.effort) {
      next.#effort = this.#effort
      next.#defaults = { ...next.#defaults, effort: this.#defaults.effort }
    }
    return next
  }

  /**
   * The effort that a turn has to say, if any.
   *
   * @param {string | undefined} asked by the call or its model
   * @param {() => Promise<string | undefined>} usual that of the model, for a thread that was given none
   */
  async effort(asked, usual) {
    if (asked === undefined && this.#effort === undefined) return undefined
    const wanted = asked ?? this.#defaults.effort ?? (await usual())
    if (wanted === (this.#effort ?? this.#defaults.effort)) return undefined
    this.#effort = wanted
    return wanted
  }

  /**
   * What a turn has to say for a call to have its settings.
   *
   * @param {Options} rest of the call
   * @returns {{ options: Options, failed: () => void }} `failed` for a turn of which nobody knows whether codex took it
   */
  changes(rest) {
    /** @type {Options} */
    const options = {}
    /** @type {string[]} */
    const changed = []
    for (const [key, names] of Object.entries(LASTING)) {
      const opened = picked(this.#opened, names)
      const given = picked(rest, names)
      const isOwn = Object.keys(given).length === 0 || isDeepStrictEqual(given, opened)
      const wanted = isOwn ? opened : given
      if (isDeepStrictEqual(wanted, this.#asked.has(key) ? this.#asked.get(key) : opened)) continue
      Object.assign(options, isOwn ? this.#atFirst(names) : given)
      this.#asked.set(key, wanted)
      changed.push(key)
    }
    const failed = () => {
      for (const key of changed) this.#asked.set(key, null)
      // None has this name: the next turn says its own.
      if (this.#effort !== undefined) this.#effort = ''
    }
    return { options, failed }
  }

  /** What the thread had at first, as far as codex has told it. @param {string[]} names */
  #atFirst(names) {
    const known = Object.entries(picked(this.#defaults, names))
    return Object.fromEntries(known.filter(([, value]) => value !== null))
  }
}

/** @param {Options} options @param {readonly string[]} names */
function picked(options, names) {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  )
}

module.exports = { LASTING, Lasting, LIMITS, merged }
