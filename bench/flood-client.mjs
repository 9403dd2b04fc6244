// One client and one flooded turn, in a process of its own: node flood-client.mjs CLIENT SERVER CHARACTERS
// The environment holds the server's script. Prints what was measured as JSON.

import { measure } from './measure.mjs'

/**
 * @typedef {object} Client
 * @property {() => Promise<number | undefined>} turn one turn, read to its end: how many characters came as deltas
 * @property {() => Promise<void>} close
 *
 * @typedef {(command: string) => Promise<Client>} Open connects to a server and starts a thread
 */

// Each process loads its own client alone: what the others need must not count in its memory.
/** @type {Record<string, () => Promise<Open>>} */
const clients = {
  readline: async () => (await import('./clients/readline.mjs')).open,
  'by hand': async () => (await import('./clients/by-hand.mjs')).open,
  'stream({ coalesce: false })': async () => (await import('./clients/ours.mjs')).openEvery,
  'stream()': async () => (await import('./clients/ours.mjs')).openStream,
  'text()': async () => (await import('./clients/ours.mjs')).openText,
  'run()': async () => (await import('./clients/ours.mjs')).openRun,
}

const [name = '', command = '', expected] = process.argv.slice(2)
const open = await clients[name]?.()
if (open === undefined) throw new Error(`there is no client ${name}`)
const client = await open(command)
// Code that has run before is what one wants to measure.
await client.turn()
const finish = measure()
const characters = await client.turn()
const measured = await finish()
if (characters !== undefined && characters !== Number(expected)) {
  throw new Error(`${name} got ${characters} characters of ${expected}`)
}
await client.close()
console.log(JSON.stringify(measured))
