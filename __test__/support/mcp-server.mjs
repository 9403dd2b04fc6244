// A small MCP server over stdio. It writes its process id and its environment to the file that it is given, and
// ignores the end of its input: whoever started it has to end it.

import { renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const file = /** @type {string} */ (process.argv[2])
writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, ppid: process.ppid, env: process.env }))
// So that whoever waits for the file finds all of it.
renameSync(`${file}.new`, file)
setInterval(() => {}, 60_000)

/** @type {Record<string, (params: any) => object | Promise<object>>} */
const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'probe', version: '1.0.0' },
  }),
  'tools/list': () => ({
    tools: [
      { name: 'probe', description: 'Nothing', inputSchema: { type: 'object' } },
      // Nobody is asked whether it may be called.
      {
        name: 'ask',
        description: 'Asks',
        inputSchema: { type: 'object' },
        annotations: { readOnlyHint: true },
      },
    ],
  }),
  'tools/call': async ({ name }) => {
    const text = name === 'ask' ? JSON.stringify(await elicit()) : 'probed'
    return { content: [{ type: 'text', text }] }
  },
  ping: () => ({}),
}

/** @type {((answer: unknown) => void) | undefined} */
let answered

/** What the user answers to a question. */
function elicit() {
  const requestedSchema = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] }
  const params = { mode: 'form', message: 'Which colour?', requestedSchema }
  process.stdout.write(
    `${JSON.stringify({ jsonrpc: '2.0', id: 'e', method: 'elicitation/create', params })}\n`,
  )
  return new Promise((resolve) => {
    answered = resolve
  })
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params, result } = JSON.parse(line)
  if (id === undefined) return
  if (method === undefined) return answered?.(result)
  const answer = methods[method]
  const outcome =
    answer === undefined
      ? { error: { code: -32601, message: `no method ${method}` } }
      : { result: await answer(params) }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`)
})
