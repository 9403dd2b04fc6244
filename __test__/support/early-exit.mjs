// An app-server that answers what opens a thread, and exits at the first bytes of what comes after it.

import { readSync, writeSync } from 'node:fs'

const buffer = Buffer.alloc(64)
let text = ''
for (;;) {
  text += buffer.toString('latin1', 0, readSync(0, buffer))
  if (text.includes('turn/start')) break
  const lines = text.split('\n')
  text = /** @type {string} */ (lines.pop())
  for (const line of lines) {
    const { id, method } = JSON.parse(line)
    if (method === 'initialize') answer(id, { userAgent: 'test/0.169.0 (test)' })
    if (method === 'thread/start') answer(id, { thread: { id: 'thread-1' } })
  }
}
writeSync(2, 'I have seen enough\n')
process.exit(3)

/** @param {number} id @param {object} result */
function answer(id, result) {
  writeSync(1, `${JSON.stringify({ id, result })}\n`)
}
