'use strict'

// Who looks on at a turn of codex exec: a budget, and whoever subscribes to a channel. Its events are told as the
// notifications of the app-server that they stand for.

const { onAbort } = require('../glue/signals.js')
const { exceeded, takeBudget } = require('../glue/budget.js')
const { tellExec } = require('../glue/channels.js')
const { argumentError, checkObject } = require('../glue/json.js')
const { Meter, Metered } = require('../glue/meter.js')
const native = require('../glue/native.js')

/** Items by the names of the app-server. @type {Record<string, string>} */
const TYPES = {
  command_execution: 'commandExecution',
  file_change: 'fileChange',
  mcp_tool_call: 'mcpToolCall',
  web_search: 'webSearch',
  agent_message: 'agentMessage',
  todo_list: 'plan',
  error: 'reasoning',
}

/**
 * Takes the budget out of the options of a turn, and looks on at it where anybody wants to.
 *
 * @param {string | null} threadId
 * @param {string} call
 * @param {unknown} input
 * @param {Record<string, any>} options
 * @returns {{ rest: Record<string, any>, watch?: InstanceType<typeof ExecWatch> }}
 */
function watchTurn(threadId, call, input, options) {
  checkObject(options, 'options')
  const { rest, limits } = takeBudget(options, 'turn')
  const late = ['tokens', 'cost'].find((kind) => kind in (limits?.limits ?? {}))
  if (late !== undefined || limits?.cost !== undefined) {
    const why = 'codex exec tells what was used when a turn is over; budgets of the entry codex-node have it'
    throw argumentError(`options.budget.${late ?? 'cost'}: is not for codex-node/exec: ${why}`)
  }
  const isStructured = options?.outputSchema !== undefined
  const about = {
    of: 'exec.Thread',
    call,
    input,
    threadId: threadId ?? undefined,
    url: undefined,
    model: undefined,
    isStructured,
  }
  const telling = tellExec(about)
  if (limits === undefined && telling === undefined) return { rest }
  const watch = new ExecWatch(telling, limits, rest.signal)
  return { rest: watch.signal === undefined ? rest : { ...rest, signal: watch.signal }, watch }
}

/** One turn that is looked on at. */
class ExecWatch {
  #telling
  /** @type {InstanceType<typeof Metered> | undefined} */
  #metered
  #off = () => {}
  #threadId = ''
  /** @type {AbortSignal | undefined} */
  signal

  /**
   * @param {ReturnType<typeof tellExec>} telling
   * @param {import('../glue/meter.js').Limits | undefined} limits
   * @param {AbortSignal | undefined} signal the caller's own
   */
  constructor(telling, limits, signal) {
    this.#telling = telling
    if (limits === undefined) return
    const controller = new AbortController()
    this.signal = controller.signal
    if (signal !== undefined) this.#off = onAbort(signal, () => controller.abort(signal.reason))
    this.#metered = new Metered([new Meter(limits)], '', (meter) => controller.abort(exceeded(meter, null)))
  }

  /**
   * Makes a call that starts codex, within the trace that a subscriber has set.
   *
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  begin(call) {
    const { trace, within } = this.#telling?.message ?? {}
    if (trace === undefined) return call()
    const traced = () => {
      native.lookOn(trace.traceparent, trace.tracestate)
      try {
        return call()
      } finally {
        native.lookOn()
      }
    }
    return within === undefined ? traced() : within(traced)
  }

  /** @param {any} event */
  event(event) {
    const notification = this.#notification(event)
    if (notification === undefined) return
    this.#telling?.tell(notification)
    this.#metered?.tell(notification)
  }

  /**
   * The turn is over.
   *
   * @param {any} [result]
   * @param {unknown} [error]
   */
  end(result, error) {
    this.#off()
    this.#metered?.stop()
    if (this.#telling === undefined) return
    const { message } = this.#telling
    const over = error === undefined ? this.#metered?.over : undefined
    message.result ??= result
    message.error ??= over === undefined ? error : exceeded(over, result)
    message.status ??= error === undefined ? (result === undefined ? 'interrupted' : 'completed') : undefined
    message.usage ??= usageOf(result?.turnUsage)
    this.#telling.end()
  }

  /**
   * What a result is, which is an error where the turn went over its budget with its last word.
   * @param {any} result
   */
  judge(result) {
    const over = this.#metered?.over
    if (over !== undefined) throw exceeded(over, result)
    return result
  }

  /** @param {any} event */
  #notification({ type, item, thread_id }) {
    const now = Date.now()
    switch (type) {
      case 'thread.started':
        this.#threadId = thread_id
        return undefined
      case 'turn.started':
        return {
          method: 'turn/started',
          params: { threadId: this.#threadId, turn: { id: '' } },
          emittedAtMs: now,
        }
      case 'item.started':
        return {
          method: 'item/started',
          params: { threadId: this.#threadId, turnId: '', item: itemOf(item), startedAtMs: now },
        }
      case 'item.completed': {
        const params = { threadId: this.#threadId, turnId: '', item: itemOf(item), completedAtMs: now }
        return { method: 'item/completed', params }
      }
      default:
        return undefined
    }
  }
}

/** @param {any} item */
function itemOf({ type, exit_code, aggregated_output, ...item }) {
  const names = { exitCode: exit_code, aggregatedOutput: aggregated_output }
  return { ...item, ...names, type: TYPES[type] ?? type }
}

/**
 * @param {any} usage
 * @returns {import('../glue/usage.js').Usage | undefined}
 */
function usageOf(usage) {
  if (usage === null || usage === undefined) return undefined
  return {
    inputTokens: usage.input_tokens,
    cachedInputTokens: usage.cached_input_tokens,
    cacheWriteInputTokens: usage.cache_write_input_tokens,
    outputTokens: usage.output_tokens,
    reasoningOutputTokens: usage.reasoning_output_tokens,
    totalTokens: usage.input_tokens + usage.output_tokens,
  }
}

module.exports = { watchTurn }
