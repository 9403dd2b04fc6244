// Whose turn an event, a request or a silence belongs to: sub-agents, handlers that run, other clients of a server.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TurnInactiveError, TurnLostError } from '../../index.mjs'
import { command, createGate, functionCall, reply, say, spawnAgent, waitFor } from '../../testing/index.mjs'
import { connect } from '../support/connection.mjs'
import { listening } from '../support/listening.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { startPeer } from '../support/peer.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** @param {{ params: object } | undefined} request */
const threadOf = (request) => request && 'threadId' in request.params && request.params.threadId

/** The two forms in which models have agents, by a model that has each. */
const forms = /** @type {const} */ ([
  { model: 'mock-model', namespace: 'multi_agent_v1' },
  { model: 'gpt-6-sol', namespace: 'collaboration' },
])

for (const { model, namespace } of forms) {
  const isNew = namespace === 'collaboration'
  /** @param {string} name @param {object} args */
  const call = (name, args) => functionCall(name, args, { namespace })
  /** @param {string} task */
  const spawn = (task) => spawnAgent(task, isNew ? { name: task } : {})
  const run = (/** @type {string} */ cmd) =>
    isNew
      ? {
          custom: {
            name: 'exec',
            input: `text(JSON.stringify(await tools.exec_command({ cmd: '${cmd}' })))`,
          },
        }
      : command(cmd)

  describe(`sub-agents of ${namespace}`, { concurrency: 3, timeout: 120_000 }, () => {
    test('their events are those of the turn that they work for, nested and used again', async (t) => {
      const { codex, provider } = await real(t, {}, { model })
      const thread = await codex.startThread()
      const agents = /** @type {string[]} */ ([])
      const isAgent = (/** @type {number} */ at) => (/** @type {{ threadId?: string }} */ request) => {
        const id = request.threadId ?? ''
        if (id === thread.id) return false
        if (!agents.includes(id)) agents.push(id)
        return agents.indexOf(id) === at
      }
      // The end of an agent may wake the one that it works for once more.
      const often = (/** @type {string} */ text) => Array.from({ length: 6 }, () => say(text))
      provider.when(isAgent(0), spawn('grandchild'), ...often('child'))
      provider.when(isAgent(1), ...often('grandchild'))
      provider.when((request) => request.userText?.includes('first') === true, spawn('child'), say('Done.'))
      const turn = await thread.turn('first')
      const theirs = await collect(turn.subAgents())
      const said = (/** @type {any[]} */ events) =>
        events.flatMap(({ method, params }) =>
          method === 'item/completed' && params.item.type === 'agentMessage' ? [params.item.text] : [],
        )
      // Agents of the older form have none of their own.
      assert.deepEqual([...new Set(said(theirs))].sort(), isNew ? ['child', 'grandchild'] : ['child'])
      assert.ok(theirs.every(({ params }) => 'threadId' in params && params.threadId !== thread.id))
      const outside = codex.notifications()
      provider.when(
        (request) => request.threadId === thread.id && request.userText?.includes('second') === true,
        isNew
          ? call('followup_task', { target: 'child', message: 'more' })
          : call('send_input', { target: agents[0], message: 'more' }),
        call('wait_agent', { timeout_ms: 10_000, ...(isNew ? {} : { targets: [agents[0]] }) }),
        say('Done again.'),
      )
      const again = await thread.turn('second')
      assert.ok(said(await collect(again.subAgents())).includes('child'))
      assert.equal((await again.run()).finalResponse, 'Done again.')
      // What was missed would be here.
      await codex.close()
      const missed = (await collect(outside)).filter(
        ({ method, params }) =>
          method.startsWith('item/agentMessage') && agents.includes(String(threadOf({ params }))),
      )
      assert.deepEqual(missed, [])
    })

    test('what they ask goes to the handlers of the turn, then of the thread, then of the client', async (t) => {
      const { codex, provider, home } = await real(t, { onApproval: () => answered('client') }, { model })
      /** @type {string[]} */
      const asked = []
      const answered = (/** @type {string} */ by) => {
        asked.push(by)
        return /** @type {const} */ ('decline')
      }
      /** @type {string[]} */
      const threads = []
      const records = codex.serverRequests()
      for (const [at, expected] of ['thread', 'turn', 'client'].entries()) {
        const thread = await codex.startThread({
          cwd: home.workspace,
          approvalPolicy: 'untrusted',
          ...(expected === 'client' ? {} : { onApproval: () => answered('thread') }),
        })
        threads.push(thread.id)
        provider.when(
          ({ threadId }) => threads.length === at + 1 && !threads.includes(threadId ?? ''),
          reply([run('touch never')]),
          say('Refused.'),
        )
        provider.when((request) => request.threadId === thread.id, spawn(`task${at}`), say('Done.'))
        const turn = await thread.turn(
          'go',
          expected === 'turn' ? { onApproval: () => answered('turn') } : {},
        )
        await collect(turn.subAgents())
        assert.equal(asked.at(-1), expected)
        const { value } = await records.next()
        assert.notEqual(threadOf(value), thread.id)
        assert.equal(value?.answeredBy, expected)
      }
      assert.equal(asked.length, 3)
    })

    test('a turn is not silent while its agent works, and is after that', async (t) => {
      const { codex, provider } = await real(t, {}, { model })
      const thread = await codex.startThread()
      const [agents, parents] = [createGate(), createGate()]
      provider.when((request) => request.threadId !== thread.id, reply([waitFor(agents), 'Child done.']))
      provider.when(
        (request) => request.threadId === thread.id,
        spawn('child'),
        reply([waitFor(parents), 'Parent done.']),
      )
      const turn = await thread.turn('go', { inactivityTimeoutMs: 1_500 })
      const run = turn.run()
      run.catch(() => {})
      const theirs = collect(turn.subAgents())
      await Promise.all([agents.reached, parents.reached])
      const early = await Promise.race([
        run.then(
          () => 'over',
          () => 'over',
        ),
        sleep(3_000, 'works'),
      ])
      assert.equal(early, 'works')
      agents.open()
      await rejection(run, TurnInactiveError)
      parents.open()
      assert.ok((await theirs).length > 0)
    })
  })
}

describe('whose a request is', { concurrency: 3, timeout: 120_000 }, () => {
  test('a turn is not silent while its handler runs', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            {
              request: {
                method: 'item/commandExecution/requestApproval',
                params: { threadId: '$threadId', turnId: '$turnId', itemId: 'c' },
              },
            },
            'turnEnd',
          ],
        ],
      },
    })
    const thread = await codex.startThread()
    const result = await thread.run('go', {
      inactivityTimeoutMs: 200,
      onApproval: () => sleep(900, /** @type {const} */ ('accept')),
    })
    assert.equal(result.status, 'completed')
  })

  test('more open requests than the bound are declined, and each is answered or open once', async (t) => {
    const count = 6_000
    const { codex, log } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            {
              repeat: count,
              do: [
                {
                  request: {
                    id: '$n',
                    method: 'item/commandExecution/requestApproval',
                    params: { threadId: '$threadId', turnId: '$turnId', itemId: 'c$n' },
                  },
                  wait: false,
                },
              ],
            },
            { waitForReply: count - 1 },
            'turnEnd',
          ],
        ],
      },
    })
    let asked = 0
    const refused = codex.serverRequests().next()
    const thread = await codex.startThread({
      onApproval: () => {
        asked += 1
        return new Promise(() => {})
      },
    })
    const result = await thread.run('go')
    assert.equal(result.status, 'completed')
    const { value } = await refused
    assert.equal(value?.answeredBy, 'nobody')
    assert.match(value?.error ?? '', /4096 requests/)
    assert.ok(asked > 0 && asked <= 4_096, 'the turn may end before each has been asked')
    const answers = () => log.messages().filter((message) => message.method === undefined).length
    await log.find(() => answers() >= count - 4_096)
    assert.equal(answers(), count - 4_096)
  })

  test('more early events than can be kept lose the turn, and say so', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          ['turnStarted', { flood: { count: 70, bytes: 1024 * 1024 } }, 'turnReply', 'turnEnd'],
          ['default'],
        ],
      },
    })
    const thread = await codex.startThread()
    const error = await rejection(thread.run('go'), TurnLostError)
    assert.match(error.message, /64 MiB/)
    assert.equal((await thread.run('again')).status, 'completed')
  })
})

const shared = await listening({ after }, { home: { model: 'mock-model' } })

describe('a server with other clients', { concurrency: 3, timeout: 120_000 }, () => {
  /**
   * A thread of one client, which another has resumed.
   *
   * @param {import('node:test').TestContext} t
   * @param {import('../../testing/index.js').ScriptStep[]} steps
   * @param {import('../../index.js').StartThreadOptions} own
   * @param {import('../../index.js').ResumeThreadOptions} [others]
   */
  async function watched(t, steps, own, others = {}) {
    const owner = connect(t, { url: shared.url }).codex
    const watcher = connect(t, { url: shared.url }).codex
    const thread = await owner.startThread({ cwd: shared.home.workspace, ...own })
    shared.provider.when(
      (request) => request.threadId === thread.id && request.userText === 'begin',
      say('to begin with'),
    )
    shared.provider.when((request) => request.threadId === thread.id, ...steps)
    await thread.run('begin')
    const records = watcher.serverRequests()
    const same = await watcher.resumeThread(thread.id, others)
    return { owner, watcher, thread, same, records }
  }

  for (const taken of [false, true]) {
    test(`who only watches${taken ? ' by runningTurn()' : ''} leaves approvals and tools to their owner`, async (t) => {
      const file = join(shared.home.workspace, `left-to-its-owner-${taken}`)
      const [asked, answer] = [createGate(), createGate()]
      const inTool = createGate()
      const { thread, same, records } = await watched(
        t,
        [functionCall('ours', {}), command(`touch '${file}'`), say('done')],
        {
          approvalPolicy: 'untrusted',
          tools: [
            {
              name: 'ours',
              description: 'one of the owner',
              inputSchema: { type: 'object', properties: {} },
              run: async () => {
                inTool.open()
                await answer.opened
                return 'from the owner'
              },
            },
          ],
          onApproval: async () => {
            asked.open()
            await sleep(300)
            return /** @type {const} */ ('accept')
          },
        },
      )
      const run = thread.run('go')
      await inTool.opened
      const turn = taken ? await same.runningTurn() : null
      await sleep(300)
      answer.open()
      const result = await run
      const call = result.items.find((item) => item.type === 'dynamicToolCall')
      assert.ok(call?.type === 'dynamicToolCall' && call.success === true)
      assert.ok(asked.isOpen && existsSync(file))
      const left = [await records.next(), await records.next()].map(({ value }) => [
        value?.method,
        value?.answeredBy,
        value?.answer,
      ])
      assert.deepEqual(left, [
        ['item/tool/call', 'elsewhere', null],
        ['item/commandExecution/requestApproval', 'elsewhere', null],
      ])
      if (turn !== null) assert.equal((await turn.run()).finalResponse, 'done')
    })
  }

  test("a watcher's own handler is asked, for sub-agents too, and one that fails answers nothing", async (t) => {
    const file = join(shared.home.workspace, 'accepted-by-the-watcher')
    const agents = join(shared.home.workspace, 'accepted-for-an-agent')
    const { thread, records } = await watched(
      t,
      [
        command(`touch '${file}'`),
        functionCall(
          'spawn_agent',
          { message: 'the agent of a watched turn' },
          { namespace: 'multi_agent_v1' },
        ),
        say('done'),
      ],
      { approvalPolicy: 'untrusted', onApproval: () => sleep(3_000, /** @type {const} */ ('decline')) },
      {
        onApproval: ({ params }) => {
          if (threadOf({ params }) !== thread.id) return 'accept'
          throw new Error('not today')
        },
      },
    )
    shared.provider.when('the agent of a watched turn', command(`touch '${agents}'`), say('agent done'))
    const turn = await thread.turn('go')
    await collect(turn.subAgents())
    assert.ok(!existsSync(file), 'the owner declined it')
    assert.ok(existsSync(agents), 'the watcher accepted it')
    const answered = []
    for await (const record of records) {
      // A server tells all its clients what agents do, those of others as well.
      if (threadOf(record) === thread.id || JSON.stringify(record.params).includes(agents)) {
        answered.push([record.answeredBy, record.answer])
      }
      if (answered.length === 2) break
    }
    assert.deepEqual(answered, [
      ['elsewhere', null],
      ['thread', { decision: 'accept' }],
    ])
  })

  test('a tool is run by the client that has its function, whoever began the turn', async (t) => {
    const { same } = await watched(t, [functionCall('mine', {}), say('done')], {
      tools: [
        {
          name: 'mine',
          description: 'one of the first client',
          inputSchema: { type: 'object', properties: {} },
          run: () => 'from the first client',
        },
      ],
    })
    const result = await same.run('go')
    const call = result.items.find((item) => item.type === 'dynamicToolCall')
    assert.ok(call?.type === 'dynamicToolCall' && call.success === true)
  })

  test("one's own turn without a handler declines at once, and so do its agents", async (t) => {
    const owner = connect(t, { url: shared.url }).codex
    const thread = await owner.startThread({ cwd: shared.home.workspace, approvalPolicy: 'untrusted' })
    shared.provider.when('an agent that nobody answers', command('touch never'), say('refused'))
    shared.provider.when(
      (request) => request.threadId === thread.id,
      command('touch never'),
      functionCall(
        'spawn_agent',
        { message: 'an agent that nobody answers' },
        { namespace: 'multi_agent_v1' },
      ),
      say('done'),
    )
    const records = owner.serverRequests()
    const turn = await thread.turn('go')
    await collect(turn.subAgents())
    for (const agent of [false, true]) {
      const { value } = await records.next()
      assert.equal(value?.answeredBy, 'nobody')
      assert.equal(threadOf(value) !== thread.id, agent)
    }
  })

  test('an answer leaves over the line that asked, after its handshake, and once', async (t) => {
    /** @type {any[][]} */
    const lines = []
    /** @type {import('../support/peer.mjs').Peer[]} */
    const peers = []
    const [asked, gap, again] = [createGate(), createGate(), createGate()]
    const ask = {
      id: 7,
      method: 'item/commandExecution/requestApproval',
      params: { threadId: 'T', turnId: 'U', itemId: 'c' },
    }
    const thread = { id: 'T', turns: [], status: { type: 'idle' } }
    const got = (/** @type {any} */ message, /** @type {any} */ peer) =>
      lines[peers.indexOf(peer)]?.push(message)
    const { url } = await startPeer(t, {
      connected: (peer) => {
        peers.push(peer)
        lines.push([])
      },
      frame: (frame, peer) => {
        const text = frame.opcode === 1 ? frame.payload.toString() : ''
        if (text.startsWith('{"id":7,"result"')) got(JSON.parse(text), peer)
      },
      methods: {
        initialize: (_, peer, id) => {
          got({ method: 'initialize' }, peer)
          const answer = {
            userAgent: 'test/0.169.0 (test)',
            codexHome: '/',
            platformFamily: 'unix',
            platformOs: 'test',
          }
          if (peers.length === 1) return answer
          // The new line is open, and nothing may come over it before this is answered.
          void gap.opened.then(() => sleep(200)).then(() => peer.send({ id, result: answer }))
          return undefined
        },
        'thread/start': () => ({ thread }),
        'thread/resume': (_, peer) => {
          got({ method: 'thread/resume' }, peer)
          queueMicrotask(() => {
            peer.send(ask)
            again.open()
          })
          return {
            thread: {
              ...thread,
              status: { type: 'active' },
              turns: [{ id: 'U', status: 'inProgress', items: [] }],
            },
          }
        },
        'thread/read': () => ({ thread: { ...thread, status: { type: 'active' } } }),
        'turn/start': (_, peer) => {
          queueMicrotask(() => {
            peer.send({
              method: 'turn/started',
              params: { threadId: 'T', turn: { id: 'U', status: 'inProgress', items: [] } },
            })
            peer.send(ask)
          })
          return { turn: { id: 'U', status: 'inProgress', items: [] } }
        },
      },
    })
    const { codex } = connect(t, { url })
    const opened = await codex.startThread({
      onApproval: async () => {
        asked.open()
        await gap.opened
        return /** @type {const} */ ('accept')
      },
    })
    const run = opened.run('go')
    run.catch(() => {})
    await asked.opened
    peers[0]?.socket.destroy()
    while (peers.length < 2) await sleep(5)
    gap.open()
    await again.opened
    const answers = () => (lines[1] ?? []).flatMap(({ id, result }) => (id === 7 ? [result] : []))
    while (answers().length === 0) await sleep(5)
    const order = (lines[1] ?? []).map(({ method, id }) => method ?? id)
    assert.ok(order.indexOf(7) > order.indexOf('thread/resume'), JSON.stringify(order))
    // The line that follows all that could be sent twice.
    await codex.request('thread/read', { threadId: 'T' })
    assert.deepEqual(answers(), [{ decision: 'accept' }])
  })

  test('what belongs to no turn is left to others, and nothing of it stays', async (t) => {
    const { url } = await startPeer(t, {
      methods: {
        'thread/list': (_, peer) => {
          peer.send({
            id: 1,
            method: 'account/chatgptAuthTokens/refresh',
            params: { reason: 'unauthorized' },
          })
          peer.send({
            id: 2,
            method: 'item/commandExecution/requestApproval',
            params: { threadId: 'T', turnId: 'U', itemId: 'c' },
          })
          peer.send({ method: 'serverRequest/resolved', params: { threadId: 'T', requestId: 2 } })
          return { data: [], nextCursor: null }
        },
        'model/list': (_, peer) => {
          peer.socket.destroy()
          return undefined
        },
      },
      frame: (frame) => {
        if (frame.opcode === 1) assert.doesNotMatch(frame.payload.toString(), /"result"|"error"/)
      },
    })
    const { codex } = connect(t, { url, reconnectTimeoutMs: 0 })
    const records = codex.serverRequests()
    await codex.listThreads()
    const first = await records.next()
    assert.deepEqual([first.value?.id, first.value?.answeredBy], [2, 'elsewhere'])
    await codex.models().catch(() => {})
    const second = await records.next()
    assert.deepEqual([second.value?.id, second.value?.answeredBy], [1, 'elsewhere'])
  })
})
