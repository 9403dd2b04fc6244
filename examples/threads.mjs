// Browses the threads of this folder: lists them, shows one, forks one.
//
//   node examples/threads.mjs
//   node examples/threads.mjs show ID
//   node examples/threads.mjs fork ID "Try it another way"
import { Codex } from 'codex-node'

const [command = 'list', id = '', prompt = 'Sum up what we did.'] = process.argv.slice(2)

const codex = new Codex()
try {
  if (command === 'list') {
    // Every page, fetched as it is needed.
    for await (const thread of codex.threads({ cwd: process.cwd(), sortKey: 'updated_at' })) {
      const when = new Date(thread.updatedAt * 1000).toISOString().slice(0, 16)
      console.log(`${thread.id}  ${when}  ${thread.name ?? thread.preview}`)
    }
  } else if (command === 'show') {
    const { thread } = await codex.readThread(id, { includeTurns: true })
    for (const item of thread.turns.flatMap(({ items }) => items)) {
      if (item.type === 'userMessage')
        console.log(`> ${item.content.map((part) => ('text' in part ? part.text : part.type)).join(' ')}`)
      if (item.type === 'agentMessage') console.log(item.text)
    }
  } else {
    // The fork knows all that the thread does, and leaves it as it is.
    const fork = await codex.forkThread(id)
    const { finalResponse } = await fork.run(prompt)
    console.log(`${fork.id}\n${finalResponse}`)
  }
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}
