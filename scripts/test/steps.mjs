import { spawn } from 'node:child_process'
import { constants, getPriority, setPriority } from 'node:os'
import { root } from '../setup.mjs'

/**
 * Something that passes or fails. It writes to the terminal, or gives its output to `aside`, and gives way then to what it
 * runs beside.
 *
 * @typedef {(aside?: (text: string) => void) => Promise<boolean>} Step
 */

/**
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Step}
 */
export function command(program, args, env = process.env) {
  return (aside) =>
    new Promise((resolve) => {
      const output = aside === undefined ? 'inherit' : 'pipe'
      const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', output, output] })
      if (aside !== undefined && child.pid !== undefined)
        setPriority(child.pid, Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL))
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', aside ?? (() => {}))
      child.once('error', (error) => {
        console.error(error.message)
        resolve(false)
      })
      child.once('close', (code) => resolve(code === 0))
    })
}

/** @param {string} script @param {string[]} args */
export const node = (script, ...args) => command(process.execPath, [script, ...args])

/** Runs steps, and remembers how they went. */
export class Steps {
  /** @type {{ name: string, passed: boolean, seconds: string }[]} */
  #done = []

  /**
   * Runs steps one after the other, all of them.
   *
   * @param {Record<string, Step>} steps
   * @param {{ aside?: boolean }} [options] `aside`: others run at the same time, so show the output of each as a whole
   */
  async run(steps, { aside = false } = {}) {
    for (const [name, step] of Object.entries(steps)) {
      const started = performance.now()
      if (!aside) title(name)
      let text = ''
      const passed = await step(aside ? (chunk) => (text += chunk) : undefined)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      if (aside) {
        title(name)
        process.stdout.write(text)
      }
      console.log(`${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
      this.#done.push({ name, passed, seconds })
    }
  }

  /** @returns {boolean} whether all passed */
  summary() {
    title('summary')
    const widest = Math.max(...this.#done.map(({ name }) => name.length))
    for (const { name, passed, seconds } of this.#done) {
      console.log(`${passed ? 'passed' : 'FAILED'}  ${name.padEnd(widest)}  ${seconds.padStart(6)} s`)
    }
    return this.#done.every(({ passed }) => passed)
  }
}

/** @param {string} name */
const title = (name) => console.log(`\n== ${name} ==`)
