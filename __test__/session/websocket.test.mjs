// Rows W1 and W3 to W5 of the failure cases, and row P6 for tokens: a server that runs elsewhere.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  Codex,
  IndeterminateError,
  isRetryableError,
  serve,
  signedBearerToken,
  TransportError,
} from '../../index.mjs'
import { createGate, deltas, reply, say, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { serverFrame } from '../support/frames.mjs'
import { startHost } from '../support/host.mjs'
import { listening } from '../support/listening.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { withArgument } from '../support/processes.mjs'
import { caFile, startProxy } from '../support/proxy.mjs'
import { temporaryFolder } from '../support/rig.mjs'

const MEBIBYTE = 1024 * 1024
/** What a server takes in one frame. */
const MOST_UNFRAGMENTED = 16 * MEBIBYTE
const TOKEN = 'k33p-this-to-yourself-capability'
const SECRET = 'k33p-this-to-yourself-shared-secret'

/** A server without a token that many tests share. */
const open = await listening({ after })
/** One that wants a token. */
const guarded = await listening(
  { after },
  { args: ['--ws-auth', 'capability-token', '--ws-token-sha256', sha256(TOKEN)] },
)

/** @param {string} text */
function sha256(text) {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * A turn over a connection: it works from end to end.
 *
 * @param {Codex} codex
 * @param {typeof open} [server]
 */
async function talks(codex, server = open) {
  const thread = await codex.startThread({ cwd: server.home.workspace })
  server.provider.when((request) => request.threadId === thread.id, say('heard'))
  assert.equal((await thread.run('say something')).finalResponse, 'heard')
}

describe('where a server is', { concurrency: 4 }, () => {
  test('W1: by ws://, without an Origin header, with those that were asked for', async (t) => {
    const proxy = await startProxy(t, open.url)
    const { codex, events } = connect(t, {
      url: proxy.url,
      headers: { 'X-Team': 'tools', 'user-agent': 'me' },
    })
    const metadata = await codex.connect()
    assert.match(metadata.serverInfo.version, /^0\./)
    assert.equal(codex.pid, null)
    await talks(codex)
    const [upgrade] = proxy.upgrades
    assert.match(String(upgrade), /^x-team: tools\r$/im)
    assert.match(String(upgrade), /^user-agent: me\r$/im)
    assert.doesNotMatch(String(upgrade), /^(origin|authorization):/im)
    await codex.close()
    await events.were(['connecting', 'connected', 'closed'])
    assert.equal(events.seen[0]?.type === 'connecting' && events.seen[0].attempt, 1)
    // It is closed in good order.
    await proxy.frames(8, 1)
    assert.ok(proxy.framesUp.every((frame) => frame.masked))
  })

  test('by wss://, with the CA of options.caFile', async (t) => {
    const proxy = await startProxy(t, guarded.url, { secure: true })
    for (const url of [proxy.url, proxy.url.replace('127.0.0.1', 'localhost')]) {
      const { codex } = connect(t, { url, token: TOKEN, caFile })
      await talks(codex, guarded)
    }
    assert.match(String(proxy.upgrades[0]), new RegExp(`^authorization: bearer ${TOKEN}\r$`, 'im'))
  })

  test('wss:// with a certificate that nobody vouches for', async (t) => {
    const proxy = await startProxy(t, guarded.url, { secure: true })
    const { codex } = connect(t, { url: proxy.url, token: TOKEN })
    const error = await rejection(codex.connect(), TransportError)
    assert.equal(error.code, 'CONNECT_FAILED')
    assert.match(error.message, /certificate/i)
    assert.deepEqual(proxy.upgrades, [], 'nothing is said to a stranger')
  })

  test('wss:// to a server without TLS, and ws:// to one with it', async (t) => {
    const plain = connect(t, { url: open.url.replace('ws:', 'wss:') })
    assert.equal((await rejection(plain.codex.connect(), TransportError)).code, 'CONNECT_FAILED')
    const proxy = await startProxy(t, open.url, { secure: true })
    const secure = connect(t, { url: proxy.url.replace('wss:', 'ws:') })
    assert.equal((await rejection(secure.codex.connect(), TransportError)).code, 'CONNECT_FAILED')
  })

  for (const [name, content] of /** @type {const} */ ([
    ['missing', undefined],
    ['empty', ''],
    ['no certificate', 'hello'],
  ])) {
    test(`a CA file that is ${name}`, async (t) => {
      const file = join(temporaryFolder(t), 'ca.pem')
      if (content !== undefined) writeFileSync(file, content)
      const proxy = await startProxy(t, open.url, { secure: true })
      const { codex } = connect(t, { url: proxy.url, caFile: file })
      const error = await rejection(codex.connect(), TypeError)
      assert.ok(error.message.startsWith(`options.caFile: ${file}`), error.message)
    })
  }

  for (const [name, length] of /** @type {const} */ ([
    ['a unix socket', 0],
    ['a unix socket whose path is too long for the system', 150],
  ])) {
    test(`by unix://, ${name}`, { skip: process.platform === 'win32' }, async (t) => {
      const folder = join(temporaryFolder(t), 'x'.repeat(length))
      mkdirSync(folder, { recursive: true })
      const url = `unix://${join(folder, 'codex.sock')}`
      const server = await listening(t, { listen: url })
      const { codex } = connect(t, { url })
      await talks(codex, server)
    })
  }

  test('by unix:// alone, the control socket below CODEX_HOME', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const server = await listening(t, { listen: 'unix://' })
    const host = startHost(
      t,
      `Object.assign(process.env, data.env)
      const codex = new Codex({ url: 'unix://' })
      tell((await codex.connect()).codexHome)
      await codex.close()`,
      { env: server.home.env },
    )
    assert.equal(await host.told(), server.home.codexHome)
    assert.equal((await host.exited).code, 0)
  })

  test('nobody listens', async (t) => {
    const missing = join(temporaryFolder(t), 'missing.sock')
    // A port that was free a moment ago may be another test's by now.
    for (const url of ['ws://127.0.0.1:1', `unix://${missing}`]) {
      const { codex, events } = connect(t, { url })
      const error = await rejection(codex.startThread(), TransportError)
      assert.equal(error.code, 'CONNECT_FAILED')
      assert.equal(error.status, null)
      assert.ok(error.message.includes(url), error.message)
      assert.ok(isRetryableError(error))
      await events.were(['connecting', 'closed'])
      const closed = /** @type {any} */ (events.seen[1])
      assert.equal(closed.error.code, 'CONNECT_FAILED')
    }
  })

  test('a host that does not exist', async (t) => {
    const { codex } = connect(t, { url: 'wss://no-such-host.invalid' })
    const error = await rejection(codex.connect(), TransportError)
    assert.equal(error.code, 'CONNECT_FAILED')
  })

  test('what listens is no websocket server, or says nothing', async (t) => {
    const page = await startPeer(t, { refuse: () => 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi' })
    const error = await rejection(connect(t, { url: page.url }).codex.connect(), TransportError)
    assert.equal(error.status, 200)
    const silent = await startPeer(t, { refuse: () => '' })
    const ended = await rejection(connect(t, { url: silent.url }).codex.connect(), TransportError)
    assert.equal(ended.code, 'CONNECT_FAILED')
  })

  test('a server that never finishes the upgrade is given up at connectTimeoutMs', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1')
    t.after(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    /** @type {net.Socket[]} */
    const sockets = []
    server.on('connection', (socket) => sockets.push(socket))
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    const { port } = /** @type {net.AddressInfo} */ (server.address())
    const { codex } = connect(t, { url: `ws://127.0.0.1:${port}`, connectTimeoutMs: 200 })
    const error = /** @type {any} */ (await rejection(codex.connect(), Error))
    assert.equal(error.code, 'TIMEOUT')
    assert.equal(error.timeoutMs, 200)
  })
})

describe('tokens', { concurrency: 4 }, () => {
  test('W1: a capability token by its hash', async (t) => {
    await talks(connect(t, { url: guarded.url, token: TOKEN }).codex, guarded)
  })

  test('W1: a capability token in a file', async (t) => {
    const file = join(temporaryFolder(t), 'token')
    writeFileSync(file, `${TOKEN}\n`)
    const server = await listening(t, { args: ['--ws-auth', 'capability-token', '--ws-token-file', file] })
    await talks(connect(t, { url: server.url, token: TOKEN }).codex, server)
    const wrong = connect(t, { url: server.url, token: `${TOKEN}x` })
    assert.equal((await rejection(wrong.codex.connect(), TransportError)).status, 401)
  })

  for (const [name, token, says] of /** @type {const} */ ([
    ['a wrong token', 'wrong-token', /the token is not the one/],
    ['no token', undefined, /it wants a token: options\.token, or CODEX_APP_SERVER_TOKEN/],
  ])) {
    test(`W1: ${name} is a typed error with the status`, async (t) => {
      const { codex, events } = connect(t, { url: guarded.url, token })
      const error = await rejection(codex.startThread(), TransportError)
      assert.equal(error.code, 'CONNECT_FAILED')
      assert.equal(error.status, 401)
      assert.equal(error.retryable, false)
      assert.match(error.message, says)
      await events.were(['connecting', 'closed'])
    })
  }

  test('a header of one’s own in place of the token', async (t) => {
    const { codex } = connect(t, { url: guarded.url, headers: { Authorization: `Bearer ${TOKEN}` } })
    await codex.connect()
  })

  test('the environment variable CODEX_APP_SERVER_TOKEN, and the option before it', async (t) => {
    const host = startHost(
      t,
      `const status = (options) => {
        const codex = new Codex({ url: data.url, ...options })
        return codex.connect().then(() => codex.close()).then(() => 'connected', (error) => error.status)
      }
      process.env.CODEX_APP_SERVER_TOKEN = data.token
      tell(await status({}))
      tell(await status({ token: 'another-token' }))
      process.env.CODEX_APP_SERVER_TOKEN = ''
      tell(await status({}))`,
      { url: guarded.url, token: TOKEN },
    )
    assert.equal(await host.told(), 'connected')
    assert.equal(await host.told(), 401)
    assert.equal(await host.told(), 401)
  })

  test('a signed bearer token, with issuer, audience and the clock skew of the server', async (t) => {
    const file = join(temporaryFolder(t), 'secret')
    writeFileSync(file, SECRET)
    const server = await listening(t, {
      args: [
        ...['--ws-auth', 'signed-bearer-token', '--ws-shared-secret-file', file],
        ...['--ws-issuer', 'me', '--ws-audience', 'codex', '--ws-max-clock-skew-seconds', '5'],
      ],
    })
    const right = { secret: SECRET, issuer: 'me', audience: 'codex' }
    await talks(connect(t, { url: server.url, token: signedBearerToken(right) }).codex, server)
    const subject = signedBearerToken({ ...right, subject: 'a program', expiresInMs: 60_000 })
    await connect(t, { url: server.url, token: subject }).codex.connect()
    const wrong = {
      issuer: signedBearerToken({ ...right, issuer: 'you' }),
      'no issuer': signedBearerToken({ secret: SECRET, audience: 'codex' }),
      audience: signedBearerToken({ ...right, audience: 'another' }),
      secret: signedBearerToken({ ...right, secret: `${SECRET}x` }),
      'no token at all': 'nonsense',
    }
    for (const [name, token] of Object.entries(wrong)) {
      const error = await rejection(connect(t, { url: server.url, token }).codex.connect(), TransportError)
      assert.equal(error.status, 401, name)
      assert.ok(!error.message.includes(token), error.message)
    }
  })

  test('a signed bearer token says when it ends, and no more than it was asked to', () => {
    const claims = (/** @type {string} */ token) => JSON.parse(atob(String(token.split('.')[1])))
    const now = Date.now() / 1000
    const plain = claims(signedBearerToken({ secret: SECRET }))
    assert.deepEqual(Object.keys(plain).sort(), ['exp', 'iat'])
    assert.ok(Math.abs(plain.exp - now - 300) < 30)
    const all = { secret: SECRET, issuer: 'i', audience: 'a', subject: 's', expiresInMs: 1_000_000 }
    const { exp, iat, ...rest } = claims(signedBearerToken(all))
    assert.deepEqual(rest, { iss: 'i', aud: 'a', sub: 's' })
    assert.equal(exp - iat, 1_000)
  })

  test('P6: a token is in no log, error or process list', async (t) => {
    /** @type {unknown[]} */
    const shown = []
    /** @type {import('../../index.js').CodexOptions} */
    const logging = { logger: (record) => shown.push(record), logLevel: 'trace' }
    const proxy = await startProxy(t, guarded.url)
    const { codex, events } = connect(t, { url: proxy.url, token: TOKEN, ...logging })
    await talks(codex, guarded)
    proxy.cut()
    await events.next('resumed')
    await codex.close()
    // A server, or a proxy on the way, that shows what it was sent.
    const echo = await startPeer(t, {
      refuse: (head) => `HTTP/1.1 403 Forbidden\r\ncontent-length: ${head.length}\r\n\r\n${head}`,
    })
    for (const own of [
      { token: TOKEN },
      { headers: { 'X-Api-Key': TOKEN } },
      { headers: { Authorization: `Bearer ${TOKEN}` } },
    ]) {
      const refused = connect(t, { url: echo.url, ...own, ...logging })
      const error = await rejection(refused.codex.connect(), TransportError)
      assert.equal(error.status, 403)
      await refused.codex.close()
      shown.push(
        error.stack,
        { ...error },
        refused.events.seen.map((event) => ({ ...event })),
      )
    }
    assert.match(
      JSON.stringify(shown),
      /the connection was lost.*connecting to codex failed/,
      'there is a log',
    )
    assert.ok(!JSON.stringify(shown).includes(TOKEN), String(JSON.stringify(shown).match(/.{200}k33p.{100}/)))
    assert.deepEqual(withArgument(TOKEN), [])
    const server = await serve({ env: guarded.home.env })
    t.after(() => server.close())
    assert.deepEqual(withArgument(server.token), [])
    assert.equal(withArgument(server.tokenFile).length > 0, true, 'it is looked for in the right place')
  })

  test('W5: a token over plain ws:// to another machine is refused, unless in so many words', async (t) => {
    for (const options of [
      { url: 'ws://example.com', token: TOKEN },
      { url: 'ws://192.0.2.1:4500', token: TOKEN },
      { url: 'ws://192.0.2.1:4500', token: TOKEN, allowInsecure: false },
      { url: 'ws://192.0.2.1:4500', headers: { Authorization: TOKEN } },
    ]) {
      assert.throws(
        () => new Codex(options),
        (/** @type {any} */ error) => {
          assert.ok(error instanceof TypeError)
          assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
          assert.match(error.message, /^options\.url: ws:.*wss:.*allowInsecure/)
          assert.ok(!error.message.includes(TOKEN))
          return true
        },
      )
    }
    for (const options of [
      { url: 'ws://example.com', token: TOKEN, allowInsecure: true },
      { url: 'ws://example.com' },
      { url: 'wss://example.com', token: TOKEN },
      { url: 'ws://localhost:1', token: TOKEN },
      { url: 'ws://[::1]:1', token: TOKEN },
    ]) {
      await connect(t, options).codex.close()
    }
  })

  test('W5: also for the token of the environment', async (t) => {
    const host = startHost(
      t,
      `process.env.CODEX_APP_SERVER_TOKEN = data.token
      try { new Codex({ url: 'ws://example.com' }) } catch (error) { tell(error.message) }`,
      { token: TOKEN },
    )
    assert.match(await host.told(), /^options\.url: .*allowInsecure/)
  })
})

describe('long and many messages', { concurrency: 2 }, () => {
  for (const [size, name] of /** @type {const} */ ([
    [2 * MEBIBYTE, 'above 1 MiB'],
    [20 * MEBIBYTE, 'above 16 MiB, in fragments'],
  ])) {
    test(`W4: a message ${name}, in both directions`, async (t) => {
      const proxy = await startProxy(t, open.url)
      const { codex } = connect(t, { url: proxy.url })
      const path = join(temporaryFolder(t), 'file')
      const dataBase64 = Buffer.alloc(size, 'a long message; ').toString('base64')
      await codex.request('fs/writeFile', { path, dataBase64 })
      assert.equal(statSync(path).size, size)
      assert.equal((await codex.request('fs/readFile', { path })).dataBase64, dataBase64)
      assert.ok(proxy.framesUp.every((frame) => frame.length <= MOST_UNFRAGMENTED))
      const fragments = proxy.framesUp.filter((frame) => !frame.fin || frame.opcode === 0)
      assert.equal(fragments.length, size > MOST_UNFRAGMENTED / 2 ? 2 : 0)
    })
  }

  test('W4: other messages pass while a long one is in fragments', async (t) => {
    const { codex } = connect(t, { url: open.url })
    const path = join(temporaryFolder(t), 'file')
    const dataBase64 = Buffer.alloc(20 * MEBIBYTE).toString('base64')
    const [, list] = await Promise.all([
      codex.request('fs/writeFile', { path, dataBase64 }),
      codex.request('thread/loaded/list', {}),
    ])
    assert.ok(Array.isArray(list.data))
  })

  test('W4: a message longer than maxMessageBytes is a typed loss, and the client goes on', async (t) => {
    const { codex, events } = connect(t, { url: open.url, maxMessageBytes: MEBIBYTE })
    const path = join(temporaryFolder(t), 'file')
    writeFileSync(path, Buffer.alloc(2 * MEBIBYTE))
    const error = await rejection(codex.request('fs/readFile', { path }), IndeterminateError)
    assert.equal(error.method, 'fs/readFile')
    const { error: lost } = await events.next('lost')
    assert.ok(lost instanceof TransportError)
    assert.equal(lost.code, 'CONNECTION_LOST')
    assert.match(lost.message, /too long|maxMessageBytes/i)
    await events.next('resumed')
    await talks(codex)
  })

  test('W3: 50,000 deltas, a consumer that looks away: it is not disconnected, and has all the text', async (t) => {
    const proxy = await startProxy(t, open.url)
    const { codex, events } = connect(t, { url: proxy.url })
    const thread = await codex.startThread({ cwd: open.home.workspace })
    open.provider.when((request) => request.threadId === thread.id, deltas(50_000, { text: 'tok ' }))
    const turn = await thread.turn('flood me')
    const each = turn.stream({ coalesce: false })
    const joined = turn.stream()
    const first = await joined.next()
    assert.equal(first.done, false)
    const result = await turn.run()
    const text = 'tok '.repeat(50_000)
    assert.equal(result.finalResponse, text)
    const textOf = (/** @type {import('../../index.js').TurnEvent[]} */ list) =>
      list.map((event) => (event.method === 'item/agentMessage/delta' ? event.params.delta : '')).join('')
    assert.equal(textOf(await collect(joined)), text)
    const all = await collect(each)
    assert.equal(textOf(all), text)
    assert.equal(all.filter((event) => event.method === 'item/agentMessage/delta').length, 50_000)
    await events.were(['connecting', 'connected'])
    assert.equal(proxy.connections, 1)
  })

  test('W3: while the event loop is blocked the library keeps reading', async (t) => {
    const proxy = await startProxy(t, open.url)
    open.provider.when('flood the host', deltas(40_000))
    // The proxy would be blocked as well.
    const host = startHost(
      t,
      `const codex = new Codex({ url: data.url })
      const events = []
      codex.on('connection', (event) => events.push(event.type))
      const thread = await codex.startThread({ cwd: data.cwd })
      const turn = await thread.turn('flood the host')
      for await (const event of turn) {
        if (event.method !== 'item/agentMessage/delta') continue
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)
        break
      }
      await codex.close()
      tell(events)`,
      { url: proxy.url, cwd: open.home.workspace },
    )
    assert.deepEqual(await host.told(), ['connecting', 'connected', 'closed'])
  })

  test('a message in pieces of a few bytes, late', async (t) => {
    const proxy = await startProxy(t, open.url)
    proxy.delayMs = 1
    proxy.chunkBytes = 64
    const { codex, events } = connect(t, { url: proxy.url })
    await talks(codex)
    await events.were(['connecting', 'connected'])
  })
})

describe('signs of life', { concurrency: 4 }, () => {
  test('pings of the server are answered with what they say', async (t) => {
    /** @type {Buffer[]} */
    const pongs = []
    /** @type {(value?: unknown) => void} */
    let answered = () => {}
    const both = new Promise((resolve) => {
      answered = resolve
    })
    const peer = await startPeer(t, {
      connected: (peer) => peer.raw(serverFrame(9, 'are you there')),
      methods: { 'x/ping': (_, peer) => void peer.raw(serverFrame(9, '')) },
      frame: (frame) => {
        if (frame.opcode === 10 && pongs.push(frame.payload) === 2) answered()
      },
    })
    const { codex } = connect(t, { url: peer.url })
    await codex.connect()
    await codex.notify('x/ping')
    await both
    assert.deepEqual(pongs.map(String), ['are you there', ''])
  })

  test('a quiet connection that is well stays, and is asked from time to time', async (t) => {
    const proxy = await startProxy(t, open.url)
    const { codex, events } = connect(t, { url: proxy.url, keepAliveMs: 1_000 })
    await codex.connect()
    await proxy.frames(9, 2)
    await codex.request('thread/loaded/list', {})
    await events.were(['connecting', 'connected'])
    assert.ok(proxy.framesDown.some((frame) => frame.opcode === 10))
  })

  test('a line that has gone silent is noticed, and opened again', async (t) => {
    const proxy = await startProxy(t, open.url)
    const { codex, events } = connect(t, { url: proxy.url, keepAliveMs: 1_000 })
    await codex.connect()
    proxy.mute('up', 'down')
    const { error } = await events.next('lost')
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.match(error.message, /no sign of life for \d+ ms/)
    proxy.unmute()
    await events.next('resumed')
    await talks(codex)
  })

  test('a server that only speaks is alive', async (t) => {
    const gate = createGate()
    const peer = await startPeer(t, {
      connected: (peer) => {
        const timer = setInterval(() => peer.send({ method: 'x/tick', params: {} }), 50)
        peer.socket.on('close', () => clearInterval(timer))
      },
      frame: (frame) => frame.opcode === 9 && gate.open(),
    })
    const { codex, events } = connect(t, { url: peer.url, keepAliveMs: 1_500 })
    let ticks = 0
    for await (const _ of codex.notifications({ methods: ['x/tick'] })) {
      if (ticks === 0) await codex.connect()
      if (++ticks === 60) break
    }
    await events.were(['connecting', 'connected'])
    assert.equal(gate.isOpen, false, 'who speaks need not be asked')
  })

  test('what is no message is skipped', async (t) => {
    const peer = await startPeer(t, {
      connected: (peer) => {
        peer.raw(serverFrame(2, '{"method":"x/binary","params":{}}'))
        peer.raw(serverFrame(1, 'a banner'))
        peer.raw(serverFrame(1, ''))
        peer.raw(serverFrame(1, '{"method":'))
        peer.raw(serverFrame(1, '  {"method":"x/spaced",\n "params":{}}\n'))
      },
      methods: { 'x/ask': () => ({ answer: 5 }) },
    })
    const { codex, events } = connect(t, { url: peer.url })
    const heard = codex.notifications()
    assert.deepEqual(await codex.request('x/ask', {}), { answer: 5 })
    const first = await heard.next()
    assert.equal(first.done === false && first.value.method, 'x/spaced')
    await events.were(['connecting', 'connected'])
  })
})

test('close() while the turn still runs leaves it to the server', async (t) => {
  const first = connect(t, { url: open.url })
  const thread = await first.codex.startThread({ cwd: open.home.workspace })
  const gate = createGate()
  open.provider.when(
    (request) => request.threadId === thread.id,
    reply([say('begun'), waitFor(gate), say('finished')]),
  )
  const turn = await thread.turn('go')
  await gate.reached
  await first.codex.close()
  await rejection(turn.run(), TransportError)
  const second = connect(t, { url: open.url })
  await second.codex.resumeThread(thread.id)
  const ended = second.codex.notifications({ methods: ['turn/completed'] })
  gate.open()
  const told = await ended.next()
  assert.equal(
    told.done === false && told.value.method === 'turn/completed' && told.value.params.turn.status,
    'completed',
  )
})
