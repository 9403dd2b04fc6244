// What the protocol has for the methods with options can be given, under its own names; and what it does not have yet.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { findCodex, printProtocol } from '../../scripts/protocol/codex.mjs'
import { say } from '../../testing/index.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** Which thread or turn it is, and what has an option of another name or an argument. */
const ELSEWHERE = /** @type {Record<string, string[]>} */ ({
  'thread/start': [],
  'thread/resume': ['threadId', 'excludeTurns'],
  'thread/fork': ['threadId', 'excludeTurns'],
  'thread/list': [],
  'thread/settings/update': ['threadId'],
  'turn/start': ['threadId', 'input', 'toolOutput'],
  'turn/steer': ['threadId', 'expectedTurnId', 'input'],
})

/** Options are checked one by one: those that exclude each other never meet. @type {Record<string, unknown>} */
const VALUES = {
  approvalPolicy: 'never',
  approvalsReviewer: 'user',
  sandbox: 'read-only',
  sandboxPolicy: { type: 'readOnly' },
  personality: 'none',
  config: { model_verbosity: 'low' },
  ephemeral: true,
  summary: 'auto',
  outputSchema: { type: 'object', properties: {}, required: [], additionalProperties: false },
  collaborationMode: { mode: 'plan', settings: { model: 'm' } },
  sortKey: 'created_at',
  sortDirection: 'asc',
  sourceKinds: ['cli'],
  archived: true,
  limit: 5,
  modelProviders: ['p'],
  runtimeWorkspaceRoots: ['/srv'],
  cwd: '/srv',
}
/** Those that an option of another shape says. @type {Record<string, unknown>} */
const SAID_BY = { dynamicTools: [] }

/** @param {string} name */
const sampleOf = (name) => VALUES[name] ?? SAID_BY[name] ?? 'x'

describe('every field of the pinned protocol has a way in', async () => {
  const { schema } = await printProtocol(await findCodex())
  const text = JSON.stringify(schema)

  /** @param {string} type @returns {string[]} */
  const fieldsOf = (type) => {
    const found = find(JSON.parse(text), type)
    return Object.keys(found?.properties ?? {})
  }

  /** @param {import('node:test').TestContext} t */
  const opened = async (t) => {
    const { codex, log } = rig(t, {
      on: { 'turn/start': [['turnReply', 'turnStarted', { waitFor: 'turn/steer' }, 'turnEnd']] },
    })
    return { codex, log, any: /** @type {any} */ (codex) }
  }

  /** @type {[string, string, (any: any, options: object) => Promise<unknown>][]} */
  const calls = [
    ['thread/start', 'ThreadStartParams', (codex, options) => codex.startThread(options)],
    ['thread/resume', 'ThreadResumeParams', (codex, options) => codex.resumeThread('thread-9', options)],
    ['thread/fork', 'ThreadForkParams', (codex, options) => codex.forkThread('thread-9', options)],
    ['thread/list', 'ThreadListParams', (codex, options) => codex.listThreads(options)],
    [
      'thread/settings/update',
      'ThreadSettingsUpdateParams',
      async (codex, options) => (await codex.startThread()).updateDefaults(options),
    ],
    [
      'turn/start',
      'TurnStartParams',
      async (codex, options) => (await codex.startThread()).turn('x', options),
    ],
    [
      'turn/steer',
      'TurnSteerParams',
      async (codex, options) => (await (await codex.startThread()).turn('x')).steer('y', options),
    ],
  ]
  for (const [method, type, call] of calls) {
    for (const name of fieldsOf(type).filter((field) => !ELSEWHERE[method]?.includes(field))) {
      test(`${method} ${name}`, async (t) => {
        const { any, log } = await opened(t)
        const value = sampleOf(name)
        // The scripted server answers some of them with an error: what counts is what it was sent.
        await call(any, { [name]: value }).catch((/** @type {any} */ error) => {
          assert.notEqual(error.code, 'INVALID_ARGUMENT', error.message)
        })
        const { params } = await log.message(method)
        assert.deepEqual(params[name], value)
      })
    }
  }

  for (const name of fieldsOf('InitializeCapabilities')) {
    test(`capability ${name}`, async (t) => {
      const own = name === 'experimentalApi' || name === 'optOutNotificationMethods'
      const value = name === 'optOutNotificationMethods' ? ['x/y'] : name === 'extensions' ? {} : true
      const options = own ? { [name]: value } : { capabilities: { [name]: value } }
      const { codex, log } = rig(t, {}, /** @type {any} */ (options))
      await codex.connect()
      assert.deepEqual((await log.message('initialize')).params.capabilities[name], value)
    })
  }
})

describe('extra', () => {
  test('goes to where it is given, and replaces nothing', async (t) => {
    const { codex, log } = rig(t, {}, { extra: { ofTomorrow: 1, capabilities: { newer: true } } })
    const thread = await codex.startThread({ model: 'm', extra: { newer: { a: 1 }, model: 'other' } })
    await thread.run('x', { extra: { newer: 2, threadId: 'another' } })
    const { params: shaken } = await log.message('initialize')
    assert.deepEqual([shaken.ofTomorrow, shaken.capabilities.newer], [1, true])
    const { params: started } = await log.message('thread/start')
    assert.deepEqual([started.newer, started.model], [{ a: 1 }, 'm'])
    const { params: turn } = await log.message('turn/start')
    assert.deepEqual([turn.newer, turn.threadId], [2, thread.id])
  })

  test('of codex.run() is for both of its requests', async (t) => {
    const { codex, log } = rig(t)
    await codex.run('x', { extra: { newer: 1 }, clientUserMessageId: 'a', collaborationMode: 'default' })
    assert.equal((await log.message('thread/start')).params.newer, 1)
    const { params } = await log.message('turn/start')
    assert.deepEqual([params.newer, params.clientUserMessageId], [1, 'a'])
  })

  test('is an object', async (t) => {
    const { codex } = rig(t)
    await assert.rejects(codex.startThread(/** @type {any} */ ({ extra: [] })), {
      code: 'INVALID_ARGUMENT',
      message: /^options\.extra: must be an object/,
    })
  })

  test('an unknown capability says where it goes', async (t) => {
    assert.throws(
      () => rig(t, {}, /** @type {any} */ ({ capabilities: { newer: true } })),
      /options\.capabilities\.newer: is no capability .* `extra`/,
    )
  })
})

describe('plan mode', () => {
  test('is a word for a turn and for later ones; the plan is in the result', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    provider.enqueue(say('First.\n<proposed_plan>\n1. a\n2. b\n</proposed_plan>\nAgreed?'), say('Done.'))
    const planned = await thread.run('Plan it', { collaborationMode: 'plan' })
    assert.deepEqual([planned.plan?.trim(), planned.finalResponse], ['1. a\n2. b', 'First.\nAgreed?'])
    assert.equal(thread.defaults.collaborationMode?.mode, 'plan')
    await thread.updateDefaults({ collaborationMode: 'default' })
    const done = await thread.run('Now do it')
    assert.deepEqual([done.plan, thread.defaults.collaborationMode?.mode], [undefined, undefined])
  })

  test('stays when codex is started anew', async (t) => {
    const { codex, provider, home } = await real(t)
    const thread = await codex.startThread({ cwd: home.workspace, model: 'gpt-5.5' })
    provider.enqueue(say('One'), say('<proposed_plan>\nx\n</proposed_plan>'))
    await thread.run('Plan it', { collaborationMode: 'plan' })
    const pid = /** @type {number} */ (codex.pid)
    process.kill(pid, 'SIGKILL')
    // A turn that is begun while the server goes would be in doubt.
    while (codex.pid === pid) await new Promise((resolve) => setImmediate(resolve))
    const { plan } = await thread.run('Go on')
    assert.equal(plan?.trim(), 'x')
  })

  test('what is no mode is refused', async (t) => {
    const { codex } = rig(t)
    const thread = await codex.startThread()
    for (const collaborationMode of /** @type {any[]} */ (['planning', 5, {}])) {
      await assert.rejects(
        thread.run('x', { collaborationMode }),
        /options\.collaborationMode: must be 'plan'/,
      )
    }
  })
})

test('runtimeWorkspaceRoots are the paths of this program', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'codex-node-roots-'))
  t.after(() => rm(folder, { recursive: true }))
  const { codex, provider, home } = await real(t, {}, { sandboxMode: 'workspace-write' })
  const thread = await codex.startThread({ cwd: home.workspace, runtimeWorkspaceRoots: [folder] })
  provider.enqueue(say('x'))
  await thread.run('x')
  assert.match(JSON.stringify(provider.requests.at(-1)?.body), new RegExp(folder.replaceAll('/', '\\/')))
  const elsewhere = rig(t)
  const relative = await elsewhere.codex.startThread({ runtimeWorkspaceRoots: ['sub'] })
  assert.ok(relative.id)
  assert.deepEqual((await elsewhere.log.message('thread/start')).params.runtimeWorkspaceRoots, [
    join(process.cwd(), 'sub'),
  ])
})

/**
 * A definition of the schema by its name, wherever it stands.
 *
 * @param {any} value
 * @param {string} name
 * @returns {any}
 */
function find(value, name) {
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.hasOwn(value, name) && value[name]?.properties !== undefined) return value[name]
  for (const inner of Object.values(value)) {
    const found = find(inner, name)
    if (found !== undefined) return found
  }
  return undefined
}
