// What the tests of a dropped line share: a real server behind a proxy, turns that wait, and what a turn whose line
// dropped must have told.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Codex } from '../../index.mjs'
import { command } from '../../testing/index.mjs'
import { connect } from './connection.mjs'
import { listening } from './listening.mjs'
import { startProxy } from './proxy.mjs'

/**
 * A server for the tests of a file, and how they use it.
 *
 * @param {{ after: (then: () => unknown) => void }} t
 */
export async function reconnecting(t) {
  const server = await listening(t)
  const { provider, home } = server
  let files = 0
  /** Another file in the workspace. @param {string} name */
  const anotherFile = (name) => join(home.workspace, `${name}-${++files}`)

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

  /** A command that runs until `finish()`. */
  function openCommand() {
    const file = anotherFile('finish')
    return {
      step: command(`until [ -e '${file}' ]; do sleep 0.02; done; echo finished`),
      finish: () => writeFileSync(file, ''),
    }
  }

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

  return {
    server,
    provider,
    home,
    anotherFile,
    behindProxy,
    scripted,
    prompted,
    openCommand,
    endedOnServer,
  }
}

/** Text of many words of one length, each another: as many chunks as words cut between them. @param {number} count */
export const words = (count) =>
  Array.from({ length: count }, (_, at) => `w${String(at).padStart(6, '0')} `).join('')

/** @param {import('../../index.js').TurnResult} result */
export const itemTypes = (result) => result.items.map((item) => item.type)

/**
 * The events of a turn, each once and in order, whatever was missed.
 *
 * @param {import('../../index.js').TurnEvent[]} events
 * @param {import('../../index.js').TurnResult} result
 */
export function checkEvents(events, result) {
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
