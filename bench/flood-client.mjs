// One client and its flooded turns, in a process of its own: node flood-client.mjs CLIENT SERVER CHARACTERS
// The environment holds the script of a server that it starts. Prints what was measured as JSON.

import { clients } from './clients/index.mjs'
import { costOf, delayOf } from './measure.mjs'

const [name = '', server = '', expected] = process.argv.slice(2)
const open = await clients[name]?.()
if (open === undefined) throw new Error(`there is no client ${name}`)
const client = await open(server)

async function turn() {
  const characters = await client.turn()
  if (characters !== undefined && characters !== Number(expected)) {
    throw new Error(`${name} got ${characters} characters of ${expected}`)
  }
}

// Code that has run before is what one wants to measure.
await client.turn()
const cost = await costOf(turn)
const delay = await delayOf(turn)
await client.close()
console.log(JSON.stringify({ ...cost, ...delay }))
