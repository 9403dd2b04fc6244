// Requests for approvals as codex makes them, and what a rule answers.

import { ask, policy } from '../../policy/index.mjs'

export const context = { signal: new AbortController().signal, unref() {} }

/** @param {string} text as codex joins the words of a command */
const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`

/**
 * A request as codex makes it for a script.
 *
 * @param {string} script
 * @param {Record<string, unknown>} [params]
 * @returns {any}
 */
export function asked(script, params = {}) {
  return {
    id: 0,
    method: 'item/commandExecution/requestApproval',
    kind: 'command',
    params: {
      kind: 'command',
      threadId: 't',
      turnId: 'u',
      itemId: 'i',
      startedAtMs: 1,
      environmentId: 'local',
      command: `/bin/bash -lc ${quoted(script)}`,
      cwd: '/work',
      commandActions: [{ type: 'unknown', command: script }],
      ...params,
    },
  }
}

/**
 * @param {string[]} paths
 * @param {Record<string, unknown>} [params]
 * @returns {any}
 */
export function patched(paths, params = {}) {
  const changes = paths.map((path) => ({ path, kind: { type: 'update', move_path: null }, diff: '' }))
  const method = 'item/fileChange/requestApproval'
  return { id: 0, method, kind: 'fileChange', changes, params: { itemId: 'i', ...params } }
}

/**
 * What a rule answers; `asked` where it leaves it to a person.
 *
 * @param {import('../../policy/index.js').Rule} rule
 * @param {any} request
 */
export async function decided(rule, request) {
  const { decision } = await policy(
    rule,
    ask(() => ({ decision: 'cancel', rule: 'asked' })),
  )(request, context)
  return decision === 'cancel' ? 'asked' : decision
}
