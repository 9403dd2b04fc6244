// @ts-check
'use strict'

const {
  addFile,
  command,
  customCall,
  cut,
  deltas,
  endEarly,
  failed,
  functionCall,
  hang,
  httpError,
  incomplete,
  mcpCall,
  patch,
  rawEvent,
  rawItem,
  rawSse,
  reasoning,
  reply,
  say,
  sleep,
  spawnAgent,
  waitFor,
  webSearch,
} = require('./builders.js')
const { codexConfig, codexConfigToml } = require('./config.js')
const { Gate, createGate } = require('./gate.js')
const { CodexHome, createCodexHome } = require('./home.js')
const { ScriptedProvider, startScriptedProvider } = require('./provider.js')
const { RecordedRequest } = require('./recorded-request.js')
const { threadStoreChecks } = require('./thread-store.js')

module.exports = {
  addFile,
  command,
  customCall,
  cut,
  deltas,
  endEarly,
  failed,
  functionCall,
  hang,
  httpError,
  incomplete,
  mcpCall,
  patch,
  rawEvent,
  rawItem,
  rawSse,
  reasoning,
  reply,
  say,
  sleep,
  spawnAgent,
  waitFor,
  webSearch,
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
