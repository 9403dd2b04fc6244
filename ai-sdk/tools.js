'use strict'

const { isDeepStrictEqual } = require('node:util')
const { threadOnly } = require('./options.js')

/**
 * What a call of the AI SDK asks for beside its prompt, in the terms of codex.
 *
 * @typedef {(feature: string, details: string) => void} Warn
 */

/** What the AI SDK passes to models that are asked one by one: codex decides this itself. */
const UNSUPPORTED = [
  'maxOutputTokens',
  'temperature',
  'topP',
  'topK',
  'presencePenalty',
  'frequencyPenalty',
  'stopSequences',
  'seed',
]

/**
 * The tools of the caller.
 *
 * @param {any} options of the call
 * @param {Warn} warn
 * @returns {import('./session.js').ToolSpec[]}
 */
function toolsOf({ tools = [], toolChoice }, warn) {
  if (toolChoice !== undefined && toolChoice.type !== 'auto') {
    warn('toolChoice', 'codex chooses its tools itself; say in the prompt what it is to use')
  }
  return tools.flatMap((/** @type {any} */ tool) => {
    if (tool.type === 'function') {
      const { name, description, inputSchema } = tool
      return [{ name, description: description?.trim() ? description : name, inputSchema }]
    }
    warn(`tool ${tool.id ?? tool.name}`, 'a tool that the provider of another model runs')
    return []
  })
}

/** @param {any} options of the call @param {Warn} warn */
function warnOfSettings(options, warn) {
  for (const setting of UNSUPPORTED) {
    if (options[setting] !== undefined) warn(setting, 'codex has no such setting of a turn')
  }
}

/**
 * @param {Set<string> | undefined} known those that the thread was started with
 * @param {import('./session.js').ToolSpec[]} tools
 * @param {Warn} warn
 */
function warnOfNewTools(known, tools, warn) {
  for (const { name } of tools) {
    if (known?.has(name) === false) warn(`tool ${name}`, 'a thread keeps the tools that it was started with')
  }
}

/**
 * @param {Record<string, any>} settings that the thread was opened with
 * @param {Record<string, any>} call
 * @param {Warn} warn
 */
function warnOfKept(settings, call, warn) {
  for (const [name, value] of threadOnly(call)) {
    if (!isDeepStrictEqual(settings[name], value))
      warn(`providerOptions.codex.${name}`, 'a thread that is open keeps what it was opened with')
  }
}

/**
 * @param {any} format `responseFormat` of the call
 * @param {Warn} warn
 */
function formatOf(format, warn) {
  if (format?.type !== 'json') return { isJson: false, holds: false }
  const { schema } = format
  if (schema === undefined) {
    warn('responseFormat', 'JSON without a schema can only be asked for in words')
    return { isJson: true, holds: false }
  }
  // What validates the answer is the AI SDK. So what only constrains texts may be left out for the API.
  const outputSchema = {
    '~standard': {
      version: /** @type {const} */ (1),
      vendor: 'ai',
      validate: (/** @type {unknown} */ value) => ({ value }),
      jsonSchema: { input: () => schema },
    },
  }
  return { isJson: true, holds: hasOptional(schema), outputSchema }
}

/**
 * Whether something may be absent: strict mode has it null, which is taken out of the whole answer.
 *
 * @param {any} schema
 * @param {Set<unknown>} [seen]
 * @returns {boolean}
 */
function hasOptional(schema, seen = new Set()) {
  if (typeof schema !== 'object' || schema === null || seen.has(schema)) return false
  seen.add(schema)
  const { properties, required = [] } = schema
  if (properties && Object.keys(properties).some((name) => !required.includes(name))) return true
  return Object.values(schema).some((part) => hasOptional(part, seen))
}

/** @param {any} options of the call @returns {string | undefined} */
function effortOf({ reasoning }) {
  return reasoning === 'provider-default' ? undefined : reasoning
}

module.exports = { toolsOf, warnOfKept, warnOfSettings, warnOfNewTools, formatOf, effortOf }
