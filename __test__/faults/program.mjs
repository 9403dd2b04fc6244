// The program that a fault strikes: it brings a client into a state, and tells what comes of everything that is under
// way, of the next call, and of the one after the fault is over; and what it has open in the end.

import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Codex as ExecCodex } from '../../exec/index.mjs'
import { Codex } from '../../index.mjs'
import { outputSchema, states } from './states.mjs'

/** What takes longer hangs. */
const HANGS_MS = 400_000

/** When the fault had struck. */
let began = performance.now()

/** @typedef {{ gives: string, says?: string, ms: number }} Outcome */

/**
 * @param {any} data what stage.mjs gives
 * @param {(value: unknown) => void} tell
 */
export async function play(data, tell) {
  const { say, awake } = conversation(tell)

  // What is opened once and stays open: it is no part of what is counted.
  await new Codex({ codexPath: '/bin/false' }).connect().catch(() => {})
  const before = descriptors()

  const codex = new Codex(data.options)
  const noticed = new Promise((resolve) => {
    codex.on('connection', ({ type }) => type === 'closed' && resolve(true))
  })
  const exec = new ExecCodex(data.exec)
  const state = /** @type {import('./states.mjs').State} */ (states[data.state])
  /** @type {(value: unknown) => void} */
  let strike = () => {}
  const struck = new Promise((resolve) => {
    strike = resolve
  })
  const controller = new AbortController()
  if (data.abortMs !== undefined)
    struck.then(() => setTimeout(() => controller.abort('too long'), data.abortMs).unref())
  const room = {
    codex,
    exec,
    thread: data.thread,
    execThread: data.execThread,
    tell: say,
    struck,
    signal: controller.signal,
    severs: data.severs,
  }
  const { thread, pending } = data.fresh ? await taken(codex, data.resume) : await state.enter(room)
  const outcomes = Object.entries(pending).map(
    async ([name, promise]) => /** @type {const} */ ([name, await outcome(promise)]),
  )
  await say({ thread: thread?.id ?? null })
  // From then on what is asked for goes to another codex.
  if (data.noticed) await awake(noticed)
  began = performance.now()
  strike(true)
  const came = Object.fromEntries(await Promise.all(outcomes))

  /** @type {import('../../index.js').Thread | undefined} */
  let current = thread
  if (came.startThread?.gives === 'Thread') current = /** @type {any} */ (await pending.startThread)
  const again = async (/** @type {AbortSignal | undefined} */ signal = undefined) => {
    if (data.state === 'exec') return exec.startThread(data.execThread).run('again', { outputSchema })
    current ??= await codex.startThread(data.thread)
    return current.run('again', { signal })
  }
  await say({ pending: came, now: Date.now() })
  // Behind a turn that is silent it would wait for as long.
  const next = await outcome(again(data.nextMs && AbortSignal.timeout(data.nextMs)))
  await say({ next })
  const after = await outcome(again())
  const started = performance.now()
  await codex.close()
  const closeMs = Math.round(performance.now() - started)
  tell({ after, closeMs, descriptors: await left(before), files: readdirSync(tmpdir()) })
}

/** What is said to the test, and waits for its answer. @param {(value: unknown) => void} tell */
function conversation(tell) {
  const channel = /** @type {NonNullable<typeof process.channel>} */ (process.channel)
  /** Keeps the program alive, as events and messages do not. @param {Promise<unknown>} promise */
  const awake = async (promise) => {
    channel.ref()
    await promise
    channel.unref()
  }
  const say = async (/** @type {unknown} */ value) => {
    const answered = once(process, 'message')
    tell(value)
    await awake(answered)
  }
  return { say, awake }
}

/**
 * After the end of another program.
 *
 * @param {Codex} codex
 * @param {string | undefined} id of its thread
 * @returns {Promise<import('./states.mjs').Entered>}
 */
async function taken(codex, id) {
  return { thread: id === undefined ? undefined : await codex.resumeThread(id), pending: {} }
}

/** @param {Promise<unknown>} promise @returns {Promise<Outcome>} */
async function outcome(promise) {
  const asked = performance.now()
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const hang = new Promise((resolve) => {
    timer = setTimeout(() => resolve({ gives: 'hangs' }), HANGS_MS)
  })
  const settled = promise.then(
    (value) => ({ gives: nameOf(value) }),
    (error) => ({
      gives: ['TransportError', 'CodexError'].includes(error.name) ? error.code : error.name,
      says: `${error.code}: ${error.message}`,
    }),
  )
  const { gives, says } = /** @type {any} */ (await Promise.race([settled, hang]))
  clearTimeout(timer)
  return { gives, says, ms: Math.round(performance.now() - Math.max(asked, began)) }
}

/** @param {any} value */
function nameOf(value) {
  if (typeof value === 'string') return value
  // A turn of codex exec has no status: it has completed.
  return Array.isArray(value.items) ? (value.status ?? 'completed') : value.constructor.name
}

/** What is open, without the numbers. @returns {string[]} */
function descriptors() {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\[\d+\]/, '')]
    } catch {
      // The one that lists them.
      return []
    }
  })
}

/** What is open that was not, once the system has put it away. @param {string[]} before */
async function left(before) {
  const deadline = performance.now() + 20_000
  for (;;) {
    const rest = [...before]
    const more = descriptors().filter((name) => {
      const at = rest.indexOf(name)
      if (at !== -1) rest.splice(at, 1)
      return at === -1
    })
    if (more.length === 0 || performance.now() > deadline) return more
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
