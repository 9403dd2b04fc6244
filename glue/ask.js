'use strict'

// Questions that a person answers later: handlers that wait for an answer by the id of the question.

const { onAbort } = require('./signals.js')
const { argumentError } = require('./json.js')
const { tell } = require('./tell.js')

/**
 * @typedef {{ id: string, kind: string, request: any, askedAt: number }} Question
 * @typedef {{ question: Question, settle: (answer: unknown) => void }} Open
 * @typedef {{ type: 'asked' | 'answered' | 'withdrawn', question: Question }} QuestionEvent
 */

const KINDS = /** @type {const} */ ({
  onApproval: 'approval',
  onUserInput: 'userInput',
  onElicitation: 'elicitation',
  onPermissions: 'permissions',
})

/**
 * @param {(event: QuestionEvent) => void} [listener]
 */
function ask(listener) {
  if (listener !== undefined && typeof listener !== 'function') {
    throw argumentError('listener: must be a function that takes {type, question}')
  }
  /** @type {Map<string, Open>} */
  const open = new Map()

  /** @param {QuestionEvent['type']} type @param {Question} question */
  const told = (type, question) => tell(listener, 'the listener of ask()', { type, question })

  /** @param {string} kind */
  const handler =
    (kind) =>
    (/** @type {any} */ request, /** @type {{ signal: AbortSignal }} */ { signal }) =>
      new Promise((resolve, reject) => {
        // Loaded late: it is large, and few ask.
        const { randomUUID } = require('node:crypto')
        /** @type {Question} */
        const question = { id: randomUUID(), kind, request, askedAt: Date.now() }
        const off = onAbort(signal, () => {
          // One that nobody was asked is not withdrawn either.
          if (open.delete(question.id)) told('withdrawn', question)
          reject(signal.reason)
        })
        if (signal.aborted) return
        open.set(question.id, {
          question,
          settle(answer) {
            off()
            open.delete(question.id)
            resolve(answer)
            told('answered', question)
          },
        })
        told('asked', question)
      })

  const handlers = Object.fromEntries(Object.entries(KINDS).map(([option, kind]) => [option, handler(kind)]))
  return {
    handlers,
    /** @returns {Question[]} */
    get open() {
      return [...open.values()].map(({ question }) => question)
    },
    /**
     * @param {string} id
     * @param {unknown} answer
     */
    answer(id, answer) {
      const one = open.get(id)
      one?.settle(answer)
      return one !== undefined
    },
  }
}

module.exports = { ask }
