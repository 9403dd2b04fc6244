// Two workers in one process: what one does on a signal must not end the other. Run with options of both as JSON.

import { FleetWorker } from '../../../fleet/index.mjs'

const [first, second] = JSON.parse(process.argv[2] ?? '[]').map(
  (/** @type {any} */ options) => new FleetWorker(options),
)
process.once('disconnect', () => process.exit(1))
first.on('closed', () => process.send?.('closed'))
await Promise.all([first.ready(), second.ready()])
process.on('message', () => void second.close())
process.send?.('ready')
