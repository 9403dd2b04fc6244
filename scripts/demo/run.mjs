import { Codex } from '../../index.mjs'
import { Screen } from './screen.mjs'
import { setStage } from './stage.mjs'

/**
 * One turn of the real codex, shown on the terminal.
 *
 * @param {string} prompt '' for the demo's own
 * @returns {Promise<number>} the exit code
 */
export async function demo(prompt) {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  process.once('SIGINT', stop)
  // Whoever reads may have seen enough, as `head` has: what is left to show goes nowhere.
  let isWatched = true
  process.stdout.on('error', () => {
    isWatched = false
    stop()
  })
  try {
    await play(prompt, stopping.signal)
    return 0
  } catch (error) {
    if (!isWatched) return 0
    if (stopping.signal.aborted) {
      console.error('\nInterrupted.')
      return 130
    }
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    console.error(`\nThe demo failed: ${name}: ${message}`)
    return 1
  } finally {
    process.off('SIGINT', stop)
  }
}

/**
 * @param {string} prompt
 * @param {AbortSignal} signal
 */
async function play(prompt, signal) {
  const stage = await setStage(prompt)
  const screen = new Screen(stage.workspace)
  const codex = new Codex(stage.codex)
  try {
    const { serverInfo } = await codex.connect()
    screen.head({ codex: serverInfo.version, model: stage.model, folder: stage.place, prompt: stage.prompt })

    const thread = await codex.startThread({ cwd: stage.workspace, signal, ...stage.thread })
    const turn = await thread.turn(stage.prompt, { signal, ...stage.turn })
    for await (const event of turn) screen.show(event)

    const result = await turn.run()
    screen.foot(result)
    if (result.status !== 'completed') throw new Error(`the turn ended with status ${result.status}`)
    await stage.check()
  } finally {
    await codex.close()
    await stage.leave()
  }
}
