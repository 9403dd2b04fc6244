'use strict'

// A provider of the AI SDK over codex: plain JavaScript on the public API of this package.
const { codexMetadata } = require('./metadata.js')
const { createCodex } = require('./provider.js')
const { resumeTurnResponse } = require('./resume.js')

module.exports.createCodex = createCodex
module.exports.codexMetadata = codexMetadata
module.exports.resumeTurnResponse = resumeTurnResponse
