// A web server with a thread for each visitor: text as server-sent events, approvals answered by another request.
//
//   node examples/web-server.mjs 8080
//
//   curl -N -d 'What does this project do?' localhost:8080/threads/new
//   curl -d accept localhost:8080/questions/ID
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { ask, Codex, ThreadNotFoundError } from 'codex-node'

/** Who hears of the questions of a thread. @type {Map<string, (event: string, data: unknown) => void>} */
const listeners = new Map()
const questions = ask(({ type, question: { id, kind, request } }) => {
  const { threadId } = /** @type {{ threadId: string }} */ (request.params)
  listeners.get(threadId)?.('question', { type, id, kind, request })
})
const codex = new Codex({ ...questions.handlers })

const server = createServer(async (request, response) => {
  const [, what, id = ''] = request.url?.split('/') ?? []
  const body = await text(request)
  try {
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (what === 'questions') {
      const decision = body === 'accept' ? 'accept' : 'decline'
      response.writeHead(questions.answer(id, decision) ? 204 : 410).end()
    } else if (what === 'threads') await converse(id, body, response)
    else response.writeHead(404).end()
  } catch (error) {
    const status = error instanceof ThreadNotFoundError ? 404 : 500
    if (!response.headersSent) response.writeHead(status)
    response.end(`event: error\ndata: ${JSON.stringify(String(error))}\n\n`)
  }
})

/** @param {string} id @param {string} input @param {import('node:http').ServerResponse} response */
async function converse(id, input, response) {
  const options = { sandbox: /** @type {const} */ ('read-only') }
  const thread = id === 'new' ? await codex.startThread(options) : await codex.resumeThread(id)
  /** @param {string} event @param {unknown} data */
  const send = (event, data) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  if (!listeners.has(thread.id)) listeners.set(thread.id, send)
  const { turn, steered } = await thread.send(input)
  send('turn', { threadId: thread.id, turnId: turn.id, steered })
  // Whoever began the turn is told what comes of it.
  if (steered) return response.end()
  // Who closes the page does not end the turn: the visitor may come back.
  const words = turn.text({ everyMs: 50, leaveRunning: true })
  response.on('close', () => void words.return())
  for await (const piece of words) send('text', piece)
  if (!response.destroyed) send('end', { status: turn.status })
  listeners.delete(thread.id)
  response.end()
}

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`listening on http://127.0.0.1:${port}`)
})
process.once('SIGTERM', async () => {
  server.close()
  await codex.close({ graceMs: 20_000, interrupt: true })
})
