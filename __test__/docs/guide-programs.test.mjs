// The first program of the README and of each page of docs/, as it stands there: a process of its own on the real codex.
// Only its environment leads it to the scripted provider.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import {
  command,
  createCodexHome,
  functionCall,
  hang,
  say,
  startScriptedProvider,
} from '../../testing/index.mjs'
import { blocks, folderInside, pages, root } from '../support/guide.mjs'
import { listening } from '../support/listening.mjs'

const run = promisify(execFile)

/**
 * What the model says to the first program of each page, and what that prints.
 *
 * @type {Record<string, {
 *   answers?: import('../../testing/index.js').ScriptStep[],
 *   when?: Record<string, import('../../testing/index.js').ScriptStep[]>,
 *   stdout: string | RegExp,
 * }>}
 */
const programs = {
  'README.md': { answers: ['A shop.', 'The till.'], stdout: 'A shop.\nThe till.' },
  'account.md': { stdout: /^no login\n(\S+ .+\n)+$/ },
  'ai-sdk.md': { answers: ['A shop.'], stdout: 'A shop.' },
  'approvals.md': {
    answers: [command('npm --version'), command('rm -rf src'), say('One was refused.')],
    stdout: /^asked for: .*npm --version.*\nasked for: .*rm -rf src.*\nOne was refused\.\n$/,
  },
  'budgets.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'commands.md': { stdout: /^0 git version .*\n\n$/ },
  'environment.md': { stdout: 'low\n' },
  'errors.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'exec.md': { answers: ['A shop.'], stdout: /^A shop\. \d+\n$/ },
  'goals.md': { stdout: 'All tests pass paused\n' },
  'long-running.md': { answers: ['A shop.', 'A blog.'], stdout: 'A shop.\nA blog.\n' },
  'logging.md': {
    answers: ['A shop.'],
    stdout: /info .*codex started.*\n(.*\n)*A shop\.\n(.*\n)*.*codex ended/,
  },
  'policy.md': {
    answers: [command('npm test'), command('git push'), command('rm -rf src'), say('Two were refused.')],
    stdout: [
      "codex asks for command [ [ 'rm', '-rf', 'src' ] ]",
      'Two were refused.',
      'client allowCommands: npm test',
      'client deny: git push',
      'client ask',
      '',
    ].join('\n'),
  },
  'processes.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'protocol.md': { stdout: '0 threads in this folder\n' },
  'reviews.md': {
    answers: [
      JSON.stringify({
        findings: [
          {
            title: '[P1] The till may be empty',
            body: 'It is opened without a look.',
            confidence_score: 0.9,
            priority: 1,
            code_location: { absolute_file_path: '/srv/till.js', line_range: { start: 3, end: 4 } },
          },
        ],
        overall_correctness: 'patch is incorrect',
        overall_explanation: 'One thing is left.',
        overall_confidence_score: 0.9,
      }),
    ],
    stdout: '/srv/till.js:3 P1 The till may be empty\nOne thing is left.\n',
  },
  'runtimes.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'security.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'serve.md': { answers: ['Yes.'], stdout: /^ws:\/\/127\.0\.0\.1:\d+ .+\nYes\.\n$/ },
  'starting.md': { stdout: /^.+ shop\/\S+ .*\n$/ },
  'steering.md': { when: { sea: [hang()], mountains: [hang()] }, stdout: 'interrupted\n' },
  'streaming.md': { answers: ['A shop.'], stdout: /^A shop\.\n\d+ tokens\n$/ },
  'structured-output.md': { answers: ['{"summary":"A shop.","score":7}'], stdout: '7 A shop.\n' },
  'sub-agents.md': {
    when: {
      'Have one agent': [
        functionCall('spawn_agent', { message: 'look for bugs' }, { namespace: 'multi_agent_v1' }),
        functionCall('spawn_agent', { message: 'missing tests' }, { namespace: 'multi_agent_v1' }),
        say('They are at it.'),
      ],
      'look for bugs': [say('No bugs.')],
      'missing tests': [say('No tests.')],
    },
    stdout: /^(?=.*an agent: No bugs\.)(?=.*an agent: No tests\.).*\n$/s,
  },
  'telemetry.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'threads.md': { answers: ['A shop.', 'In a shop.'], stdout: 'In a shop.\n' },
  'timeouts.md': { answers: ['They pass.'], stdout: 'They pass.\n' },
  'tools.md': {
    answers: [functionCall('stock', { article: 'nails' }), say('We have five.')],
    stdout: 'We have five.\n',
  },
  'turns.md': { answers: ['A shop.'], stdout: 'completed A shop.\nuserMessage\nagentMessage\n' },
  'typescript.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  // It prints a line for each delta, of which more than one may or may not be joined.
  'web.md': { answers: [say('A shop.', { chunks: 1 })], stdout: 'A shop.\n' },
}

/** Pages without a program. */
const without = ['architecture.md', 'bundlers.md', 'failure-cases.md', 'faults.md', 'performance.md']
/** What runs in a test of its own: below, with a Redis in `fleet/docs.test.mjs`, in `moving.test.mjs`. */
const elsewhere = [
  'remote.md',
  'testing.md',
  'fleet.md',
  'from-codex-sdk.md',
  'from-python.md',
  'from-app-server.md',
  'from-ai-sdk-provider.md',
]

test('every page of docs/ has a first program that is known here', () => {
  const known = [...Object.keys(programs), ...without, ...elsewhere].filter((page) => page !== 'README.md')
  assert.deepEqual(pages.toSorted(), known.sort())
})

/**
 * The first program of a page, run in a folder.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} page
 * @param {{ cwd: string, env: Record<string, string | undefined> }} options
 */
async function runFirst(t, page, { cwd, env }) {
  const { name, code } = blocks(page)[0] ?? assert.fail(`${page} has no program`)
  const file = join(folderInside(t), name)
  writeFileSync(file, code)
  return run(process.execPath, [file], { cwd, env: { ...process.env, ...env }, timeout: 60_000 })
}

describe('the first program, as it stands, of', { concurrency: 2 }, () => {
  for (const [page, { answers = [], when = {}, stdout: expected }] of Object.entries(programs)) {
    test(page === 'README.md' ? page : `docs/${page}`, async (t) => {
      const provider = await startScriptedProvider({ fallback: 'fail' })
      const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
      t.after(async () => {
        await provider.close()
        await home.remove()
      })
      provider.enqueue(...answers)
      for (const [match, steps] of Object.entries(when)) provider.when(match, ...steps)
      const path = page === 'README.md' ? page : `docs/${page}`
      const { stdout, stderr } = await runFirst(t, path, { cwd: home.workspace, env: home.env })
      assert.equal(stderr, '')
      if (typeof expected === 'string') assert.equal(stdout, expected)
      else assert.match(stdout, expected)
      assert.deepEqual([provider.errors, provider.queued], [[], 0])
    })
  }

  test('docs/remote.md', async (t) => {
    const { url, provider, home } = await listening(t)
    provider.enqueue('A shop.')
    const { stdout, stderr } = await runFirst(t, 'docs/remote.md', {
      cwd: home.workspace,
      env: { ...home.env, CODEX_URL: url },
    })
    assert.deepEqual({ stdout, stderr }, { stdout: 'connecting\nconnected\nA shop.\nclosed\n', stderr: '' })
  })

  test('docs/testing.md, a test', async (t) => {
    const file = join(folderInside(t), 'offline.test.mjs')
    writeFileSync(file, blocks('docs/testing.md')[0]?.code ?? '')
    // Without the variable that tells a test that it runs within another.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const options = { cwd: root, env, timeout: 60_000 }
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file], options)
    assert.match(stdout, /^# pass 1$/m)
  })
})
