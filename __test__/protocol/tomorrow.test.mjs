// The protocol of tomorrow: what the schema of this codex allows and what a newer one may add goes through the whole
// library. Nothing throws, hangs or is lost, and what is passed on is what came.
//
// `npm test -- --codex VERSION` takes the schema of that codex.

import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { createCodex } from '../../ai-sdk/index.mjs'
import { Codex, CodexError } from '../../index.mjs'
import { instrument } from '../../otel/index.mjs'
import { turnResponse } from '../../web/index.mjs'
import { connect } from '../support/connection.mjs'
import { serverFrame } from '../support/frames.mjs'
import { collect } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { rig } from '../support/rig.mjs'
import { telemetry } from '../support/telemetry.mjs'
import { lineOf, tomorrow } from '../support/tomorrow.mjs'

const protocol = await tomorrow()

/**
 * A server in this process that answers each request with what `answer` gives, a line of JSON, and is told the rest.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').CodexOptions} [options]
 */
function serverOf(t, options = {}) {
  const toClient = new PassThrough({ highWaterMark: 1 << 24 })
  /** @type {Record<string, (message: any) => unknown>} */
  const answers = {
    initialize: () => ({
      userAgent: 'test/0.171.0 (test)',
      codexHome: '/',
      platformFamily: 'unix',
      platformOs: 'x',
    }),
  }
  /** @type {any[]} what the client has answered */
  const replies = []
  /** @type {(() => void)[]} */
  const waiting = []
  let rest = ''
  const say = (/** @type {unknown} */ message) => void toClient.write(`${lineOf(message)}\n`)
  const writable = new Writable({
    write(chunk, _, done) {
      const lines = (rest + chunk).split('\n')
      rest = /** @type {string} */ (lines.pop())
      for (const line of lines) {
        const message = JSON.parse(line)
        if (message.method === undefined) {
          replies.push(message)
          for (const wake of waiting.splice(0)) wake()
        } else if (message.id !== undefined) {
          say({ id: message.id, result: answers[message.method]?.(message) ?? {} })
        }
      }
      done()
    },
  })
  const codex = new Codex({ transport: { readable: toClient, writable }, ...options })
  // A server in this process keeps no program alive.
  const alive = setInterval(() => {}, 1 << 30)
  t.after(() => {
    clearInterval(alive)
    return codex.close()
  })
  let threads = 0
  answers['thread/start'] = () => ({
    thread: { id: `thread-${++threads}` },
    model: 'm',
    modelProvider: 'p',
    cwd: '/',
  })
  answers['turn/start'] = ({ params: { threadId } }) => ({ turn: { ...turn, id: `turn-of-${threadId}` } })
  return {
    codex,
    answers,
    replies,
    say,
    /** @param {number} count */
    async replied(count) {
      while (replies.length < count) await new Promise((resolve) => waiting.push(() => resolve(undefined)))
    },
  }
}

const turn = { status: 'inProgress', items: [] }

/**
 * What `JSON.parse` makes of a line, in one text: two of them are the same where nothing was changed, lost or moved.
 *
 * @param {unknown} message
 */
const asParsed = (message) => JSON.stringify(JSON.parse(lineOf(message)))

/** @param {any} params @param {{ threadId: string, turnId: string }} at */
function placed(params, { threadId, turnId }) {
  const value = structuredClone(params)
  for (const [name, id] of Object.entries({ threadId, turnId, conversationId: threadId })) {
    if (name in value) value[name] = id
  }
  if (typeof value.turn === 'object' && value.turn !== null) value.turn.id = turnId
  return value
}

describe('notifications of tomorrow', { concurrency: true, timeout: 120_000 }, () => {
  test('outside turns: each comes as it was sent', async (t) => {
    const { codex, say } = serverOf(t)
    await codex.connect()
    const stream = codex.notifications()
    let count = 0
    for (const { method, params } of protocol.notifications) {
      for (const { kind, value } of protocol.samples(params)) {
        const message = { method, params: value, emittedAtMs: ++count }
        say(message)
        const next = await stream.next()
        assert.equal(JSON.stringify(next.value), asParsed(message), `${method}, ${kind}`)
      }
    }
    assert.ok(count > 2_000, `${count}`)
    assert.equal(stream.dropped, 0)
  })

  test('over a pipe and over a websocket they are the same', async (t) => {
    const messages = protocol.notifications.flatMap(({ method, params }) =>
      protocol
        .samples(params)
        .filter(({ seed }) => seed === 0)
        .map(({ value }) => ({ method, params: value })),
    )
    const wanted = messages.map(asParsed)
    const [begin, end] = ['x/begun', 'x/end'].map((method) => ({ method, params: {} }))
    const lines = [begin, ...messages, end].map(lineOf)
    const peer = await startPeer(t, {
      methods: {
        'x/begin': (_, peer) => {
          for (const line of lines) peer.raw(serverFrame(1, line))
          return {}
        },
      },
    })
    const script = { on: { 'x/begin': [[{ raw: `${lines.join('\n')}\n` }, { reply: {} }]] } }
    for (const codex of [rig(t, script).codex, connect(t, { url: peer.url }).codex]) {
      const stream = codex.notifications()
      await codex.request(/** @type {any} */ ('x/begin'), /** @type {any} */ ({}))
      /** @type {string[]} */
      let seen = []
      for await (const event of stream) {
        if (String(event.method) === 'x/end') break
        if (String(event.method) === 'x/begun') seen = []
        else seen.push(JSON.stringify(event))
      }
      assert.equal(stream.dropped, 0)
      assert.deepEqual(seen, wanted)
      await codex.close()
    }
  })

  test('in a turn: each comes in its order, to a reader and to one that comes late, and the turn ends', async (t) => {
    const { codex, say } = serverOf(t)
    let count = 0
    for (const { method, values } of turnsWorth()) {
      const thread = await codex.startThread()
      const running = await thread.turn('go')
      const at = { threadId: thread.id, turnId: running.id }
      const beside = codex.notifications()
      const sent = values.map((value) => ({ method, params: placed(value, at), emittedAtMs: ++count }))
      const others = [running.text(), running.steps()].map((reader) =>
        settles(collect(/** @type {AsyncIterable<unknown>} */ (reader)), method),
      )
      const agents = running.subAgents()
      others.push(settles(collect(agents), method))
      const end = completed(at)
      for (const message of [...sent, end]) say(message)
      say({ method: 'x/end', params: {} })
      /** @type {unknown[]} */
      const seen = []
      for await (const { seq, ...event } of running) {
        assert.equal(seq, seen.length + 1, method)
        seen.push(event)
      }
      for await (const event of beside) {
        if (String(event.method) === 'x/end') break
        seen.push(event)
      }
      const wanted = [...sent, end].map(asParsed)
      // What a turn does not take is among the others, in its order.
      assert.deepEqual(sorted(seen.map((one) => JSON.stringify(one))), sorted(wanted), method)
      const late = []
      for await (const { seq: _, ...event } of running.stream()) late.push(JSON.stringify(event))
      assert.deepEqual(
        late,
        seen.slice(0, late.length).map((one) => JSON.stringify(one)),
        method,
      )
      await settles(running.result(), method)
      // Agents that it was told of may be at work for ever.
      await agents.return()
      await Promise.all(others)
      await thread.close()
    }
    assert.ok(count > 2_000, `${count}`)
  })
})

describe('turns of tomorrow, elsewhere', { concurrency: true, timeout: 120_000 }, () => {
  test('a browser gets each event as it came', async (t) => {
    const { codex, say } = serverOf(t)
    for (const { method, values } of turns()) {
      const thread = await codex.startThread()
      const running = await thread.turn('go')
      const at = { threadId: thread.id, turnId: running.id }
      const sent = values.map((value) => ({ method, params: placed(value, at) }))
      const end = completed(at)
      for (const message of [...sent, end]) say(message)
      const body = await turnResponse(running, new Request('http://localhost/')).text()
      const data = body.split('\n').filter((line) => line.startsWith('data: {"method"'))
      const events = data.map((line) => {
        const { seq: _, ...event } = JSON.parse(line.slice('data: '.length))
        return JSON.stringify(event)
      })
      const wanted = [...sent, end].map(asParsed)
      // What a turn does not take, or what comes behind its end, is not of the turn.
      assert.ok(events.length > 0, method)
      const kept = new Set(events)
      assert.deepEqual(events, wanted.filter((one) => kept.has(one)).slice(0, events.length), method)
      assert.match(body, /event: (?:end|failed)\n/, method)
      await thread.close()
    }
  })

  test('a stream of the AI SDK comes to its finish, and its result is there', async (t) => {
    const { codex, say, answers } = serverOf(t)
    const model = createCodex(codex)('gpt-5.5')
    const begin = answers['turn/start']
    for (const { method, values } of turns()) {
      answers['turn/start'] = (message) => {
        const at = { threadId: message.params.threadId, turnId: `turn-of-${message.params.threadId}` }
        setImmediate(() => {
          for (const value of values) say({ method, params: placed(value, at) })
          say(completed(at))
        })
        return begin?.(message)
      }
      const prompt = [
        {
          role: /** @type {const} */ ('user'),
          content: [{ type: /** @type {const} */ ('text'), text: 'go' }],
        },
      ]
      const { stream } = await model.doStream({ prompt })
      /** @type {string[]} */
      const types = []
      for await (const part of stream) {
        types.push(part.type)
        // What goes on to a browser is JSON.
        JSON.stringify(part)
      }
      assert.ok(types.includes('finish') || types.includes('error'), `${method}: ${types}`)
    }
  })
})

/** Those that turns are about. */
const turns = () => turnsWorth().filter(({ method }) => /^(?:item|turn|error|hook|model)/.test(method))

/** @param {{ threadId: string, turnId: string }} at */
const completed = ({ threadId, turnId }) => ({
  method: 'turn/completed',
  params: { threadId, turn: { ...turn, id: turnId, status: 'completed' } },
})

/** What each turn is sent: what may end it comes alone. @returns {{ method: string, values: unknown[] }[]} */
function turnsWorth() {
  return protocol.notifications.flatMap(({ method, params }) => {
    const values = protocol.samples(params).map(({ value }) => value)
    const mayEnd = /^(?:thread\/|turn\/completed$|error$)/.test(method)
    return mayEnd ? values.map((value) => ({ method, values: [value] })) : [{ method, values }]
  })
}

/** @param {string[]} texts */
const sorted = (texts) => [...texts].sort()

/**
 * A call comes to an end, and where it is an error it is one of ours.
 *
 * @param {Promise<unknown>} call
 * @param {string} what
 */
async function settles(call, what) {
  const error = await call.then(
    () => undefined,
    (error) => error,
  )
  if (error !== undefined) assert.ok(error instanceof CodexError, `${what}: ${error?.stack}`)
}

describe('answers of tomorrow', { concurrency: true, timeout: 120_000 }, () => {
  test('request() gives what came', async (t) => {
    const { codex, answers } = serverOf(t)
    for (const { method, result } of protocol.clientRequests) {
      if (method === 'initialize') continue
      for (const { kind, value } of protocol.samples(result, 1)) {
        answers[method] = () => value
        const answer = await codex.request(/** @type {any} */ (method), /** @type {any} */ ({}))
        assert.equal(JSON.stringify(answer), asParsed(value), `${method}, ${kind}`)
      }
    }
  })

  test('the handshake', async (t) => {
    for (const { kind, value } of protocol.samples('InitializeResponse')) {
      const { codex, answers } = serverOf(t)
      answers.initialize = () => value
      await settles(codex.connect(), `initialize, ${kind}`)
      await codex.close()
    }
  })

  /** Each call that reads an answer. @type {[string, (codex: Codex, thread: import('../../index.js').Thread) => Promise<unknown>][]} */
  const calls = [
    ['thread/start', (codex) => codex.startThread()],
    ['thread/resume', (codex) => codex.resumeThread('thread-1')],
    ['thread/fork', (codex) => codex.forkThread('thread-1')],
    ['thread/list', (codex) => codex.listThreads()],
    ['thread/read', (codex) => codex.readThread('thread-1', { includeTurns: true })],
    ['thread/archive', (codex) => codex.archiveThread('thread-1')],
    ['thread/unarchive', (codex) => codex.unarchiveThread('thread-1')],
    ['thread/delete', (codex) => codex.deleteThread('thread-9')],
    ['thread/name/set', (codex) => codex.setThreadName('thread-1', 'x')],
    ['model/list', (codex) => codex.models()],
    ['account/read', (codex) => codex.account.read()],
    ['account/rateLimits/read', (codex) => codex.account.rateLimits()],
    ['account/logout', (codex) => codex.account.logout()],
    ['account/login/start', (codex) => codex.account.loginApiKey('sk-x')],
    ['account/login/start', (codex) => codex.account.loginChatgpt()],
    ['account/login/start', (codex) => codex.account.loginChatgptDeviceCode()],
    ['config/read', (codex) => codex.config.read()],
    ['config/value/write', (codex) => codex.config.write('model', 'x')],
    ['config/batchWrite', (codex) => codex.config.batchWrite([{ keyPath: 'model', value: 'x' }])],
    ['configRequirements/read', (codex) => codex.config.requirements()],
    ['thread/settings/update', (_, thread) => thread.updateDefaults({ model: 'x' })],
    ['thread/goal/set', (_, thread) => thread.goal.set({ objective: 'x' })],
    ['thread/goal/get', (_, thread) => thread.goal.get()],
    ['thread/goal/clear', (_, thread) => thread.goal.clear()],
    ['thread/read', (_, thread) => thread.runningTurn()],
    ['thread/read', (_, thread) => thread.outcomeOf('message')],
    ['thread/turns/list', (_, thread) => thread.outcomeOf('message')],
    ['thread/turns/list', (_, thread) => thread.runningTurn()],
    ['thread/revert', (_, thread) => thread.revert('turn-1')],
    ['thread/rollback', (_, thread) => thread.rollback(1)],
    ['thread/unsubscribe', async (_, thread) => thread.close()],
  ]
  for (const [i, [method, call]] of calls.entries()) {
    test(`${method}, read by call ${i}`, async (t) => {
      const { codex, answers } = serverOf(t)
      const polite = answers[method]
      for (const { kind, value } of protocol.samples(protocol.resultOf(method))) {
        if (polite) answers[method] = polite
        const thread = await codex.startThread()
        let asked = 0
        // A list that never ends would never end.
        answers[method] = () => (asked++ === 0 ? value : { ...value, nextCursor: null })
        await settles(call(codex, thread), `${method}, ${kind}`)
        assert.ok(asked > 0 || /list|read/.test(method), `${method} was not asked for`)
      }
    })
  }

  for (const method of [
    'turn/start',
    'turn/steer',
    'turn/interrupt',
    'review/start',
    'thread/compact/start',
  ]) {
    test(`${method}, and the turn that it is about`, async (t) => {
      const { codex, answers, say } = serverOf(t)
      for (const { kind, value } of protocol.samples(protocol.resultOf(method))) {
        const what = `${method}, ${kind}`
        const thread = await codex.startThread()
        const polite = answers[method]
        const end = (/** @type {string} */ id) =>
          say({
            method: 'turn/completed',
            params: { threadId: thread.id, turn: { ...turn, id, status: 'completed' } },
          })
        answers[method] = () => value
        if (method === 'turn/start' || method === 'review/start') {
          const begun =
            method === 'turn/start' ? thread.turn('x') : thread.review({ type: 'custom', instructions: 'x' })
          const running = await begun.catch((error) => void assert.ok(error instanceof CodexError, what))
          if (running !== undefined) {
            end(running.id)
            await settles(running.result(), what)
          }
        } else if (method === 'thread/compact/start') {
          const compacting = settles(thread.compact(), what)
          say({ method: 'turn/started', params: { threadId: thread.id, turn: { ...turn, id: 'compact' } } })
          end('compact')
          await compacting
        } else {
          const running = await thread.turn('x')
          say({ method: 'turn/started', params: { threadId: thread.id, turn: { ...turn, id: running.id } } })
          const call = method === 'turn/steer' ? running.steer('y') : running.interrupt()
          end(running.id)
          await settles(call, what)
          await settles(running.result(), what)
        }
        if (polite) answers[method] = polite
        else delete answers[method]
      }
    })
  }
})

describe('requests of tomorrow', { concurrency: true, timeout: 120_000 }, () => {
  /** @type {string[]} */
  const given = []
  /** @type {Record<string, import('../../index.js').CodexOptions>} */
  const clients = {
    'without a handler': {},
    'with handlers for all': {
      onApproval: () => 'decline',
      onUserInput: () => ({}),
      onElicitation: () => 'decline',
      onPermissions: () => 'decline',
      onToolCall: () => 'done',
      onServerRequest: () => ({}),
    },
    'with one handler, which is given what came': {
      onServerRequest: ({ params }) => {
        given.push(JSON.stringify(params))
        return {}
      },
    },
    'with handlers that throw': {
      onApproval: () => assert.fail('no'),
      onUserInput: () => assert.fail('no'),
      onElicitation: () => assert.fail('no'),
      onPermissions: () => assert.fail('no'),
      onToolCall: () => assert.fail('no'),
      onServerRequest: () => assert.fail('no'),
    },
  }
  for (const [name, options] of Object.entries(clients)) {
    test(`each is answered once, ${name}`, async (t) => {
      const { codex, say, replies, replied } = serverOf(t, options)
      let id = 0
      for (const { method, params } of [
        ...protocol.serverRequests,
        { method: 'x/ofTomorrow', params: 'ThreadItem' },
      ]) {
        const thread = await codex.startThread()
        const running = await thread.turn('go')
        const at = { threadId: thread.id, turnId: running.id }
        /** @type {string[]} */
        const sent = []
        for (const { value } of protocol.samples(params)) {
          const message = { id: id++, method, params: { ...placed(value, at), threadId: thread.id } }
          sent.push(asParsed(message.params))
          say(message)
        }
        await replied(id)
        const own = replies.slice(-sent.length)
        assert.deepEqual(
          own.map((reply) => reply.id).sort((a, b) => a - b),
          sent.map((_, i) => id - sent.length + i),
          method,
        )
        for (const reply of own) assert.equal('result' in reply, !('error' in reply), JSON.stringify(reply))
        if (name.endsWith('given what came')) assert.deepEqual(sorted(given.splice(0)), sorted(sent), method)
        say({
          method: 'turn/completed',
          params: { threadId: thread.id, turn: { ...turn, id: running.id, status: 'completed' } },
        })
        await settles(running.result(), method)
      }
      assert.equal(replies.length, id)
    })
  }
})

// Alone: it hears of all turns of the process.
describe('traces of tomorrow', { timeout: 120_000 }, () => {
  test('a trace has each turn', async (t) => {
    const { tracerProvider, meterProvider, named } = telemetry()
    const instrumentation = instrument({ tracerProvider, meterProvider, captureContent: true })
    t.after(() => instrumentation.disable())
    const { codex, say } = serverOf(t)
    let count = 0
    for (const { method, values } of turns()) {
      const thread = await codex.startThread()
      const running = await thread.turn('go')
      const at = { threadId: thread.id, turnId: running.id }
      for (const value of values) say({ method, params: placed(value, at) })
      say(completed(at))
      await settles(running.result(), method)
      await thread.close()
      count++
    }
    assert.equal(named('invoke_agent codex').length, count)
  })
})
