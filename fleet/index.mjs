// The CommonJS module holds everything, so that its classes are the same for `import` and `require`.
import fleet from './index.js'

export const {
  Fleet,
  FleetError,
  FleetRequest,
  FleetUnavailableError,
  FleetWorker,
  FolderStore,
  IdempotencyConflictError,
  Job,
  JobCancelledError,
  JobEndedError,
  JobLostError,
  JobNotFoundError,
  JobUnsupportedError,
  PayloadTooLargeError,
  RedisStore,
  StaleTokenError,
} = fleet
