// What a window may ask of codex, as messages that can be cloned. Nothing of Electron in it, so that it runs in a test.

import { ask, Codex, CodexError } from 'codex-node'

/**
 * @typedef {{ type: 'turn', input: string } | { type: 'stop' } | { type: 'answer', id: string, allowed: boolean }} Asked
 * @typedef {(
 *   | { type: 'started' }
 *   | { type: 'steered' }
 *   | { type: 'delta', text: string }
 *   | { type: 'command', command: string, status: string }
 *   | { type: 'question', id: string, text: string, reason: string }
 *   | { type: 'ended', status: string, tokens: number }
 *   | { type: 'error', message: string }
 * )} Told
 */

/**
 * Serves a window: one thread, one turn after the other; a message while a turn runs steers it.
 *
 * @param {{ folder: string, send(message: Told): void, listen(listener: (message: Asked) => void): void }} window
 * @returns {() => Promise<void>} ends it
 */
export function serve({ folder, send, listen }) {
  const questions = ask(({ type, question }) => {
    if (type !== 'asked' || question.kind !== 'approval') return
    const { request } = question
    const text = request.kind === 'command' ? (request.command ?? 'a command') : 'changes of files'
    send({ type: 'question', id: question.id, text, reason: request.reason ?? '' })
  })
  const codex = new Codex({ onApproval: questions.handlers.onApproval })
  /** @type {Promise<import('codex-node').Thread> | undefined} */
  let thread
  /** @type {import('codex-node').Turn | undefined} */
  let running

  /** @param {string} input */
  async function play(input) {
    if (running !== undefined) {
      await running.steer(input)
      return send({ type: 'steered' })
    }
    thread ??= codex.startThread({ cwd: folder, sandbox: 'workspace-write' })
    // What failed once may go well the next time.
    thread.catch(() => {
      thread = undefined
    })
    const turn = await (await thread).turn(input)
    running = turn
    send({ type: 'started' })
    try {
      for await (const { method, params } of turn) {
        if (method === 'item/agentMessage/delta') send({ type: 'delta', text: params.delta })
        if (method === 'item/completed' && params.item.type === 'commandExecution') {
          send({ type: 'command', command: params.item.command, status: params.item.status })
        }
      }
      const { status, usage } = await turn.result()
      send({ type: 'ended', status, tokens: usage?.total.totalTokens ?? 0 })
    } finally {
      running = undefined
    }
  }

  /** @param {Asked} message */
  async function handle(message) {
    switch (message.type) {
      case 'turn':
        return play(String(message.input))
      case 'stop':
        return running?.interrupt()
      case 'answer':
        return questions.answer(message.id, message.allowed === true ? 'accept' : 'decline')
    }
  }

  listen((message) => {
    handle(message).catch((error) => {
      const hint = error instanceof CodexError && error.hint ? ` ${error.hint}` : ''
      send({ type: 'error', message: `${error.message}${hint}` })
    })
  })
  return () => codex.close()
}
