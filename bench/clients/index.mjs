// The clients that are compared.

import { constants } from 'node:buffer'

/**
 * @typedef {object} Client
 * @property {() => Promise<number | undefined>} turn one turn, read to its end: how many characters came as deltas
 * @property {() => Promise<void>} close
 *
 * @typedef {(server: string) => Promise<Client>} Open starts the server at this path, or connects to the one at this
 *   URL, and starts a thread
 */

/**
 * By the name they have in the tables. Each is loaded alone: what the others need must not count in its memory.
 *
 * @type {Record<string, () => Promise<Open>>}
 */
export const clients = {
  readline: async () => (await import('./readline.mjs')).open,
  'split by hand': async () => (await import('./by-hand.mjs')).open,
  'stream({ coalesce: false })': async () => (await import('./ours.mjs')).openEvery,
  'stream()': async () => (await import('./ours.mjs')).openStream,
  'text()': async () => (await import('./ours.mjs')).openText,
  'run()': async () => (await import('./ours.mjs')).openRun,
  'AI SDK: codex-node/ai-sdk': async () => (await import('./ai-sdk.mjs')).openOurs,
  'AI SDK: ai-sdk-provider-codex-cli': async () => (await import('./ai-sdk.mjs')).openOther,
  'websocket: ws': async () => (await import('./websocket.mjs')).open,
  'websocket: stream({ coalesce: false })': async () => (await import('./ours.mjs')).openRemoteEvery,
  'websocket: text()': async () => (await import('./ours.mjs')).openRemoteText,
  'websocket: run()': async () => (await import('./ours.mjs')).openRemoteRun,
}

/**
 * Whether a client can take a turn: the AI SDK keeps all of its text as one string.
 *
 * @param {string} name
 * @param {number} characters
 */
export const canTake = (name, characters) =>
  !name.startsWith('AI SDK: ') || characters <= constants.MAX_STRING_LENGTH

/** @param {string} name @returns whether the client is given the URL of a server that runs */
export const isRemote = (name) => name.startsWith('websocket: ')
