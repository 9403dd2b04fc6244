// @ts-check
'use strict'

const builders = require('./builders.js')
const { codexConfig, codexConfigToml } = require('./config.js')
const { Gate, createGate } = require('./gate.js')
const { CodexHome, createCodexHome } = require('./home.js')
const { ScriptedProvider, startScriptedProvider } = require('./provider.js')
const { RecordedRequest } = require('./recorded-request.js')
const { threadStoreChecks } = require('./thread-store.js')

module.exports.addFile = builders.addFile
module.exports.command = builders.command
module.exports.customCall = builders.customCall
module.exports.cut = builders.cut
module.exports.deltas = builders.deltas
module.exports.endEarly = builders.endEarly
module.exports.failed = builders.failed
module.exports.functionCall = builders.functionCall
module.exports.hang = builders.hang
module.exports.httpError = builders.httpError
module.exports.incomplete = builders.incomplete
module.exports.mcpCall = builders.mcpCall
module.exports.patch = builders.patch
module.exports.rawEvent = builders.rawEvent
module.exports.rawItem = builders.rawItem
module.exports.rawSse = builders.rawSse
module.exports.reasoning = builders.reasoning
module.exports.reply = builders.reply
module.exports.say = builders.say
module.exports.sleep = builders.sleep
module.exports.spawnAgent = builders.spawnAgent
module.exports.waitFor = builders.waitFor
module.exports.webSearch = builders.webSearch
module.exports.CodexHome = CodexHome
module.exports.Gate = Gate
module.exports.RecordedRequest = RecordedRequest
module.exports.ScriptedProvider = ScriptedProvider
module.exports.codexConfig = codexConfig
module.exports.codexConfigToml = codexConfigToml
module.exports.createCodexHome = createCodexHome
module.exports.createGate = createGate
module.exports.startScriptedProvider = startScriptedProvider
module.exports.threadStoreChecks = threadStoreChecks
