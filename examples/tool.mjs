// Gives the agent a tool that is a JavaScript function, and prints what it made of it.
//
//   node examples/tool.mjs "Which of my orders are late?"
import { Codex, defineTool } from 'codex-node'
import { z } from 'zod'

const question = process.argv[2] ?? 'Which of my orders are late, and by how much?'

// What the agent cannot know by itself.
const orders = [
  { id: 'A-17', item: 'bicycle', due: '2026-03-02' },
  { id: 'A-18', item: 'helmet', due: '2026-09-30' },
]

const listOrders = defineTool({
  name: 'list_orders',
  description:
    'The orders of the user that are not delivered yet, with the day each is due. Today is 2026-03-05.',
  // Any Standard Schema, or a JSON Schema. It says what the arguments are, checks them, and types them.
  inputSchema: z.object({ item: z.string().describe('Only orders of this item').optional() }),
  async run({ item }, { signal }) {
    console.error(`looking up ${item ?? 'everything'}`)
    // A real one would ask a service: `fetch(url, { signal })`. The signal ends the call with the turn.
    signal.throwIfAborted()
    return orders.filter((order) => item === undefined || order.item === item)
  },
})

const codex = new Codex()
try {
  const thread = await codex.startThread({ cwd: process.cwd(), sandbox: 'read-only', tools: [listOrders] })
  const { finalResponse } = await thread.run(question)
  console.log(finalResponse)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}
