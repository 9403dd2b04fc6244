// The states that a client is in when something goes wrong, on the real codex with a scripted model provider. Each is
// entered in a program of its own (program.mjs), which may be killed; what the model says is decided in the test.

import { once } from 'node:events'
import { command, reply, say, waitFor } from '../../testing/index.mjs'

/**
 * @typedef {import('../../index.js').Codex} Codex
 * @typedef {import('../../index.js').Thread} Thread
 * @typedef {import('../../exec/index.js').Codex} ExecCodex
 *
 * @typedef {object} Room what the program has
 * @property {Codex} codex
 * @property {ExecCodex} exec
 * @property {import('../../index.js').StartThreadOptions} thread options of a thread
 * @property {object} execThread options of a thread of codex exec
 * @property {(what: unknown) => Promise<void>} tell tells the test, which answers
 * @property {Promise<unknown>} struck resolves once the fault has struck
 * @property {AbortSignal} signal aborts what would go on for ever
 * @property {boolean} severs the fault ends codex, so that an open question has nobody to answer
 *
 * @typedef {object} Entered
 * @property {Thread} [thread]
 * @property {Record<string, Promise<unknown>>} pending what is under way, by name
 *
 * @typedef {object} State
 * @property {string} title as the table names it
 * @property {'codex' | 'tool' | 'gate'} [holds] what the test holds back, and waits for: the start of codex, a command of
 *   the agent, the answer of the model
 * @property {(room: Room) => Promise<Entered>} enter resolves when the program is in it, as far as it can see
 * @property {(stage: Script) => import('../../testing/index.js').ScriptStep[]} [go] what the model says to "go"
 *
 * @typedef {{ gate: import('../../testing/index.js').Gate, tool: string }} Script
 */

/** A schema, for which codex exec is given a file. */
const outputSchema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }

/** @type {import('../../index.js').ReviewTarget} */
const everything = { type: 'custom', instructions: 'go' }

/** @param {Script} script */
const talking = ({ gate }) => [reply([say('so far', { phase: 'commentary' }), waitFor(gate), say('Done.')])]

/** A thread with a turn behind it. @param {Room} room */
async function used({ codex, thread: options }) {
  const thread = await codex.startThread(options)
  await thread.run('first')
  return thread
}

/** A turn whose text is read. @param {Thread} thread @param {Room} room */
async function streaming(thread, { signal }) {
  const turn = await thread.turn('go', { signal })
  const text = turn.text()
  await text.next()
  const rest = async () => {
    for await (const _ of text);
    return 'read'
  }
  return { turn, pending: { run: turn.run(), text: rest() } }
}

/** @type {Record<string, State>} */
export const states = {
  idle: {
    title: 'idle',
    enter: async (room) => ({ thread: await used(room), pending: {} }),
  },
  starting: {
    title: 'starting',
    holds: 'codex',
    enter: async ({ codex, thread }) => ({ pending: { startThread: codex.startThread(thread) } }),
  },
  streaming: {
    title: 'turn streaming',
    go: talking,
    enter: async (room) => {
      const thread = await used(room)
      return { thread, pending: (await streaming(thread, room)).pending }
    },
  },
  tool: {
    title: 'tool running',
    holds: 'tool',
    go: ({ tool }) => [command(tool), say('Done.')],
    enter: async (room) => {
      const thread = await used(room)
      return { thread, pending: { run: (await thread.turn('go', { signal: room.signal })).run() } }
    },
  },
  approval: {
    title: 'approval open',
    go: () => [
      command('touch made', { sandbox_permissions: 'require_escalated', justification: 'to see' }),
      say('Done.'),
    ],
    enter: async (room) => {
      /** @type {(answer: string) => void} */
      let settle = () => {}
      /** @type {Promise<string>} */
      const handler = new Promise((resolve) => {
        settle = resolve
      })
      /** @type {(asked: unknown) => void} */
      let isAsked = () => {}
      const asked = new Promise((resolve) => {
        isAsked = resolve
      })
      const thread = await room.codex.startThread({
        ...room.thread,
        // Where all is allowed nobody is asked.
        sandbox: 'read-only',
        approvalPolicy: 'on-request',
        approvalsReviewer: 'user',
        onApproval: async (_, { signal }) => {
          isAsked(true)
          await (room.severs ? once(signal, 'abort') : room.struck)
          settle(signal.aborted ? 'aborted' : 'answered')
          return 'accept'
        },
      })
      await thread.run('first')
      const run = (await thread.turn('go', { signal: room.signal })).run()
      await asked
      return { thread, pending: { run, handler } }
    },
  },
  steering: {
    title: 'steering',
    go: talking,
    enter: async (room) => {
      const thread = await used(room)
      const { turn, pending } = await streaming(thread, room)
      // From here on nothing is answered, until the fault has struck.
      await room.tell('hold')
      return { thread, pending: { steer: turn.steer('also').then(() => 'taken'), ...pending } }
    },
  },
  compaction: {
    title: 'compaction',
    holds: 'gate',
    enter: async (room) => {
      const thread = await used(room)
      return { thread, pending: { compact: thread.compact({ signal: room.signal }) } }
    },
  },
  review: {
    title: 'review',
    holds: 'gate',
    enter: async (room) => {
      const thread = await used(room)
      return { thread, pending: { run: (await thread.review(everything, { signal: room.signal })).run() } }
    },
  },
  exec: {
    title: '`codex exec`',
    holds: 'gate',
    enter: async ({ exec, execThread, signal }) => {
      const thread = exec.startThread(execThread)
      return { pending: { run: thread.run('go', { outputSchema, signal }) } }
    },
  },
}

export { outputSchema }
