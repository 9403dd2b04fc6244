// Bytes to and from a server that somebody else carries: the option `transport`.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { Codex, CodexError, TransportError } from '../../index.mjs'
import {
  createCodexHome,
  createGate,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { codexExecutable } from '../support/codex.mjs'
import { connect } from '../support/connection.mjs'
import { collect, rejection } from '../support/outcomes.mjs'

/**
 * A real app-server on stdio, started here.
 *
 * @param {import('node:test').TestContext} t
 */
async function started(t) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
  const child = spawn(codexExecutable(), ['app-server'], {
    env: { ...process.env, ...home.env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    await provider.close()
    await home.remove()
  })
  return { provider, home, child, exited }
}

/**
 * A server in this process, by lines: it answers `initialize`, and what `methods` has.
 *
 * @param {Record<string, (message: any, server: { say: (text: string | Buffer) => void, end: () => void }) => object | undefined>} [methods]
 */
function inMemory(methods = {}) {
  const toClient = new PassThrough()
  /** @type {any[]} */
  const messages = []
  const server = {
    say: (/** @type {string | Buffer} */ text) => void toClient.write(text),
    end: () => void toClient.end(),
  }
  let text = ''
  let ended = false
  const fromClient = new Writable({
    write(chunk, _, done) {
      text += chunk
      const lines = text.split('\n')
      text = /** @type {string} */ (lines.pop())
      for (const line of lines) {
        const message = JSON.parse(line)
        messages.push(message)
        const result =
          message.method === 'initialize'
            ? { userAgent: 'test/0.169.0 (test)', codexHome: '/', platformFamily: 'unix', platformOs: 'test' }
            : methods[message.method]?.(message, server)
        if (message.id !== undefined && result !== undefined)
          server.say(`${JSON.stringify({ id: message.id, result })}\n`)
      }
      done()
    },
    final(done) {
      ended = true
      toClient.end()
      done()
    },
  })
  return {
    transport: { readable: toClient, writable: fromClient },
    messages,
    wasEnded: () => ended,
  }
}

/** @param {Codex} codex @param {Awaited<ReturnType<typeof started>>} server */
async function talks(codex, { provider, home }) {
  provider.enqueue(say('carried'))
  const thread = await codex.startThread({ cwd: home.workspace })
  assert.equal((await thread.run('go')).finalResponse, 'carried')
}

describe('kinds of transports', { concurrency: 4, timeout: 60_000 }, () => {
  test('Node streams: stdin and stdout of a process that was started elsewhere', async (t) => {
    const server = await started(t)
    const { stdout: readable, stdin: writable } = server.child
    const { codex, events } = connect(t, { transport: { readable, writable } })
    assert.equal(codex.pid, null)
    await talks(codex, server)
    await codex.close()
    await server.exited
    await events.were(['connecting', 'connected', 'closed'])
    assert.deepEqual(events.seen[2], { type: 'closed' })
  })

  test('web streams', async (t) => {
    const server = await started(t)
    const readable = /** @type {any} */ (Readable.toWeb(server.child.stdout))
    const writable = Writable.toWeb(server.child.stdin)
    const { codex } = connect(t, { transport: { readable, writable } })
    await talks(codex, server)
    await codex.close()
    await server.exited
  })

  test('a Node Duplex: a socket', async (t) => {
    const server = await started(t)
    const listener = net.createServer((socket) => {
      socket.pipe(server.child.stdin)
      server.child.stdout.pipe(socket)
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    t.after(() => listener.close())
    const { port } = /** @type {net.AddressInfo} */ (listener.address())
    const transport = net.connect(port, '127.0.0.1')
    const { codex } = connect(t, { transport })
    await talks(codex, server)
    await codex.close()
    await server.exited
  })

  test('Duplex.from() of two streams', async (t) => {
    const { transport, wasEnded } = inMemory({ 'x/ask': () => ({ answer: 5 }) })
    const { codex } = connect(t, { transport: Duplex.from(transport) })
    assert.deepEqual(await codex.request('x/ask', {}), { answer: 5 })
    await codex.close()
    assert.equal(wasEnded(), true)
  })

  test('nothing is read or written before the first call', async (t) => {
    const { transport, messages } = inMemory()
    const { codex } = connect(t, { transport })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(messages.length, 0)
    assert.equal(transport.readable.readableFlowing, null)
    await codex.connect()
    assert.equal(messages[0]?.method, 'initialize')
  })

  test('text in place of bytes, and characters cut in two', async (t) => {
    const line = Buffer.from('{"method":"x/said","params":{"text":"ä€😀"}}\n')
    for (const encoding of /** @type {const} */ ([undefined, 'utf8'])) {
      const own = inMemory({
        'x/ask': (_, server) => {
          for (const byte of line) server.say(Buffer.from([byte]))
          return {}
        },
      })
      if (encoding !== undefined) own.transport.readable.setEncoding(encoding)
      const { codex } = connect(t, { transport: own.transport })
      const heard = codex.notifications({ methods: ['x/said'] })
      await codex.request('x/ask', {})
      const { value } = await heard.next()
      assert.equal(/** @type {any} */ (value)?.params.text, 'ä€😀')
    }
  })

  test('long messages, and many, in both directions', async (t) => {
    const { transport } = inMemory({ 'x/echo': ({ params }) => params })
    const { codex } = connect(t, { transport })
    const text = 'x'.repeat(3_000_000)
    const long = codex.request('x/echo', { text })
    const many = await Promise.all(Array.from({ length: 500 }, (_, at) => codex.request('x/echo', { at })))
    assert.deepEqual(
      many.map((answer) => /** @type {any} */ (answer).at),
      Array.from({ length: 500 }, (_, at) => at),
    )
    assert.equal(/** @type {any} */ (await long).text, text)
  })

  test('a handler answers over it', async (t) => {
    /** @type {number} */
    let asked
    const { transport } = inMemory({
      'x/ask': ({ id }, server) => {
        asked = id
        server.say('{"id":7,"method":"item/commandExecution/requestApproval","params":{}}\n')
        return undefined
      },
      // An answer has no method.
      undefined: (answer, server) => void server.say(`${JSON.stringify({ id: asked, result: answer })}\n`),
    })
    const { codex } = connect(t, { transport, onApproval: () => 'accept' })
    assert.deepEqual(await codex.request('x/ask', {}), { id: 7, result: { decision: 'accept' } })
  })
})

describe('its end', { concurrency: 4, timeout: 60_000 }, () => {
  test('the server dies: turns and calls reject, and so does what comes later', async (t) => {
    const server = await started(t)
    const { stdout: readable, stdin: writable } = server.child
    const { codex, events } = connect(t, { transport: { readable, writable } })
    const gate = createGate()
    t.after(() => gate.open())
    server.provider.enqueue(reply([say('one'), waitFor(gate)]))
    const thread = await codex.startThread({ cwd: server.home.workspace })
    const turn = await thread.turn('go')
    await gate.reached
    server.child.kill('SIGKILL')
    const error = await rejection(turn.run(), TransportError)
    assert.equal(error.code, 'CONNECTION_LOST')
    await rejection(collect(turn.stream()), TransportError)
    for (const call of [
      () => codex.request('thread/list', {}),
      () => thread.run('more'),
      () => codex.connect(),
    ]) {
      const later = await rejection(call(), TransportError)
      assert.match(later.message, /options\.transport.*new Codex|has ended/)
    }
    const { error: told } = await events.next('closed')
    assert.equal(told.code, 'CONNECTION_LOST')
    assert.ok(!events.types().includes('lost'), 'no other line is to come')
  })

  for (const [name, options] of /** @type {const} */ ([
    ['', {}],
    [', with restart: false', { restart: false }],
  ])) {
    test(`what is read ends${name}`, async (t) => {
      const { transport } = inMemory({ 'x/end': (_, server) => void server.end() })
      const { codex } = connect(t, { transport, ...options })
      const error = await rejection(codex.request('x/end', {}), TransportError)
      assert.equal(error.code, 'CONNECTION_LOST')
      assert.match(error.message, /options\.transport/)
      await rejection(codex.connect(), TransportError)
    })
  }

  test('what is read ends before the handshake', async (t) => {
    const { transport } = inMemory()
    transport.readable.end()
    const { codex } = connect(t, { transport })
    const error = await rejection(codex.connect(), TransportError)
    assert.equal(error.code, 'CONNECT_FAILED')
  })

  test('what is read fails, and the error says why', async (t) => {
    const { transport } = inMemory({
      'x/fail': () => void transport.readable.destroy(new Error('the cable was pulled')),
    })
    const { codex } = connect(t, { transport })
    const error = await rejection(codex.request('x/fail', {}), TransportError)
    assert.match(error.message, /the cable was pulled/)
  })

  test('what is written fails, and the error says why', async (t) => {
    const toClient = new PassThrough()
    const writable = new Writable({
      write: (_, __, done) => done(new Error('the disk is full')),
    })
    const { codex } = connect(t, { transport: { readable: toClient, writable } })
    const error = await rejection(codex.connect(), TransportError)
    assert.match(error.message, /the disk is full/)
  })

  test('what is written was destroyed, and nothing said so', async (t) => {
    const { transport } = inMemory()
    const { codex } = connect(t, { transport })
    await codex.connect()
    transport.writable.destroy()
    const error = await rejection(codex.request('x/ask', {}), TransportError)
    assert.match(error.message, /destroyed/)
  })

  test('web streams that fail, to read and to write', async (t) => {
    const never = new ReadableStream({ pull: () => new Promise(() => {}) })
    const full = new WritableStream({
      write: () => {
        throw new Error('the disk is full')
      },
    })
    const writing = connect(t, { transport: { readable: never, writable: full } })
    assert.match((await rejection(writing.codex.connect(), TransportError)).message, /the disk is full/)
    const pulled = new ReadableStream({
      pull: () => {
        throw new Error('the cable was pulled')
      },
    })
    const reading = connect(t, { transport: { readable: pulled, writable: new WritableStream() } })
    assert.match((await rejection(reading.codex.connect(), TransportError)).message, /the cable was pulled/)
  })

  test('what is read is no bytes', async (t) => {
    const { codex } = connect(t, {
      transport: {
        readable: /** @type {any} */ (Readable.from([{ not: 'bytes' }])),
        writable: new PassThrough(),
      },
    })
    const error = await rejection(codex.connect(), TransportError)
    assert.match(error.message, /bytes|Uint8Array/i)
  })

  test('a server that says nothing is given up at connectTimeoutMs, and told so', async (t) => {
    const transport = { readable: new PassThrough(), writable: new PassThrough().resume() }
    const { codex } = connect(t, { transport, connectTimeoutMs: 200 })
    const finished = once(transport.writable, 'finish')
    const error = /** @type {any} */ (await rejection(codex.connect(), CodexError))
    assert.equal(error.code, 'TIMEOUT')
    // Nothing else keeps Node here until then.
    const late = setTimeout(() => transport.writable.destroy(new Error('it was not ended')), 10_000)
    await finished
    clearTimeout(late)
  })

  test('close() ends what is written, with calls in flight too', async (t) => {
    const { transport, wasEnded } = inMemory({ 'x/never': () => undefined })
    const { codex } = connect(t, { transport })
    const asking = rejection(codex.request('x/never', {}), TransportError)
    await codex.connect()
    await codex.close()
    assert.equal((await asking).code, 'CLOSED')
    assert.equal(wasEnded(), true)
  })

  test('close() waits until what is written is closed, Node stream or web stream', async (t) => {
    for (const wrap of [(/** @type {Writable} */ writable) => writable, Writable.toWeb]) {
      const { transport } = inMemory()
      const final = transport.writable._final.bind(transport.writable)
      let finished = false
      transport.writable._final = (done) => {
        setTimeout(() => {
          finished = true
          final(done)
        }, 50)
      }
      const { codex } = connect(t, { transport: { ...transport, writable: wrap(transport.writable) } })
      await codex.connect()
      await codex.close()
      assert.equal(finished, true)
    }
  })

  test('close() does not wait for ever for what is written, nor at all for what is read', async (t) => {
    const { transport } = inMemory()
    transport.writable._final = () => {}
    const { codex } = connect(t, { transport })
    await codex.connect()
    const began = performance.now()
    await codex.close()
    assert.ok(performance.now() - began < 5_000, 'what is written never ends')

    const open = inMemory()
    open.transport.writable._final = (done) => done()
    const second = connect(t, { transport: open.transport })
    await second.codex.connect()
    const again = performance.now()
    await second.codex.close()
    // Who waited would do so for a second.
    assert.ok(performance.now() - again < 1_000, 'what is read never ends')
    assert.equal(open.transport.readable.readableEnded, false)
  })

  test('a line that is lost ends what is written', async (t) => {
    const { transport } = inMemory({ 'x/end': (_, server) => void server.end() })
    const { codex } = connect(t, { transport })
    const finished = once(transport.writable, 'finish')
    // Nothing else keeps Node here until then.
    const late = setTimeout(() => transport.writable.destroy(new Error('it was not ended')), 10_000)
    await rejection(codex.request('x/end', {}), TransportError)
    await finished
    clearTimeout(late)
  })
})

// By itself: it keeps this thread from its work for a while.
describe('a logger', { timeout: 60_000 }, () => {
  test('the logger has had all when close() resolves, however much that was', async (t) => {
    const { transport } = inMemory()
    let count = 0
    const { codex } = connect(t, { transport, logger: () => void count++, logLevel: 'warn' })
    await codex.connect()
    transport.readable.write('{no message}\n'.repeat(8_000))
    // The others are on their way.
    while (count === 0) await new Promise((resolve) => setImmediate(resolve))
    const closed = codex.close()
    // Nothing is heard meanwhile.
    for (const until = performance.now() + 800; performance.now() < until; );
    await closed
    const atClose = count
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(atClose > 0)
    assert.equal(count, atClose)
  })
})

describe('what is no transport', () => {
  const readable = new PassThrough()
  const writable = new PassThrough()
  for (const [name, transport] of /** @type {[string, unknown][]} */ ([
    ['null', null],
    ['a string', 'stdio'],
    ['a number', 5],
    ['a function', () => {}],
    ['nothing in it', {}],
    ['only a readable', { readable }],
    ['only a writable', { writable }],
    ['no stream to read', { readable: {}, writable }],
    ['no stream to write to', { readable, writable: {} }],
    ['a readable for both', { readable, writable: Readable.from([]) }],
    ['a readable alone', Readable.from([])],
    ['an array', [readable, writable]],
    ['a promise', Promise.resolve({ readable, writable })],
  ])) {
    test(name, () => {
      assert.throws(
        () => new Codex({ transport: /** @type {any} */ (transport) }),
        (/** @type {any} */ error) => {
          assert.ok(error instanceof TypeError)
          assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
          assert.match(error.message, /^options\.transport: .*Duplex.*readable, writable/)
          return true
        },
      )
    })
  }

  test('streams that somebody else reads or writes already', () => {
    const locked = new ReadableStream()
    locked.getReader()
    const lockedWritable = new WritableStream()
    lockedWritable.getWriter()
    for (const transport of [
      { readable: locked, writable: new WritableStream() },
      { readable: new ReadableStream(), writable: lockedWritable },
    ]) {
      assert.throws(() => new Codex({ transport }), {
        name: 'TypeError',
        code: 'INVALID_ARGUMENT',
        message: /^options\.transport/,
      })
    }
  })

  test('options that go with a process or an address', () => {
    const options = { url: 'ws://localhost:1', codexPath: '/x', cwd: '/', env: {}, config: {}, token: 't' }
    for (const [name, value] of Object.entries(options)) {
      assert.throws(() => new Codex({ transport: inMemory().transport, [name]: value }), {
        name: 'TypeError',
        code: 'INVALID_ARGUMENT',
        message: new RegExp(`^options\\.${name}: `),
      })
    }
  })
})
