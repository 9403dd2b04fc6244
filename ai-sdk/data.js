'use strict'

/**
 * What of a turn has no part in a stream of the AI SDK, as the `data-*` parts that a user interface takes.
 *
 * @typedef {{ type: `data-codex-${string}`, id: string, data: any, transient?: boolean }} DataPart
 */

/** Tells a program of the plan, the changes, the reviews, the agents and the questions of one turn. */
class Data {
  #write
  /** @type {Map<string, any>} the agents of the turn, by the ids of their threads */
  #agents = new Map()

  /** @param {(part: DataPart) => void} write */
  constructor(write) {
    this.#write = write
  }

  /** @param {{ turnId: string, plan: unknown, explanation: string | null }} params */
  plan({ turnId, plan, explanation }) {
    this.#write({ type: 'data-codex-plan', id: `plan-${turnId}`, data: { steps: plan, explanation } })
  }

  /** @param {{ turnId: string, diff: string }} params all that the turn has changed so far */
  diff({ turnId, diff }) {
    this.#write({ type: 'data-codex-diff', id: `diff-${turnId}`, data: { diff } })
  }

  /** @param {{ approvalId: string } & Record<string, unknown>} request */
  approval(request) {
    this.#write({ type: 'data-codex-approval', id: request.approvalId, data: request })
  }

  /** @param {any} item @param {string} turnId */
  item(item, turnId) {
    switch (item.type) {
      case 'plan':
        this.#write({ type: 'data-codex-plan', id: item.id, data: { text: item.text } })
        break
      case 'enteredReviewMode':
        this.#write({
          type: 'data-codex-review',
          id: `review-${turnId}`,
          data: { status: 'inProgress', target: item.review },
        })
        break
      case 'exitedReviewMode':
        this.#write({
          type: 'data-codex-review',
          id: `review-${turnId}`,
          data: { status: 'completed', review: item.review },
        })
        break
      case 'collabAgentToolCall':
        for (const threadId of item.receiverThreadIds) {
          this.#agent(threadId, { prompt: item.prompt ?? undefined, ...item.agentsStates[threadId] })
        }
        break
      case 'subAgentActivity':
        this.#agent(item.agentThreadId, { path: item.agentPath, activity: item.kind })
        break
    }
  }

  /** @param {any} event of a thread of a sub-agent */
  subAgent({ method, params }) {
    const { threadId } = params
    if (typeof threadId !== 'string') return
    if (method === 'turn/started') this.#agent(threadId, { status: 'running' })
    else if (method === 'turn/completed') this.#agent(threadId, { status: params.turn.status })
    else if (method === 'item/started' && params.item.type === 'commandExecution') {
      this.#agent(threadId, { doing: params.item.command })
    } else if (method === 'item/completed' && params.item.type === 'agentMessage') {
      this.#agent(threadId, { message: params.item.text })
    }
  }

  /** @param {string} threadId @param {Record<string, unknown>} news */
  #agent(threadId, news) {
    const known = { threadId, ...this.#agents.get(threadId) }
    for (const [key, value] of Object.entries(news))
      if (value !== undefined && value !== null) known[key] = value
    this.#agents.set(threadId, known)
    this.#write({ type: 'data-codex-agent', id: `agent-${threadId}`, data: known })
  }
}

/** What of an agent there is something to tell of. */
const OF_AGENT = new Set(['turn/started', 'turn/completed', 'item/started', 'item/completed'])

/** @param {{ method: string }} event */
function isOfAgent({ method }) {
  return OF_AGENT.has(method)
}

module.exports = { Data, isOfAgent }
