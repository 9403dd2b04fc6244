// @ts-check
'use strict'

const { Fleet } = require('./client.js')
const { classes } = require('./errors.js')
const { Job } = require('./job.js')
const { FleetRequest } = require('./requests.js')
const { FolderStore, RedisStore } = require('./store.js')
const { FleetWorker } = require('./worker.js')

module.exports.FleetError = classes.FleetError
module.exports.FleetUnavailableError = classes.FleetUnavailableError
module.exports.PayloadTooLargeError = classes.PayloadTooLargeError
module.exports.IdempotencyConflictError = classes.IdempotencyConflictError
module.exports.JobNotFoundError = classes.JobNotFoundError
module.exports.JobCancelledError = classes.JobCancelledError
module.exports.JobLostError = classes.JobLostError
module.exports.JobEndedError = classes.JobEndedError
module.exports.JobUnsupportedError = classes.JobUnsupportedError
module.exports.StaleTokenError = classes.StaleTokenError
module.exports.Fleet = Fleet
module.exports.FleetRequest = FleetRequest
module.exports.FleetWorker = FleetWorker
module.exports.FolderStore = FolderStore
module.exports.Job = Job
module.exports.RedisStore = RedisStore
