// @ts-check
'use strict'

const { argumentError } = require('../glue/json.js')
const { Gate } = require('./gate.js')
const { checkObject, integerFrom, is, isRecord, isThenable, oneOf, show } = require('./validate.js')

/** @typedef {import('./validate.js').Check} Check */
/**
 * One item of a response, checked: `kind` is the key that says what it is, `value` what stood there.
 * @typedef {{ kind: string, value: unknown, options: Record<string, unknown> }} PlannedItem
 */
/**
 * A step, checked and with its shorthands written out.
 * @typedef {object} PlannedStep
 * @property {number} delayMs
 * @property {unknown} waitFor
 * @property {Record<string, string>} headers
 * @property {PlannedItem[]} items
 * @property {Record<string, number> | null | undefined} usage
 * @property {{ kind: string, value: unknown }} ending
 * @property {unknown} body
 */

const callId = is.string
const id = is.string
const chunks = is.count
const chunkDelayMs = is.ms
const phase = oneOf('commentary', 'final_answer')
/** @type {Check} */
const gate = {
  accepts: 'a gate or a promise',
  test: (value) => value instanceof Gate || isThenable(value),
}
/** @type {Check} */
const text = is.string
/** @type {Check} */
const json = { accepts: 'a JSON value', test: (value) => typeof value !== 'function' }

// The parameters of codex's own exec_command tool; anything newer goes through `call`.
const COMMAND_ARGS = {
  cmd: is.string,
  workdir: is.string,
  tty: is.boolean,
  yield_time_ms: is.count,
  max_output_tokens: is.positive,
  shell: is.string,
  login: is.boolean,
  sandbox_permissions: oneOf('use_default', 'require_escalated'),
  justification: is.string,
  prefix_rule: is.strings,
}

/** @type {Check} */
const textOrTexts = {
  accepts: 'a string or an array of strings',
  test: (value) => is.string.test(value) || is.strings.test(value),
}
/** @type {Check} */
const commandLine = {
  accepts: 'a shell command, or an object with "cmd"',
  test: (value) => typeof value === 'string' || isRecord(value),
}

/**
 * @typedef {object} ItemKind
 * @property {Check} value what stands at the key that names the kind
 * @property {Record<string, Check>} options what may stand beside it
 * @property {Record<string, Check>} [fields] the keys of the value, where it is an object
 * @property {string[]} [required]
 */

/** @type {Record<string, ItemKind>} */
const ITEM_KINDS = {
  say: { value: text, options: { chunks, chunkDelayMs, phase, id } },
  deltas: { value: is.count, options: { text, batch: is.positive, chunkDelayMs, phase, id } },
  reasoning: { value: textOrTexts, options: { raw: text, chunks, chunkDelayMs, id } },
  command: { value: commandLine, options: { callId }, fields: COMMAND_ARGS, required: ['cmd'] },
  patch: { value: text, options: { callId, chunks } },
  call: {
    value: is.object,
    options: { callId },
    fields: { name: is.string, args: json, namespace: is.string },
    required: ['name'],
  },
  custom: {
    value: is.object,
    options: { callId, chunks },
    fields: { name: is.string, input: is.string },
    required: ['name', 'input'],
  },
  webSearch: { value: text, options: { id } },
  rawItem: { value: is.typedObject, options: {} },
  event: { value: is.typedObject, options: {} },
  rawSse: { value: text, options: {} },
  sleepMs: { value: is.ms, options: {} },
  waitFor: { value: gate, options: {} },
}

/** @type {Record<string, Check>} */
const ENDINGS = {
  http: {
    accepts: 'an HTTP status from 200 to 599',
    test: (value) => integerFrom(200, '').test(value) && Number(value) < 600,
  },
  cut: is.boolean,
  end: is.boolean,
  hang: { accepts: 'true, a gate or a promise', test: (value) => is.boolean.test(value) || gate.test(value) },
  failed: is.object,
  incomplete: is.string,
}

const USAGE = {
  inputTokens: is.count,
  cachedInputTokens: is.count,
  outputTokens: is.count,
  reasoningOutputTokens: is.count,
}

/** @type {Record<string, Check>} */
const RESPONSE_KEYS = {
  items: is.array,
  delayMs: is.ms,
  waitFor: gate,
  headers: is.headers,
  usage: { accepts: 'an object or null', test: (value) => value === null || isRecord(value) },
  body: json,
  ...ENDINGS,
}

/**
 * @param {unknown} input
 * @param {string} where
 * @returns {PlannedItem}
 */
function parseItem(input, where) {
  const item = typeof input === 'string' ? { say: input } : input
  if (!isRecord(item)) throw argumentError(`${where}: expected a string or an object, got ${show(input)}`)
  const kinds = Object.keys(ITEM_KINDS).filter((key) => item[key] !== undefined)
  const [kind, second] = kinds
  const spec = kind === undefined ? undefined : ITEM_KINDS[kind]
  if (kind === undefined || !spec) {
    const unknown = Object.keys(item)[0]
    const what = unknown === undefined ? `${where}: empty` : `${where}.${unknown}: unknown key`
    throw argumentError(`${what}; an item has one of: ${Object.keys(ITEM_KINDS).join(', ')}`)
  }
  if (second) throw argumentError(`${where}: "${kind}" and "${second}" are two items; put them into "items"`)
  const checked = checkObject(item, { [kind]: spec.value, ...spec.options }, where)
  let { [kind]: value, ...options } = checked
  if (spec.fields && isRecord(value))
    value = checkObject(value, spec.fields, `${where}.${kind}`, spec.required)
  return { kind, value, options }
}

/**
 * @param {Record<string, unknown>} response
 * @param {string} where
 */
function parseEnding(response, where) {
  const given = Object.keys(ENDINGS).filter((key) => response[key] !== undefined && response[key] !== false)
  const [kind = 'completed', second] = given
  if (second) throw argumentError(`${where}: "${kind}" and "${second}" exclude each other`)
  let value = response[kind]
  if (kind === 'failed') {
    value = checkObject(value, { code: is.string, message: is.string }, `${where}.failed`, ['code'])
  }
  return { kind, value }
}

/**
 * Checks a step and writes out its shorthands.
 *
 * @param {unknown} input
 * @param {string} [where]
 * @returns {PlannedStep}
 * @throws {TypeError} naming the key at fault and what is accepted there
 */
function parseStep(input, where = 'step') {
  const step = typeof input === 'string' ? { say: input } : input
  if (!isRecord(step)) throw argumentError(`${where}: expected a string or an object, got ${show(input)}`)
  const keys = Object.keys(step).filter((key) => step[key] !== undefined)
  if (keys.length === 0) {
    const accepted = [...new Set([...Object.keys(ITEM_KINDS), ...Object.keys(RESPONSE_KEYS)])]
    throw argumentError(`${where}: empty; accepted: ${accepted.join(', ')}`)
  }
  const inline = keys.filter((key) => !Object.hasOwn(RESPONSE_KEYS, key))
  const response = Object.fromEntries(
    keys.filter((key) => !inline.includes(key)).map((key) => [key, step[key]]),
  )
  checkObject(response, RESPONSE_KEYS, where)

  const ending = parseEnding(response, where)
  /** @type {PlannedItem[]} */
  let items = []
  if (inline.length > 0) {
    const item = Object.fromEntries(inline.map((key) => [key, step[key]]))
    if (!inline.some((key) => Object.hasOwn(ITEM_KINDS, key))) {
      const accepted = [...new Set([...Object.keys(RESPONSE_KEYS), ...Object.keys(ITEM_KINDS)])]
      throw argumentError(`${where}.${inline[0]}: unknown key; accepted: ${accepted.join(', ')}`)
    }
    items = [parseItem(item, where)]
  }
  if (response.items !== undefined) {
    if (inline.length > 0) throw argumentError(`${where}: "${inline[0]}" and "items" exclude each other`)
    const list = /** @type {unknown[]} */ (response.items)
    items = list.map((item, index) => parseItem(item, `${where}.items[${index}]`))
  }
  if (ending.kind === 'http' && (items.length > 0 || response.usage !== undefined)) {
    throw argumentError(`${where}: "http" answers without a stream, so it takes no items and no usage`)
  }
  if (response.body !== undefined && ending.kind !== 'http') {
    throw argumentError(`${where}.body: only accepted beside "http"`)
  }
  for (const waited of [response.waitFor, ending.value, ...items.map(({ value }) => value)]) {
    // The answer that waits for it tells of a rejection, which may come before anybody waits.
    if (waited instanceof Promise) waited.catch(() => {})
  }
  const usage = response.usage ? checkObject(response.usage, USAGE, `${where}.usage`) : response.usage
  return {
    delayMs: Number(response.delayMs ?? 0),
    waitFor: response.waitFor,
    headers: /** @type {Record<string, string>} */ (response.headers ?? {}),
    items,
    usage: /** @type {Record<string, number> | null | undefined} */ (usage),
    ending,
    body: response.body,
  }
}

module.exports = { parseStep }
