'use strict'

const { randomUUID } = require('node:crypto')
const { CodexAPICallError } = require('./errors.js')

/**
 * What a turn waits for: an approval, or the result of a tool of the caller.
 *
 * @typedef {object} Asked
 * @property {'approval' | 'tool'} kind
 * @property {string} id by which the answer names it
 * @property {string} itemId the tool call that it is about
 * @property {any} request of an approval, as its handler gets it
 * @property {boolean} isTold whether it was told the caller
 * @property {(answer: any) => void} settle
 * @property {(error: Error) => void} fail
 * @property {() => void} unref
 */

/** @typedef {import('./open-turn.js').OpenTurn} OpenTurn */

/** How many that are over are remembered, to say why. */
const MOST_REMEMBERED = 1000

/** Everything that the turns of a provider wait for, by the ids that answers name. */
class AskedOfAll {
  /** Calls of tools in different threads may have one id: the model gives it. @type {Map<string, Set<OpenTurn>>} */
  #turns = new Map()
  /** Why those are over that are. @type {Map<string, string>} */
  #over = new Map()

  /** @param {string} id @param {OpenTurn} turn */
  add(id, turn) {
    this.#turns.set(id, (this.#turns.get(id) ?? new Set()).add(turn))
  }

  /** @param {string} id @param {OpenTurn} turn @param {string} why */
  remove(id, turn, why) {
    const those = this.#turns.get(id)
    if (those?.delete(turn) && those.size === 0) this.#turns.delete(id)
    this.#over.set(keyOf(id, turn.session.threadId), why)
    if (this.#over.size <= MOST_REMEMBERED) return
    const [oldest] = this.#over.keys()
    if (oldest !== undefined) this.#over.delete(oldest)
  }

  /**
   * The turn that waits for one of these answers.
   *
   * @param {import('./prompt.js').Plan} plan
   * @param {string | undefined} threadId of the conversation, where it is known
   */
  turnFor(plan, threadId) {
    for (const id of idsOf(plan)) {
      const those = [...(this.#turns.get(id) ?? [])]
      const own = those.find(({ session }) => session.threadId === threadId)
      if (own !== undefined) return own
      if (threadId === undefined && those.length === 1) return those[0]
    }
    return undefined
  }

  /**
   * What is told of answers that nobody waits for.
   *
   * @param {import('./prompt.js').Plan} plan
   * @param {string | undefined} threadId
   */
  gone(plan, threadId = '') {
    const { approvals } = plan
    const [id = ''] = idsOf(plan)
    const what = approvals.length > 0 ? `the approval ${id}` : `the call ${id} of a tool`
    const why =
      this.#over.get(keyOf(id, threadId)) ??
      'this process does not know it: its turn was of another process, or is long over'
    return new CodexAPICallError(
      `nothing waits for an answer to ${what} any more: ${why}. Send a message to go on`,
      {
        statusCode: 410,
        data: { code: 'APPROVAL_GONE', id },
      },
    )
  }
}

/** @param {import('./prompt.js').Plan} plan */
function idsOf({ approvals, results }) {
  return [...approvals.map(({ approvalId }) => approvalId), ...results.map(({ toolCallId }) => toolCallId)]
}

/** @param {string} id @param {string} threadId */
function keyOf(id, threadId) {
  return `${threadId} ${id}`
}

/**
 * @param {Pick<Asked, 'kind' | 'itemId' | 'request' | 'unref'> & { id?: string }} asked
 * @returns {{ asked: Asked, answer: Promise<any> }}
 */
function ask({ kind, itemId, request, unref, id = randomUUID() }) {
  /** @type {(answer: any) => void} */
  let settle = () => {}
  /** @type {(error: Error) => void} */
  let fail = () => {}
  const answer = new Promise((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  return { asked: { kind, id, itemId, request, isTold: false, settle, fail, unref }, answer }
}

module.exports.AskedOfAll = AskedOfAll
module.exports.ask = ask
