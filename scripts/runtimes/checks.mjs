// What every runtime has to do: real turns of the real codex, whose model is scripted. No network, no account.

import assert from 'node:assert/strict'
import { Codex, TurnFailedError } from 'codex-node'
import { Codex as Exec } from 'codex-node/exec'
import { command, createCodexHome, failed, hang, say, startScriptedProvider } from 'codex-node/testing'

/** A turn with a command, read event by event, one that fails, and one that is aborted. */
export async function turn() {
  await withStage(async ({ provider, home }) => {
    provider.enqueue(
      command('echo from-the-command'),
      say('The command ran.'),
      failed('invalid_prompt', 'out of luck'),
    )
    const codex = new Codex({ env: home.env })
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('go')
    const methods = new Set()
    let output = ''
    for await (const { method, params } of turn) {
      methods.add(method)
      if (method === 'item/completed' && params.item.type === 'commandExecution')
        output = params.item.aggregatedOutput ?? ''
    }
    assert.match(output, /from-the-command/)
    assert.ok(methods.has('item/agentMessage/delta') && methods.has('turn/completed'))
    assert.equal((await turn.run()).finalResponse, 'The command ran.')

    await assert.rejects(thread.run('again'), TurnFailedError)

    provider.enqueue(hang(say('This takes')))
    const stopping = new AbortController()
    const aborted = await thread.turn('once more', { signal: stopping.signal })
    const ended = assert.rejects(aborted.run(), { name: 'AbortError' })
    for await (const { method } of aborted.stream()) {
      if (method === 'item/agentMessage/delta') break
    }
    stopping.abort()
    await ended
    await codex.close()
  })
}

/** A turn of `codex exec`, and one that is aborted. */
export async function exec() {
  await withStage(async ({ provider, home }) => {
    provider.enqueue(command('echo by-exec'), say('Done by exec.'))
    // What `env` gives is all that codex and the search for it get to see.
    const codex = new Exec({ env: home.env, codexPath: process.env.CODEX_PATH })
    const thread = codex.startThread({ workingDirectory: home.workspace, skipGitRepoCheck: true })
    const { finalResponse, items } = await thread.run('go')
    assert.equal(finalResponse, 'Done by exec.')
    assert.ok(
      items.some((item) => item.type === 'command_execution' && /by-exec/.test(item.aggregated_output)),
    )

    provider.enqueue(hang())
    const stopping = new AbortController()
    const asked = provider.nextRequest(({ userText }) => userText === 'stay')
    const ended = assert.rejects(thread.run('stay', { signal: stopping.signal }), { name: 'AbortError' })
    await asked
    stopping.abort()
    await ended
  })
}

/**
 * @typedef {Awaited<ReturnType<typeof startScriptedProvider>>} Provider
 * @typedef {Awaited<ReturnType<typeof createCodexHome>>} Home
 * @param {(stage: { provider: Provider, home: Home }) => Promise<void>} play
 */
export async function withStage(play) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  try {
    await play({ provider, home })
    assert.deepEqual(provider.errors, [])
  } finally {
    await provider.close()
    await home.remove()
  }
}
