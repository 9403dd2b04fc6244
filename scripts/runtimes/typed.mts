import { Codex, type TurnEvent, type TurnResult } from 'codex-node'
import { Codex as Exec, type ThreadEvent } from 'codex-node/exec'
import { command, say } from 'codex-node/testing'
import { withStage } from './checks.mjs'

await withStage(async ({ provider, home }) => {
  provider.enqueue(command('echo typed'), say('Typed.'), say('Typed, too.'))
  const codex: Codex = new Codex({ env: home.env })
  const thread = await codex.startThread({ cwd: home.workspace })
  const turn = await thread.turn('go')
  const deltas: string[] = []
  for await (const event of turn as AsyncIterable<TurnEvent>) {
    if (event.method === 'item/agentMessage/delta') deltas.push(event.params.delta)
  }
  const result: TurnResult = await turn.run()
  if (deltas.join('') !== result.finalResponse) throw new Error(deltas.join(''))
  await codex.close()

  const options = { workingDirectory: home.workspace, skipGitRepoCheck: true }
  const { events } = await new Exec({ env: home.env, codexPath: process.env.CODEX_PATH })
    .startThread(options)
    .runStreamed('go')
  const types: ThreadEvent['type'][] = []
  for await (const { type } of events) types.push(type)
  if (!types.includes('turn.completed')) throw new Error(String(types))
})
console.log('passed')
