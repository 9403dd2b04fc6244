// @ts-check
'use strict'

const { Fleet } = require('./client.js')
const { classes } = require('./errors.js')
const { Job } = require('./job.js')
const { FleetRequest } = require('./requests.js')
const { FolderStore, RedisStore } = require('./store.js')
const { FleetWorker } = require('./worker.js')

const {
  FleetError,
  FleetUnavailableError,
  PayloadTooLargeError,
  IdempotencyConflictError,
  JobNotFoundError,
  JobCancelledError,
  JobLostError,
  JobEndedError,
  JobUnsupportedError,
  StaleTokenError,
} = classes

module.exports = {
  FleetError,
  FleetUnavailableError,
  PayloadTooLargeError,
  IdempotencyConflictError,
  JobNotFoundError,
  JobCancelledError,
  JobLostError,
  JobEndedError,
  JobUnsupportedError,
  StaleTokenError,
  Fleet,
  FleetRequest,
  FleetWorker,
  FolderStore,
  Job,
  RedisStore,
}
