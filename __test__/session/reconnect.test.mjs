// Row W2 of the failure cases: the line drops while the server lives, and the turns go on.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  AbortError,
  ClosedError,
  Codex,
  IndeterminateError,
  TransportError,
  TurnLostError,
} from '../../index.mjs'
import { command, createGate, deltas, functionCall, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { connect, listening, startPeer, startProxy, watchConnection } from '../support/remote.mjs'

const server = await listening({ after })
const { provider, home } = server

/**
 * A client behind a proxy of its own.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../index.js').CodexOptions} [options]
 */
async function behindProxy(t, options = {}) {
  const proxy = await startProxy(t, server.url)
  return { proxy, ...connect(t, { url: proxy.url, ...options }) }
}

/**
 * A thread whose turns play these steps, each from the first.
 *
 * @param {Codex} codex
 * @param {import('../../testing/index.js').ScriptStep[]} steps
 * @param {import('../../index.js').StartThreadOptions} [options]
 */
async function scripted(codex, steps, options = {}) {
  const thread = await codex.startThread({ cwd: home.workspace, ...options })
  provider.when((request) => request.threadId === thread.id, ...steps)
  return thread
}

/**
 * A thread whose turns play what their prompt says.
 *
 * @param {Codex} codex
 * @param {Record<string, import('../../testing/index.js').ScriptStep>} steps by prompt
 */
async function prompted(codex, steps) {
  const thread = await codex.startThread({ cwd: home.workspace })
  for (const [prompt, step] of Object.entries(steps)) {
    provider.when((request) => request.threadId === thread.id && request.userText === prompt, step)
  }
  return thread
}

let files = 0
/** A command that runs until `finish()`. */
function openCommand() {
  const file = join(home.workspace, `finish-${++files}`)
  return {
    step: command(`until [ -e '${file}' ]; do sleep 0.02; done; echo finished`),
    finish: () => writeFileSync(file, ''),
  }
}

/** Text of many words of one length, each another: as many chunks as words cut between them. @param {number} count */
const words = (count) => Array.from({ length: count }, (_, at) => `w${String(at).padStart(6, '0')} `).join('')

/** @typedef {import('../../index.js').TurnEvent} TurnEvent */

/**
 * The events of a turn, each once and in order, whatever was missed.
 *
 * @param {TurnEvent[]} events
 * @param {import('../../index.js').TurnResult} result
 */
function checkEvents(events, result) {
  /** @type {string[]} */
  const completed = []
  const started = new Set()
  /** @type {Map<string, string>} */
  const text = new Map()
  for (const event of events) {
    if (event.method === 'item/started') {
      const { id } = event.params.item
      assert.ok(!started.has(id) && !completed.includes(id), `${id} begins once, and before its end`)
      started.add(id)
    }
    if (event.method === 'item/completed') {
      const { id } = event.params.item
      assert.ok(!completed.includes(id), `${id} is complete once`)
      completed.push(id)
    }
    if (event.method === 'item/agentMessage/delta') {
      const { itemId, delta } = event.params
      assert.ok(!completed.includes(itemId), `${itemId} says nothing after its end`)
      text.set(itemId, (text.get(itemId) ?? '') + delta)
    }
  }
  const count = (/** @type {string} */ method) => events.filter((event) => event.method === method).length
  assert.equal(count('turn/started'), 1)
  assert.equal(count('turn/completed'), 1)
  assert.equal(events[0]?.method, 'turn/started')
  assert.equal(events.at(-1)?.method, 'turn/completed')
  assert.deepEqual(
    result.items.map((item) => item.id),
    completed,
  )
  for (const said of text.values()) {
    const numbers = [...said.matchAll(/w(\d+) /g)].map((match) => Number(match[1]))
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      'no text twice, and in order',
    )
  }
  const usages = events.filter((event) => event.method === 'thread/tokenUsage/updated')
  const different = new Set(usages.map((event) => JSON.stringify(event.params)))
  assert.equal(different.size, usages.length, 'no usage twice')
}

/** @param {import('../../index.js').TurnResult} result */
const types = (result) => result.items.map((item) => item.type)

describe('a turn goes on', { concurrency: 4, timeout: 60_000 }, () => {
  test('W2: the line drops in a command, which ends later', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const shell = openCommand()
    const thread = await scripted(codex, [reply([say('first'), shell.step]), say('last')])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await proxy.message('down', (message) => message.params?.item?.type === 'commandExecution')
    proxy.cut()
    await events.next('resumed')
    shell.finish()
    const result = await turn.run()
    assert.deepEqual(types(result), ['userMessage', 'agentMessage', 'commandExecution', 'agentMessage'])
    assert.equal(result.finalResponse, 'last')
    assert.equal(result.usage?.total.totalTokens, 240)
    checkEvents(await reader, result)
    await events.were(['connecting', 'connected', 'lost', 'connecting', 'resumed'])
  })

  test('W2: the line drops in a command, which ends in the gap', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const shell = openCommand()
    const gate = createGate()
    const thread = await scripted(codex, [
      reply([say('first'), shell.step]),
      reply([say('in the gap'), waitFor(gate), say('last')]),
    ])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await proxy.message('down', (message) => message.params?.item?.type === 'commandExecution')
    proxy.refuse()
    shell.finish()
    await gate.reached
    proxy.accept()
    await events.next('resumed')
    gate.open()
    const result = await turn.run()
    assert.deepEqual(types(result), [
      'userMessage',
      'agentMessage',
      'commandExecution',
      'agentMessage',
      'agentMessage',
    ])
    const shellItem = result.items[2]
    assert.equal(shellItem?.type === 'commandExecution' && shellItem.aggregatedOutput?.trimEnd(), 'finished')
    assert.equal(result.finalResponse, 'last')
    checkEvents(await reader, result)
  })

  test('W2: the line drops in the middle of text', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const text = words(40)
    const thread = await scripted(codex, [say(text, { chunks: 40, chunkDelayMs: 20 })])
    const turn = await thread.turn('go')
    const read = []
    for await (const event of turn.stream({ coalesce: false })) {
      read.push(event)
      const said = read.filter(({ method }) => method === 'item/agentMessage/delta').length
      if (event.method === 'item/agentMessage/delta' && said === 5) proxy.cut()
    }
    const result = await turn.run()
    assert.equal(result.finalResponse, text)
    checkEvents(read, result)
    await events.were(['connecting', 'connected', 'lost', 'connecting', 'resumed'])
  })

  test('W2: the line drops in the middle of a frame', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const text = words(2_000)
    const thread = await scripted(codex, [say(text, { chunks: 0 })])
    proxy.chunkBytes = 100
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    const isText = (/** @type {any} */ { method, params }) =>
      method === 'item/completed' && params.item.type === 'agentMessage'
    await proxy.message('down', isText)
    proxy.cut()
    proxy.chunkBytes = Number.POSITIVE_INFINITY
    await events.next('resumed')
    const result = await turn.run()
    assert.equal(result.finalResponse, text)
    checkEvents(await reader, result)
  })

  test('W2: the turn ends in the gap, and its result has everything', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [
      reply([say('one'), waitFor(gate), command('echo two')]),
      say('three'),
    ])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    gate.open()
    await endedOnServer(t, thread.id)
    proxy.accept()
    const result = await turn.run()
    assert.equal(result.status, 'completed')
    assert.deepEqual(types(result), ['userMessage', 'agentMessage', 'commandExecution', 'agentMessage'])
    assert.equal(result.finalResponse, 'three')
    assert.equal(result.usage?.total.totalTokens, 240)
    assert.ok(Number(result.durationMs) > 0)
    checkEvents(await reader, result)
    // The thread goes on as well.
    provider.when((request) => request.threadId === thread.id, say('again'))
    assert.equal((await thread.run('more')).status, 'completed')
  })

  test('W2: the turn fails in the gap', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [
      { items: [say('one'), waitFor(gate)], failed: { code: 'context_length_exceeded' } },
    ])
    const turn = await thread.turn('go')
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    gate.open()
    await endedOnServer(t, thread.id)
    proxy.accept()
    const error = /** @type {any} */ (await rejection(turn.run(), Error))
    assert.equal(error.code, 'TURN_FAILED')
    assert.equal(error.codexErrorInfo, 'contextWindowExceeded')
  })

  test('W2: the line drops five times in one turn', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const shells = Array.from({ length: 5 }, openCommand)
    const thread = await scripted(codex, [
      ...shells.map((shell, at) => reply([say(`part ${at}`), shell.step])),
      say('done'),
    ])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    for (const [at, shell] of shells.entries()) {
      const begun = () =>
        proxy.down.filter(
          ({ method, params }) => method === 'item/started' && params.item.type === 'commandExecution',
        ).length > 0
      if (at === 0) await proxy.message('down', begun)
      else
        await provider.nextRequest(
          (request) => request.threadId === thread.id && request.toolOutputs.length === at,
        )
      proxy.cut()
      // Now and then the command ends in the gap.
      if (at % 2 === 1) shell.finish()
      await events.next('resumed')
      shell.finish()
    }
    const result = await turn.run()
    assert.equal(result.finalResponse, 'done')
    assert.equal(types(result).filter((type) => type === 'commandExecution').length, 5)
    assert.equal(types(result).filter((type) => type === 'agentMessage').length, 6)
    assert.equal(result.usage?.total.totalTokens, 720)
    checkEvents(await reader, result)
    assert.equal(events.types().filter((type) => type === 'resumed').length, 5)
  })

  test('W2: several threads, with turns that are read and turns that are not', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const text = words(30)
    const gates = Array.from({ length: 6 }, () => createGate())
    const threads = await Promise.all(
      gates.map((gate) =>
        scripted(codex, [reply([say('one'), waitFor(gate), command('echo two')]), say(text, { chunks: 30 })]),
      ),
    )
    const silent = threads.slice(0, 3).map((thread) => thread.run('go'))
    const turns = await Promise.all(threads.slice(3).map((thread) => thread.turn('go')))
    const readers = turns.map((turn, at) => collect(turn.stream({ coalesce: at === 0 })))
    await Promise.all(gates.map((gate) => gate.reached))
    proxy.refuse()
    await events.next('lost')
    // Some end in the gap, the others after it.
    for (const gate of gates.filter((_, at) => at % 2 === 0)) gate.open()
    for (const thread of threads.filter((_, at) => at % 2 === 0)) await endedOnServer(t, thread.id)
    proxy.accept()
    await events.next('resumed')
    for (const gate of gates) gate.open()
    const results = await Promise.all([...silent, ...turns.map((turn) => turn.run())])
    for (const [at, result] of results.entries()) {
      assert.equal(result.threadId, threads[at]?.id)
      assert.equal(result.finalResponse, text)
      assert.deepEqual(types(result), ['userMessage', 'agentMessage', 'commandExecution', 'agentMessage'])
      assert.equal(result.usage?.total.totalTokens, 240)
    }
    for (const [at, reader] of readers.entries())
      checkEvents(await reader, /** @type {any} */ (results[at + 3]))
  })

  test('W2: the line drops straight after the answer to turn/start', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate), say('two')])])
    const starting = thread.turn('go')
    const turn = await starting
    proxy.refuse()
    const reader = collect(turn.stream())
    await gate.reached
    proxy.accept()
    await events.next('resumed')
    gate.open()
    const result = await turn.run()
    assert.deepEqual(types(result), ['userMessage', 'agentMessage', 'agentMessage'])
    checkEvents(await reader, result)
  })

  test('W2: text and steps of a turn whose line dropped are whole', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([say('one '), waitFor(gate), say('two')])])
    const turn = await thread.turn('go')
    const steps = collect(turn.steps())
    await gate.reached
    proxy.refuse()
    gate.open()
    await endedOnServer(t, thread.id)
    proxy.accept()
    await events.next('resumed')
    assert.deepEqual(
      (await steps).map((step) => step.text),
      ['go', 'one ', 'two'],
    )
  })

  test('W2: a review', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await codex.startThread({ cwd: home.workspace })
    // The reviewer has a thread of its own.
    provider.when('look at all of it', reply([waitFor(gate), say('looks good')]))
    const turn = await thread.review({ type: 'custom', instructions: 'look at all of it' })
    const reader = collect(turn.stream())
    await gate.reached
    proxy.cut()
    await events.next('resumed')
    gate.open()
    const result = await turn.run()
    assert.equal(result.status, 'completed')
    assert.ok(types(result).includes('exitedReviewMode'))
    const ids = result.items.map((item) => item.id)
    assert.equal(new Set(ids).size, ids.length)
    assert.equal((await reader).at(-1)?.method, 'turn/completed')
  })

  test('W2: a review that ends in the gap', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await codex.startThread({ cwd: home.workspace })
    provider.when('look at what is left', reply([waitFor(gate), say('looks good')]))
    const turn = await thread.review({ type: 'custom', instructions: 'look at what is left' })
    const reader = collect(turn.stream())
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    gate.open()
    await endedOnServer(t, thread.id)
    proxy.accept()
    const result = await turn.run()
    assert.equal(result.status, 'completed')
    assert.ok(types(result).includes('exitedReviewMode'))
    assert.equal((await reader).at(-1)?.method, 'turn/completed')
  })

  test('W2: a compaction', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await prompted(codex, { go: say('one') })
    await thread.run('go')
    provider.when((request) => request.threadId === thread.id, reply([waitFor(gate), say('a summary')]))
    const compacting = thread.compact()
    await gate.reached
    // The model may be asked before the answer that it has begun is here.
    await thread.read()
    proxy.cut()
    await events.next('resumed')
    gate.open()
    await compacting
  })

  test('W2: a tool that runs here while the line drops', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    let calls = 0
    /** @type {(value: string) => void} */
    let finish = () => {}
    const outcome = new Promise((resolve) => {
      finish = resolve
    })
    const running = createGate()
    const thread = await scripted(codex, [functionCall('weather', {}), say('sunny, then')], {
      tools: [
        {
          name: 'weather',
          description: 'The weather',
          inputSchema: { type: 'object', properties: {} },
          run: () => {
            calls += 1
            running.open()
            return outcome
          },
        },
      ],
    })
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await running.opened
    proxy.cut()
    await events.next('resumed')
    finish('sunny')
    const result = await turn.run()
    assert.equal(result.finalResponse, 'sunny, then')
    assert.equal(calls, 1)
    checkEvents(await reader, result)
    const request = provider.requests.findLast((request) => request.threadId === thread.id)
    assert.match(JSON.stringify(request?.toolOutputs), /sunny/)
  })

  test('W2: steer and interrupt over the next line', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const shell = openCommand()
    t.after(shell.finish)
    const thread = await scripted(codex, [reply([say('one'), shell.step]), say('two')])
    const turn = await thread.turn('go')
    await proxy.message('down', (message) => message.params?.item?.type === 'commandExecution')
    proxy.refuse()
    await events.next('lost')
    const steering = turn.steer('be quick')
    proxy.accept()
    await steering
    await turn.interrupt()
    const result = await turn.run()
    assert.equal(result.status, 'interrupted')
  })

  test('W2: a flood of text', async (t) => {
    const { codex, proxy } = await behindProxy(t)
    const thread = await scripted(codex, [deltas(5_000, { text: 'tok ' })])
    const turn = await thread.turn('go')
    let cuts = 0
    let count = 0
    for await (const event of turn.stream()) {
      if (event.method === 'item/agentMessage/delta' && ++count % 20 === 0 && cuts < 3) {
        cuts += 1
        proxy.cut()
      }
    }
    assert.equal((await turn.run()).finalResponse, 'tok '.repeat(5_000))
  })

  test('W2: a thread that has had no turn yet', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const thread = await prompted(codex, { go: say('first'), more: say('second') })
    proxy.cut()
    await events.next('resumed')
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    const result = await turn.run()
    assert.equal(result.finalResponse, 'first')
    checkEvents(await reader, result)
    assert.equal((await thread.run('more')).finalResponse, 'second')
  })

  test('W2: one turn waits behind another while the line drops', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const first = thread.run('first')
    const second = thread.run('second')
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    gate.open()
    await endedOnServer(t, thread.id)
    proxy.accept()
    const results = await Promise.all([first, second])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['completed', 'completed'],
    )
    assert.equal(proxy.sent('turn/start').length, 2)
  })

  test('W2: another client’s turn on a thread that is followed here ends in the gap', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await prompted(codex, {
      go: say('one'),
      'from there': reply([say('theirs'), waitFor(gate)]),
      'from here': say('mine'),
    })
    await thread.run('go')
    const other = connect(t, { url: server.url })
    const same = await other.codex.resumeThread(thread.id)
    const heard = codex.notifications({ methods: ['turn/started'] })
    const theirs = same.run('from there')
    await heard.next()
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    gate.open()
    await theirs
    proxy.accept()
    await events.next('resumed')
    assert.equal((await thread.run('from here')).finalResponse, 'mine')
  })

  test('W2: a turn whose server was started anew meanwhile ends as interrupted', async (t) => {
    const own = await listening(t)
    const proxy = await startProxy(t, own.url)
    const { codex, events } = connect(t, { url: proxy.url })
    const thread = await codex.startThread({ cwd: own.home.workspace })
    const gate = createGate()
    own.provider.enqueue(reply([say('one'), waitFor(gate)]), say('after'))
    const turn = await thread.turn('go')
    await gate.reached
    await own.kill()
    await own.restart()
    await events.next('resumed')
    const result = await turn.run()
    assert.equal(result.status, 'interrupted')
    assert.equal((await thread.run('again')).finalResponse, 'after')
  })

  test('W2: an ephemeral thread can’t be resumed, and its turn rejects', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    t.after(() => gate.open())
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])], { ephemeral: true })
    const kept = await scripted(codex, [reply([say('one'), waitFor(gate), say('two')])])
    const turn = await thread.turn('go')
    const other = await kept.turn('go')
    await gate.reached
    proxy.cut()
    const error = await rejection(turn.run(), TurnLostError)
    assert.match(error.message, new RegExp(`connection was lost.*${turn.id}.*could not be resumed`))
    await rejection(collect(turn.stream()), TurnLostError)
    await events.next('resumed')
    gate.open()
    assert.equal((await other.run()).finalResponse, 'two')
  })
})

/**
 * Waits until the server has ended the turn of a thread, seen by another client.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} threadId
 */
async function endedOnServer(t, threadId) {
  const observer = new Codex({ url: server.url })
  t.after(() => observer.close())
  const idle = observer.notifications({ methods: ['thread/status/changed'] })
  await observer.connect()
  const status = async () =>
    (await observer.request('thread/read', { threadId })).thread.status.type === 'active'
  if (await status())
    for await (const { params } of idle) {
      if (!('threadId' in params && params.threadId === threadId)) continue
      if (!(await status())) break
    }
  await observer.close()
}

describe('approvals', { concurrency: 4, timeout: 60_000 }, () => {
  /**
   * A thread whose turn asks before its command runs.
   *
   * @param {import('node:test').TestContext} t
   */
  async function asking(t) {
    const file = join(home.workspace, `approved-${++files}`)
    const calls = { count: 0, aborted: false }
    /** @type {(decision: 'accept' | 'decline') => void} */
    let decide = () => {}
    const decision = new Promise((resolve) => {
      decide = resolve
    })
    /** @type {() => void} */
    let wasAsked = () => {}
    const asked = new Promise((resolve) => {
      wasAsked = () => resolve(undefined)
    })
    /** @type {() => void} */
    let wasAborted = () => {}
    const aborted = new Promise((resolve) => {
      wasAborted = () => resolve(undefined)
    })
    const { codex, proxy, events } = await behindProxy(t, {
      onApproval: async (_, { signal }) => {
        calls.count += 1
        signal.addEventListener('abort', () => {
          calls.aborted = true
          wasAborted()
        })
        wasAsked()
        return /** @type {any} */ (await decision)
      },
    })
    const thread = await scripted(codex, [command(`echo yes >> '${file}'`), say('done')], {
      approvalPolicy: 'untrusted',
      approvalsReviewer: 'user',
    })
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await asked
    const answers = () =>
      proxy.up.filter(({ method, result }) => method === undefined && result !== undefined)
    return { codex, proxy, events, turn, reader, decide, calls, aborted, file, answers }
  }

  /** @param {Awaited<ReturnType<typeof asking>>} all */
  async function checkRan({ turn, reader, calls, file }) {
    const result = await turn.run()
    assert.deepEqual(types(result), ['userMessage', 'commandExecution', 'agentMessage'])
    assert.equal(readFileSync(file, 'utf8'), 'yes\n', 'it ran once')
    assert.equal(calls.count, 1)
    checkEvents(await reader, result)
  }

  test('W2: the handler answers after the gap: it was called once, and its answer counts', async (t) => {
    const all = await asking(t)
    all.proxy.cut()
    await all.events.next('resumed')
    assert.equal(all.calls.aborted, false)
    assert.ok(!existsSync(all.file))
    all.decide('accept')
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the handler answers in the gap', async (t) => {
    const all = await asking(t)
    all.proxy.refuse()
    await all.events.next('lost')
    all.decide('accept')
    await all.events.next('connecting')
    all.proxy.accept()
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the answer is lost with the line, and given again', async (t) => {
    const all = await asking(t)
    all.proxy.mute('up')
    all.decide('accept')
    await all.proxy.message('up', ({ method, result }) => method === undefined && result !== undefined)
    all.proxy.cut()
    all.proxy.unmute()
    await checkRan(all)
    assert.equal(all.answers().length, 2)
    assert.deepEqual(all.answers()[0], all.answers()[1])
  })

  test('W2: the answer arrives, and its line drops: it is not given again', async (t) => {
    const all = await asking(t)
    all.proxy.mute('down')
    all.decide('accept')
    await all.proxy.message('down', ({ method }) => method === 'serverRequest/resolved')
    all.proxy.cut()
    all.proxy.unmute()
    await checkRan(all)
    assert.equal(all.answers().length, 1)
  })

  test('W2: the line drops three times while the handler thinks', async (t) => {
    const all = await asking(t)
    for (let count = 0; count < 3; count++) {
      all.proxy.cut()
      await all.events.next('resumed')
    }
    all.decide('accept')
    await checkRan(all)
  })

  test('W2: the turn is over when the line is back: the handler’s signal aborts', async (t) => {
    const all = await asking(t)
    all.proxy.refuse()
    await all.events.next('lost')
    const other = connect(t, { url: server.url })
    await other.codex.request('turn/interrupt', { threadId: all.turn.threadId, turnId: all.turn.id })
    await endedOnServer(t, all.turn.threadId)
    all.proxy.accept()
    assert.equal((await all.turn.run()).status, 'interrupted')
    await all.aborted
    all.decide('accept')
    await all.codex.request('thread/loaded/list', {})
    assert.equal(all.answers().length, 0, 'the late answer is not sent')
  })
})

describe('calls', { concurrency: 4, timeout: 60_000 }, () => {
  test('W2: what only reads is asked again, the rest is indeterminate and not sent again', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([waitFor(gate), say('one')])])
    const path = join(home.workspace, `file-${++files}`)
    proxy.mute('down')
    const before = proxy.up.length
    const lists = Promise.all([
      codex.listThreads({ limit: 1 }),
      codex.request('thread/loaded/list', {}),
      thread.read(),
    ])
    const starting = rejection(thread.turn('go'), IndeterminateError)
    const writing = rejection(codex.request('fs/writeFile', { path, dataBase64: '' }), IndeterminateError)
    for (const method of ['thread/list', 'thread/loaded/list', 'thread/read', 'turn/start', 'fs/writeFile']) {
      const { id } = await proxy.message('up', (message) => message.method === method, before)
      await proxy.message('down', (message) => message.id === id)
    }
    proxy.cut()
    proxy.unmute()
    assert.equal((await starting).method, 'turn/start')
    assert.equal((await writing).method, 'fs/writeFile')
    const [page, loaded, read] = await lists
    assert.ok(page.data.length === 1 && loaded.data.includes(thread.id) && read !== null)
    assert.equal(proxy.sent('turn/start').length, 1)
    assert.equal(proxy.sent('fs/writeFile').length, 1)
    assert.equal(proxy.sent('thread/list').length, 2)
    await events.next('resumed')
    // The server has begun the turn all the same; the next one waits for its end.
    provider.when((request) => request.threadId === thread.id, say('two'))
    const next = thread.run('go on')
    gate.open()
    assert.equal((await next).status, 'completed')
  })

  test('what is asked in the gap waits for the next line', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    await codex.connect()
    proxy.refuse()
    await events.next('lost')
    const starting = scripted(codex, [say('late')])
    const list = codex.request('thread/loaded/list', {})
    await codex.notify('x/told')
    await events.next('connecting')
    proxy.accept()
    const thread = await starting
    assert.ok(Array.isArray((await list).data))
    assert.equal((await thread.run('go')).finalResponse, 'late')
    assert.equal(proxy.sent('thread/start').length, 1)
    assert.equal(proxy.sent('x/told').length, 1)
  })

  test('what is asked in the gap keeps its deadline', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    await codex.connect()
    proxy.refuse()
    await events.next('lost')
    const asking = codex.request('thread/start', {}, { timeoutMs: 200 })
    const error = /** @type {any} */ (await rejection(asking, Error))
    assert.equal(error.code, 'TIMEOUT')
    proxy.accept()
    await events.next('resumed')
    await codex.request('thread/loaded/list', {})
    assert.equal(proxy.sent('thread/start').length, 0, 'nobody waits for it any more')
  })

  test('a command that runs for this client when the line drops', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const handle = await codex.execCommand(['sh', '-c', 'echo begun; sleep 600'], { stream: true })
    const output = handle[Symbol.asyncIterator]()
    await output.next()
    proxy.cut()
    const rest = output.next()
    const exit = await rejection(handle.exit, IndeterminateError)
    assert.equal(exit.method, 'command/exec')
    // Whoever reads is not left waiting.
    await Promise.allSettled([rest])
    await events.next('resumed')
  })

  test('a call whose answer is too long for maxMessageBytes is not asked for ever', async (t) => {
    const { codex, events } = await behindProxy(t, { maxMessageBytes: 200_000 })
    const thread = await scripted(codex, [deltas(3_000, { text: 'a long answer ' }), say('short')])
    // The item itself is shorter than what is read of the whole thread.
    const turns = await Promise.all(Array.from({ length: 5 }, () => thread.run('go')))
    assert.equal(turns.length, 5)
    const error = await rejection(thread.read({ includeTurns: true }), TransportError)
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.ok(events.types().filter((type) => type === 'lost').length <= 4)
    await codex.request('thread/loaded/list', {})
  })
})

describe('the end', { concurrency: 4, timeout: 60_000 }, () => {
  test('W2: a server that is gone for good: turns reject in time, and the next call connects anew', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 1_000 })
    const gate = createGate()
    t.after(() => gate.open())
    const threads = [
      await scripted(codex, [reply([say('one'), waitFor(gate)]), say('two')]),
      await scripted(codex, [reply([say('one'), waitFor(gate)]), say('two')]),
    ]
    const turns = await Promise.all(threads.map((thread) => thread.turn('go')))
    await gate.reached
    const started = performance.now()
    proxy.refuse()
    await events.next('lost')
    const queued = rejection(codex.request('thread/list', {}), TransportError)
    for (const turn of turns) {
      const error = await rejection(turn.run(), TransportError)
      assert.equal(error.code, 'CONNECTION_LOST')
      assert.match(error.message, /within 1000 ms/)
      await rejection(collect(turn.stream()), TransportError)
    }
    assert.equal((await queued).code, 'CONNECTION_LOST')
    assert.ok(performance.now() - started < 5_000)
    const { error } = await events.next('closed')
    assert.equal(error.code, 'CONNECTION_LOST')
    proxy.accept()
    gate.open()
    const [first] = threads
    assert.equal((await first?.run('again'))?.status, 'completed')
    await events.next('connected')
    assert.deepEqual(events.types().slice(-2), ['connecting', 'connected'])
    assert.equal(events.types()[2], 'lost')
  })

  test('restart: false: after the loss every call rejects', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 200, restart: false })
    await codex.connect()
    proxy.refuse()
    await events.next('closed')
    proxy.accept()
    for (const call of [
      () => codex.request('thread/list', {}),
      () => codex.startThread(),
      () => codex.connect(),
    ]) {
      assert.equal((await rejection(call(), TransportError)).code, 'CONNECTION_LOST')
    }
    assert.equal(proxy.sent('initialize').length, 1)
  })

  test('restart: false: a client that has never been connected may try again', async (t) => {
    const { codex, proxy } = await behindProxy(t, { restart: false })
    proxy.refuse()
    assert.equal((await rejection(codex.connect(), TransportError)).code, 'CONNECT_FAILED')
    proxy.accept()
    await codex.connect()
  })

  test('reconnectTimeoutMs: 0 does not try', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 0 })
    const gate = createGate()
    t.after(() => gate.open())
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go')
    await gate.reached
    proxy.cut()
    assert.equal((await rejection(turn.run(), TransportError)).code, 'CONNECTION_LOST')
    await events.were(['connecting', 'connected', 'closed'])
  })

  test('the pauses grow: a few tries in a second, counted from 1', async (t) => {
    const { codex, proxy, events } = await behindProxy(t, { reconnectTimeoutMs: 3_000 })
    await codex.connect()
    proxy.refuse()
    await events.next('closed')
    const attempts = events.seen.flatMap((event) => (event.type === 'connecting' ? event.attempt : []))
    assert.equal(attempts[0], 1)
    assert.deepEqual(
      attempts.slice(1),
      attempts.slice(1).map((_, at) => at + 1),
    )
    const tries = attempts.length - 1
    assert.ok(tries >= 2 && tries <= 6, `${tries} tries`)
    proxy.accept()
    await codex.connect()
    await events.next('connected')
    assert.deepEqual(events.seen.at(-2), { type: 'connecting', attempt: 1 })
  })

  test('a server that does not take the token any more is not asked again', async (t) => {
    let upgrades = 0
    const peer = await startPeer(t, {
      refuse: () => (++upgrades > 1 ? 'HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n' : undefined),
      methods: { 'x/cut': (_, peer) => void peer.socket.destroy() },
    })
    const { codex, events } = connect(t, { url: peer.url, token: 'a-token-that-expires' })
    await codex.connect()
    const calling = rejection(codex.request('x/cut', {}), IndeterminateError)
    const { error } = await events.next('closed')
    await calling
    assert.equal(error.status, 401)
    assert.equal(upgrades, 2)
  })

  test('close() while it connects again', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    t.after(() => gate.open())
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go')
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    const calls = [
      rejection(codex.request('thread/list', {}), ClosedError),
      rejection(turn.run(), ClosedError),
    ]
    await events.next('connecting')
    const started = performance.now()
    await codex.close()
    await Promise.all(calls)
    assert.ok(performance.now() - started < 5_000)
    await events.next('closed')
    assert.deepEqual(events.seen.at(-1), { type: 'closed' })
    assert.equal(events.types().filter((type) => type === 'closed').length, 1)
    proxy.accept()
    await rejection(codex.connect(), ClosedError)
  })

  test('abort of a turn while the line is down: it is interrupted once there is another', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    t.after(() => gate.open())
    const controller = new AbortController()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go', { signal: controller.signal })
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    controller.abort(new Error('enough'))
    proxy.accept()
    const error = await rejection(turn.run(), AbortError)
    assert.equal(/** @type {any} */ (error.cause).message, 'enough')
    await endedOnServer(t, thread.id)
    assert.equal(proxy.sent('turn/interrupt').length > 0, true)
  })

  test('abort of a turn while the line stays down: it rejects within the bound', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    t.after(() => gate.open())
    const controller = new AbortController()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate)])])
    const turn = await thread.turn('go', { signal: controller.signal })
    await gate.reached
    proxy.refuse()
    await events.next('lost')
    const started = performance.now()
    controller.abort()
    await rejection(turn.run(), AbortError)
    assert.ok(performance.now() - started < 7_000)
  })

  test('the line drops in the first handshake', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    proxy.mute('down')
    const connecting = rejection(codex.connect(), TransportError)
    const starting = rejection(codex.startThread(), TransportError)
    await proxy.connected(1)
    proxy.cut()
    proxy.unmute()
    assert.equal((await connecting).code, 'CONNECT_FAILED')
    await starting
    await codex.connect()
    await events.were(['connecting', 'closed', 'connecting', 'connected'])
  })

  test('the line drops again while threads are resumed', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    const gate = createGate()
    const thread = await scripted(codex, [reply([say('one'), waitFor(gate), say('two')])])
    const turn = await thread.turn('go')
    const reader = collect(turn.stream())
    await gate.reached
    const before = proxy.up.length
    proxy.cut()
    await proxy.message('up', ({ method }) => method === 'thread/resume', before)
    proxy.cut()
    await events.next('resumed')
    gate.open()
    const result = await turn.run()
    assert.equal(result.finalResponse, 'two')
    checkEvents(await reader, result)
    await events.were(['connecting', 'connected', 'lost', 'connecting', 'connecting', 'resumed'])
  })
})

describe('listeners', { concurrency: true, timeout: 60_000 }, () => {
  test('each hears what happens, in order; one that throws harms nobody', async (t) => {
    const { codex, proxy, events } = await behindProxy(t)
    /** @type {string[]} */
    const warnings = []
    const warn = (/** @type {Error} */ warning) => warnings.push(warning.message)
    process.on('warning', warn)
    t.after(() => process.off('warning', warn))
    const first = /** @type {string[]} */ ([])
    const once = /** @type {string[]} */ ([])
    const off = /** @type {string[]} */ ([])
    const listener = (/** @type {{ type: string }} */ event) => off.push(event.type)
    const returned = codex.on('connection', (event) => {
      first.push(event.type)
      throw new Error('a bug of the listener')
    })
    assert.equal(returned, codex)
    codex.once('connection', (event) => once.push(event.type))
    codex.on('connection', listener)
    const late = watchConnection(codex)
    await codex.connect()
    await late.next('connected')
    codex.off('connection', listener)
    proxy.cut()
    await late.next('resumed')
    await codex.close()
    await events.next('closed')
    await late.next('closed')
    const all = ['connecting', 'connected', 'lost', 'connecting', 'resumed', 'closed']
    assert.deepEqual(first, all)
    await late.were(/** @type {any} */ (all))
    assert.deepEqual(once, ['connecting'])
    assert.deepEqual(off, ['connecting', 'connected'])
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(warnings.filter((warning) => warning.includes('a bug of the listener')).length, all.length)
  })

  test('what is no listener is refused', async (t) => {
    const { codex } = connect(t, { url: server.url })
    for (const method of /** @type {const} */ (['on', 'once', 'off'])) {
      const call = /** @type {(...args: unknown[]) => unknown} */ (codex[method]).bind(codex)
      assert.throws(() => call('connections', () => {}), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
      assert.throws(() => call('connection'), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
      assert.throws(() => call('connection', {}), { name: 'TypeError', code: 'INVALID_ARGUMENT' })
    }
  })
})
