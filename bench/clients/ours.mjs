// codex-node, and its four ways to take a turn.

import { Codex } from '../../index.mjs'

/** @typedef {import('../../index.js').Thread} Thread */

/** @param {AsyncIterable<import('../../index.js').TurnEvent>} events */
async function readEvents(events) {
  let characters = 0
  for await (const event of events) {
    if (event.method === 'item/agentMessage/delta') characters += event.params.delta.length
  }
  return characters
}

/** @param {AsyncIterable<string>} chunks */
async function readText(chunks) {
  let characters = 0
  for await (const text of chunks) characters += text.length
  return characters
}

/** @param {Thread} thread */
async function run(thread) {
  const { status } = await thread.run('go')
  if (status !== 'completed') throw new Error(`the turn ended as ${status}`)
  return undefined
}

/**
 * @param {(thread: Thread) => Promise<number | undefined>} turn
 * @returns {import('./index.mjs').Open}
 */
function way(turn) {
  return async (command) => {
    const codex = new Codex({ codexPath: command })
    const thread = await codex.startThread()
    return { turn: () => turn(thread), close: () => codex.close() }
  }
}

export const openEvery = way(async (thread) =>
  readEvents((await thread.turn('go')).stream({ coalesce: false })),
)
export const openStream = way(async (thread) => readEvents((await thread.turn('go')).stream()))
export const openText = way(async (thread) => readText((await thread.turn('go')).text()))
export const openRun = way(run)
