// A machine of a fleet: a process with one worker and a CODEX_HOME of its own. Run with its options as JSON.

import { appendFileSync } from 'node:fs'
import { FleetWorker, FolderStore } from '../../../fleet/index.mjs'

const { store, version, ...options } = JSON.parse(process.argv[2] ?? '{}')
const tools = [
  {
    name: 'note',
    description: 'Notes a text',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    run: (/** @type {{ text: string }} */ { text }) => {
      if (options.notes) appendFileSync(options.notes, `${text}\n`)
      return 'noted'
    },
  },
]
const { notes: _, ...rest } = options
const worker = new FleetWorker({
  ...rest,
  tools,
  profiles: { yes: { approvalPolicy: 'untrusted', onApproval: () => 'accept' } },
  ...(store === undefined ? {} : { store: store === null ? null : new FolderStore(store) }),
})
// Nobody would end it where its test was killed.
process.once('disconnect', () => process.exit(1))
const tell = (/** @type {object} */ message) => process.connected && process.send?.(message)
for (const event of /** @type {const} */ (['ready', 'lost', 'limited', 'closed'])) {
  worker.on(event, (/** @type {unknown[]} */ ...[what]) => tell({ event, what }))
}
worker.on('error', (error) => tell({ event: 'error', what: String(error?.stack ?? error) }))
worker.ready().catch((error) => tell({ event: 'failed', what: String(error?.stack ?? error) }))
