// Both majors of the AI SDK, on the real codex with a scripted model.

import { after, before } from 'node:test'
import * as v6 from 'ai'
import * as v7 from 'ai-v7'
import { createCodex } from '../../ai-sdk/index.mjs'
import { real } from '../support/real.mjs'

/** The names that are the same in both. @type {[string, any][]} */
export const majors = [
  ['AI SDK 7', v7],
  ['AI SDK 6', v6],
]
// Their warnings are looked at where they are the subject.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

/**
 * @typedef {import('../../testing/index.js').ScriptedProvider} Model
 * @typedef {{ codex: import('../../index.js').Codex, provider: Model, home: import('../../testing/index.js').CodexHome }} Rig
 */

/**
 * One codex for all the tests of a file, each of which has a provider of its own.
 *
 * @param {import('../../testing/index.js').CodexHomeOptions} [homeOptions]
 */
export function shared(homeOptions) {
  /** @type {Rig | undefined} */
  let rig
  /** @type {(() => unknown)[]} */
  const ends = []
  before(async () => {
    const hooks = /** @type {any} */ ({ after: (/** @type {() => unknown} */ then) => ends.push(then) })
    rig = await real(hooks, {}, homeOptions)
  })
  after(async () => {
    for (const end of ends) await end()
  })
  return (
    /** @type {import('node:test').TestContext} */ t,
    /** @type {Record<string, any>} */ settings = {},
  ) => {
    if (rig === undefined) throw new Error('the codex of this file is not there yet')
    return scripted(t, rig, settings)
  }
}

/**
 * A provider on a codex of its own.
 *
 * @param {import('node:test').TestContext} t
 * @param {Record<string, any>} [settings]
 * @param {import('../../index.js').CodexOptions} [options]
 */
export async function sdk(t, settings = {}, options = {}) {
  return scripted(t, await real(t, options), settings)
}

/** An image of one pixel, in base64. */
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

let names = 0

/** A name that no other test has. */
export function unique() {
  return `unique-${++names}.`
}

/**
 * @param {import('node:test').TestContext} t
 * @param {Rig} rig
 * @param {Record<string, any>} settings
 */
function scripted(t, { codex, provider: model, home }, settings) {
  const provider = createCodex(codex, { cwd: home.workspace, ...settings })
  t.after(() => provider.close())
  return {
    codex,
    model,
    home,
    provider,
    /**
     * A prompt that the model answers with these steps, and no other.
     *
     * @param {...import('../../testing/index.js').ScriptStep} steps
     */
    prompt(...steps) {
      const text = unique()
      model.when(text, ...steps)
      return text
    },
    /** The requests that the model got in a thread. @param {string | undefined} threadId */
    requests: (threadId) => model.requests.filter((request) => request.threadId === threadId),
  }
}

/** The parts of a stream, in order. @param {any} result of streamText, of either major */
export async function partsOf(result) {
  const parts = []
  for await (const part of result.stream ?? result.fullStream) parts.push(part)
  return parts
}

/**
 * A conversation: each message goes on from all that was said before.
 *
 * @param {any} ai
 * @param {Record<string, any>} options of generateText
 */
export function conversation(ai, options) {
  /** @type {any[]} */
  const messages = []
  return {
    messages,
    /** @param {any} message what is said, or a message of another role @param {Record<string, any>} [more] */
    async say(message, more) {
      messages.push(typeof message === 'string' ? { role: 'user', content: message } : message)
      const result = await ai.generateText({ ...options, messages, ...more })
      messages.push(...result.response.messages)
      return result
    },
  }
}

/**
 * The answer to a request for an approval, as a message.
 *
 * @param {any} part `tool-approval-request`
 * @param {boolean} approved
 * @param {string} [reason]
 */
export function answered({ approvalId }, approved, reason) {
  return {
    role: 'tool',
    content: [{ type: 'tool-approval-response', approvalId, approved, reason, providerExecuted: true }],
  }
}
