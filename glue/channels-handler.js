'use strict'

const { tracingChannel } = require('node:diagnostics_channel')
const { heardOf } = require('./channels-turn.js')

/** @typedef {import('./handlers.js').Handler} Handler */

const channels = tracingChannel('codex-node:handler')

/**
 * A handler of which the channel tells, where anybody wants to hear of it.
 *
 * @param {Handler} handler
 * @param {string} name of the option, or `tools`
 * @returns {Handler}
 */
function told(handler, name) {
  const { start, asyncEnd } = channels
  if (!start.hasSubscribers && !asyncEnd.hasSubscribers) return handler
  return async (request, context) => {
    const params = request.params ?? {}
    /** @type {any} */
    const message = {
      handler: name,
      kind: request.kind,
      method: request.method,
      threadId: params.threadId ?? params.conversationId,
      turnId: params.turnId,
      itemId: params.itemId ?? params.callId,
      request,
    }
    // A question about an item is told of after the item.
    if (message.itemId !== undefined) await heardOf(message.threadId, message.itemId)
    start.publish(message)
    const call = () => handler(request, context)
    try {
      const outcome = message.within === undefined ? call() : message.within(call)
      channels.end.publish(message)
      const answer = await outcome
      decide(message, answer)
      return answer
    } catch (error) {
      message.error = error
      channels.error.publish(message)
      throw error
    } finally {
      channels.asyncStart.publish(message)
      asyncEnd.publish(message)
    }
  }
}

/**
 * @param {any} message
 * @param {any} answer
 */
function decide(message, answer) {
  message.answer = answer
  if (message.handler !== 'onApproval') return
  const { decision, rule } =
    typeof answer === 'object' && answer !== null && 'decision' in answer ? answer : { decision: answer }
  // Of an amendment its name.
  const [name] = typeof decision === 'object' && decision !== null ? Object.keys(decision) : [decision]
  message.decision = name === undefined ? undefined : String(name)
  message.rule = rule
}

module.exports = { told }
