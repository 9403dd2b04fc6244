// One machine of the fleet: runs jobs with a codex of its own.
//
//   REDIS_URL=redis://host node worker.mjs [name]

import { defineTool } from 'codex-node'
import { FleetWorker } from 'codex-node/fleet'

const worker = new FleetWorker({
  connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  ...(process.argv[2] === undefined ? {} : { name: process.argv[2] }),
  concurrency: 4,
  // What is no data lives here, and jobs name it.
  tools: [
    defineTool({
      name: 'time',
      description: 'The time on this machine',
      inputSchema: { type: 'object', properties: {} },
      run: () => new Date().toISOString(),
    }),
  ],
})
worker.on('ready', ({ session }) => console.log(`${worker.name}: ready as ${session}`))
worker.on('lost', (why) => console.log(`${worker.name}: ${why}; it begins anew`))
worker.on('error', (error) => console.error(`${worker.name}: ${error.message}`))
// SIGTERM lets running turns finish. Ctrl-C goes to every process of the terminal, and here does the same.
process.once('SIGINT', () => worker.close({ drainMs: 2_000 }))
