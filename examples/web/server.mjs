// The server of the page: threads, turns and approvals of one codex, for browsers on this machine.
//
//   npm run web                        the scripted model, offline
//   npm run web -- --account           your account, in this folder
//   npm run web -- --account --cwd DIR --port 8080 --model gpt-5.5
//
// It runs commands on this machine, so it listens on loopback alone, wants the token of its start address, and takes
// nothing that another site's page sends.

import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Codex, CodexError } from 'codex-node'
import { TurnRegistry, toNodeListener } from 'codex-node/web'

const here = fileURLToPath(new URL('.', import.meta.url))
const mostBytes = 32 * 1024 * 1024

/**
 * @typedef {object} Approval what a page asks its user
 * @property {string} id
 * @property {string} threadId
 * @property {string} turnId
 * @property {string | null} itemId
 * @property {import('codex-node').ApprovalRequest['kind']} kind
 * @property {string | null} command
 * @property {{ server: string, tool: string, arguments: unknown } | null} call of a tool of an MCP server
 * @property {string | null} reason
 *
 * @typedef {object} Options
 * @property {import('codex-node').CodexOptions} [codex]
 * @property {import('codex-node').StartThreadOptions} [thread] of every new thread
 * @property {number} [port] 0: any
 * @property {string} [dist] where the page was built
 */

/** What a page is told that did something wrong. */
class Refusal extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

class Agent {
  turns = new TurnRegistry()
  /** @type {Map<string, Promise<import('codex-node').Thread>>} threads that are open here */
  #open = new Map()
  /** @type {Map<string, { turnId: string, startedAt: number, input: string, images: string[] }>} by thread */
  #running = new Map()
  /** @type {Map<string, { approval: Approval, answer: (decision: import('codex-node').ApprovalDecision) => void }>} */
  #approvals = new Map()
  /** @type {Map<string, { turnId: string, input: number, cached: number, output: number }[]>} tokens, by thread */
  #tokens = new Map()
  /** Threads whose turn is being begun. @type {Set<string>} */
  #starting = new Set()
  /** Threads that codex does not list yet. @type {Set<string>} */
  #fresh = new Set()
  /** Who is told of changes. @type {Set<() => void>} */
  watchers = new Set()

  /** @param {Options} options */
  constructor({ codex, thread = {} }) {
    this.codex = new Codex({
      ...codex,
      // So that the agent tells its plan.
      config: { tools: { update_plan: { enabled: true } }, ...codex?.config },
      onApproval: (request, { signal }) => this.#asked(request, signal),
    })
    this.threadOptions = thread
  }

  /** All that a page shows beside the turns. */
  state() {
    return {
      running: Object.fromEntries(this.#running),
      approvals: [...this.#approvals.values()].map(({ approval }) => approval),
      tokens: Object.fromEntries(this.#tokens),
    }
  }

  changed() {
    for (const watcher of this.watchers) watcher()
  }

  /** @param {string} [search] */
  async threads(search) {
    const { data } = await this.codex.listThreads({ limit: 50, ...(search ? { searchTerm: search } : {}) })
    const listed = data.map(({ id, name, preview, updatedAt }) => ({ id, name, preview, updatedAt }))
    // Codex lists a thread some time after its first turn has begun.
    for (const { id } of listed) this.#fresh.delete(id)
    const fresh = [...this.#fresh].map((id) => {
      return { id, name: null, preview: this.#running.get(id)?.input ?? '', updatedAt: 0 }
    })
    return search ? listed : [...fresh, ...listed]
  }

  async startThread() {
    const thread = await this.codex.startThread(this.threadOptions)
    this.#open.set(thread.id, Promise.resolve(thread))
    this.#fresh.add(thread.id)
    this.changed()
    return thread.id
  }

  /** @param {string} id */
  thread(id) {
    const open = this.#open.get(id) ?? this.codex.resumeThread(id)
    this.#open.set(id, open)
    open.catch(() => this.#open.delete(id))
    return open
  }

  /** The turns of a thread that have ended, and the one that runs. @param {string} id */
  async history(id) {
    const thread = await this.thread(id)
    const running = this.#running.get(id) ?? null
    /** @type {import('codex-node').Protocol.Turn[]} */
    const turns = []
    try {
      for await (const turn of thread.turns({ itemsView: 'full', sortDirection: 'asc' })) {
        if (turn.id !== running?.turnId) turns.push(turn)
      }
    } catch (error) {
      // It has none, and so is not stored yet.
      if (!this.#fresh.has(id)) throw error
    }
    return { id, turns, running }
  }

  /** @param {string} id @param {string} text @param {string[]} images as data URLs */
  async startTurn(id, text, images) {
    // Two tabs may send at the same time.
    if (this.#running.has(id) || this.#starting.has(id)) {
      throw new Refusal(409, 'A turn is running: it can be steered.')
    }
    this.#starting.add(id)
    try {
      return await this.#begin(await this.thread(id), text, images)
    } finally {
      this.#starting.delete(id)
    }
  }

  /** @param {import('codex-node').Thread} thread @param {string} text @param {string[]} images */
  async #begin(thread, text, images) {
    const { id } = thread
    const before = thread.usage?.total
    /** @type {import('codex-node').InputItem[]} */
    const input = images.map((url) => ({ type: 'image', url }))
    if (text !== '') input.unshift({ type: 'text', text })
    const turn = this.turns.add(await thread.turn(input))
    this.#running.set(id, { turnId: turn.id, startedAt: Date.now(), input: text, images })
    this.changed()
    const ended = () => {
      const total = thread.usage?.total
      if (total) {
        const tokens = this.#tokens.get(id) ?? []
        tokens.push({
          turnId: turn.id,
          input: total.inputTokens - (before?.inputTokens ?? 0),
          cached: total.cachedInputTokens - (before?.cachedInputTokens ?? 0),
          output: total.outputTokens - (before?.outputTokens ?? 0),
        })
        this.#tokens.set(id, tokens)
      }
      this.#running.delete(id)
      this.changed()
    }
    turn.result().then(ended, ended)
    return turn.id
  }

  /** @param {string} id */
  async fork(id) {
    const { id: forked } = await this.codex.forkThread(id)
    return forked
  }

  /** @param {string} id */
  async archive(id) {
    this.#open.delete(id)
    if (!this.#fresh.delete(id)) await this.codex.archiveThread(id)
    this.changed()
  }

  /** @param {string} id @param {string} name */
  async rename(id, name) {
    await this.codex.setThreadName(id, name)
    this.changed()
  }

  /**
   * @param {import('codex-node').ApprovalRequest} request
   * @param {AbortSignal} signal
   * @returns {Promise<import('codex-node').ApprovalDecision>}
   */
  #asked(request, signal) {
    const id = randomUUID()
    const { kind, threadId, turnId, itemId, reason } = request
    const command = kind === 'command' ? request.command : null
    const call =
      kind === 'mcpToolCall'
        ? { server: request.server, tool: request.tool, arguments: request.arguments }
        : null
    const approval = { id, threadId, turnId, itemId, kind, command, call, reason }
    return new Promise((resolve) => {
      const done = (/** @type {import('codex-node').ApprovalDecision} */ decision) => {
        this.#approvals.delete(id)
        resolve(decision)
        this.changed()
      }
      // The turn has ended, or another client has answered.
      signal.addEventListener('abort', () => done('decline'), { once: true })
      this.#approvals.set(id, { approval, answer: done })
      this.changed()
    })
  }

  /** @param {string} id @param {string} decision @param {string} reason */
  async answer(id, decision, reason) {
    const asked = this.#approvals.get(id)
    if (asked === undefined) throw new Refusal(404, 'This was answered already, or its turn has ended.')
    if (decision !== 'accept' && decision !== 'acceptForSession' && decision !== 'decline') {
      throw new Refusal(400, 'The decision is accept, acceptForSession or decline.')
    }
    this.#approvals.delete(id)
    // The protocol has no field for it, so the agent is told: before the answer, for it to get both at once. A turn that
    // ends meanwhile has no use for it.
    if (decision === 'decline' && reason !== '') {
      const turn = this.turns.get(asked.approval.turnId)
      await turn?.steer(`I declined that: ${reason}`).catch(() => {})
    }
    asked.answer(decision)
  }
}

/** @param {Request} request @returns {Promise<Record<string, any>>} */
async function bodyOf(request) {
  if (Number(request.headers.get('content-length') ?? 0) > mostBytes) {
    throw new Refusal(413, 'That is too large: 32 MB at most.')
  }
  const body = await request.json().catch(() => undefined)
  if (typeof body !== 'object' || body === null) throw new Refusal(400, 'The body must be a JSON object.')
  return body
}

/** @param {unknown} value @param {string} name @returns {string} */
function text(value, name) {
  if (typeof value !== 'string') throw new Refusal(400, `\`${name}\` must be a string.`)
  return value
}

/** The state as server-sent events: all of it whenever something changes. @param {Agent} agent @param {Request} request */
function live(agent, request) {
  const encoder = new TextEncoder()
  let leave = () => {}
  const body = new ReadableStream(
    {
      start(controller) {
        let last = ''
        const tell = () => {
          const state = JSON.stringify(agent.state())
          // A slow page gets the newest when it has room again.
          if (state === last || (controller.desiredSize ?? 0) <= 0) return
          last = state
          controller.enqueue(encoder.encode(`data: ${state}\n\n`))
        }
        const heartbeat = setInterval(() => controller.enqueue(encoder.encode(':\n\n')), 15_000)
        heartbeat.unref()
        leave = () => {
          clearInterval(heartbeat)
          agent.watchers.delete(tell)
        }
        request.signal.addEventListener('abort', leave, { once: true })
        agent.watchers.add(tell)
        tell()
      },
      pull() {
        for (const watcher of agent.watchers) watcher()
      },
      cancel: () => leave(),
    },
    { highWaterMark: 4 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
}

/**
 * @type {[string, RegExp, (agent: Agent, request: Request, id: string) => unknown][]}
 */
const routes = [
  ['GET', /^\/api\/live$/, live],
  [
    'GET',
    /^\/api\/threads$/,
    (agent, { url }) => agent.threads(new URL(url).searchParams.get('search') ?? ''),
  ],
  ['POST', /^\/api\/threads$/, async (agent) => ({ id: await agent.startThread() })],
  ['GET', /^\/api\/threads\/([\w-]+)$/, (agent, _, id) => agent.history(id)],
  [
    'PATCH',
    /^\/api\/threads\/([\w-]+)$/,
    async (agent, request, id) => agent.rename(id, text((await bodyOf(request)).name, 'name')),
  ],
  ['POST', /^\/api\/threads\/([\w-]+)\/fork$/, async (agent, _, id) => ({ id: await agent.fork(id) })],
  ['POST', /^\/api\/threads\/([\w-]+)\/archive$/, (agent, _, id) => agent.archive(id)],
  [
    'POST',
    /^\/api\/threads\/([\w-]+)\/turns$/,
    async (agent, request, id) => {
      const { input, images = [] } = await bodyOf(request)
      if (!Array.isArray(images)) throw new Refusal(400, '`images` must be a list of data URLs.')
      const urls = images.map((image) => text(image, 'images'))
      if (!urls.every((url) => url.startsWith('data:image/')))
        throw new Refusal(400, '`images` must be data URLs of images.')
      return { turnId: await agent.startTurn(id, text(input, 'input'), urls) }
    },
  ],
  ['GET', /^\/api\/turns\/([\w-]+)$/, (agent, request, id) => agent.turns.response(id, request)],
  [
    'POST',
    /^\/api\/turns\/([\w-]+)\/steer$/,
    async (agent, request, id) => {
      const turn = agent.turns.get(id)
      if (turn === undefined) throw new Refusal(404, 'There is no such turn.')
      await turn.steer(text((await bodyOf(request)).input, 'input'))
    },
  ],
  [
    'POST',
    /^\/api\/turns\/([\w-]+)\/interrupt$/,
    async (agent, _, id) => agent.turns.get(id)?.interrupt({ terminateCommands: true }),
  ],
  [
    'POST',
    /^\/api\/approvals\/([\w-]+)$/,
    async (agent, request, id) => {
      const { decision, reason = '' } = await bodyOf(request)
      await agent.answer(id, text(decision, 'decision'), text(reason, 'reason'))
    },
  ],
]

/** @param {Agent} agent @param {Request} request @param {string} path */
async function api(agent, request, path) {
  const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path))
  if (route === undefined) return Response.json({ message: 'There is no such thing.' }, { status: 404 })
  try {
    const result = await route[2](agent, request, path.match(route[1])?.[1] ?? '')
    return result instanceof Response ? result : Response.json(result ?? {})
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500
    if (!(error instanceof Refusal || error instanceof CodexError)) console.error(error)
    return Response.json({ message: error instanceof Error ? error.message : String(error) }, { status })
  }
}

const types = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
})
const pageHeaders = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** A file of the page. @param {string} dist @param {string} path */
async function page(dist, path) {
  const name = path === '/' ? '/index.html' : path
  const type = types[extname(name)]
  if (type === undefined || !/^(\/[\w-][\w.-]*)+$/.test(name)) return undefined
  const file = await readFile(join(dist, name)).catch(() => undefined)
  return file && new Response(new Uint8Array(file), { headers: { ...pageHeaders, 'content-type': type } })
}

/** @param {string} one @param {string} other */
function same(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * Starts the server.
 *
 * @param {Options} options
 */
export async function start(options) {
  const agent = new Agent(options)
  const dist = options.dist ?? join(here, 'dist')
  const token = randomBytes(24).toString('base64url')
  let origin = ''
  let cookie = ''

  const listener = toNodeListener(async (request) => {
    const url = new URL(request.url)
    // A name that another site has pointed here is not ours, and neither is what its page sends.
    if (url.origin !== origin) return new Response('Wrong host', { status: 403 })
    const from = request.headers.get('origin')
    if (from !== null ? from !== origin : !['GET', 'HEAD'].includes(request.method)) {
      return new Response('Wrong origin', { status: 403 })
    }
    const given = url.searchParams.get('token')
    if (given !== null && same(given, token)) {
      const headers = { location: '/', 'set-cookie': `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/` }
      return new Response(null, { status: 303, headers })
    }
    const cookies = (request.headers.get('cookie') ?? '').split('; ')
    if (!cookies.some((one) => same(one, `${cookie}=${token}`))) {
      return new Response('Open the address that the server printed: it has the token.', { status: 401 })
    }
    if (url.pathname.startsWith('/api/')) return api(agent, request, url.pathname)
    return page(dist, url.pathname)
  })
  const server = createServer(listener)
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve(undefined))
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  origin = `http://127.0.0.1:${port}`
  // Cookies know no ports: two of these servers would take each other's.
  cookie = `codex-web-${port}`
  return {
    agent,
    origin,
    url: `${origin}/?token=${token}`,
    /** Cuts every connection. */
    drop: () => server.closeAllConnections(),
    async close() {
      server.close()
      server.closeAllConnections()
      await agent.codex.close()
    },
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      account: { type: 'boolean', default: false },
      cwd: { type: 'string', default: process.cwd() },
      port: { type: 'string', default: '0' },
      model: { type: 'string' },
    },
  })
  const { build } = await import('./build.mjs')
  await build()
  const stage = values.account
    ? {
        codex: {},
        thread: { cwd: values.cwd, sandbox: /** @type {const} */ ('workspace-write') },
        leave: async () => {},
      }
    : await (await import('./scripted.mjs')).scripted()
  const thread = { ...stage.thread, ...(values.model && { model: values.model }) }
  const server = await start({ codex: stage.codex, thread, port: Number(values.port) })
  console.log(
    `${values.account ? 'Your account' : 'The scripted model, offline'}, in ${thread.cwd}\n\n  ${server.url}\n`,
  )
  process.once('SIGINT', async () => {
    await server.close()
    await stage.leave()
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
