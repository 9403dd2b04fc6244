// What carries a line: who is asked for a token and when, proxies, trust, bounds, and whether anybody is still there.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { chmodSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, describe, test } from 'node:test'
import { Codex, isRetryableError, TimeoutError, TransportError } from '../../index.mjs'
import { connect } from '../support/connection.mjs'
import { startHost } from '../support/host.mjs'
import { listening } from '../support/listening.mjs'
import { rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { caFile, startProxy } from '../support/proxy.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const TOKEN = 'k33p-this-to-yourself-capability'

const open = await listening({ after })

/** @param {string} head */
const bearer = (head) => /^authorization: bearer (.*)\r$/im.exec(head)?.[1]

describe('a token that is a function', { concurrency: 4 }, () => {
  test('is called for each connection, in the context in which the client was made', async (t) => {
    const proxy = await startProxy(t, open.url)
    const storage = new AsyncLocalStorage()
    /** @type {unknown[]} */
    const contexts = []
    const { codex, events } = storage.run('of the client', () =>
      connect(t, {
        url: proxy.url,
        token: async () => {
          contexts.push(storage.getStore())
          await null
          return `token-number-${contexts.length}\n`
        },
      }),
    )
    assert.deepEqual(contexts, [], 'nothing runs before the first call')
    await storage.run('of the call', () => codex.connect())
    proxy.cut()
    await events.next('resumed')
    proxy.cut()
    await events.next('resumed')
    assert.deepEqual(proxy.upgrades.map(bearer), ['token-number-1', 'token-number-2', 'token-number-3'])
    assert.deepEqual(contexts, ['of the client', 'of the client', 'of the client'])
  })

  test('that throws rejects, and the next call asks again', async (t) => {
    const proxy = await startProxy(t, open.url)
    let calls = 0
    const { codex } = connect(t, {
      url: proxy.url,
      token: () => {
        calls += 1
        if (calls === 1) throw new Error('the vault is closed')
        return TOKEN
      },
    })
    const error = await rejection(codex.connect(), TransportError)
    assert.equal(error.code, 'CONNECT_FAILED')
    assert.match(error.message, /options\.token: the function gave no token: the vault is closed/)
    assert.ok(isRetryableError(error))
    assert.equal(proxy.connections, 0)
    await codex.connect()
    assert.equal(bearer(String(proxy.upgrades[0])), TOKEN)
  })

  test('that throws while a connection is opened again is asked again', async (t) => {
    const proxy = await startProxy(t, open.url)
    let calls = 0
    const { codex, events } = connect(t, {
      url: proxy.url,
      token: async () => {
        calls += 1
        if (calls === 2) throw new Error('the vault is closed')
        return TOKEN
      },
    })
    await codex.connect()
    proxy.cut()
    await events.next('resumed')
    assert.equal(calls, 3)
  })

  test('that gives no string, nothing, or what no header can have', async (t) => {
    for (const [given, says] of /** @type {const} */ ([
      [5, /options\.token: the function gave what is no string but number/],
      [undefined, /no string but undefined/],
      [null, /no string but null/],
      [' \n', /empty token/],
      ['a\nb', /a character that a header can't have/],
    ])) {
      const token = /** @type {() => string} */ (() => given)
      const error = await rejection(connect(t, { url: open.url, token }).codex.connect(), TypeError)
      assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
      assert.match(error.message, says)
    }
  })

  test('that never settles is given up at connectTimeoutMs, also while a connection is opened again', async (t) => {
    const proxy = await startProxy(t, open.url)
    let hangs = true
    const token = () => (hangs ? new Promise(() => {}) : TOKEN)
    const options = { url: proxy.url, token: /** @type {() => string} */ (token), connectTimeoutMs: 2_000 }
    const { codex, events } = connect(t, { ...options, connectTimeoutMs: 300 })
    const error = await rejection(codex.connect(), TimeoutError)
    assert.match(error.message, /options\.token: the function gave no token within 300 ms/)
    hangs = false
    await codex.connect()
    hangs = true
    proxy.cut()
    await events.next('lost')
    await events.next('connecting')
    hangs = false
    await events.next('resumed')
  })

  test('that hangs holds up no close()', async (t) => {
    const { codex } = connect(t, { url: open.url, token: () => new Promise(() => {}) })
    const connecting = rejection(codex.connect(), Error)
    await codex.close()
    assert.equal(/** @type {any} */ (await connecting).code, 'CLOSED')
  })

  test('is in no error and no log record', async (t) => {
    /** @type {unknown[]} */
    const shown = []
    const echo = await startPeer(t, {
      refuse: (head) => `HTTP/1.1 403 Forbidden\r\ncontent-length: ${head.length}\r\n\r\n${head}`,
    })
    const { codex } = connect(t, {
      url: echo.url,
      token: () => TOKEN,
      logger: (record) => shown.push(record),
      logLevel: 'trace',
    })
    const error = await rejection(codex.connect(), TransportError)
    assert.equal(error.status, 403)
    await codex.close()
    shown.push(error.stack, { ...error })
    assert.ok(!JSON.stringify(shown).includes(TOKEN))
  })

  test('goes with a url alone, and not with an authorization header', () => {
    const token = () => TOKEN
    assert.throws(() => new Codex({ token }), /options\.token: is for a server at options\.url/)
    const headers = { Authorization: 'Bearer x' }
    assert.throws(() => new Codex({ url: 'wss://h', token, headers }), /exclude each other/)
    assert.throws(() => new Codex({ url: 'ws://example.com', token }), /allowInsecure/)
  })

  test('in a worker thread', async (t) => {
    const proxy = await startProxy(t, open.url)
    const host = startHost(
      t,
      `import { Worker } from 'node:worker_threads'
      const worker = new Worker(
        "const { workerData: { url, index }, parentPort } = require('node:worker_threads');" +
        "import(index).then(async ({ Codex }) => {" +
        "  const codex = new Codex({ url, token: async () => 'of-the-worker' });" +
        "  await codex.connect(); await codex.close(); parentPort.postMessage('done') })",
        { eval: true, execArgv: [], workerData: data })
      worker.once('message', tell)`,
      { url: proxy.url, index: new URL('../../index.mjs', import.meta.url).href },
    )
    assert.equal(await host.told(), 'done')
    assert.equal(bearer(String(proxy.upgrades[0])), 'of-the-worker')
  })
})

describe('tokens of the environment', { concurrency: 4 }, () => {
  test('are not read where a header says who one is, and are trimmed', async (t) => {
    const proxy = await startProxy(t, open.url)
    const host = startHost(
      t,
      `process.env.CODEX_APP_SERVER_TOKEN = 'of-the-environment\\n'
      const opened = async (options) => {
        const codex = new Codex({ url: data.url, ...options })
        await codex.connect()
        await codex.close()
      }
      await opened({ headers: { Authorization: 'Basic abc\\n' } })
      await opened({ token: 'of-the-option\\n' })
      await opened({})
      tell('done')`,
      { url: proxy.url },
    )
    assert.equal(await host.told(), 'done')
    assert.match(String(proxy.upgrades[0]), /^authorization: Basic abc\r$/im)
    assert.deepEqual(proxy.upgrades.slice(1).map(bearer), ['of-the-option', 'of-the-environment'])
  })

  test('a header that is a credential is not shown to everybody on the way', () => {
    for (const name of ['x-api-key', 'X-Auth-Token', 'cookie', 'proxy-authorization']) {
      const options = { url: 'ws://example.com', headers: { [name]: TOKEN } }
      assert.throws(() => new Codex(options), /options\.url: .*the header.*allowInsecure/, name)
      assert.doesNotThrow(() => new Codex({ ...options, allowInsecure: true }), name)
      assert.doesNotThrow(() => new Codex({ ...options, url: 'wss://example.com' }), name)
    }
    assert.doesNotThrow(() => new Codex({ url: 'ws://example.com', headers: { 'x-team': 'tools' } }))
  })
})

/**
 * A proxy for CONNECT that leads everybody to one port of this machine.
 *
 * @param {import('node:test').TestContext} t
 * @param {number} port
 */
async function startConnectProxy(t, port) {
  /** @type {string[]} */
  const asked = []
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => {
      asked.push(String(head))
      const to = net.connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(to).pipe(socket)
      })
      to.on('error', () => socket.destroy())
      socket.on('close', () => to.destroy())
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => server.close())
  return { asked, address: `127.0.0.1:${/** @type {net.AddressInfo} */ (server.address()).port}` }
}

describe('the way to a server', { concurrency: 4 }, () => {
  test('by the proxies of the environment, for names that only they know', async (t) => {
    const secure = await startProxy(t, open.url, { secure: true })
    const [plain, tunnel] = await Promise.all([
      startConnectProxy(t, Number(new URL(open.url).port)),
      startConnectProxy(t, Number(new URL(secure.url).port)),
    ])
    const host = startHost(
      t,
      `Object.assign(process.env, data.env)
      for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'ALL_PROXY']) delete process.env[name]
      const opened = async (options) => {
        const codex = new Codex(options)
        const outcome = await codex.connect().then(() => 'connected', (error) => error.message)
        await codex.close()
        return outcome
      }
      tell(await opened({ url: 'ws://codex.invalid' }))
      tell(await opened({ url: 'wss://codex.invalid:8443', caFile: data.caFile }))
      tell(await opened({ url: data.url }))
      process.env.NO_PROXY = '*.invalid'
      tell(await opened({ url: 'ws://codex.invalid' }))
      process.env.NO_PROXY = ''
      process.env.HTTP_PROXY = 'ftp://me:hidden-password@proxy'
      tell(await opened({ url: 'ws://codex.invalid' }))`,
      {
        env: {
          HTTP_PROXY: `http://me:pass%20word@${plain.address}`,
          HTTPS_PROXY: `http://${tunnel.address}`,
          NO_PROXY: '',
        },
        caFile,
        url: open.url,
      },
    )
    assert.equal(await host.told(), 'connected')
    assert.match(String(plain.asked[0]), /^CONNECT codex\.invalid:80 HTTP/)
    const basic = Buffer.from('me:pass word').toString('base64')
    assert.ok(plain.asked[0]?.toLowerCase().includes(`proxy-authorization: basic ${basic.toLowerCase()}`))
    // Its certificate is for another name: TLS is with the server, not with the proxy.
    assert.match(await host.told(), /certificate/)
    assert.match(String(tunnel.asked[0]), /^CONNECT codex\.invalid:8443 HTTP/)
    assert.equal(await host.told(), 'connected')
    assert.equal(plain.asked.length, 1, 'nobody stands between a program and its own machine')
    assert.doesNotMatch(await host.told(), /^connected$/)
    assert.equal(plain.asked.length, 1)
    const wrong = await host.told()
    assert.match(wrong, /^HTTP_PROXY: is not a proxy/)
    assert.doesNotMatch(wrong, /hidden-password/)
  })

  test('with the certificates of NODE_EXTRA_CA_CERTS or SSL_CERT_FILE, as process.env has them', async (t) => {
    const proxy = await startProxy(t, open.url, { secure: true })
    const host = startHost(
      t,
      `const opened = async () => {
        const codex = new Codex({ url: data.url })
        const outcome = await codex.connect().then(() => 'connected', (error) => error.message)
        await codex.close()
        return outcome
      }
      tell(await opened())
      process.env.NODE_EXTRA_CA_CERTS = data.caFile
      tell(await opened())
      process.env.NODE_EXTRA_CA_CERTS = '/missing'
      tell(await opened())
      process.env.SSL_CERT_FILE = data.caFile
      tell(await opened())`,
      { url: proxy.url, caFile },
    )
    assert.match(await host.told(), /certificate/)
    assert.equal(await host.told(), 'connected')
    assert.match(await host.told(), /certificate/)
    assert.equal(await host.told(), 'connected')
  })

  test('opening connections while variables are set ends nobody', async (t) => {
    const proxy = await startProxy(t, open.url, { secure: true })
    const host = startHost(
      t,
      `const { hostname } = await import('node:os')
      let number = 0
      const storm = setInterval(() => { for (let i = 0; i < 200; i++) process.env['STORM_' + number++] = 'x'.repeat(64) })
      for (let i = 0; i < 4; i++) {
        const urls = [data.url, data.url.replace('127.0.0.1', 'localhost'), 'ws://' + hostname() + ':1']
        const clients = urls.map((url) => new Codex({ url, caFile: data.caFile }))
        await Promise.allSettled(clients.map((codex) => codex.connect()))
        await Promise.all(clients.map((codex) => codex.close()))
      }
      clearInterval(storm)
      tell('alive')`,
      { url: proxy.url, caFile },
    )
    assert.equal(await host.told(), 'alive')
  })
})

describe('bounds', { concurrency: 4 }, () => {
  test('a program that is no codex and prints without end is given up at once', {
    skip: process.platform === 'win32',
  }, async (t) => {
    for (const [name, program, body] of /** @type {[string, string, string][]} */ ([
      ['lines', '/bin/sh', 'exec yes'],
      ['no line', '/bin/sh', "exec tr '\\0' y < /dev/zero"],
      [
        'and does not mind',
        process.execPath,
        'process.stdout.on("error", () => {}); setInterval(() => process.stdout.write("y".repeat(65536)))',
      ],
    ])) {
      const path = join(temporaryFolder(t), 'printer')
      writeFileSync(path, `#!${program}\n${body}\n`)
      chmodSync(path, 0o755)
      const codex = new Codex({ codexPath: path })
      t.after(() => codex.close())
      const error = /** @type {any} */ (await rejection(codex.connect(), Error))
      assert.match(error.message, /wrote more than 1048576 bytes before it answered/, name)
      assert.ok(error.message.includes('printer'), error.message)
      assert.ok(error instanceof TransportError)
    }
  })

  test('a line longer than maxMessageBytes is a typed error, and the next call starts anew', async (t) => {
    const { codex, log } = rig(
      t,
      { on: { 'thread/loaded/list': [{ reply: { data: ['x'.repeat(4096)] } }] } },
      { maxMessageBytes: 2048 },
    )
    await codex.connect()
    const error = await rejection(codex.request('thread/loaded/list', {}), TransportError)
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.match(error.message, /longer than maxMessageBytes \(2048 bytes\)/)
    await codex.connect()
    assert.equal(log.messages('initialize').length, 2)
  })

  test('the same over a transport of one’s own', async (t) => {
    const [readable, writable] = [new PassThrough(), new PassThrough()]
    writable.on('data', (/** @type {Buffer} */ chunk) => {
      for (const line of String(chunk).trim().split('\n')) {
        const { id, method } = JSON.parse(line)
        if (method === 'initialize') {
          const result = {
            userAgent: 'test/0.169.0 (test)',
            codexHome: '/',
            platformFamily: 'u',
            platformOs: 't',
          }
          readable.write(`${JSON.stringify({ id, result })}\n`)
        } else if (id !== undefined) readable.write(`{"id":${id},"result":"${'x'.repeat(4096)}`)
      }
    })
    const codex = new Codex({ transport: { readable, writable }, maxMessageBytes: 2048 })
    t.after(() => codex.close())
    await codex.connect()
    const error = await rejection(codex.request('thread/loaded/list', {}), TransportError)
    assert.match(error.message, /longer than maxMessageBytes \(2048 bytes\)/)
  })

  test('a websocket that floods before it has answered is given up', async (t) => {
    const flood = await startPeer(t, {
      methods: { initialize: () => undefined },
      connected: ({ raw }) => {
        const header = Buffer.from([0x81, 127, 0, 0, 0, 0, 0x0f, 0, 0, 0])
        raw(header)
        for (let i = 0; i < 64; i += 1) raw(Buffer.alloc(65_536, 'x'))
      },
    })
    const error = await rejection(connect(t, { url: flood.url }).codex.connect(), TransportError)
    assert.match(error.message, /wrote more than 1048576 bytes before it answered/)
  })
})

describe('signs of life', { concurrency: 4 }, () => {
  test('a server that stops reading in the middle of a large message is noticed in time', async (t) => {
    const deaf = await startPeer(t, {
      frame: (frame, { socket }) => {
        // The notification that follows the handshake.
        if (frame.opcode === 1 && frame.length < 100) socket.pause()
      },
    })
    const { codex, events } = connect(t, { url: deaf.url, keepAliveMs: 250, reconnectTimeoutMs: 0 })
    await codex.connect()
    const began = performance.now()
    const data = 'x'.repeat(32 * 1024 * 1024)
    const error = await rejection(codex.request('fs/writeFile', { path: '/x', dataBase64: data }), Error)
    assert.ok(['CONNECTION_LOST', 'INDETERMINATE'].includes(/** @type {any} */ (error).code))
    const { error: closed } = await events.next('closed')
    assert.match(closed.message, /the server (gave no sign of life|took nothing)/)
    assert.ok(performance.now() - began < 8_000, 'not behind the write')
  })
})

describe('what is final while a connection is opened again', { concurrency: 4 }, () => {
  /**
   * A connection that was lost, to a server that refuses the next tries.
   *
   * @param {import('node:test').TestContext} t
   * @param {string[]} refusals status lines with headers
   * @param {number} [reconnectTimeoutMs]
   */
  async function refused(t, refusals, reconnectTimeoutMs = 20_000) {
    let connections = 0
    /** @type {number[]} */
    const at = []
    /** @type {any} */
    let first
    const peer = await startPeer(t, {
      refuse: () => {
        at.push(performance.now())
        const refusal = refusals[connections - 1]
        connections += 1
        return connections === 1 || refusal === undefined
          ? undefined
          : `HTTP/1.1 ${refusal}\r\ncontent-length: 0\r\n\r\n`
      },
      connected: (peer) => {
        first ??= peer
      },
    })
    const { codex, events } = connect(t, { url: peer.url, reconnectTimeoutMs })
    await codex.connect()
    first.socket.destroy()
    await events.next('lost')
    return { events, at }
  }

  for (const status of [
    '404 Not Found',
    '408 Request Timeout',
    '429 Too Many Requests',
    '400 Bad Request',
    '503 Busy',
    '200 OK',
  ]) {
    test(`not ${status}`, async (t) => {
      const { events } = await refused(t, [status, status])
      await events.next('resumed')
    })
  }

  for (const status of ['401 Unauthorized', '403 Forbidden']) {
    test(status, async (t) => {
      const { events, at } = await refused(t, [status, status])
      const { error } = await events.next('closed')
      assert.equal(error.status, Number(status.slice(0, 3)))
      assert.equal(error.retryable, false)
      assert.equal(at.length, 2)
    })
  }

  test('who asks for time gets it', async (t) => {
    const { events, at } = await refused(t, ['429 Busy\r\nretry-after: 1'])
    await events.next('resumed')
    assert.ok(Number(at[2]) - Number(at[1]) >= 990)
  })

  test('but not more than reconnectTimeoutMs', async (t) => {
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const { events, at } = await refused(t, [`503 Busy\r\nretry-after: ${date}`])
    const { error } = await events.next('closed')
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.match(error.message, /503/)
    assert.equal(at.length, 2)
  })
})
