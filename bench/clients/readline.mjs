// Lines by node:readline.

import { createInterface } from 'node:readline'
import { reader } from './by-hand-client.mjs'
import { PipeClient } from './pipe.mjs'

/** @type {import('./pipe.mjs').Splitter} */
export function byReadline(stdout, onLine) {
  createInterface({ input: stdout, crlfDelay: Infinity }).on('line', onLine)
}

/** @type {import('./index.mjs').Open} */
export const open = (command) => reader(new PipeClient(command, {}, byReadline))
