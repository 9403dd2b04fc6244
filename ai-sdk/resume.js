'use strict'

const { onAbort, untilAborted } = require('../glue/signals.js')
const { asCalled } = require('../glue/caller.js')
const { abortReason } = require('./errors.js')
const { isOfAgent } = require('./data.js')
const { isOfWords, Parts } = require('./parts.js')
const { Whole } = require('./whole.js')

/** What a page of the AI SDK, 6 and 7, knows a stream by. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'x-vercel-ai-ui-message-stream': 'v1',
  'x-accel-buffering': 'no',
}

/**
 * The turn that runs in a thread as a stream for `useChat({ resume: true })`: from where the call began that reads it, or
 * what it has completed and what follows, where none here does. 204 where none runs.
 *
 * @param {any} provider made by `createCodex`
 * @param {string} threadId
 * @param {{ signal?: AbortSignal }} [options]
 */
function resumeTurnResponse(provider, threadId, options = {}) {
  return asCalled(resumeTurnResponse, () => responseOf(provider, threadId, options))
}

/**
 * @param {any} provider
 * @param {string} threadId
 * @param {{ signal?: AbortSignal }} options
 */
async function responseOf(provider, threadId, { signal }) {
  const reason = () => abortReason(/** @type {AbortSignal} */ (signal))
  const following = provider[FOLLOW](threadId)
  const followed = await untilAborted(following, signal, reason).catch((error) => {
    // One that comes too late is left.
    void following.then(
      (/** @type {Followed | undefined} */ late) => late?.reader.return(),
      () => {},
    )
    throw error
  })
  if (followed === undefined) return new Response(null, { status: 204 })
  const chunks = chunksOf(followed)
  const encoder = new TextEncoder()
  let off = () => {}
  const body = new ReadableStream(
    {
      async pull(controller) {
        try {
          const { value, done } = await chunks.next()
          if (done) {
            off()
            controller.close()
          } else controller.enqueue(encoder.encode(value.map(eventOf).join('')))
        } catch (error) {
          off()
          controller.error(error)
        }
      },
      async cancel() {
        off()
        await followed.reader.return()
        await chunks.return()
      },
    },
    { highWaterMark: 0 },
  )
  if (signal !== undefined) off = onAbort(signal, () => void followed.reader.return())
  return new Response(body, { headers: HEADERS })
}

/** How the provider gives the turn that runs in a thread. */
const FOLLOW = Symbol('follow')

/**
 * @typedef {object} Followed
 * @property {import('../index.js').TurnStream<any>} reader
 * @property {((event: any) => any) | undefined} skip what came before the call
 * @property {import('./open-turn.js').OpenTurn} [open] where it is of this provider
 * @property {import('../index.js').Turn<any>} turn
 * @property {string} threadId
 * @property {string} turnId
 */

/**
 * @param {Followed} followed
 * @returns {AsyncGenerator<any[], void>}
 */
async function* chunksOf({ reader, skip, open, turn, threadId, turnId }) {
  /** @type {any[]} */
  const data = []
  const parts = new Parts({
    threadId,
    isJson: open?.parts.isJson ?? false,
    holds: false,
    isCallers: (tool) => open?.tools.has(tool) ?? false,
    outputIntervalMs: 200,
    onData: (part) => data.push(part),
  })
  parts.turnId = turnId
  const whole = new Whole((itemId) => parts.metadata({ itemId }))
  const taken = () => [...whole.taken(parts.taken()).flatMap(chunkOf), ...data.splice(0)]
  let wake = () => {}
  /** @type {import('../index.js').Reader<any> | undefined} */
  let agents
  yield [{ type: 'start' }, { type: 'start-step' }]
  /** @type {string | undefined} */
  let failure
  try {
    /** @type {Promise<IteratorResult<any, undefined>> | undefined} */
    let next
    let seen = 0
    for (;;) {
      const woken = new Promise((/** @type {(value: undefined) => void} */ resolve) => {
        wake = () => resolve(undefined)
      })
      // What it asks comes after all that it has said before.
      const isThere = open === undefined || seen >= open.seq
      if (isThere && agents === undefined) {
        agents = turn.subAgents()
        void told(agents, (event) => {
          parts.ofAgent(event)
          wake()
        })
      }
      const asked = (isThere && open?.questions.tellAgain(parts.calls)) || []
      // The calls that were made for them stand before them.
      const chunks = [...taken(), ...asked]
      if (chunks.length > 0) yield chunks
      // It waits for an answer, and the call that reads it has ended with that.
      if (isThere && open?.isWaiting && open.questions.areKnown(parts.calls)) break
      next ??= reader.next()
      const result = await Promise.race([next, woken, ...(open === undefined ? [] : [open.paused()])])
      if (result === undefined) continue
      next = undefined
      if (result.done) break
      seen = result.value.seq
      const event = skip === undefined ? result.value : skip(result.value)
      if (event !== result.value) pass(parts, data, result.value, event)
      if (event !== undefined) parts.take(event)
    }
  } catch (error) {
    failure = messageOf(error)
  } finally {
    // Also where nobody reads on.
    await Promise.all([reader.return(), agents?.return()])
  }
  parts.words.close()
  parts.calls.close('the turn was interrupted')
  const rest = parts.end === undefined ? whole.close().flatMap(chunkOf) : taken()
  // The error of its result shows no secrets.
  if (parts.end?.error != null) failure ??= await failureOf(turn)
  yield [
    ...rest,
    ...(failure === undefined ? [] : [{ type: 'error', errorText: failure }]),
    { type: 'finish-step' },
    { type: 'finish' },
    DONE,
  ]
}

/**
 * Tells what agents do, until the reader is left.
 *
 * @param {import('../index.js').Reader<any>} agents
 * @param {(event: any) => void} tell
 */
async function told(agents, tell) {
  try {
    for await (const event of agents) if (isOfAgent(event)) tell(event)
  } catch {
    // The turn says how it ended.
  }
}

/**
 * Words that an earlier call has told: of those that go on it is to be known how far they are.
 *
 * @param {Parts} parts
 * @param {any[]} data
 * @param {any} event
 * @param {any} rest what of it was not told, if anything
 */
function pass(parts, data, event, rest) {
  if (!isOfWords(event)) return
  const { params } = event
  const length = (params.delta?.length ?? 0) - (rest?.params.delta.length ?? 0)
  const known = { ...event, params: { ...params, delta: params.delta?.slice(0, length) } }
  const before = [parts.taken(), data.splice(0)]
  parts.take(known)
  parts.out = before[0] ?? []
  data.splice(0, data.length, ...(before[1] ?? []))
}

/** @param {import('../index.js').Turn<any>} turn that has failed */
function failureOf(turn) {
  return turn.result().then(
    () => undefined,
    (error) => messageOf(error),
  )
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error)
}

const DONE = Symbol('done')

/** @param {any} chunk */
function eventOf(chunk) {
  return `data: ${chunk === DONE ? '[DONE]' : JSON.stringify(chunk)}\n\n`
}

/**
 * A part of a stream as a page gets it.
 * @param {any} part
 * @returns {any[]}
 */
function chunkOf(part) {
  const { type, providerMetadata } = part
  const { toolCallId, toolName } = part
  switch (type) {
    case 'text-start':
    case 'text-delta':
    case 'text-end':
    case 'reasoning-start':
    case 'reasoning-delta':
    case 'reasoning-end':
      return [part]
    case 'tool-input-start':
      return [
        { type, toolCallId: part.id, toolName, providerExecuted: true, dynamic: true, providerMetadata },
      ]
    case 'tool-call': {
      const { providerExecuted, dynamic } = part
      const input = JSON.parse(part.input)
      return [
        {
          type: 'tool-input-available',
          toolCallId,
          toolName,
          input,
          providerExecuted,
          dynamic,
          providerMetadata,
        },
      ]
    }
    case 'tool-result': {
      const whose = { toolCallId, providerExecuted: true, dynamic: true, providerMetadata }
      if (!part.isError)
        return [
          { type: 'tool-output-available', ...whose, output: part.result, preliminary: part.preliminary },
        ]
      const errorText = typeof part.result === 'string' ? part.result : JSON.stringify(part.result)
      return [{ type: 'tool-output-error', ...whose, errorText }]
    }
    case 'source':
      return [{ type: 'source-url', sourceId: part.id, url: part.url, providerMetadata }]
    case 'file': {
      const data = typeof part.data === 'string' ? part.data : part.data.data
      return [
        { type, mediaType: part.mediaType, url: `data:${part.mediaType};base64,${data}`, providerMetadata },
      ]
    }
    default:
      return []
  }
}

module.exports.resumeTurnResponse = resumeTurnResponse
module.exports.FOLLOW = FOLLOW
