'use strict'

const { inspect, types } = require('node:util')
// Taken here: programs under test put clocks of their own in place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort, untilAborted } = require('./signals.js')
const { isError, messageOf } = require('./errors.js')
const { withUnref } = require('./handlers.js')
const { Encoded, argumentError, encode } = require('./json.js')
const { isRecord, isStandardSchema, issueText, jsonSchemaOf } = require('./schema.js')

/**
 * @typedef {{ signal: AbortSignal, threadId: string, turnId: string, callId: string, unref: () => void }} ToolContext
 * @typedef {{
 *   name: string,
 *   description: string,
 *   inputSchema: unknown,
 *   timeoutMs?: number,
 *   run(args: any, context: ToolContext): unknown,
 * }} Tool
 * @typedef {{ name: string, description: string, inputSchema: unknown }} ToolSpec
 * @typedef {{ threadId: string, turnId: string, callId: string, tool: string, arguments: unknown }} ToolCall
 */

const FIELDS = ['name', 'description', 'inputSchema', 'timeoutMs', 'run']
const NAME = /^[a-zA-Z0-9_-]+$/
/** What codex gives the tools of MCP servers. */
const DEFAULT_TIMEOUT_MS = 60_000
/** More is more than a timer of Node takes. */
const MOST_MS = 2 ** 31 - 1

/**
 * Takes the functions out of the tools among options. What is left of each tool is what the model is told of it.
 *
 * @param {Record<string, unknown>} options
 * @param {string} what
 * @returns {{ rest: Record<string, unknown>, tools?: Map<string, Tool> }}
 */
function takeTools(options, what) {
  const given = options.tools
  if (given === undefined) return { rest: options }
  if (!Array.isArray(given)) throw argumentError(`${what}.tools: must be an array of tools`)
  /** @type {Map<string, Tool>} */
  const tools = new Map()
  const specs = given.map((tool, index) => {
    const path = `${what}.tools[${index}]`
    const spec = checkedTool(tool, path)
    if (tools.has(spec.name)) {
      throw argumentError(`${path}.name: ${JSON.stringify(spec.name)} is the name of another tool already`)
    }
    tools.set(spec.name, tool)
    return spec
  })
  return { rest: { ...options, tools: specs }, tools }
}

/**
 * What the model is told of a tool.
 *
 * @param {any} tool
 * @param {string} path
 * @returns {ToolSpec}
 * @throws {TypeError} naming the field that is wrong
 */
function checkedTool(tool, path) {
  if (!isRecord(tool)) {
    throw argumentError(`${path}: must be an object with name, description, inputSchema and run`)
  }
  const { name, description, inputSchema, timeoutMs, run } = tool
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw argumentError(`${path}.name: ${shown(name)} is not accepted; give letters, digits, _ and -`)
  }
  if (typeof description !== 'string' || description.trim() === '') {
    throw argumentError(`${path}.description: must say in words what the tool does: the model goes by it`)
  }
  if (typeof run !== 'function') {
    throw argumentError(`${path}.run: must be a function that takes the arguments of a call`)
  }
  if (timeoutMs !== undefined && !isTimeout(timeoutMs)) {
    throw argumentError(
      `${path}.timeoutMs: must be a number from 1 to ${MOST_MS} (milliseconds), or Infinity for no limit`,
    )
  }
  const unknown = Object.keys(tool).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) {
    throw argumentError(`${path}.${unknown}: is no field of a tool; it takes ${FIELDS.join(', ')}`)
  }
  const { $schema, ...schema } = jsonSchemaOf(inputSchema, `${path}.inputSchema`)
  if (schema.type !== 'object') {
    throw argumentError(
      `${path}.inputSchema: must describe an object (\`type: 'object'\`), as arguments are one`,
    )
  }
  refuseTuples(schema, `${path}.inputSchema`)
  return { name, description, inputSchema: schema }
}

/** The keywords of JSON Schema that hold schemas: by name, one, or a list. */
const NAMED = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']
const SINGLE = [
  ...['items', 'additionalItems', 'unevaluatedItems', 'contains'],
  ...['additionalProperties', 'unevaluatedProperties', 'propertyNames'],
  ...['not', 'if', 'then', 'else', 'contentSchema'],
]
const LISTED = ['anyOf', 'oneOf', 'allOf']

/**
 * codex tells the model of an array where a tuple was meant, so that it can't call the tool rightly.
 *
 * @param {unknown} schema
 * @param {string} path
 * @param {Set<unknown>} [seen] the schemas that have been looked at
 * @throws {TypeError} naming the tuple
 */
function refuseTuples(schema, path, seen = new Set()) {
  if (!isRecord(schema) || seen.has(schema)) return
  seen.add(schema)
  if (schema.prefixItems !== undefined || Array.isArray(schema.items)) {
    throw argumentError(
      `${path}: is a tuple, which codex can't tell the model of; use an object with a property for each place`,
    )
  }
  const walk = (/** @type {unknown} */ part, /** @type {string} */ at) => refuseTuples(part, at, seen)
  for (const keyword of NAMED) {
    const named = schema[keyword]
    if (!isRecord(named)) continue
    for (const [name, part] of Object.entries(named)) walk(part, `${path}.${keyword}.${name}`)
  }
  for (const keyword of SINGLE) {
    walk(schema[keyword], `${path}.${keyword}`)
  }
  for (const keyword of LISTED) {
    const branches = schema[keyword]
    if (!Array.isArray(branches)) continue
    for (const [index, part] of branches.entries()) walk(part, `${path}.${keyword}[${index}]`)
  }
}

/** @param {unknown} value */
function isTimeout(value) {
  return value === Number.POSITIVE_INFINITY || (typeof value === 'number' && value >= 1 && value <= MOST_MS)
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0 })
}

/**
 * A tool as it was given, checked now and not when a thread is started with it.
 *
 * @template T
 * @param {T} tool
 * @returns {T}
 */
function defineTool(tool) {
  checkedTool(tool, 'tool')
  return tool
}

/**
 * Who runs the tools of a thread when the agent calls them.
 *
 * @param {Map<string, Tool>} tools
 */
function toolRunner(tools) {
  /**
   * @param {{ params: ToolCall }} request
   * @param {{ signal: AbortSignal, unref: () => void }} context
   */
  return ({ params }, { signal, unref }) => {
    const tool = /** @type {Tool} */ (tools.get(params.tool))
    return limited(tool, signal, async (own) => {
      const args = await argumentsOf(tool, params.arguments)
      const { threadId, turnId, callId } = params
      const result = await tool.run(args, withUnref({ signal: own, threadId, turnId, callId }, unref))
      return checkedResult(result)
    })
  }
}

/**
 * The outcome of a call within the time that the tool has. What it throws is worded for the model.
 *
 * @param {Tool} tool
 * @param {AbortSignal} wanted
 * @param {(signal: AbortSignal) => Promise<unknown>} call
 */
async function limited({ name, timeoutMs = DEFAULT_TIMEOUT_MS }, wanted, call) {
  const controller = new AbortController()
  const overdue = () =>
    controller.abort(new DOMException(`it gave no result within ${timeoutMs} ms`, 'TimeoutError'))
  const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(overdue, timeoutMs)
  const off = onAbort(wanted, () => controller.abort(wanted.reason))
  const { signal } = controller
  try {
    return await untilAborted(call(signal), signal, () => signal.reason)
  } catch (error) {
    throw new Error(`the tool ${name} failed: ${messageOf(error)}`, { cause: error })
  } finally {
    clearTimeout(timer)
    off()
  }
}

/**
 * What `run` gets: what a Standard Schema makes of the arguments, else the arguments.
 *
 * @param {Tool} tool
 * @param {unknown} given
 */
async function argumentsOf({ inputSchema }, given) {
  if (!isStandardSchema(inputSchema)) return given
  const validated = await inputSchema['~standard'].validate(given)
  if (validated.issues === undefined) return validated.value
  throw new Error(`its arguments are not valid: ${validated.issues.map(issueText).join('; ')}`)
}

/**
 * Refuses bytes of which nobody could tell what they are; anything else is text, content, or JSON.
 * @param {any} result
 */
function checkedResult(result) {
  // Some return what others throw.
  if (isError(result)) throw result
  const items = Array.isArray(result?.content) ? result.content : result
  for (const item of Array.isArray(items) ? items : [items]) {
    const isImage = item?.type === 'image' && item.data !== undefined
    if (types.isUint8Array(item) || (isImage && typeof item.mimeType !== 'string')) {
      throw new TypeError("bytes need a type: return {type: 'image', data, mimeType: 'image/png'}")
    }
  }
  return new Encoded(encode(result, 'its result') ?? 'null')
}

module.exports = { takeTools, toolRunner, defineTool }
