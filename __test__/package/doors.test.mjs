// Whatever is rejected, by a call or in a loop, says who called: all doors of all entries. Those of the fleet have a table
// of their own beside its tests.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createCodex, resumeTurnResponse } from '../../ai-sdk/index.mjs'
import { Codex as Exec } from '../../exec/index.mjs'
import { Codex, retryOnOverload, serve } from '../../index.mjs'
import { createCodexHome, startScriptedProvider } from '../../testing/index.mjs'
import { turnEvents } from '../../web/client.mjs'
import { assertAll, assertNames, failureOf, publicDoors } from '../support/doors.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'

/** What is no door of ours, or has nothing to reject with. */
const OTHERS = {
  'what the program gives to us': [
    'codex-node: ByteReadable',
    'codex-node: ByteReadable.getReader.read',
    'codex-node: ByteWritable.getWriter.close',
    'codex-node: ByteWritable.getWriter.write',
    'codex-node: Handler',
    'codex-node: StandardSchema.~standard.validate',
    'codex-node: TokenSource',
    'codex-node: Tool.run',
    'ai-sdk: CodexSettings.onApproval',
    'policy: Rule',
    'testing: ScriptedProviderOptions.respond',
    'testing: ThreadStoreLike.delete',
    'testing: ThreadStoreLike.get',
    'testing: ThreadStoreLike.put',
    'testing: Waitable',
    'web: FollowedTurn.interrupt',
    'web: FollowedTurn.stream',
    'web/client: TurnEventsOptions.headers',
  ],
  'called by the library, by a server, by the AI SDK: what they throw is told where it belongs': [
    'policy: Policy',
    'web: NodeListener',
  ],
  'a loop that ends with its client': ['codex-node: Codex.notifications', 'codex-node: Codex.serverRequests'],
  'never rejects': [
    'codex-node: AppServer.close',
    'codex-node: Codex.close',
    'codex-node: CommandProcess.terminate',
    'codex-node: Thread.close',
    'ai-sdk: CodexProvider.close',
    'testing: Gate.opened',
    'testing: Gate.reached',
    'testing: ScriptedProvider.close',
  ],
  "rejects with what the test's own store throws, or an assertion that says which check has failed": [
    'testing: threadStoreChecks.run',
  ],
}

const no = { error: { code: -32603, message: 'no' } }

/** @typedef {Record<string, () => any>} Doors */

/** Of a server that says no. @param {import('node:test').TestContext} t @returns {Promise<Doors>} */
async function refusedDoors(t) {
  const { codex } = rig(t, {
    on: { '*': no, 'thread/start': 'default', 'turn/start': [['turnBegin'], no] },
  })
  const { account, config } = codex
  const thread = await codex.startThread()
  const turn = await thread.turn('go')
  turn.run().catch(() => {})
  const { codex: other } = rig(t, { on: { '*': no, 'thread/start': 'default' } })
  const idle = await other.startThread()
  const closed = new Codex({ codexPath: rigPath })
  await closed.close()
  const missing = new Codex({ codexPath: '/no/such/codex' })
  return {
    'Account.loginApiKey': () => account.loginApiKey('sk-x'),
    'Account.loginChatgpt': () => account.loginChatgpt(),
    'Account.loginChatgptDeviceCode': () => account.loginChatgptDeviceCode(),
    'Account.logout': () => account.logout(),
    'Account.rateLimits': () => account.rateLimits(),
    'Account.read': () => account.read(),
    'Codex.archiveThread': () => codex.archiveThread('t'),
    'Codex.cancelTurn': () => codex.cancelTurn(turn.continuation()),
    'Codex.connect': () => missing.connect(),
    'Codex.continueTurn': () => other.continueTurn(turn.continuation()),
    'Codex.deleteThread': () => codex.deleteThread('t'),
    'Codex.doctor': () => codex.doctor(/** @type {any} */ ({ no: 1 })),
    'Codex.execCommand': () => codex.execCommand(['ls']),
    'Codex.forkThread': () => codex.forkThread('t'),
    'Codex.importThread': () => codex.importThread(Buffer.from('no')),
    'Codex.listThreads': () => codex.listThreads(),
    'Codex.models': () => codex.models(),
    'Codex.notify': () => closed.notify(/** @type {any} */ ('x')),
    'Codex.readThread': () => codex.readThread('t'),
    'Codex.request': () => codex.request('thread/read', { threadId: 't' }),
    'Codex.resumeLatestThread': () => codex.resumeLatestThread(),
    'Codex.resumeThread': () => codex.resumeThread('t'),
    'Codex.run': () => closed.run('go'),
    'Codex.setThreadName': () => codex.setThreadName('t', 'n'),
    'Codex.startThread': () => missing.startThread(),
    'Codex.threads': () => codex.threads(),
    'Codex.unarchiveThread': () => codex.unarchiveThread('t'),
    'Config.batchWrite': () => config.batchWrite([{ keyPath: 'a', value: 1, mergeStrategy: 'upsert' }]),
    'Config.read': () => config.read(),
    'Config.requirements': () => config.requirements(),
    'Config.write': () => config.write('a', 1),
    'Goal.clear': () => thread.goal.clear(),
    'Goal.get': () => thread.goal.get(),
    'Goal.set': () => thread.goal.set({ objective: 'x' }),
    'Thread.archive': () => idle.archive(),
    'Thread.compact': () => idle.compact(),
    'Thread.delete': () => idle.delete(),
    'Thread.export': () => idle.export(),
    'Thread.fork': () => idle.fork(),
    'Thread.items': () => idle.items(),
    'Thread.outcomeOf': () => idle.outcomeOf('x'),
    'Thread.proceed': () => idle.proceed(),
    'Thread.read': () => idle.read(),
    'Thread.revert': () => idle.revert('x'),
    'Thread.review': () => idle.review({ type: 'uncommittedChanges' }),
    'Thread.rollback': () => idle.rollback(1),
    'Thread.run': () => idle.run('go'),
    'Thread.runningTurn': () => idle.runningTurn(),
    'Thread.send': () => idle.send('go'),
    'Thread.setName': () => idle.setName('n'),
    'Thread.turn': () => idle.turn('go'),
    'Thread.turns': () => idle.turns(),
    'Thread.unarchive': () => idle.unarchive(),
    'Thread.updateDefaults': () => idle.updateDefaults({ model: 'x' }),
    'Turn.interrupt': () => turn.interrupt(),
    'Turn.steer': () => turn.steer('more'),
    retryOnOverload: () => retryOnOverload(() => missing.connect(), /** @type {any} */ ({ no: 1 })),
    serve: () => serve({ codexPath: '/no/such/codex' }),
  }
}

/** Of what a server does that dies. @param {import('node:test').TestContext} t @returns {Promise<[Doors, () => unknown]>} */
async function lostDoors(t) {
  const { codex } = rig(t, {
    on: {
      'turn/start': [['turnBegin']],
      'command/exec': 'never',
      'command/exec/resize': 'never',
      'command/exec/write': 'never',
      'account/login/cancel': 'never',
      'account/login/start': { reply: { type: 'chatgpt', loginId: 'l', authUrl: 'https://example.com' } },
      'test/die': [{ kill: 'SIGKILL' }],
    },
  })
  const turn = await (await codex.startThread()).turn('go')
  const command = await codex.execCommand(['x'], { stream: true, tty: true })
  const login = await codex.account.loginChatgpt()
  const doors = {
    'CommandProcess.[Symbol.asyncIterator]': () => command[Symbol.asyncIterator](),
    'CommandProcess.closeStdin': () => command.closeStdin(),
    'CommandProcess.exit': () => command.exit,
    'CommandProcess.resize': () => command.resize({ rows: 1, cols: 1 }),
    'CommandProcess.write': () => command.write('x'),
    'Login.cancel': () => login.cancel(),
    'Login.wait': () => login.wait(),
    'Turn.[Symbol.asyncIterator]': () => turn[Symbol.asyncIterator](),
    'Turn.result': () => turn.result(),
    'Turn.run': () => turn.run(),
    'Turn.steps': () => turn.steps(),
    'Turn.stream': () => turn.stream(),
    'Turn.subAgents': () => turn.subAgents(),
    'Turn.text': () => turn.text(),
  }
  return [doors, () => codex.notify(/** @type {any} */ ('test/die'))]
}

/** @param {import('node:test').TestContext} t @returns {Promise<Record<string, Doors>>} */
async function otherDoors(t) {
  const { env } = rigEnvironment(t)
  const exec = new Exec({
    codexPathOverride: process.execPath,
    env: { ...process.env, ...env },
  }).startThread()
  const streamed = await exec.runStreamed('go')
  streamed.result().catch(() => {})
  const provider = createCodex({ codexPath: '/no/such/codex' })
  t.after(() => provider.close())
  const model = /** @type {any} */ (provider('gpt-5.5'))
  const prompt = [{ role: 'user', content: [{ type: 'text', text: 'a' }] }]
  const scripted = await startScriptedProvider()
  const parent = join(temporaryFolder(t), 'parent')
  mkdirSync(parent)
  const home = await createCodexHome(scripted, { parent })
  // What is below a file can't be removed.
  rmSync(parent, { recursive: true })
  writeFileSync(parent, '')
  await scripted.close()
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  t.after(() => taken.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (taken.address())
  return {
    exec: {
      'RunStreamedResult.events': () => exec.runStreamed('go').then(({ events }) => events),
      'RunStreamedResult.result': () => streamed.result(),
      'Thread.run': () => exec.run('go'),
      'Thread.runStreamed': () => exec.runStreamed(/** @type {any} */ (1)),
    },
    'ai-sdk': {
      'CodexLanguageModel.doGenerate': () => model.doGenerate({ prompt }),
      'CodexLanguageModel.doStream': () => model.doStream({ prompt }),
      'CodexProvider.models': () => provider.models(),
      'CodexProvider.thread': () => provider.thread('t'),
      resumeTurnResponse: () => resumeTurnResponse(provider, 't'),
    },
    testing: {
      'CodexHome.remove': () => home.remove(),
      'ScriptedProvider.nextRequest': () => scripted.nextRequest(),
      createCodexHome: () => createCodexHome(scripted, { parent: '/no/such/folder' }),
      startScriptedProvider: () => startScriptedProvider({ port }),
    },
    'web/client': {
      turnEvents: () => turnEvents('http://127.0.0.1:1', { maxRetries: 0 }),
    },
  }
}

/**
 * @param {import('node:test').TestContext} t
 * @param {Doors} doors
 * @param {() => unknown} [then] what they fail by, once all are called
 */
async function allNamed(t, doors, then) {
  const entries = Object.entries(doors)
  const failing = then === undefined ? [] : entries.map(([, call]) => failureOf(call))
  await then?.()
  for (const [at, [name, call]] of entries.entries()) {
    await t.test(name, async () => assertNames(await (failing[at] ?? failureOf(call))))
  }
}

describe('what is rejected says who called', { timeout: 60_000 }, () => {
  /** @type {string[]} */
  const tried = []
  const tries = (/** @type {string} */ entry, /** @type {Doors} */ doors) =>
    tried.push(...Object.keys(doors).map((name) => `${entry}: ${name}`))

  test('calls of a server that says no', async (t) => {
    const doors = await refusedDoors(t)
    tries('codex-node', doors)
    await allNamed(t, doors)
  })

  test('calls and loops of a server that dies', async (t) => {
    const [doors, die] = await lostDoors(t)
    tries('codex-node', doors)
    await allNamed(t, doors, die)
  })

  test('those of the other entries', async (t) => {
    for (const [entry, doors] of Object.entries(await otherDoors(t))) {
      tries(entry, doors)
      await t.test(entry, (t) => allNamed(t, doors))
    }
  })

  test('there is no other door', () => {
    const known = [...tried, ...Object.values(OTHERS).flat()]
    assertAll(
      known,
      publicDoors().filter((door) => !door.startsWith('fleet: ')),
    )
  })
})
