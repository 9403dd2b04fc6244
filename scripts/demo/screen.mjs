import { relative } from 'node:path'
import { paint } from './paint.mjs'

/** @typedef {import('../../index.js').Protocol.ThreadItem} Item */
/** @typedef {Extract<Item, { type: 'commandExecution' }>} Command */
/** @typedef {Extract<Item, { type: 'fileChange' }>} FileChange */

/** Shows the events of a turn on stdout, each as it comes. */
export class Screen {
  #workspace
  /** Whether the cursor stands at the beginning of a line. */
  #atStart = true
  /** What was shown so far of the output of each command. @type {Map<string, string>} */
  #output = new Map()

  /** @param {string} workspace */
  constructor(workspace) {
    this.#workspace = workspace
  }

  /** @param {Record<string, string>} facts */
  head(facts) {
    for (const [name, value] of Object.entries(facts)) this.#line(`${paint.dim(name.padEnd(8))}${value}`)
  }

  /** @param {import('../../index.js').TurnEvent} event */
  show({ method, params }) {
    switch (method) {
      case 'item/started':
        return this.#started(params.item)
      case 'item/agentMessage/delta':
        return this.#write(params.delta)
      case 'item/commandExecution/outputDelta':
        return this.#commandOutput(params.itemId, params.delta)
      case 'item/completed':
        return this.#completed(params.item)
      case 'error':
        return this.#line(
          paint.red(`${params.willRetry ? 'trying again' : 'failed'}: ${params.error.message}`),
        )
    }
  }

  /** @param {import('../../index.js').TurnResult} result */
  foot({ status, finalResponse, items, usage, durationMs }) {
    this.#title('result')
    this.#line(`${paint.dim('answer  ')}${finalResponse ?? '(none)'}`)
    const total = usage?.total
    const took = durationMs === null ? '' : ` in ${(durationMs / 1000).toFixed(1)} s`
    this.#line(`${paint.dim('turn    ')}${status}${took}, ${items.length} items`)
    if (total === undefined) return
    const { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens } = total
    this.#line(
      `${paint.dim('tokens  ')}${inputTokens} in (${cachedInputTokens} cached), ` +
        `${outputTokens} out (${reasoningOutputTokens} reasoning)`,
    )
  }

  /** @param {Item} item */
  #started(item) {
    if (item.type === 'agentMessage') this.#title('codex')
    else if (item.type === 'commandExecution') {
      this.#title('command')
      // What the model asked for, without the shell around it.
      this.#line(
        paint.bold(`$ ${item.commandActions.map((action) => action.command).join(' && ') || item.command}`),
      )
    }
  }

  /** @param {Item} item */
  #completed(item) {
    if (item.type === 'agentMessage') this.#endLine()
    else if (item.type === 'reasoning') this.#thoughts(item.summary ?? [])
    else if (item.type === 'commandExecution') this.#commandEnd(item)
    else if (item.type === 'fileChange') this.#diff(item)
    else if (item.type !== 'userMessage') this.#title(item.type)
  }

  /** @param {string[]} summary */
  #thoughts(summary) {
    if (summary.length === 0) return
    this.#title('thinking')
    this.#line(paint.dim(summary.join('\n')))
  }

  /** @param {string} id @param {string} text */
  #commandOutput(id, text) {
    this.#output.set(id, (this.#output.get(id) ?? '') + text)
    this.#write(text)
  }

  /** @param {Command} command */
  #commandEnd({ id, aggregatedOutput, exitCode, status }) {
    const shown = this.#output.get(id) ?? ''
    const whole = aggregatedOutput ?? ''
    // Output from before codex watched the command is in the whole alone.
    if (whole.startsWith(shown)) this.#write(whole.slice(shown.length))
    else this.#line(whole)
    this.#line(
      exitCode === 0 ? paint.green('exit 0') : paint.red(exitCode == null ? status : `exit ${exitCode}`),
    )
  }

  /** @param {FileChange} change */
  #diff({ changes, status }) {
    for (const { path, kind, diff } of changes) {
      this.#title(
        `${kind.type} ${relative(this.#workspace, path)}${status === 'completed' ? '' : ` (${status})`}`,
      )
      // Of a new file codex sends the text, of a changed one a unified diff.
      const sign = kind.type === 'add' ? '+' : kind.type === 'delete' ? '-' : ''
      for (const line of diff.replace(/\n$/, '').split('\n')) this.#line(colored(sign + line))
    }
  }

  /** @param {string} text */
  #title(text) {
    this.#line(`\n${paint.cyan(`── ${text} ──`)}`)
  }

  /** @param {string} text */
  #line(text) {
    this.#endLine()
    this.#write(`${text}\n`)
  }

  #endLine() {
    if (!this.#atStart) this.#write('\n')
  }

  /** @param {string} text */
  #write(text) {
    if (text === '') return
    process.stdout.write(text)
    this.#atStart = text.endsWith('\n')
  }
}

/** @param {string} line of a diff */
function colored(line) {
  if (line.startsWith('+')) return paint.green(line)
  if (line.startsWith('-')) return paint.red(line)
  return line.startsWith('@@') ? paint.cyan(line) : paint.dim(line)
}
