// @ts-check
'use strict'

const builders = require('./builders.js')
const { codexConfig, codexConfigToml } = require('./config.js')
const { Gate, createGate } = require('./gate.js')
const { CodexHome, createCodexHome } = require('./home.js')
const { ScriptedProvider, startScriptedProvider } = require('./provider.js')
const { RecordedRequest } = require('./recorded-request.js')
const { threadStoreChecks } = require('./thread-store.js')

module.exports = {
  ...builders,
  CodexHome,
  Gate,
  RecordedRequest,
  ScriptedProvider,
  codexConfig,
  codexConfigToml,
  createCodexHome,
  createGate,
  startScriptedProvider,
  threadStoreChecks,
}
