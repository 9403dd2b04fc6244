// The settings in force of a thread outlive codex and the line to it, and are never wider than they were.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { OutputValidationError, ServerExitedError } from '../../index.mjs'
import { command, createGate, reply, say, waitFor } from '../../testing/index.mjs'
import { connect, watchConnection } from '../support/connection.mjs'
import { assertContains } from '../support/contains.mjs'
import { listening } from '../support/listening.mjs'
import { rejection } from '../support/outcomes.mjs'
import { startProxy } from '../support/proxy.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** @typedef {import('../../index.js').TurnOptions} TurnOptions */

/** Kills codex, and waits until its client knows. @param {import('../../index.js').Codex} codex */
async function crash(codex) {
  const events = watchConnection(codex)
  process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
  await events.next('closed')
}

/**
 * Every option of a turn that lasts, and what loads the thread again for it.
 *
 * @type {[name: string, options: TurnOptions, loads: object][]}
 */
const lasting = [
  ['sandbox: read-only', { sandbox: 'read-only' }, { sandbox: 'read-only' }],
  [
    'sandbox: workspace-write',
    { sandbox: 'workspace-write' },
    {
      sandbox: 'workspace-write',
      config: {
        'sandbox_workspace_write.writable_roots': [],
        'sandbox_workspace_write.network_access': false,
        'sandbox_workspace_write.exclude_tmpdir_env_var': false,
        'sandbox_workspace_write.exclude_slash_tmp': false,
      },
    },
  ],
  [
    'sandboxPolicy',
    { sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/x'], excludeSlashTmp: true } },
    {
      sandbox: 'workspace-write',
      config: {
        'sandbox_workspace_write.writable_roots': ['/x'],
        'sandbox_workspace_write.network_access': false,
        'sandbox_workspace_write.exclude_tmpdir_env_var': false,
        'sandbox_workspace_write.exclude_slash_tmp': true,
      },
    },
  ],
  ['approvalPolicy', { approvalPolicy: 'untrusted' }, { approvalPolicy: 'untrusted' }],
  ['approvalMode', { approvalMode: 'deny_all' }, { approvalPolicy: 'never' }],
  ['approvalsReviewer', { approvalsReviewer: 'auto_review' }, { approvalsReviewer: 'auto_review' }],
  ['model', { model: 'other' }, { model: 'other' }],
  ['cwd', { cwd: '/elsewhere' }, { cwd: '/elsewhere' }],
  ['effort', { effort: 'low' }, { config: { model_reasoning_effort: 'low' } }],
  ['summary', { summary: 'concise' }, { config: { model_reasoning_summary: 'concise' } }],
  ['personality', { personality: 'friendly' }, { personality: 'friendly' }],
  ['serviceTier', { serviceTier: 'flex' }, { serviceTier: 'flex' }],
  ['runtimeWorkspaceRoots', { runtimeWorkspaceRoots: ['/y'] }, { runtimeWorkspaceRoots: ['/y'] }],
]

/** What a thread is loaded with that has none of them. */
const plain = {
  excludeTurns: true,
  threadId: 'thread-1',
  sandbox: 'danger-full-access',
  approvalPolicy: 'on-request',
  approvalsReviewer: 'user',
  modelProvider: 'mock',
}

describe('each option of a turn that lasts is loaded again', { concurrency: 8, timeout: 60_000 }, () => {
  const opening = /** @type {const} */ ({ approvalPolicy: 'on-request', approvalsReviewer: 'user' })

  for (const [name, options, loads] of lasting) {
    for (const [when, turns] of /** @type {[string, object[]][]} */ ([
      ['a crash between turns', [['default'], [{ kill: 'SIGKILL' }]]],
      ['a crash during the turn that brought it', [['turnBegin', { kill: 'SIGKILL' }]]],
    ])) {
      test(`${name}, after ${when}`, async (t) => {
        const { codex, log } = rig(t, { runs: [{ on: { 'turn/start': turns } }, {}] })
        const thread = await codex.startThread(opening)
        if (turns.length === 2) await thread.run('go', options)
        await rejection(thread.run('die', turns.length === 2 ? {} : options), ServerExitedError)
        const before = thread.defaults
        await thread.run('again')
        const { params } = log.messages('thread/resume')[0]
        // Another folder has roots that nobody has told yet.
        const roots = 'cwd' in options ? {} : { runtimeWorkspaceRoots: params.runtimeWorkspaceRoots }
        const { model, cwd } = log.messages('thread/start')[0].params
        const expected = { model: 'gpt-5.5', cwd: params.cwd, ...plain, ...roots, ...loads }
        assert.deepEqual(params, expected, `${model} ${cwd}`)
        const { sandboxPolicy, approvalPolicy } = thread.defaults
        assert.deepEqual([sandboxPolicy, approvalPolicy], [before.sandboxPolicy, before.approvalPolicy])
      })
    }
  }

  for (const [name, options] of /** @type {[string, TurnOptions][]} */ ([
    ['collaborationMode', { collaborationMode: 'plan' }],
    ['multiAgentMode', { multiAgentMode: 'proactive' }],
    ['disabledPluginIds', { disabledPluginIds: ['p'] }],
  ])) {
    test(`${name}, which nothing that loads a thread takes, is told after a crash`, async (t) => {
      const runs = [{ on: { 'turn/start': [['default'], [{ kill: 'SIGKILL' }]] } }, {}]
      const { codex, log } = rig(t, { runs })
      const thread = await codex.startThread(opening)
      await thread.run('go', options)
      await rejection(thread.run('die'), ServerExitedError)
      await thread.run('again')
      const sent = log.messages('turn/start')[0].params[name]
      const [told] = log.messages('thread/settings/update')
      assert.deepEqual(told?.params[name], sent)
    })
  }

  test('what holds for one turn alone is not', async (t) => {
    const runs = [{ on: { 'turn/start': [['default'], [{ kill: 'SIGKILL' }]] } }, {}]
    const { codex, log } = rig(t, { runs })
    const thread = await codex.startThread(opening)
    const outputSchema = { type: 'object', properties: {} }
    await rejection(thread.run('go', { serviceTierForTurn: 'priority', outputSchema }), OutputValidationError)
    await rejection(thread.run('die'), ServerExitedError)
    await thread.run('again')
    const { params } = log.messages('thread/resume')[0]
    const runtimeWorkspaceRoots = [params.cwd]
    assert.deepEqual(params, { model: 'gpt-5.5', cwd: params.cwd, runtimeWorkspaceRoots, ...plain })
  })

  test('a turn that was refused changes nothing', async (t) => {
    const refusal = { error: { code: -32600, message: 'no' } }
    const runs = [{ on: { 'turn/start': [[refusal], [{ kill: 'SIGKILL' }]] } }, {}]
    const { codex, log } = rig(t, { runs })
    const thread = await codex.startThread(opening)
    await assert.rejects(thread.run('go', { model: 'other', sandbox: 'read-only' }))
    await rejection(thread.run('die'), ServerExitedError)
    await thread.run('again')
    const { params } = log.messages('thread/resume')[0]
    const runtimeWorkspaceRoots = [params.cwd]
    assert.deepEqual(params, { model: 'gpt-5.5', cwd: params.cwd, runtimeWorkspaceRoots, ...plain })
  })
})

describe('of two that may hold the narrower does', { concurrency: true, timeout: 60_000 }, () => {
  for (const [held, given] of /** @type {const} */ ([
    ['danger-full-access', 'read-only'],
    ['read-only', 'danger-full-access'],
  ])) {
    test(`${given} on ${held}, and no answer`, async (t) => {
      const turns = [['default'], ['never'], ['default'], [{ kill: 'SIGKILL' }]]
      const { codex, log } = rig(
        t,
        { runs: [{ on: { 'turn/start': turns } }, {}] },
        { requestTimeoutMs: 2000 },
      )
      const thread = await codex.startThread()
      await thread.run('one', { sandbox: held })
      await assert.rejects(thread.run('two', { sandbox: given }), { code: 'INDETERMINATE' })
      await thread.run('three')
      assert.equal(log.messages('turn/start')[2].params.sandboxPolicy.type, 'readOnly', 'the server is told')
      await rejection(thread.run('four'), ServerExitedError)
      await thread.run('five')
      assert.equal(log.messages('thread/resume')[0].params.sandbox, 'read-only')
    })
  }
})

/** All that lasts, in one turn, other than what the thread is opened with. */
const all = /** @satisfies {TurnOptions} */ ({
  sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/tmp/beside'], excludeSlashTmp: true },
  approvalPolicy: 'untrusted',
  approvalsReviewer: 'auto_review',
  model: 'gpt-5.4',
  effort: 'low',
  summary: 'concise',
  personality: 'friendly',
  serviceTier: 'flex',
})

describe('the real codex', { concurrency: 4, timeout: 120_000 }, () => {
  /** @param {import('../../index.js').Thread} thread @param {string} cwd */
  const check = (thread, cwd) => {
    const { sandboxPolicy, ...rest } = thread.defaults
    const { sandboxPolicy: policy, ...others } = all
    assertContains(sandboxPolicy, { networkAccess: false, excludeTmpdirEnvVar: false, ...policy })
    assert.deepEqual(rest, { ...others, cwd: realpathSync(cwd), modelProvider: 'scripted' })
  }

  /**
   * What the model was asked with last, and what codex says of the thread.
   *
   * @param {import('../../index.js').Codex} codex
   * @param {import('../../index.js').Thread} thread
   * @param {any} provider
   * @param {string} cwd
   */
  const checkAll = async (codex, thread, provider, cwd) => {
    provider.when('ask', say('done'))
    await thread.run('ask')
    const { model, reasoning, service_tier } = provider.requests.at(-1).body
    assert.deepEqual([model, reasoning.effort, reasoning.summary], ['gpt-5.4', 'low', 'concise'])
    assert.equal(service_tier, 'flex')
    const stored = await codex.request('thread/resume', { threadId: thread.id, excludeTurns: true })
    assertContains(stored.sandbox, {
      networkAccess: false,
      excludeTmpdirEnvVar: false,
      ...all.sandboxPolicy,
    })
    assert.equal(stored.cwd, realpathSync(cwd))
    assert.deepEqual([stored.approvalPolicy, stored.approvalsReviewer], ['untrusted', 'auto_review'])
    check(thread, cwd)
  }

  for (const during of [false, true]) {
    test(`a crash ${during ? 'during' : 'after'} the turn that changed all of it`, async (t) => {
      const { codex, provider, home } = await real(t)
      const other = join(home.workspace, 'other')
      mkdirSync(other)
      const thread = await codex.startThread({ cwd: home.workspace, sandbox: 'danger-full-access' })
      provider.when('first', say('one'))
      await thread.run('first')
      const gate = createGate()
      provider.when('change', during ? reply([waitFor(gate), 'two']) : say('two'))
      const change = thread.run('change', { ...all, cwd: other })
      if (during) {
        const lost = rejection(change, ServerExitedError)
        await gate.reached
        process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
        await lost
      } else {
        await change
        check(thread, other)
        await crash(codex)
      }
      await checkAll(codex, thread, provider, other)
    })
  }

  for (const restarts of [false, true]) {
    test(`a reconnect to a server that ${restarts ? 'was restarted' : 'lives'}`, async (t) => {
      const server = await listening(t)
      const { provider, home } = server
      const proxy = await startProxy(t, server.url)
      const { codex, events } = connect(t, { url: proxy.url })
      const other = join(home.workspace, 'other')
      mkdirSync(other)
      const thread = await codex.startThread({ cwd: home.workspace, sandbox: 'danger-full-access' })
      provider.when('change', say('two'))
      await thread.run('change', { ...all, cwd: other })
      if (restarts) {
        proxy.refuse()
        await server.kill()
        await server.restart()
        proxy.accept()
      } else {
        proxy.cut()
      }
      await events.next('resumed')
      check(thread, other)
      await checkAll(codex, thread, provider, other)
    })
  }

  test('read-only of a turn holds after a crash: nothing is written', async (t) => {
    const { codex, provider, home } = await real(t)
    const file = join(home.workspace, 'written')
    const thread = await codex.startThread({
      cwd: home.workspace,
      sandbox: 'danger-full-access',
      approvalPolicy: 'never',
    })
    provider.when('look', say('nothing there'))
    await thread.run('look', { sandbox: 'read-only' })
    await crash(codex)
    provider.when('write', command(`echo no > '${file}'`), say('tried'))
    await thread.run('write')
    assert.equal(existsSync(file), false)
    assertContains(thread.defaults.sandboxPolicy, { type: 'readOnly', networkAccess: false })
  })

  test('a root of the workspace that a turn took away stays away after a crash', async (t) => {
    const { codex, provider, home } = await real(t)
    const [own, other] = [home.workspace, join(home.workspace, '..', 'other')].map((folder) => {
      mkdirSync(folder, { recursive: true })
      return realpathSync(folder)
    })
    provider.enqueue(say('One'), command(`echo x > ${join(String(other), 'f')}`), say('Two'))
    // Temporary folders may be written to otherwise.
    const config = { sandbox_workspace_write: { exclude_slash_tmp: true, exclude_tmpdir_env_var: true } }
    const thread = await codex.startThread({
      sandbox: 'workspace-write',
      approvalPolicy: 'never',
      config,
      cwd: own,
      runtimeWorkspaceRoots: [String(own), String(other)],
    })
    await thread.run('x', { runtimeWorkspaceRoots: [String(own)] })
    await crash(codex)
    await thread.run('y')
    assert.equal(existsSync(join(String(other), 'f')), false)
    const found = await codex.request('thread/resume', { threadId: thread.id, excludeTurns: true })
    assert.deepEqual(found.runtimeWorkspaceRoots, [own])
  })

  test('a sandbox that can not be said when a thread is loaded is told right after', async (t) => {
    const { codex, provider, home } = await real(t)
    const policy = /** @type {const} */ ({ type: 'readOnly', networkAccess: true })
    const thread = await codex.startThread({ cwd: home.workspace, sandbox: 'danger-full-access' })
    provider.when('go', say('done'))
    await thread.run('go', { sandboxPolicy: policy })
    await crash(codex)
    await thread.run('go')
    const { sandbox } = await codex.request('thread/resume', { threadId: thread.id, excludeTurns: true })
    assertContains(sandbox, policy)
    assertContains(thread.defaults.sandboxPolicy, policy)
  })

  test('a fork has what is in force of its thread', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, sandbox: 'danger-full-access' })
    provider.when('change', say('done'))
    await thread.run('change', { ...all, cwd: home.workspace })
    const fork = await thread.fork()
    check(fork, home.workspace)
    const narrow = await thread.fork({ sandbox: 'read-only' })
    assert.equal(narrow.defaults.sandboxPolicy?.type, 'readOnly')
    assert.equal(narrow.defaults.effort, 'low')
  })

  test('what a second client changes is in force', async (t) => {
    const server = await listening(t)
    const { provider, home } = server
    const one = connect(t, { url: server.url }).codex
    const two = connect(t, { url: server.url }).codex
    const thread = await one.startThread({ cwd: home.workspace, sandbox: 'danger-full-access' })
    provider.when('go', say('done'))
    await thread.run('go')
    const theirs = await two.resumeThread(thread.id)
    const told = one.notifications({ methods: ['thread/settings/updated'] })
    await theirs.updateDefaults({ sandbox: 'read-only', effort: 'high' })
    await told.next()
    assert.equal(thread.defaults.sandboxPolicy?.type, 'readOnly')
    await thread.run('go')
    await server.kill()
    await server.restart()
    await thread.run('go')
    assert.equal(thread.defaults.sandboxPolicy?.type, 'readOnly')
    assert.equal(thread.defaults.effort, 'high')
  })
})
