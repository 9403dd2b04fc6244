// What the tests of a turn over HTTP share: requests, frames, a turn that waits, a server on loopback.

import './environment.mjs'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { rig, temporaryFolder } from './rig.mjs'

export const inTime = { concurrency: true, timeout: 60_000 }

/**
 * @param {string} [lastEventId]
 * @param {RequestInit} [init]
 */
export function ask(lastEventId, init) {
  const headers = lastEventId === undefined ? undefined : { 'last-event-id': lastEventId }
  return new Request('http://127.0.0.1/turns/1', { ...(headers && { headers }), ...init })
}

/**
 * The frames of a text of server-sent events.
 *
 * @param {string} text
 * @returns {{ id: string, event: string, data: any }[]}
 */
export function framesIn(text) {
  const field = (/** @type {string} */ frame, /** @type {string} */ name) =>
    frame.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1] ?? ''
  return text
    .split('\n\n')
    .filter((frame) => frame.includes('data: '))
    .map((frame) => ({
      id: field(frame, 'id'),
      event: field(frame, 'event'),
      data: JSON.parse(field(frame, 'data')),
    }))
}

/** @param {Response} response */
export async function framesOf(response) {
  return framesIn(await response.text())
}

/**
 * Reads the frames of a response until one fits, and leaves.
 *
 * @param {Response} response
 * @param {(frame: { id: string, event: string, data: any }) => boolean} fits
 */
export async function framesUntil(response, fits) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
    const frames = framesIn(text.slice(0, text.lastIndexOf('\n\n') + 2))
    const found = frames.findIndex(fits)
    if (found >= 0) {
      await reader.cancel()
      return frames.slice(0, found + 1)
    }
  }
  return assert.fail(`the response ended: ${text.slice(-500)}`)
}

/** @param {{ data: any }} frame */
export const isDelta = ({ data }) => data.method === 'item/agentMessage/delta'

/** @param {Iterable<any>} events @returns {string} */
export const spoken = (events) =>
  [...events]
    .filter(({ method }) => method === 'item/agentMessage/delta')
    .map(({ params }) => params.delta)
    .join('')

/** @param {Response} response that refuses @returns {Promise<unknown>} */
export const codeOf = async (response) => /** @type {{ code?: unknown }} */ (await response.json()).code

/**
 * A turn that says `ab ` five times, waits for the gate, and says `end`.
 *
 * @param {import('node:test').TestContext} t
 */
export async function waitingTurn(t) {
  const file = join(temporaryFolder(t), 'go')
  const says = (/** @type {string} */ text, /** @type {number} */ pieces) => ({ deltas: { text, pieces } })
  const { codex } = rig(t, {
    on: {
      'turn/start': [
        [
          'turnBegin',
          'messageStarted',
          says('ab ab ab ab ab ', 5),
          { waitForFile: file },
          says('end', 1),
          { play: 'messageCompleted', with: { text: whole } },
          'turnEnd',
        ],
      ],
    },
  })
  const thread = await codex.startThread()
  return { gate: { open: () => writeFileSync(file, '') }, turn: await thread.turn('go') }
}
export const whole = 'ab ab ab ab ab end'

/**
 * A server on loopback with a handler.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('node:http').RequestListener} listener
 */
export async function serve(t, listener) {
  const server = createServer(listener)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { server, url: `http://127.0.0.1:${port}` }
}
