// Sub-agents, and commands that go on in the background.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, createGate, functionCall, reply, say, waitFor } from '../../testing/index.mjs'
import { appears } from '../support/files.mjs'
import { collect } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** @param {string} method @param {object} params */
const notify = (method, params) => ({ notify: { method, params } })
const child = { threadId: 'child', turnId: 'child-turn' }
const spawned = (/** @type {string[]} */ receiverThreadIds) => ({
  threadId: '$threadId',
  turnId: '$turnId',
  item: {
    type: 'collabAgentToolCall',
    id: 'spawn',
    tool: 'spawnAgent',
    status: 'completed',
    receiverThreadIds,
  },
})

/** @param {{ method: string }} event whether it is the same however far its reader was behind */
const isNoDelta = ({ method }) => !method.endsWith('elta')

describe('sub-agents', { timeout: 60_000 }, () => {
  test('T3: their events come on the turn that spawned them, marked by their own thread, and do not change it', async (t) => {
    const { codex, provider } = await real(t, {}, { model: 'mock-model' })
    provider.when(
      'spawn',
      functionCall('spawn_agent', { message: 'the task of the child' }, { namespace: 'multi_agent_v1' }),
      say('Parent done.'),
    )
    provider.when('the task of the child', say('Child done.'))
    const thread = await codex.startThread()
    const turn = await thread.turn('spawn')
    const [own, theirs, result] = await Promise.all([collect(turn), collect(turn.subAgents()), turn.run()])
    // The end of the child wakes the parent once more.
    assert.ok(result.items.some((item) => item.type === 'agentMessage' && item.text === 'Parent done.'))
    assert.ok(own.every((event) => !('threadId' in event.params) || event.params.threadId === thread.id))
    assert.ok(theirs.every((event) => 'threadId' in event.params && event.params.threadId !== thread.id))
    const methods = theirs.map(({ method }) => method)
    for (const method of ['turn/started', 'item/completed', 'turn/completed'])
      assert.ok(methods.includes(/** @type {any} */ (method)), method)
    const said = theirs.flatMap((event) =>
      event.method === 'item/completed' && event.params.item.type === 'agentMessage'
        ? [event.params.item.text]
        : [],
    )
    assert.deepEqual(said, ['Child done.'])
    // A reader that begins later sees the same.
    const again = await collect(turn.subAgents())
    assert.deepEqual(again.filter(isNoDelta), theirs.filter(isNoDelta))
  })

  test('what an agent says before it is known whose it is, and after its parent has ended, is not lost', async (t) => {
    const { codex } = rig(t, {
      on: {
        'turn/start': [
          [
            'turnBegin',
            notify('turn/started', {
              threadId: 'child',
              turn: { id: 'child-turn', items: [], status: 'inProgress' },
            }),
            notify('item/completed', spawned(['child'])),
            notify('item/completed', { ...child, item: { type: 'agentMessage', id: 'm', text: 'one' } }),
            'turnEnd',
            notify('item/completed', { ...child, item: { type: 'agentMessage', id: 'n', text: 'two' } }),
            notify('item/completed', { ...spawned(['grandchild']), ...child }),
            notify('turn/completed', {
              threadId: 'child',
              turn: { id: 'child-turn', items: [], status: 'failed' },
            }),
            notify('turn/completed', {
              threadId: 'grandchild',
              turn: { id: 'g', items: [], status: 'completed' },
            }),
          ],
        ],
      },
    })
    const turn = await (await codex.startThread()).turn('go')
    const theirs = await collect(turn.subAgents())
    /** @param {string} agent */
    const of = (agent) =>
      theirs.flatMap(({ method, params }) =>
        'threadId' in params && params.threadId === agent ? [method] : [],
      )
    assert.deepEqual(of('child'), [
      'turn/started',
      'item/completed',
      'item/completed',
      'item/completed',
      'turn/completed',
    ])
    assert.deepEqual(of('grandchild'), ['turn/completed'])
    assert.equal((await turn.run()).status, 'completed')
  })

  for (const [what, read] of /** @type {[string, object][]} */ ([
    ['whose end went untold', { reply: { thread: { id: 'child', status: { type: 'idle' }, turns: [] } } }],
    ['that the server does not have', { error: { code: -32600, message: 'thread not found: child' } }],
  ])) {
    test(`an agent ${what} keeps nobody waiting`, async (t) => {
      const { codex, log } = rig(t, {
        on: {
          'turn/start': [
            ['turnBegin', notify('item/completed', spawned(['child'])), 'turnEnd'],
            ['turnBegin', notify('item/completed', spawned(['other'])), 'never'],
          ],
          'thread/read': [[read]],
        },
      })
      const thread = await codex.startThread()
      const turn = await thread.turn('go')
      assert.equal((await collect(turn.subAgents())).length, 0)
      assert.equal((await turn.result()).status, 'completed')
      assert.deepEqual(
        log.messages('thread/read').map(({ params }) => params.threadId),
        ['child'],
      )
      // A turn that says nothing either is given up for that.
      await assert.rejects(thread.run('go', { inactivityTimeoutMs: 500 }), { code: 'TURN_INACTIVE' })
    })
  }

  test('a turn without agents ends their stream with itself, and leaving it interrupts nothing', async (t) => {
    const { codex } = rig(t)
    const turn = await (await codex.startThread()).turn('go')
    const stream = turn.subAgents()
    await stream.return()
    assert.deepEqual(await collect(turn.subAgents()), [])
    assert.equal((await turn.run()).status, 'completed')
  })
})

describe('background commands', { timeout: 60_000 }, () => {
  test('what comes for a turn after its end is among the notifications, and never in its stream', async (t) => {
    const late = notify('item/commandExecution/outputDelta', {
      threadId: '$threadId',
      turnId: '$turnId',
      itemId: 'c',
      delta: 'late',
    })
    const { codex } = rig(t, {
      on: { 'turn/start': [['turnBegin', 'agentMessage', 'turnEnd', late, late, late]] },
    })
    const watched = codex.notifications({ methods: ['item/commandExecution/outputDelta'] })
    const thread = await codex.startThread()
    for (let round = 0; round < 10; round++) {
      const turn = await thread.turn('go')
      assert.equal((await collect(turn)).at(-1)?.method, 'turn/completed')
      for (let n = 0; n < 3; n++) {
        const { value } = await watched.next()
        assert.ok(value?.method === 'item/commandExecution/outputDelta')
        assert.deepEqual([value.params.turnId, value.params.delta], [turn.id, 'late'])
      }
      assert.equal((await collect(turn)).at(-1)?.method, 'turn/completed')
    }
  })

  test('the output of a command that outlives its interrupted turn is among the notifications', async (t) => {
    const { codex, provider, home } = await real(t)
    const second = createGate()
    const go = join(home.workspace, 'go')
    provider.when(
      'run',
      command(`until test -e '${go}'; do sleep 0.05; done; echo late output`, { yield_time_ms: 250 }),
      reply([waitFor(second), 'never']),
    )
    const watched = codex.notifications({ methods: ['item/completed'] })
    const thread = await codex.startThread({ cwd: home.workspace })
    const turn = await thread.turn('run')
    const run = turn.run()
    await second.reached
    await turn.interrupt()
    await run
    writeFileSync(go, '')
    const { value } = await watched.next()
    assert.ok(value?.method === 'item/completed' && value.params.item.type === 'commandExecution')
    assert.deepEqual([value.params.turnId, value.params.item.aggregatedOutput], [turn.id, 'late output\n'])
    assert.ok(
      !(await collect(turn)).some(
        (event) => event.method === 'item/completed' && event.params.item.type === 'commandExecution',
      ),
    )
  })

  for (const terminateCommands of [false, true]) {
    test(`a command of an interrupted turn ${terminateCommands ? 'is ended when asked' : 'goes on'}`, async (t) => {
      const { codex, provider, home } = await real(t)
      const second = createGate()
      const file = join(home.workspace, 'pid')
      provider.when(
        'run',
        command(`echo $$ > '${file}.new' && mv '${file}.new' '${file}' && exec sleep 600`, {
          yield_time_ms: 250,
        }),
        reply([waitFor(second), 'never']),
      )
      const thread = await codex.startThread({ cwd: home.workspace })
      const turn = await thread.turn('run')
      const run = turn.run()
      // The command runs on while the model is asked what to do next.
      await second.reached
      const pid = Number(await appears(file))
      await turn.interrupt({ terminateCommands })
      await run
      if (terminateCommands) await gone(pid)
      else assert.ok(isAlive(pid))
      await codex.close()
      await gone(pid)
    })
  }
})
