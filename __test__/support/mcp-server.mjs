// A small MCP server over stdio. It writes its process id and its environment to the file that it is given, and
// ignores the end of its input: whoever started it has to end it.

import { renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const file = /** @type {string} */ (process.argv[2])
writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, ppid: process.ppid, env: process.env }))
// So that whoever waits for the file finds all of it.
renameSync(`${file}.new`, file)
setInterval(() => {}, 60_000)

/** @type {Record<string, (params: any) => object>} */
const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'probe', version: '1.0.0' },
  }),
  'tools/list': () => ({
    tools: [{ name: 'probe', description: 'Nothing', inputSchema: { type: 'object' } }],
  }),
  'tools/call': () => ({ content: [{ type: 'text', text: 'probed' }] }),
  ping: () => ({}),
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const answer = methods[method]
  const outcome =
    answer === undefined
      ? { error: { code: -32601, message: `no method ${method}` } }
      : { result: answer(params) }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`)
})
