// Lines split by hand.

import { reader } from './by-hand-client.mjs'
import { PipeClient } from './pipe.mjs'

/** @type {import('./pipe.mjs').Splitter} */
export function byHand(stdout, onLine) {
  let rest = ''
  stdout.setEncoding('utf8')
  stdout.on('data', (/** @type {string} */ chunk) => {
    let start = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      onLine(rest + chunk.slice(start, end))
      rest = ''
      start = end + 1
    }
    rest += chunk.slice(start)
  })
}

/** @type {import('./index.mjs').Open} */
export const open = (command) => reader(new PipeClient(command, {}, byHand))
