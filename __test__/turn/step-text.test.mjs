// What a person would be shown of each item that the pinned protocol has.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { collect } from '../support/outcomes.mjs'
import { rig } from '../support/rig.mjs'

/** An item of each type, and its text. @type {Record<string, [object, string][]>} */
const items = {
  userMessage: [
    [
      {
        content: [
          { type: 'text', text: 'Hi' },
          { type: 'localImage', path: '/a.png' },
        ],
      },
      'Hi\n/a.png',
    ],
    [{ content: [{ type: 'image', url: 'data:image/png;base64,AAAA' }] }, '[image]'],
    [{ content: [{ type: 'skill', name: 'tidy', path: '/s' }] }, 'tidy'],
  ],
  hookPrompt: [[{ fragments: [{ hookRunId: 'h', text: 'Mind the gap' }] }, 'Mind the gap']],
  agentMessage: [[{ text: 'Done' }, 'Done']],
  functionCallOutput: [
    [{ name: 'mail', namespace: null, output: 'You have mail' }, 'You have mail'],
    [
      {
        name: 'mail',
        output: [
          { type: 'input_text', text: 'See' },
          { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
        ],
      },
      'See\n[image]',
    ],
  ],
  plan: [[{ text: '1. a' }, '1. a']],
  reasoning: [[{ summary: ['a', 'b'], content: ['c'] }, 'a\nb']],
  commandExecution: [[{ command: 'ls' }, 'ls']],
  fileChange: [[{ changes: [{ path: '/a' }, { path: '/b' }] }, '/a\n/b']],
  mcpToolCall: [[{ server: 's', tool: 't' }, 's.t']],
  dynamicToolCall: [[{ tool: 'weather' }, 'weather']],
  collabAgentToolCall: [
    [{ tool: 'spawnAgent', prompt: 'Look' }, 'spawnAgent: Look'],
    [{ tool: 'wait', prompt: null }, 'wait'],
  ],
  subAgentActivity: [[{ agentPath: '/root/a', kind: 'started' }, '/root/a started']],
  webSearch: [[{ query: 'q' }, 'q']],
  imageView: [[{ path: '/a.png' }, '/a.png']],
  sleep: [[{ durationMs: 1500 }, '1500 ms']],
  imageGeneration: [
    [{ savedPath: '/a.png', revisedPrompt: 'a cat', result: 'AAAA' }, '/a.png'],
    [{ revisedPrompt: 'a cat', result: 'AAAA' }, 'a cat'],
  ],
  enteredReviewMode: [[{ review: 'changes' }, 'changes']],
  exitedReviewMode: [[{ review: 'Fine.' }, 'Fine.']],
  contextCompaction: [[{}, 'context compacted']],
}

test('there is a text for every type of the pinned protocol', () => {
  const protocol = readFileSync(new URL('../../protocol.d.ts', import.meta.url), 'utf8')
  const union = /^export type ThreadItem =\n[\s\S]*?\n\n/m.exec(protocol)?.[0] ?? ''
  const types = new Set([...union.matchAll(/^(?: {6}| \| \{.*)type: '(\w+)'/gm)].map(([, type]) => type))
  const inline = [...union.matchAll(/ type: '(\w+)' \}$/gm)].map(([, type]) => type)
  for (const type of inline) types.add(type)
  assert.ok(types.size >= 18, [...types].join())
  assert.deepEqual([...types].sort(), Object.keys(items).sort())
})

test('a step shows it, and no bytes', async (t) => {
  const all = Object.entries(items).flatMap(([type, variants]) =>
    variants.map(([fields, text], index) => ({ item: { type, id: `${type}${index}`, ...fields }, text })),
  )
  const ids = { threadId: '$threadId', turnId: '$turnId' }
  const events = all.map(({ item }) => ({ notify: { method: 'item/completed', params: { ...ids, item } } }))
  const { codex } = rig(t, { on: { 'turn/start': [['turnReply', 'turnStarted', ...events, 'turnEnd']] } })
  const turn = await (await codex.startThread()).turn('x')
  const steps = await collect(turn.steps())
  assert.deepEqual(
    steps.map(({ itemId, text }) => [itemId, text]),
    all.map(({ item, text }) => [item.id, text]),
  )
})
