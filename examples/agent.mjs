// An agent with tools of its own, one of which shows it a picture, and an answer as checked data.
//
//   node examples/agent.mjs "Which shelf is empty?"
import { readFile } from 'node:fs/promises'
import { Codex, defineTool, OutputValidationError } from 'codex-node'
import { z } from 'zod'

const question = process.argv[2] ?? 'Which shelf is empty, and what belongs there?'
const picture = process.argv[3]

const stock = defineTool({
  name: 'stock',
  description: 'What belongs on each shelf, and how much of it is in the store.',
  inputSchema: z.object({ shelf: z.string().describe('A letter, or nothing for all').optional() }),
  run: ({ shelf }) => {
    const all = [
      { shelf: 'A', article: 'apples', stock: 40 },
      { shelf: 'B', article: 'bread', stock: 0 },
    ]
    return all.filter((row) => shelf === undefined || row.shelf === shelf)
  },
})

const look = defineTool({
  name: 'look',
  description: 'A picture of the shelves as they are now.',
  inputSchema: z.object({}),
  timeoutMs: 10_000,
  async run(_, { signal }) {
    if (picture === undefined) throw new Error('the camera is off')
    const data = await readFile(picture, { signal })
    // Words and pictures may be mixed.
    return ['Taken just now:', { type: 'image', data, mimeType: 'image/png' }]
  },
})

const outputSchema = z.object({
  shelf: z.string().length(1),
  article: z.string(),
  order: z.number().int().positive(),
})

const codex = new Codex()
try {
  const thread = await codex.startThread({ sandbox: 'read-only', tools: [stock, look] })
  const turn = await thread.turn(question, { outputSchema, outputRetries: 2 })
  for await (const step of turn.steps()) if (step.stepType === 'tool') console.error(`used ${step.text}`)
  const { parsed } = await turn.result()
  console.log(parsed ? `order ${parsed.order} ${parsed.article} for shelf ${parsed.shelf}` : 'no answer')
} catch (error) {
  console.error(String(error))
  if (error instanceof OutputValidationError) console.error(error.text)
  process.exitCode = 1
} finally {
  await codex.close()
}
