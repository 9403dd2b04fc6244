// codex-node, and its four ways to take a turn.

// Another checkout may be named: `npm run bench -- --against REF`.
const place = process.env.CODEX_BENCH_PACKAGE ?? new URL('../../index.mjs', import.meta.url).href
const { Codex } = /** @type {typeof import('../../index.js')} */ (await import(place))

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

/** @typedef {(thread: Thread) => Promise<number | undefined>} Way */

/** @type {Way} */
const every = async (thread) => readEvents((await thread.turn('go')).stream({ coalesce: false }))
/** @type {Way} */
const stream = async (thread) => readEvents((await thread.turn('go')).stream())
/** @type {Way} */
const text = async (thread) => readText((await thread.turn('go')).text())

/**
 * @param {Way} turn
 * @param {(server: string) => import('../../index.js').CodexOptions} [options] by default of a server that it starts
 * @returns {import('./index.mjs').Open}
 */
function way(turn, options = (codexPath) => ({ codexPath })) {
  return async (server) => {
    const codex = new Codex(options(server))
    const thread = await codex.startThread()
    return { turn: () => turn(thread), close: () => codex.close() }
  }
}

/** @param {string} url */
const remote = (url) => ({ url })

export const openEvery = way(every)
export const openStream = way(stream)
export const openText = way(text)
export const openRun = way(run)
export const openRemoteEvery = way(every, remote)
export const openRemoteText = way(text, remote)
export const openRemoteRun = way(run, remote)
