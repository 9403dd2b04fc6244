// Threads beside their turns: fork, list, read, put away, compact, go back, change settings, set a goal.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  AbortError,
  InvalidRequestError,
  JsonRpcError,
  ServerExitedError,
  ThreadBusyError,
  TurnFailedError,
} from '../../index.mjs'
import { createGate, httpError, reply, say, waitFor } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/**
 * @typedef {import('../../index.js').Thread} Thread
 * @typedef {import('../../testing/index.js').ScriptedProvider} ScriptedProvider
 */

/** A thread that no codex has. */
const nobody = '00000000-0000-7000-8000-000000000000'

/**
 * Turns with these inputs, whose answers are their inputs in capitals.
 *
 * @param {Thread} thread
 * @param {ScriptedProvider} provider
 * @param {string[]} inputs
 */
async function converse(thread, provider, inputs) {
  const ids = []
  for (const input of inputs) {
    provider.enqueue(say(input.toUpperCase()))
    ids.push((await thread.run(input)).turnId)
  }
  return ids
}

/** @param {Thread} thread @returns {Promise<string[]>} what the user said, oldest first */
async function inputsOf(thread) {
  const texts = []
  for await (const { item } of thread.items()) {
    if (item.type === 'userMessage') texts.push(item.content.map((part) => ('text' in part ? part.text : '')))
  }
  return texts.flat()
}

describe('fork', { concurrency: true, timeout: 60_000 }, () => {
  test('a fork has the turns of its source, and goes on by itself', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const [first] = await converse(thread, provider, ['one', 'two'])
    const fork = await thread.fork()
    assert.notEqual(fork.id, thread.id)
    await converse(fork, provider, ['three'])
    assert.deepEqual(await inputsOf(fork), ['one', 'two', 'three'])
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'two', 'three'])
    assert.deepEqual(await inputsOf(thread), ['one', 'two'])

    const cut = await codex.forkThread(thread.id, { lastTurnId: first, ephemeral: true })
    await converse(cut, provider, ['other'])
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'other'])
  })

  test('options are on the wire as they were given', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    await thread.fork({ model: 'm', sandbox: 'read-only', approvalMode: 'deny_all', lastTurnId: 'turn-9' })
    await codex.forkThread('some-id', { includeTurns: true, cwd: '/x', ephemeral: true })
    assert.deepEqual(
      log.messages('thread/fork').map((message) => message.params),
      [
        {
          threadId: 'thread-1',
          excludeTurns: true,
          model: 'm',
          sandbox: 'read-only',
          approvalPolicy: 'never',
          lastTurnId: 'turn-9',
          runtimeWorkspaceRoots: [log.messages('thread/fork')[0].params.cwd ?? process.cwd()],
        },
        { threadId: 'some-id', excludeTurns: false, cwd: '/x', ephemeral: true },
      ],
    )
  })

  test('an unknown thread and an ephemeral one are the server’s typed error', async (t) => {
    const { codex, home } = await real(t)
    await rejection(codex.forkThread(nobody), InvalidRequestError)
    const thread = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    await rejection(thread.fork(), InvalidRequestError)
  })
})

describe('lists', { concurrency: true, timeout: 60_000 }, () => {
  test('a thread that the server lists several times after reverts shows once', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    for (const input of ['one', 'two', 'three']) {
      await converse(thread, provider, [input, 'too much'])
      await thread.rollback(1)
    }
    const raw = await codex.request('thread/list', {})
    assert.deepEqual(
      raw.data.map((thread) => thread.id),
      [thread.id, thread.id, thread.id],
    )
    const page = await codex.listThreads()
    assert.deepEqual(
      page.data.map((thread) => thread.id),
      [thread.id],
    )
    const all = await collect(codex.threads({ limit: 1 }))
    assert.deepEqual(
      all.map((thread) => thread.id),
      [thread.id],
    )
  })

  test('a page has each thread once, and everything else as it came', async (t) => {
    const page = {
      data: [{ id: 'a', later: 1 }, { id: 'b' }, { id: 'a' }],
      nextCursor: 'c',
      later: { x: [1] },
    }
    const { codex } = rig(t, { on: { 'thread/list': { reply: page } } })
    assert.deepEqual(await codex.listThreads(), { ...page, data: page.data.slice(0, 2) })
  })

  test('threads() asks for a page when the one before was read', async (t) => {
    const page = (/** @type {string[]} */ ids, /** @type {string | null} */ nextCursor) => ({
      reply: { data: ids.map((id) => ({ id, name: '$params.cursor' })), nextCursor },
    })
    const { codex, log } = rig(t, {
      on: {
        'thread/list': [
          page(['a', 'b', 'a'], 'one'),
          page(['b'], 'two'),
          page(['c'], 'three'),
          page(['d'], null),
        ],
      },
    })
    const threads = codex.threads({ limit: 2, archived: true, cwd: ['/x', '/y'], searchTerm: 's' })
    assert.deepEqual(log.messages('thread/list'), [])
    const seen = []
    for await (const { id } of threads) {
      seen.push(id)
      if (id === 'c') break
    }
    assert.deepEqual(seen, ['a', 'b', 'c'])
    const query = { limit: 2, archived: true, cwd: ['/x', '/y'], searchTerm: 's' }
    assert.deepEqual(
      log.messages('thread/list').map((message) => message.params),
      [query, { ...query, cursor: 'one' }, { ...query, cursor: 'two' }],
    )
  })

  test('a cursor that leads to itself ends the list', async (t) => {
    const { codex } = rig(t, { on: { 'thread/list': { reply: { data: [{ id: 'a' }], nextCursor: 'c' } } } })
    assert.equal((await collect(codex.threads())).length, 1)
  })

  test('an aborted signal ends the list with its reason', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'thread/list': [{ reply: { data: [{ id: 'a' }], nextCursor: 'c' } }, 'never'] },
    })
    const controller = new AbortController()
    const iterator = codex.threads({ signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    const next = iterator.next()
    await log.find((entry) => entry.in?.params?.cursor === 'c')
    controller.abort('enough')
    const error = await rejection(next, AbortError)
    assert.equal(error.cause, 'enough')
    assert.equal((await iterator.next()).done, true)

    const sent = log.messages('thread/list').length
    const aborted = codex.threads({ signal: AbortSignal.abort() })[Symbol.asyncIterator]()
    await rejection(aborted.next(), AbortError)
    assert.equal(log.messages('thread/list').length, sent)
  })

  test('resumeLatestThread resumes the thread of the folder that was written to last', async (t) => {
    const { codex, provider, home } = await real(t)
    const other = join(home.workspace, 'other')
    mkdirSync(other)
    const older = await codex.startThread({ cwd: home.workspace })
    await converse(older, provider, ['older'])
    const elsewhere = await codex.startThread({ cwd: other })
    await converse(elsewhere, provider, ['elsewhere'])
    const newer = await codex.startThread({ cwd: home.workspace })
    await converse(newer, provider, ['newer'])
    assert.equal((await codex.resumeLatestThread({ cwd: home.workspace }))?.id, newer.id)
    await laterSecond()
    await converse(older, provider, ['again'])
    assert.equal((await codex.resumeLatestThread({ cwd: home.workspace }))?.id, older.id)
    assert.equal(await codex.resumeLatestThread({ cwd: join(other, 'nothing') }), null)
  })

  test('turns() and items() go through all pages, in the direction asked for', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const ids = await converse(thread, provider, ['one', 'two', 'three'])
    const newest = await collect(thread.turns({ limit: 2 }))
    assert.deepEqual(
      newest.map((turn) => turn.id),
      ids.toReversed(),
    )
    const oldest = await collect(thread.turns({ limit: 1, sortDirection: 'asc', itemsView: 'full' }))
    assert.deepEqual(
      oldest.map((turn) => turn.items.map((item) => item.type)),
      Array(3).fill(['userMessage', 'agentMessage']),
    )
    const items = await collect(thread.items({ limit: 1, turnId: /** @type {string} */ (ids[1]) }))
    assert.deepEqual(
      items.map(({ turnId, item }) => [turnId, item.type]),
      [
        [ids[1], 'userMessage'],
        [ids[1], 'agentMessage'],
      ],
    )
    const ephemeral = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    await rejection(collect(ephemeral.turns()), JsonRpcError)
    await rejection(collect(ephemeral.items()), JsonRpcError)
  })
})

describe('models', { concurrency: true, timeout: 60_000 }, () => {
  test('are those that codex knows, with the hidden ones if asked', async (t) => {
    const { codex } = await real(t)
    const names = (/** @type {{ model: string }[]} */ models) => models.map(({ model }) => model)
    const models = await codex.models()
    assert.ok(names(models).includes('gpt-5.5'), names(models).join())
    assert.ok(models.every(({ hidden }) => !hidden))
    const all = await codex.models({ includeHidden: true })
    assert.ok(all.length > models.length && all.some(({ hidden }) => hidden))
    // A page of the server's own holds one of them.
    const page = await codex.request('model/list', { limit: 1, includeHidden: true })
    assert.deepEqual([names(page.data), typeof page.nextCursor], [names(all.slice(0, 1)), 'string'])
  })

  test('are those of all pages', async (t) => {
    const page = (/** @type {string[]} */ ids, /** @type {string | null} */ nextCursor) => ({
      reply: { data: ids.map((id) => ({ id })), nextCursor },
    })
    const { codex, log } = rig(t, {
      on: { 'model/list': [page(['a', 'b'], 'one'), page([], 'two'), page(['c'], null)] },
    })
    assert.deepEqual(await codex.models({ includeHidden: true }), [{ id: 'a' }, { id: 'b' }, { id: 'c' }])
    assert.deepEqual(
      log.messages('model/list').map(({ params }) => params),
      [undefined, 'one', 'two'].map((cursor) => JSON.parse(JSON.stringify({ includeHidden: true, cursor }))),
    )
  })
})

describe('stored threads', { concurrency: true, timeout: 60_000 }, () => {
  test('read, name, archive, take back, delete by id', async (t) => {
    const { codex, provider, home } = await real(t)
    const { threadId } = await codex.run('hello', { cwd: home.workspace })
    await codex.setThreadName(threadId, 'A name')
    const { thread } = await codex.readThread(threadId)
    assert.deepEqual([thread.id, thread.name, thread.turns.length], [threadId, 'A name', 0])
    assert.equal((await codex.readThread(threadId, { includeTurns: true })).thread.turns.length, 1)

    await codex.archiveThread(threadId)
    assert.deepEqual((await codex.listThreads()).data, [])
    const archived = await codex.listThreads({ archived: true })
    assert.deepEqual(
      archived.data.map((thread) => thread.id),
      [threadId],
    )
    await rejection(codex.archiveThread(threadId), InvalidRequestError)
    await rejection(codex.resumeThread(threadId), InvalidRequestError)
    await codex.unarchiveThread(threadId)
    await converse(await codex.resumeThread(threadId), provider, ['back'])
    await codex.deleteThread(threadId)
    assert.deepEqual((await codex.listThreads()).data, [])
    await rejection(codex.deleteThread(threadId), InvalidRequestError)
  })

  test('a thread that was archived and taken back goes on with its next turn', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one'])
    await thread.archive()
    await rejection(thread.run('no'), InvalidRequestError)
    await thread.unarchive()
    await converse(thread, provider, ['two'])
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'two'])
    await thread.delete()
    await rejection(thread.run('no'), InvalidRequestError)
  })
})

describe('compact', { concurrency: true, timeout: 60_000 }, () => {
  test('resolves when the turn that compacts has completed', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one'])
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('the summary')]))
    let done = false
    const compact = thread.compact().finally(() => {
      done = true
    })
    await gate.reached
    assert.equal(done, false)
    gate.open()
    const result = await compact
    assert.deepEqual(
      [result.status, result.items.map((item) => item.type)],
      ['completed', ['contextCompaction']],
    )
    await converse(thread, provider, ['two'])
    assert.match(JSON.stringify(provider.requests.at(-1)?.body), /the summary/)
  })

  test('waits for the running turn, and the next turn waits for it', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('first')]), say('summary'), say('last'))
    /** @type {string[]} */
    const order = []
    const first = thread.run('one').then(() => order.push('first'))
    const compact = thread.compact().then(() => order.push('compact'))
    const last = thread.run('two').then(() => order.push('last'))
    await gate.reached
    gate.open()
    await Promise.all([first, compact, last])
    assert.deepEqual(order, ['first', 'compact', 'last'])
    assert.equal(provider.requests.length, 3)
  })

  test('rejects when the model fails, and the thread goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one'])
    provider.enqueue(httpError(500))
    const error = await rejection(thread.compact(), TurnFailedError)
    assert.equal(error.codexErrorInfo, 'internalServerError')
    await converse(thread, provider, ['two'])
  })

  test('an abort interrupts the turn', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one'])
    const gate = createGate()
    provider.enqueue(waitFor(gate))
    const controller = new AbortController()
    const compact = thread.compact({ signal: controller.signal })
    await gate.reached
    controller.abort('enough')
    assert.equal((await rejection(compact, AbortError)).cause, 'enough')
    await converse(thread, provider, ['two'])
  })
})

describe('going back', { concurrency: true, timeout: 60_000 }, () => {
  test('rollback drops the last turns, and the model does not know of them', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one', 'two', 'three', 'four'])
    const answer = await thread.rollback(2)
    assert.equal(answer.thread.id, thread.id)
    assert.deepEqual(await inputsOf(thread), ['one', 'two'])
    await converse(thread, provider, ['five'])
    assert.deepEqual(provider.requests.at(-1)?.userMessages, ['one', 'two', 'five'])
    await thread.rollback(3)
    assert.deepEqual(await collect(thread.turns()), [])
  })

  test('rollback of more turns than there are names both numbers and drops none', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    await converse(thread, provider, ['one', 'two'])
    const error = await rejection(thread.rollback(3), TypeError)
    assert.match(error.message, /numTurns: 3 .* 2 turns/)
    assert.deepEqual(await inputsOf(thread), ['one', 'two'])
  })

  test('a review counts as one turn, and can be gone back before', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const review = async () => {
      const turn = await thread.review({ type: 'custom', instructions: 'look' })
      await turn.run()
      return turn
    }
    await converse(thread, provider, ['one'])
    await review()
    await converse(thread, provider, ['two'])
    await thread.rollback(2)
    assert.equal((await collect(thread.turns())).length, 1)
    const { id } = await review()
    assert.equal((await collect(thread.turns())).length, 3, 'codex stores a review as two turns')
    await thread.revert(id)
    assert.equal((await collect(thread.turns())).length, 1)
  })

  test('revert drops a turn and all later ones', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const [, second] = await converse(thread, provider, ['one', 'two', 'three'])
    await thread.revert(/** @type {string} */ (second))
    assert.deepEqual(await inputsOf(thread), ['one'])
    await rejection(thread.revert(/** @type {string} */ (second)), InvalidRequestError)
  })

  test('while a turn runs both are refused, and the turn goes on', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const [first] = await converse(thread, provider, ['one'])
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('done')]))
    const turn = await thread.turn('two')
    await gate.reached
    const error = await rejection(thread.rollback(1), ThreadBusyError)
    assert.deepEqual([error.code, error.threadId, error.turnId], ['THREAD_BUSY', thread.id, turn.id])
    assert.match(error.message, /runs a turn/)
    await rejection(thread.revert(/** @type {string} */ (first)), ThreadBusyError)
    gate.open()
    assert.equal((await turn.run()).finalResponse, 'done')
    // Straight after its end the thread is free.
    await thread.rollback(1)
  })

  test('an ephemeral thread gives the server’s typed error', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, ephemeral: true })
    const [first] = await converse(thread, provider, ['one'])
    await rejection(thread.rollback(1), InvalidRequestError)
    const error = await rejection(thread.revert(/** @type {string} */ (first)), InvalidRequestError)
    assert.match(error.message, /ephemeral/)
  })
})

describe('defaults', { concurrency: true, timeout: 60_000 }, () => {
  test('updateDefaults holds for later turns, and defaults tells it', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    const { defaults } = thread
    assert.deepEqual(
      [defaults.model, defaults.modelProvider, defaults.cwd, defaults.effort],
      ['gpt-5.5', 'scripted', home.workspace, null],
    )
    assert.equal(defaults.sandboxPolicy.type, 'dangerFullAccess')
    await thread.updateDefaults({
      model: 'gpt-5.4',
      effort: 'high',
      sandbox: 'read-only',
      approvalPolicy: 'never',
    })
    const changed = thread.defaults
    assert.deepEqual(
      [changed.model, changed.effort, changed.sandboxPolicy.type, changed.approvalPolicy, changed.cwd],
      ['gpt-5.4', 'high', 'readOnly', 'never', home.workspace],
    )
    await thread.run('go')
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.deepEqual([body.model, body.reasoning.effort], ['gpt-5.4', 'high'])
  })

  test('what was updated counts at once, over what codex told before and under what it tells later', async (t) => {
    const told = (/** @type {string} */ effort) => ({
      notify: {
        method: 'thread/settings/updated',
        params: {
          threadId: '$params.threadId',
          threadSettings: { effort, personality: 'friendly', later: 1 },
        },
      },
    })
    const { codex } = rig(t, {
      on: {
        'thread/settings/update': [[told('low'), { reply: {} }, { waitFor: 'thread/read' }, told('medium')]],
      },
    })
    const thread = await codex.startThread()
    await thread.updateDefaults({ effort: 'high', summary: null })
    assert.deepEqual(
      [
        thread.defaults.effort,
        thread.defaults.personality,
        thread.defaults.summary,
        'later' in thread.defaults,
      ],
      ['high', 'friendly', null, false],
    )
    const later = codex.notifications({ methods: ['thread/settings/updated'] })
    await thread.read()
    await later.next()
    assert.equal(thread.defaults.effort, 'medium')
  })

  test('defaults follows what a turn changes for later ones', async (t) => {
    const { codex, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    await thread.run('go', { model: 'gpt-5.4', effort: 'low', summary: 'concise' })
    const { model, effort, summary } = thread.defaults
    assert.deepEqual([model, effort, summary], ['gpt-5.4', 'low', 'concise'])
  })

  test('what was updated holds when codex is started anew', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5', effort: 'low' })
    await converse(thread, provider, ['one'])
    await thread.updateDefaults({ model: 'gpt-5.4', effort: 'high' })
    const gate = createGate()
    provider.enqueue(waitFor(gate))
    const cut = rejection(thread.run('cut'), ServerExitedError)
    await gate.reached
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    await cut
    await converse(thread, provider, ['two'])
    const body = /** @type {any} */ (provider.requests.at(-1)?.body)
    assert.deepEqual([body.model, body.reasoning.effort], ['gpt-5.4', 'high'])
  })

  test('each option is on the wire as it was given', async (t) => {
    const { codex, log } = rig(t, { on: { 'thread/settings/update': { reply: {} } } })
    const thread = await codex.startThread()
    /** @type {[import('../../index.js').UpdateDefaultsOptions, object][]} */
    const cases = [
      [
        {
          model: 'm',
          effort: 'low',
          summary: 'auto',
          cwd: '/x',
          personality: 'friendly',
          serviceTier: 'flex',
        },
        {},
      ],
      [{ approvalMode: 'deny_all' }, { approvalMode: undefined, approvalPolicy: 'never' }],
      [{ approvalPolicy: 'on-request', approvalsReviewer: 'user' }, {}],
      [{ sandboxPolicy: { type: 'readOnly', networkAccess: true } }, {}],
      [{ serviceTier: null }, {}],
      [{}, {}],
    ]
    for (const [options] of cases) await thread.updateDefaults(options)
    assert.deepEqual(
      log.messages('thread/settings/update').map((message) => message.params),
      cases.map(([options, wire]) =>
        JSON.parse(JSON.stringify({ threadId: thread.id, ...options, ...wire })),
      ),
    )
  })
})

describe('goal', { concurrency: true, timeout: 60_000 }, () => {
  test('set, change, get and clear', async (t) => {
    const { codex, home } = await real(t)
    const { goal, id } = await codex.startThread({ cwd: home.workspace })
    assert.equal(await goal.get(), null)
    await rejection(goal.set({ status: 'paused' }), InvalidRequestError)
    const set = await goal.set({ objective: 'Be good', status: 'paused', tokenBudget: 1000 })
    assert.deepEqual(
      [set.threadId, set.objective, set.status, set.tokenBudget],
      [id, 'Be good', 'paused', 1000],
    )
    const changed = await goal.set({ status: 'complete' })
    assert.deepEqual([changed.objective, changed.status], ['Be good', 'complete'])
    assert.deepEqual(await goal.get(), changed)
    assert.deepEqual([await goal.clear(), await goal.clear()], [true, false])
  })

  test('an active goal makes codex begin turns of its own accord', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace })
    const gate = createGate()
    provider.enqueue(reply([waitFor(gate), say('on it')]))
    const started = codex.notifications({ methods: ['turn/started'] })
    await thread.goal.set({ objective: 'Be good' })
    await started.next()
    // Nothing else keeps the program alive until codex asks the provider.
    const next = started.next()
    await gate.reached
    await thread.goal.set({ status: 'complete' })
    gate.open()
    // Our turn waits for theirs.
    provider.enqueue(say('mine'))
    assert.equal((await thread.run('hello')).finalResponse, 'mine')
    await started.return()
    assert.equal((await next).done, true)
  })
})

describe('bad input', { timeout: 60_000 }, () => {
  test('is refused before anything is sent, with what is accepted', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    // The handshake may be noted a moment later.
    await log.message('initialized')
    const sent = log.messages().length
    /** @type {any} */
    const any = codex
    /** @type {any} */
    const anyThread = thread
    /** @type {[() => unknown, RegExp][]} */
    const cases = [
      [() => any.forkThread(''), /^id is empty/],
      [() => any.forkThread(5), /^id: must be a string/],
      [() => any.forkThread('x', { personality: 'friendly' }), /options\.personality: forkThread/],
      [() => any.forkThread('x', { serviceName: 's' }), /options\.serviceName: forkThread/],
      [() => any.forkThread('x', { lastTurnId: ' ' }), /options\.lastTurnId/],
      [() => any.resumeThread('x', { lastTurnId: 't' }), /options\.lastTurnId: resumeThread/],
      [() => any.startThread({ lastTurnId: 't' }), /options\.lastTurnId: startThread/],
      [() => any.resumeLatestThread({ ephemeral: true }), /options\.ephemeral: resumeThread/],
      [() => any.listThreads({ limit: 0 }), /options\.limit: must be at least 1/],
      [() => any.listThreads({ limit: 1.5 }), /options\.limit/],
      [() => any.listThreads({ limitt: 1 }), /unknown field `limitt`.*`limit`/],
      [() => any.listThreads({ sortKey: 'size' }), /options\.sortKey: unknown variant `size`.*created_at/],
      [() => any.listThreads({ sourceKinds: ['x'] }), /options\.sourceKinds/],
      [() => any.listThreads({ cwd: 5 }), /options\.cwd: a path is a string/],
      [() => any.listThreads(null), /null is not accepted/],
      [() => any.threads({ signal: 5 }), /options\.signal: must be an AbortSignal/],
      [() => any.threads({ limit: 0 }), /options\.limit/],
      [() => any.readThread(''), /^id is empty/],
      [() => any.readThread('x', { includeTurns: 1 }), /options\.includeTurns/],
      [() => any.archiveThread(''), /^id is empty/],
      [() => any.unarchiveThread(), /^id: must be a string/],
      [() => any.deleteThread({}), /^id: must be a string/],
      [() => any.setThreadName('x', ''), /^name is empty/],
      [() => any.setThreadName('', 'x'), /^id is empty/],
      [() => any.models({ hidden: true }), /unknown field `hidden`/],
      [() => anyThread.fork({ lastTurn: 'x' }), /unknown field `lastTurn`/],
      [() => anyThread.compact({ inactivityTimeoutMs: 0 }), /options\.inactivityTimeoutMs/],
      [() => anyThread.turns({ itemsView: 'all' }), /options\.itemsView: unknown variant `all`.*full/],
      [() => anyThread.turns({ sortDirection: 'up' }), /options\.sortDirection/],
      [() => anyThread.items({ turnId: '' }), /options\.turnId/],
      [() => anyThread.items({ limit: -1 }), /options\.limit/],
      [() => anyThread.rollback(), /numTurns: is missing/],
      [() => anyThread.rollback(0), /numTurns: must be at least 1/],
      [() => anyThread.rollback(-1), /numTurns.*at least 1/],
      [() => anyThread.rollback(1.5), /numTurns.*at least 1/],
      [() => anyThread.rollback('1'), /numTurns: a string is not accepted/],
      [() => anyThread.rollback(Number.NaN), /numTurns: NaN is not accepted/],
      [() => anyThread.revert(''), /^beforeTurnId is empty/],
      [() => anyThread.revert(1), /^beforeTurnId: must be a string/],
      [() => anyThread.updateDefaults({ sandbox: 'none' }), /options\.sandbox/],
      [() => anyThread.updateDefaults({ model: '' }), /options\.model/],
      [() => anyThread.updateDefaults({ tools: [] }), /unknown field `tools`/],
      [
        () => anyThread.updateDefaults({ approvalMode: 'deny_all', approvalsReviewer: 'user' }),
        /`approvalMode` and `approvalsReviewer` exclude each other/,
      ],
      [
        () => anyThread.updateDefaults({ sandbox: 'read-only', sandboxPolicy: { type: 'readOnly' } }),
        /`sandbox` and `sandboxPolicy` exclude each other/,
      ],
      [() => anyThread.goal.set({}), /at least one of objective, status and tokenBudget/],
      [() => anyThread.goal.set({ objective: ' ' }), /options\.objective/],
      [() => anyThread.goal.set({ status: 'done' }), /options\.status: unknown variant `done`.*complete/],
      [() => anyThread.goal.set({ objective: 'x', tokenBudget: 0 }), /options\.tokenBudget/],
    ]
    for (const [call, message] of cases) {
      const error = await rejection((async () => call())(), TypeError)
      assert.match(error.message, message)
      assert.equal(/** @type {any} */ (error).code, 'INVALID_ARGUMENT')
    }
    assert.equal(log.messages().length, sent)
  })
})

/** Waits for the next second of the clock: codex keeps times of threads in seconds. */
function laterSecond() {
  return new Promise((resolve) => setTimeout(resolve, 1_010 - (Date.now() % 1_000)))
}
