// The client that one writes by hand over child_process.

import { spawn } from 'node:child_process'
import { HandClient } from './by-hand-client.mjs'

/** @typedef {(stdout: import('node:stream').Readable, onLine: (line: string) => void) => void} Splitter */

export class PipeClient extends HandClient {
  #child

  /**
   * @param {string} command
   * @param {{ args?: string[], env?: Record<string, string> }} options
   * @param {Splitter} split
   */
  constructor(command, { args = [], env = {} }, split) {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    super((message) => child.stdin.write(`${message}\n`))
    this.#child = child
    split(child.stdout, (line) => this.receive(line))
  }

  async close() {
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.end()
    await closed
  }
}
