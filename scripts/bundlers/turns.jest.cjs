jest.setTimeout(60_000)

/** A turn with a tool and a command, an aborted one, and an error of an argument. */
async function play() {
  const { BinaryNotFoundError, Codex, CodexError } = require('codex-node')
  const {
    command,
    createCodexHome,
    functionCall,
    hang,
    say,
    startScriptedProvider,
  } = require('codex-node/testing')
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const codex = new Codex({ env: home.env })
  try {
    provider.enqueue(functionCall('stock', { article: 'nails' }), command('echo hello'), say('Five.'))
    const asked = []
    const stock = {
      name: 'stock',
      description: 'How many there are',
      inputSchema: { type: 'object', properties: { article: { type: 'string' } }, required: ['article'] },
      run: ({ article }) => {
        asked.push(article)
        return 5
      },
    }
    const thread = await codex.startThread({ cwd: home.workspace, tools: [stock] })
    const { finalResponse, items } = await thread.run('How many nails?')
    expect(finalResponse).toBe('Five.')
    expect(asked).toEqual(['nails'])
    expect(items.some((item) => /hello/.test(item.aggregatedOutput ?? ''))).toBe(true)

    provider.enqueue(hang(say('This takes')))
    const stopping = new AbortController()
    const turn = await thread.turn('once more', { signal: stopping.signal })
    const ended = expect(turn.run()).rejects.toMatchObject({ name: 'AbortError' })
    for await (const { method } of turn.stream()) if (method === 'item/agentMessage/delta') break
    stopping.abort()
    await ended

    expect(() => new Codex({ nonsense: true })).toThrow(TypeError)
    const nowhere = new Codex({ codexPath: '/no/such/codex' }).connect()
    await expect(nowhere).rejects.toBeInstanceOf(BinaryNotFoundError)
    await expect(nowhere).rejects.toBeInstanceOf(CodexError)
  } finally {
    await codex.close()
    await provider.close()
    await home.remove()
  }
  return { Codex, CodexError }
}

test('turns', async () => {
  await play()
})

test('codex exec', async () => {
  const { Codex } = require('codex-node/exec')
  const { createCodexHome, say, startScriptedProvider } = require('codex-node/testing')
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  provider.enqueue(say('Done by exec.'))
  const options = { workingDirectory: home.workspace, skipGitRepoCheck: true }
  const { finalResponse } = await new Codex({ env: home.env, codexPath: process.env.CODEX_PATH })
    .startThread(options)
    .run('go')
  expect(finalResponse).toBe('Done by exec.')
  await provider.close()
  await home.remove()
})

test('after resetModules() there are new classes, and both sets work', async () => {
  const before = await play()
  jest.resetModules()
  const after = await play()
  expect(after.Codex).not.toBe(before.Codex)
  const nowhere = { codexPath: '/no/such/codex' }
  await expect(new before.Codex(nowhere).connect()).rejects.toBeInstanceOf(before.CodexError)
  await expect(new after.Codex(nowhere).connect()).rejects.toBeInstanceOf(after.CodexError)
})
