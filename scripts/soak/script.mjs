// What the scripted app-server does for each prompt, and the scripted model behind the real codex.

import { command, failed, functionCall, hang, say } from '../../testing/index.mjs'

/** What the agent says where nothing else is asked for. */
export const ANSWER = 'The tide comes in twice a day.'
const HALF = 'The tide comes'

/** @param {string} text */
const message = (text) => ({ play: 'agentMessage', with: { text } })
const begun = ['turnBegin', 'messageStarted', { deltas: { text: HALF, pieces: 2 } }]
const ends = [{ play: 'messageCompleted', with: { text: ANSWER } }, 'turnEnd']
const where = { threadId: '$threadId', turnId: '$turnId' }
const child = { threadId: 'child-$turnId', turnId: 'of-child-$turnId' }

/** @param {string} method @param {object} params */
const notify = (method, params) => ({ notify: { method, params } })
/** @param {string} status */
const childTurn = (status) => ({ threadId: child.threadId, turn: { id: child.turnId, items: [], status } })
const spawn = {
  type: 'collabAgentToolCall',
  id: 'spawn-$turnId',
  tool: 'spawnAgent',
  status: 'completed',
  receiverThreadIds: [child.threadId],
}
const asked = { ...where, itemId: 'command-$turnId', startedAtMs: 1, command: 'touch made' }
const tool = { ...where, callId: 'call-$turnId', tool: 'add', arguments: { a: 1, b: 2 } }

/** By prompt. */
const fragments = {
  say: ['turnBegin', message(ANSWER), 'turnEnd'],
  open: begun,
  steer: [...begun, { waitFor: 'turn/steer' }, ...ends],
  drop: [...begun, 'closeStdout', { waitFor: 'turn/steer' }, ...ends],
  tool: [
    'turnBegin',
    { request: { method: 'item/tool/call', params: tool } },
    message('$answer.result.contentItems.0.text'),
    'turnEnd',
  ],
  approve: [
    'turnBegin',
    { request: { method: 'item/commandExecution/requestApproval', params: asked } },
    message(ANSWER),
    'turnEnd',
  ],
  agents: [
    'turnBegin',
    notify('turn/started', childTurn('inProgress')),
    notify('item/completed', { ...where, item: spawn }),
    notify('item/completed', { ...child, item: { type: 'agentMessage', id: 'one', text: ANSWER } }),
    message(ANSWER),
    'turnEnd',
    notify('turn/completed', childTurn('completed')),
  ],
  json: ['turnBegin', message('{"answer":42}'), 'turnEnd'],
  broken: ['turnBegin', message('no answer'), 'turnEnd'],
  fail: ['turnBegin', 'turnFailed'],
}

/** For `CODEX_RIG_SCRIPT` of an app-server. It lives as long as whoever started it, and gives no id twice, as codex does. */
export const appServer = {
  on: { 'turn/start': { play: '$params.input.0.text' } },
  fragments,
  lifeMs: 24 * 3_600_000,
  uniqueIds: true,
}

const exec = [
  { line: { type: 'thread.started', thread_id: 'thread-1' } },
  { line: { type: 'turn.started' } },
  { line: { type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text: ANSWER } } },
]
const usage = { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1, reasoning_output_tokens: 0 }

/** For a `codex exec` that says its answer, and for one that does not end. */
export const execs = {
  say: { onEof: [...exec, { line: { type: 'turn.completed', usage } }] },
  open: { onEof: [...exec, { sleepMs: 3_600_000 }] },
}

/** What is told to agents that the real codex starts. */
const TASK = 'the task of the agent'

/** @type {Record<string, import('../../testing/index.js').ScriptStep>} */
const steps = {
  open: hang(say(HALF)),
  steer: hang(say(HALF)),
  drop: hang(say(HALF)),
  json: say('{"answer":42}'),
  broken: say('no answer'),
  fail: failed('server_error', 'the model failed'),
  tool: functionCall('add', { a: 1, b: 2 }),
  approve: command('touch made'),
  agents: functionCall('spawn_agent', { message: TASK }, { namespace: 'multi_agent_v1' }),
}

/**
 * The answer of the scripted model.
 *
 * @param {import('../../testing/index.js').RecordedRequest} request
 */
export function respond({ userText = '', body, toolOutputs }) {
  const input = /** @type {any[]} */ (/** @type {any} */ (body)?.input ?? [])
  // An agent that has ended says so behind the output of the call that started it.
  const prompt = input.findLastIndex(({ content }) =>
    content?.some?.((/** @type {any} */ { text }) => text === userText),
  )
  if (input.slice(prompt + 1).some(({ type }) => type === 'function_call_output'))
    return say(userText === 'tool' ? String(toolOutputs.at(-1)?.output) : ANSWER)
  return steps[userText] ?? say(ANSWER)
}
