// @ts-check
'use strict'

const { toToml } = require('./toml.js')
const { checkObject, is, isRecord, oneOf } = require('./validate.js')

/** @typedef {import('./index.js').CodexConfigOptions} CodexConfigOptions */
/** @typedef {import('./index.js').ConfigTable} ConfigTable */

const PROVIDER_ID = 'scripted'

const CONFIG_OPTIONS = {
  model: is.string,
  // "untrusted" in a config file is fatal to codex.
  approvalPolicy: oneOf('on-request', 'never'),
  sandboxMode: oneOf('read-only', 'workspace-write', 'danger-full-access'),
  features: is.object,
  extra: is.object,
  requestMaxRetries: is.count,
  streamMaxRetries: is.count,
  streamIdleTimeoutMs: is.positive,
}

/**
 * @param {ConfigTable} base
 * @param {ConfigTable} over
 * @returns {ConfigTable}
 */
function merge(base, over) {
  const out = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = out[key]
    out[key] =
      isRecord(below) && isRecord(value)
        ? merge(/** @type {ConfigTable} */ (below), /** @type {ConfigTable} */ (value))
        : value
  }
  return out
}

/**
 * @param {{ url: string }} provider
 * @param {CodexConfigOptions} [options]
 * @returns {ConfigTable}
 */
function codexConfig(provider, options = {}) {
  checkObject(options, CONFIG_OPTIONS, 'codexConfig')
  const {
    model = 'gpt-5.5',
    approvalPolicy,
    sandboxMode,
    features = {},
    extra = {},
    requestMaxRetries = 0,
    streamMaxRetries = 0,
    streamIdleTimeoutMs,
  } = options
  const optional = {
    ...(approvalPolicy === undefined ? {} : { approval_policy: approvalPolicy }),
    ...(sandboxMode === undefined ? {} : { sandbox_mode: sandboxMode }),
  }
  const timeout = streamIdleTimeoutMs === undefined ? {} : { stream_idle_timeout_ms: streamIdleTimeoutMs }
  const config = {
    model,
    model_provider: PROVIDER_ID,
    ...optional,
    check_for_update_on_startup: false,
    model_providers: {
      [PROVIDER_ID]: {
        name: 'Scripted provider',
        base_url: provider.url,
        wire_api: 'responses',
        request_max_retries: requestMaxRetries,
        stream_max_retries: streamMaxRetries,
        ...timeout,
        supports_websockets: false,
      },
    },
    // With plugins on, codex calls github.com and chatgpt.com at every start.
    features: { plugins: false, ...features },
  }
  return merge(config, extra)
}

/**
 * @param {{ url: string }} provider
 * @param {CodexConfigOptions} [options]
 * @returns {string}
 */
function codexConfigToml(provider, options) {
  return toToml(codexConfig(provider, options))
}

module.exports = { CONFIG_OPTIONS, codexConfig, codexConfigToml }
