// A turn over HTTP, by the server of the runtime: a page that leaves in the middle, comes again by the number of what it
// has, and comes after the end. Once with Hono, once with the handlers that a route of Next exports.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
// @ts-expect-error scripts/test-runtimes.mjs installs it
import { serve } from '@hono/node-server'
import { Codex } from 'codex-node'
import { createGate, reply, say, waitFor } from 'codex-node/testing'
import { TurnRegistry, toNodeListener } from 'codex-node/web'
import { turnEvents } from 'codex-node/web/client'
// @ts-expect-error scripts/test-runtimes.mjs installs it
import { Hono } from 'hono'
import { withStage } from './checks.mjs'

const { Bun, Deno } = /** @type {any} */ (globalThis)

/**
 * Serves requests until it is closed.
 *
 * @param {(request: Request) => Response | Promise<Response>} fetch
 * @param {boolean} isHono which has an adapter of its own for Node
 * @returns {Promise<{ url: string, close: () => unknown }>}
 */
async function listen(fetch, isHono) {
  const hostname = '127.0.0.1'
  if (Bun) {
    // Bun ends a line that is silent for ten seconds.
    const server = Bun.serve({ fetch, hostname, port: 0, idleTimeout: 0 })
    return { url: `http://${hostname}:${server.port}`, close: () => server.stop(true) }
  }
  if (Deno) {
    const server = Deno.serve({ hostname, port: 0, onListen() {} }, fetch)
    return { url: `http://${hostname}:${server.addr.port}`, close: () => server.shutdown() }
  }
  return new Promise((resolve) => {
    /** @param {{ port: number }} address */
    const listening = ({ port }) =>
      resolve({ url: `http://${hostname}:${port}`, close: () => server.close() })
    const server = isHono
      ? serve({ fetch, hostname, port: 0 }, listening)
      : createServer(toNodeListener(fetch)).listen(0, hostname, () =>
          listening(/** @type {import('node:net').AddressInfo} */ (server.address())),
        )
  })
}

/**
 * The two ways: each a function of requests.
 *
 * @type {Record<string, (turns: TurnRegistry, begin: (prompt: string) => Promise<string>) => (request: Request) => Response | Promise<Response>>}
 */
const WAYS = {
  hono(turns, begin) {
    const app = new Hono()
    app.post('/turns', async (/** @type {any} */ c) =>
      turns.response(await begin(await c.req.text()), c.req.raw),
    )
    app.get('/turns/:id', (/** @type {any} */ c) => turns.response(c.req.param('id'), c.req.raw))
    return (request) => app.fetch(request)
  },
  next(turns, begin) {
    // app/turns/route.js, and app/turns/[id]/route.js
    const POST = async (/** @type {Request} */ request) =>
      turns.response(await begin(await request.text()), request)
    const GET = async (
      /** @type {Request} */ request,
      /** @type {{ params: Promise<{ id: string }> }} */ { params },
    ) => turns.response((await params).id, request)
    return (request) => {
      const [, , id] = new URL(request.url).pathname.split('/')
      return id === undefined ? POST(request) : GET(request, { params: Promise.resolve({ id }) })
    }
  },
}

await withStage(async ({ provider, home }) => {
  const codex = new Codex({ env: home.env })
  for (const [name, way] of Object.entries(WAYS)) {
    const gate = createGate()
    provider.when(name, reply([say('First words.'), waitFor(gate), say('Last words.')]))
    const turns = new TurnRegistry()
    const fetch = way(turns, async (prompt) => {
      const thread = await codex.startThread({ cwd: home.workspace })
      return turns.add(await thread.turn(prompt)).id
    })
    const { url, close } = await listen(fetch, name === 'hono')
    const begun = await globalThis.fetch(`${url}/turns`, { method: 'POST', body: name })
    assert.equal(begun.headers.get('content-type')?.split(';')[0], 'text/event-stream')

    const seen = []
    let id = ''
    for await (const event of turnEvents(begun, { resume: ({ turnId }) => `${url}/turns/${turnId}` })) {
      seen.push(event.seq)
      if (event.method === 'turn/started') id = event.params.turn.id
      // The page is left.
      if (event.method === 'item/agentMessage/delta') break
    }
    let text = ''
    for await (const event of turnEvents(`${url}/turns/${id}`, { after: seen.at(-1) ?? 0 })) {
      seen.push(event.seq)
      if (event.method === 'item/completed' && event.params.item.type === 'agentMessage') {
        text += event.params.item.text
        gate.open()
      }
    }
    assert.equal(text, 'First words.Last words.')
    // Numbers grow, and each is there once.
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((one, other) => one - other),
    )

    // A tab that is opened when all is over gets all of it; one that has all is told so.
    const all = await (await globalThis.fetch(`${url}/turns/${id}`)).text()
    assert.match(all, /^event: end$/m)
    const last = /^id: (\d+\.end)$/m.exec(all)?.[1] ?? ''
    const again = await globalThis.fetch(`${url}/turns/${id}`, { headers: { 'last-event-id': last } })
    assert.equal(again.status, 204)
    assert.equal((await globalThis.fetch(`${url}/turns/unknown`)).status, 404)
    await close()
  }
  await codex.close()
})
console.log('passed')
// What is kept alive for the next request ends with the program.
process.exit()
