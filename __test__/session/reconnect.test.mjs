// Row W2 of the failure cases: the line drops while the server lives, and the turns go on. What handlers are asked
// meanwhile, what is called, and a line that does not come back are in reconnect-*.test.mjs.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { TurnLostError } from '../../index.mjs'
import { command, createGate, deltas, functionCall, reply, say, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { listening } from '../support/listening.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startProxy } from '../support/proxy.mjs'
import { checkEvents, itemTypes, reconnecting, words } from '../support/reconnect.mjs'

const { server, provider, home, behindProxy, scripted, prompted, openCommand, endedOnServer } =
  await reconnecting({ after })

/** @typedef {import('../../index.js').TurnResult} TurnResult */
/** @typedef {Awaited<ReturnType<typeof behindProxy>>} Line */

/**
 * A turn that waits, and how what it gives is had.
 *
 * @typedef {object} Waiting
 * @property {import('../../index.js').Thread} thread
 * @property {import('../../index.js').Turn} [turn]
 * @property {() => Promise<TurnResult>} result
 * @property {() => Promise<unknown>} reached when it waits
 * @property {() => void} open has it go on
 */

/**
 * A turn of these steps.
 *
 * @param {(wait: ReturnType<typeof waitFor>) => import('../../testing/index.js').ScriptStep[]} steps
 * @returns {(line: Line) => Promise<Waiting>}
 */
const turnOf = (steps) => async (line) => {
  const gate = createGate()
  const thread = await scripted(line.codex, steps(waitFor(gate)))
  const turn = await thread.turn('go')
  return { thread, turn, result: () => turn.run(), reached: () => gate.reached, open: () => gate.open() }
}

/**
 * A review of all of this.
 *
 * @param {string} instructions
 * @returns {(line: Line) => Promise<Waiting>}
 */
const reviewOf = (instructions) => async (line) => {
  const gate = createGate()
  const thread = await line.codex.startThread({ cwd: home.workspace })
  // The reviewer has a thread of its own.
  provider.when(instructions, reply([waitFor(gate), say('looks good')]))
  const turn = await thread.review({ type: 'custom', instructions })
  return { thread, turn, result: () => turn.run(), reached: () => gate.reached, open: () => gate.open() }
}

/** @type {(line: Line) => Promise<Waiting>} */
async function commandThatRuns(line) {
  const shell = openCommand()
  const thread = await scripted(line.codex, [reply([say('first'), shell.step]), say('last')])
  const turn = await thread.turn('go')
  const isCommand = (/** @type {any} */ { params }) => params?.item?.type === 'commandExecution'
  const reached = () => line.proxy.message('down', isCommand)
  return { thread, turn, result: () => turn.run(), reached, open: shell.finish }
}

/** @type {(line: Line) => Promise<Waiting>} */
async function compaction(line) {
  const gate = createGate()
  const thread = await prompted(line.codex, { go: say('one') })
  await thread.run('go')
  provider.when((request) => request.threadId === thread.id, reply([waitFor(gate), say('a summary')]))
  const compacting = thread.compact()
  const reached = async () => {
    await gate.reached
    // The model may be asked before the answer that it has begun is here.
    await thread.read()
  }
  return { thread, result: () => compacting, reached, open: () => gate.open() }
}

let toolCalls = 0
/** @type {(line: Line) => Promise<Waiting>} */
async function toolThatRuns(line) {
  /** @type {(value: string) => void} */
  let finish = () => {}
  const outcome = new Promise((resolve) => {
    finish = resolve
  })
  const running = createGate()
  const tool = {
    name: 'weather',
    description: 'The weather',
    inputSchema: { type: 'object', properties: {} },
    run: () => {
      toolCalls += 1
      running.open()
      return outcome
    },
  }
  const steps = [functionCall('weather', {}), say('sunny, then')]
  const thread = await scripted(line.codex, steps, { tools: [tool] })
  const turn = await thread.turn('go')
  return {
    thread,
    turn,
    result: () => turn.run(),
    reached: () => running.opened,
    open: () => finish('sunny'),
  }
}

/** @typedef {(t: import('node:test').TestContext, line: Line, waiting: Waiting) => Promise<void>} Drop */

/** The line drops and is back before the turn goes on. @type {Drop} */
async function goesOn(_, { proxy, events }, { open }) {
  proxy.cut()
  await events.next('resumed')
  open()
}

/** The turn ends while there is no line. @type {Drop} */
async function endsInTheGap(t, { proxy, events }, { thread, open }) {
  proxy.refuse()
  await events.next('lost')
  open()
  await endedOnServer(t, thread.id)
  proxy.accept()
}

const COMMAND = ['userMessage', 'agentMessage', 'commandExecution', 'agentMessage']

/**
 * What waits, how the line drops meanwhile, and what has come of it then. The events of a turn are checked where
 * `events` does not say otherwise.
 *
 * @type {{
 *   name: string,
 *   begin: (line: Line) => Promise<Waiting>,
 *   drop: Drop,
 *   read?: (turn: import('../../index.js').Turn) => AsyncIterable<any>,
 *   check?: (result: TurnResult, read: any[], line: Line, waiting: Waiting) => unknown,
 *   fails?: (error: any) => void,
 * }[]}
 */
const runs = [
  {
    name: 'W2: the line drops in a command, which ends later',
    begin: commandThatRuns,
    drop: goesOn,
    check: async (result, events, line) => {
      assert.deepEqual(itemTypes(result), COMMAND)
      assert.equal(result.finalResponse, 'last')
      assert.equal(result.usage?.total.totalTokens, 240)
      checkEvents(events, result)
      await line.events.were(['connecting', 'connected', 'lost', 'connecting', 'resumed'])
    },
  },
  {
    name: 'W2: the turn ends in the gap, and its result has everything',
    begin: turnOf((wait) => [reply([say('one'), wait, command('echo two')]), say('three')]),
    drop: endsInTheGap,
    check: async (result, events, _, { thread }) => {
      assert.equal(result.status, 'completed')
      assert.deepEqual(itemTypes(result), COMMAND)
      assert.equal(result.finalResponse, 'three')
      assert.equal(result.usage?.total.totalTokens, 240)
      assert.ok(Number(result.durationMs) > 0)
      checkEvents(events, result)
      // The thread goes on as well.
      provider.when((request) => request.threadId === thread.id, say('again'))
      assert.equal((await thread.run('more')).status, 'completed')
    },
  },
  {
    name: 'W2: the turn fails in the gap',
    begin: turnOf((wait) => [{ items: [say('one'), wait], failed: { code: 'context_length_exceeded' } }]),
    drop: endsInTheGap,
    fails: (error) => {
      assert.equal(error.code, 'TURN_FAILED')
      assert.equal(error.codexErrorInfo, 'contextWindowExceeded')
    },
  },
  {
    name: 'W2: text and steps of a turn whose line dropped are whole',
    begin: turnOf((wait) => [reply([say('one '), wait, say('two')])]),
    drop: endsInTheGap,
    read: (turn) => turn.steps(),
    check: (_, steps) =>
      assert.deepEqual(
        steps.map((step) => step.text),
        ['go', 'one ', 'two'],
      ),
  },
  {
    name: 'W2: a review',
    begin: reviewOf('look at all of it'),
    drop: goesOn,
    check: (result, events) => {
      checkReview(result, events)
      const ids = result.items.map((item) => item.id)
      assert.equal(new Set(ids).size, ids.length)
    },
  },
  {
    name: 'W2: a review that ends in the gap',
    begin: reviewOf('look at what is left'),
    drop: endsInTheGap,
    check: checkReview,
  },
  { name: 'W2: a compaction', begin: compaction, drop: goesOn },
  { name: 'W2: a compaction that ends in the gap', begin: compaction, drop: endsInTheGap },
  {
    name: 'W2: a tool that runs here while the line drops',
    begin: toolThatRuns,
    drop: goesOn,
    check: (result, events, _, { thread }) => {
      assert.equal(result.finalResponse, 'sunny, then')
      assert.equal(toolCalls, 1)
      checkEvents(events, result)
      const request = provider.requests.findLast((request) => request.threadId === thread.id)
      assert.match(JSON.stringify(request?.toolOutputs), /sunny/)
    },
  },
]

/** @param {import('../../index.js').Turn} turn @returns {AsyncIterable<any>} */
const eventsOf = (turn) => turn.stream()

/** @param {TurnResult} result @param {any[]} events */
function checkReview(result, events) {
  assert.equal(result.status, 'completed')
  assert.ok(itemTypes(result).includes('exitedReviewMode'))
  assert.equal(events.at(-1)?.method, 'turn/completed')
}

describe('a turn goes on', { concurrency: 4, timeout: 60_000 }, () => {
  for (const { name, begin, drop, read = eventsOf, check, fails } of runs) {
    test(name, async (t) => {
      const line = await behindProxy(t)
      const waiting = await begin(line)
      const { turn, result, reached } = waiting
      const reader = turn && fails === undefined ? collect(read(turn)) : Promise.resolve([])
      await reached()
      await drop(t, line, waiting)
      if (fails !== undefined) return fails(await rejection(result(), Error))
      const [outcome, all] = [await result(), await reader]
      await check?.(outcome, all, line, waiting)
    })
  }

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
    assert.deepEqual(itemTypes(result), [
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
    assert.equal(itemTypes(result).filter((type) => type === 'commandExecution').length, 5)
    assert.equal(itemTypes(result).filter((type) => type === 'agentMessage').length, 6)
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
      assert.deepEqual(itemTypes(result), ['userMessage', 'agentMessage', 'commandExecution', 'agentMessage'])
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
    assert.deepEqual(itemTypes(result), ['userMessage', 'agentMessage', 'agentMessage'])
    checkEvents(await reader, result)
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
