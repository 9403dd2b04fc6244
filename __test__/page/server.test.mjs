// The server of examples/web, as two tabs ask it at the same time.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { start } from '../../examples/web/server.mjs'
import {
  command,
  createCodexHome,
  createGate,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'

/** @param {import('node:test').TestContext} t @param {import('codex-node').StartThreadOptions} [thread] */
async function serve(t, thread) {
  const model = await startScriptedProvider()
  const home = await createCodexHome(model)
  const server = await start({ codex: { env: home.env }, thread: { cwd: home.workspace, ...thread } })
  t.after(async () => {
    await server.close()
    await model.close()
    await home.remove()
  })
  const opened = await fetch(server.url, { redirect: 'manual' })
  const [cookie = ''] = (opened.headers.get('set-cookie') ?? '').split(';')
  /** @param {string} path @param {object} [body] */
  const post = async (path, body = {}) => {
    const headers = { cookie, origin: server.origin, 'content-type': 'application/json' }
    const response = await fetch(`${server.origin}/api${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return { status: response.status, said: await response.json() }
  }
  const { id } = (await post('/threads')).said
  return { server, model, post, id }
}

/** Waits until the state of the agent is so. @param {any} agent @param {(state: any) => unknown} is */
async function until(agent, is) {
  const controller = new AbortController()
  const target = new EventTarget()
  const watcher = () => target.dispatchEvent(new Event('change'))
  agent.watchers.add(watcher)
  while (!is(agent.state())) await once(target, 'change', { signal: controller.signal })
  agent.watchers.delete(watcher)
  return agent.state()
}

test('of two messages at once one begins a turn, the other is told to steer', {
  timeout: 60_000,
}, async (t) => {
  const { model, post, id, server } = await serve(t)
  const gate = createGate()
  t.after(() => gate.open())
  model.enqueue(reply([say('I work'), waitFor(gate)]), say('Next.'))
  const sent = await Promise.all([1, 2].map((n) => post(`/threads/${id}/turns`, { input: `message ${n}` })))
  assert.deepEqual(sent.map(({ status }) => status).sort(), [200, 409])
  gate.open()
  await until(server.agent, ({ running }) => running[id] === undefined)
  assert.equal((await post(`/threads/${id}/turns`, { input: 'again' })).status, 200)
})

test('a no reaches the agent with its reason, once', { timeout: 60_000 }, async (t) => {
  const { model, post, id, server } = await serve(t, { approvalPolicy: 'untrusted' })
  model.enqueue(command('touch never'), say('As you wish.'))
  await post(`/threads/${id}/turns`, { input: 'go' })
  const { approvals } = await until(server.agent, (state) => state.approvals.length > 0)
  const no = () => post(`/approvals/${approvals[0].id}`, { decision: 'decline', reason: 'not today' })
  const answers = await Promise.all([no(), no()])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 404])
  await until(server.agent, ({ running }) => running[id] === undefined)
  const told = model.requests.flatMap(({ userText }) => (/not today/.test(userText ?? '') ? [userText] : []))
  assert.deepEqual(told, ['I declined that: not today'])
  assert.equal(model.requests.filter(({ method }) => method === 'POST').length, 2)
})
