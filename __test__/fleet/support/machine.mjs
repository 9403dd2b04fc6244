// A machine of a fleet: a process with one worker and a CODEX_HOME of its own. Run with its options as JSON.

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { store, format, version, hangs, cut, ...options } = JSON.parse(process.argv[2] ?? '{}')
// As another version of the package would be.
const require = createRequire(import.meta.url)
if (format !== undefined) require('../../../fleet/names.js').FORMAT = format
if (version !== undefined) require('../../../package.json').version = version
const { FleetWorker, FolderStore } = await import('../../../fleet/index.mjs')

// Killed when it would ask Redis once more than `cut` times, from when it is told.
if (cut !== undefined) {
  const { Redis } = require('ioredis')
  const { sendCommand } = Redis.prototype
  let left = Number.POSITIVE_INFINITY
  process.once('message', () => {
    left = cut
  })
  Redis.prototype.sendCommand = function (/** @type {any} */ ...args) {
    if (left-- <= 0) process.kill(process.pid, 'SIGKILL')
    return sendCommand.apply(this, args)
  }
}

const tell = (/** @type {object} */ message) => process.connected && process.send?.(message)
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

/** Hangs with half of a file written, where a thread holds a text. */
class HangingStore extends FolderStore {
  /** @param {string} id @param {Uint8Array} bytes @param {{ token: number }} options */
  async put(id, bytes, options) {
    if (!Buffer.from(bytes).includes(hangs)) return super.put(id, bytes, options)
    const folder = join(this.folder, id)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `.${options.token}-${process.pid}-half`), bytes.subarray(0, bytes.length / 2))
    tell({ event: 'putting', what: id })
    await new Promise(() => {})
  }
}
const Store = hangs === undefined ? FolderStore : HangingStore
const worker = new FleetWorker({
  ...rest,
  tools,
  profiles: { yes: { approvalPolicy: 'untrusted', onApproval: () => 'accept' } },
  ...(store === undefined ? {} : { store: store === null ? null : new Store(store) }),
})
// Nobody would end it where its test was killed.
process.once('disconnect', () => process.exit(1))
for (const event of /** @type {const} */ (['ready', 'lost', 'limited', 'closed'])) {
  worker.on(event, (/** @type {unknown[]} */ ...[what]) => tell({ event, what }))
}
worker.on('error', (error) => tell({ event: 'error', what: String(error?.stack ?? error) }))
worker.ready().catch((error) => tell({ event: 'failed', what: String(error?.stack ?? error) }))
