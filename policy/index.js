'use strict'

// Approvals by rules: small functions, of which the first that has an answer decides.

const { isError, messageOf } = require('../glue/errors.js')
const { argumentError } = require('../glue/json.js')
const { allowCommands, allowFolders, allowHosts, ask, deny } = require('./rules.js')

/** What is recorded where no rule had an answer. */
const NO_RULE = 'no rule answered'

/**
 * A handler for `onApproval` that is made of rules.
 * @param {unknown[]} given
 */
function policy(...given) {
  const all = /** @type {import('./index.js').Rule[]} */ (given.flat())
  const wrong = all.findIndex((rule) => typeof rule !== 'function')
  if (wrong >= 0) throw argumentError(`rules[${wrong}]: must be a function`)
  if (all.length === 0) throw argumentError('rules: must be one or more')
  /** @type {import('./index.js').Policy} */
  return async (request, context) => {
    for (const [index, rule] of all.entries()) {
      const name = rule.name === '' ? `rule ${index + 1}` : rule.name
      const answer = await answerOf(rule, name, request, context)
      if (answer !== undefined) return answer
      // The answer is not wanted any more.
      if (context.signal.aborted) break
    }
    return { decision: 'decline', rule: NO_RULE }
  }
}

/**
 * @param {import('./index.js').Rule} rule
 * @param {string} name
 * @param {import('../index.js').ApprovalRequest} request
 * @param {import('../index.js').HandlerContext} context
 * @returns {Promise<import('./index.js').ApprovalAnswer | undefined>}
 */
async function answerOf(rule, name, request, context) {
  let answer
  try {
    answer = await rule(request, context)
  } catch (error) {
    throw new Error(`the rule ${name} failed: ${messageOf(error)}`, { cause: error })
  }
  if (answer === undefined || answer === null) return undefined
  // Some return what others throw.
  if (isError(answer)) throw new Error(`the rule ${name} failed: ${messageOf(answer)}`, { cause: answer })
  return typeof answer === 'object' && 'decision' in answer
    ? { rule: name, ...answer }
    : { decision: answer, rule: name }
}

module.exports = { policy, allowCommands, allowFolders, allowHosts, ask, deny }
