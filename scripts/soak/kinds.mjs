// The kinds of turns. Each runs one on a lane, or several, and says how many; what is not as it has to be throws.

import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import {
  AbortError,
  OutputValidationError,
  TransportError,
  TurnFailedError,
  TurnInactiveError,
  TurnLostError,
} from '../../index.mjs'
import { ANSWER } from './script.mjs'

/** @typedef {import('./lane.mjs').Lane} Lane */
/** @typedef {import('../../index.js').Turn<any>} Turn */

const DELTA = 'item/agentMessage/delta'
const answer = z.object({ answer: z.number() })

/** @type {Record<string, (lane: Lane) => Promise<number | void>>} */
export const kinds = {
  async run(lane) {
    const thread = await lane.thread()
    assert.equal((await thread.run('say', lane.sometimesSignal())).finalResponse, ANSWER)
  },

  async fresh(lane) {
    assert.equal((await lane.codex.run('say', lane.sometimesSignal())).finalResponse, ANSWER)
  },

  async stream(lane) {
    const thread = await lane.thread()
    const turn = await thread.turn('say', lane.sometimesSignal())
    let last = ''
    for await (const { method } of turn.stream({ coalesce: lane.next() < 0.5 })) last = method
    assert.equal(last, 'turn/completed')
  },

  async text(lane) {
    const turn = await (await lane.thread()).turn('say', lane.sometimesSignal())
    let text = ''
    for await (const piece of turn.text()) text += piece
    assert.equal(text, ANSWER)
  },

  async steps(lane) {
    const turn = await (await lane.thread()).turn('say')
    let text = ''
    for await (const step of turn.steps()) text = step.text
    assert.equal(text, ANSWER)
    assert.equal((await turn.result()).finalResponse, ANSWER)
  },

  /** Nobody reads the first. */
  async unread(lane) {
    const thread = await lane.thread()
    await thread.turn('say')
    assert.equal((await thread.run('say')).finalResponse, ANSWER)
    return 2
  },

  async break(lane) {
    const turn = await (await lane.thread()).turn('open')
    for await (const { method } of turn) if (method === DELTA) break
    assert.equal((await turn.result()).status, 'interrupted')
  },

  async abort(lane) {
    const controller = new AbortController()
    const turn = await (await lane.thread()).turn('open', { signal: controller.signal })
    const reading = async () => {
      for await (const { method } of turn) if (method === DELTA) controller.abort()
    }
    await assert.rejects(reading(), AbortError)
    await assert.rejects(turn.result(), AbortError)
  },

  /** At any point of its beginning. */
  async 'early abort'(lane) {
    const controller = new AbortController()
    const running = (await lane.thread()).run('open', { signal: controller.signal })
    const aborted = assert.rejects(running, AbortError)
    for (let rounds = Math.floor(lane.next() * 4); rounds > 0; rounds--) await setImmediate()
    controller.abort()
    await aborted
  },

  async interrupt(lane) {
    const turn = await (await lane.thread()).turn('open')
    await begun(turn)
    await turn.interrupt()
    assert.equal((await turn.result()).status, 'interrupted')
  },

  async steer(lane) {
    const turn = await (await lane.thread()).turn('steer')
    await begun(turn)
    await turn.steer('more')
    assert.equal((await turn.result()).finalResponse, ANSWER)
  },

  async tools(lane) {
    const { finalResponse } = await (await lane.thread()).run('tool')
    assert.equal(finalResponse, '3')
  },

  async approvals(lane) {
    const thread = await lane.thread()
    const before = lane.asked
    assert.equal((await thread.run('approve')).finalResponse, ANSWER)
    assert.equal(lane.asked, before + 1)
  },

  async 'sub-agents'(lane) {
    const turn = await (await lane.thread()).turn('agents')
    let completed = 0
    for await (const { method } of turn.subAgents()) if (method === 'turn/completed') completed++
    assert.equal(completed, 1)
    assert.equal((await turn.result()).finalResponse, ANSWER)
  },

  async schema(lane) {
    const { parsed } = await (await lane.thread()).run('json', { outputSchema: answer })
    assert.equal(parsed?.answer, 42)
  },

  async 'wrong output'(lane) {
    const running = (await lane.thread()).run('broken', { outputSchema: answer })
    await assert.rejects(running, OutputValidationError)
  },

  async failed(lane) {
    await assert.rejects((await lane.thread()).run('fail'), TurnFailedError)
  },

  async continued(lane) {
    const turn = await (await lane.thread()).turn('say')
    const reader = turn.stream({ leaveRunning: true })
    await reader.next()
    await reader.return()
    let last = ''
    for await (const { method } of await lane.codex.continueTurn(turn.continuation())) last = method
    assert.equal(last, 'turn/completed')
  },

  async silent(lane) {
    const thread = await lane.thread()
    const silence = await thread.run('open', { inactivityTimeoutMs: lane.place.patienceMs }).then(
      () => assert.fail('it was not silent'),
      (error) => error,
    )
    assert.ok(silence instanceof TurnInactiveError, silence)
    assert.equal((await lane.codex.cancelTurn(silence.continuation)).wasInterrupted, true)
  },

  async queue(lane) {
    const thread = await lane.thread()
    const results = await Promise.all([1, 2, 3].map(() => thread.run('say')))
    for (const { finalResponse } of results) assert.equal(finalResponse, ANSWER)
    return results.length
  },

  /** Threads that are closed, or just forgotten. */
  async crowd(lane) {
    const count = 2 + Math.floor(lane.next() * 5)
    const one = async () => {
      const thread = await lane.codex.startThread(lane.place.thread)
      assert.equal((await thread.run('say')).finalResponse, ANSWER)
      if (lane.next() < 0.5) await thread.close()
    }
    await Promise.all(Array.from({ length: count }, one))
    return count
  },

  /** Observers and listeners that come and go. */
  async observed(lane) {
    const { codex } = lane
    const hear = () => {}
    codex.on('connection', hear)
    const observers = [codex.notifications({ keepAlive: false }), codex.serverRequests({ keepAlive: false })]
    const reading = observers.map(async (observer) => {
      for await (const _ of observer);
    })
    assert.equal((await (await lane.thread()).run('say')).finalResponse, ANSWER)
    await Promise.all(observers.map((observer) => observer.return()))
    await Promise.all(reading)
    codex.off('connection', hear)
  },

  async exec(lane) {
    const { finalResponse } = await lane.place.exec('say').run('say', lane.sometimesSignal())
    assert.equal(finalResponse, ANSWER)
  },

  async 'exec break'(lane) {
    const { events } = await lane.place.exec('open').runStreamed('open')
    for await (const { type } of events) if (type === 'item.completed' || type === 'turn.started') break
  },

  async 'exec abort'(lane) {
    const controller = new AbortController()
    const { events } = await lane.place.exec('open').runStreamed('open', { signal: controller.signal })
    const reading = async () => {
      for await (const _ of events) controller.abort()
    }
    await assert.rejects(reading(), { name: 'AbortError' })
  },

  /** The line drops while a turn runs. */
  async reconnect(lane) {
    const { codex, place } = lane
    const thread = await lane.thread()
    const resumed = new Promise((resolve) => {
      const hear = (/** @type {{ type: string }} */ { type }) => {
        if (type !== 'resumed') return
        codex.off('connection', hear)
        resolve(undefined)
      }
      codex.on('connection', hear)
    })
    const turn = await thread.turn('drop')
    if (place.drop !== undefined) {
      await begun(turn)
      place.drop()
    }
    await resumed
    await turn.steer('more')
    assert.equal((await turn.result()).finalResponse, ANSWER)
  },

  /** Codex is killed while turns run. */
  async crash(lane) {
    const threads = [await lane.thread(), await lane.startThread()]
    const turns = await Promise.all(threads.map((thread) => thread.turn('open')))
    await Promise.all(turns.map(begun))
    const ends = turns.map((turn) =>
      turn.result().then(
        ({ status }) => status,
        (error) => error,
      ),
    )
    await lane.place.crash(lane.codex)
    for (const end of await Promise.all(ends))
      assert.ok(end instanceof TransportError || end instanceof TurnLostError || end === 'interrupted', end)
    // All go on with the next codex.
    for (const thread of threads) assert.equal((await thread.run('say')).finalResponse, ANSWER)
    await lane.leave(/** @type {any} */ (threads[1]))
    return 2 * turns.length
  },

  /** A client ends, and another begins. */
  async reopen(lane) {
    await lane.reopen()
    assert.equal((await (await lane.thread()).run('say')).finalResponse, ANSWER)
  },
}

/** Waits until the agent has said something. @param {Turn} turn */
async function begun(turn) {
  for await (const { method } of turn.stream({ leaveRunning: true })) if (method === DELTA) return
}
