// @ts-check
'use strict'

// Web-standard Request in, Response out: no Node in it but for the adapter, and nothing of the addon.
const { toNodeListener } = require('./node.js')
const { TurnRegistry } = require('./registry.js')
const { turnResponse } = require('./response.js')

module.exports = { TurnRegistry, toNodeListener, turnResponse }
