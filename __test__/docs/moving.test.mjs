// The pages for those who come from elsewhere: each program before and after, run on the real codex with the same answers
// of the model, prints the same.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Codex as TheirCodex } from '@openai/codex-sdk'
import { Codex as OurCodex } from '../../exec/index.mjs'
import { command, createCodexHome, say, startScriptedProvider } from '../../testing/index.mjs'
import { codexExecutable } from '../support/codex.mjs'
import { asInstalled, folderInside, pages, read } from '../support/guide.mjs'
import { python } from '../support/python.mjs'

const run = promisify(execFile)

/** What the model says to each pair of programs of a page, and what both print. */
const pairs = /** @type {const} */ ({
  'from-codex-sdk.md': [
    { answers: [command('exit 3'), 'It passes.'], stdout: 'ran a command: 3\nIt passes.\n' },
    { answers: ['It passes.', 'A comma.'], stdout: 'It passes.\nA comma.\n' },
  ],
  'from-app-server.md': [{ answers: [command('rm -rf src'), say('It passes.')], stdout: 'It passes.' }],
  'from-ai-sdk-provider.md': [
    { answers: ['A shop.'], stdout: 'A shop.' },
    { answers: ['It passes.', 'A comma.'], stdout: 'A comma.\n' },
    { answers: ['{"score":7,"reason":"A shop."}'], stdout: '7 A shop.\n' },
  ],
  'from-python.md': [
    { answers: ['A shop.', 'The till.'], stdout: 'A shop.\nThe till.\n' },
    { answers: ['A shop.'], stdout: 'A shop.' },
  ],
})

/** @param {string} page @returns {{ language: string, code: string }[]} before and after, in turns */
function programs(page) {
  const found = read(`docs/${page}`).matchAll(/(Before|After):\n\n```(\w+)\n(.*?)^```$/gms)
  const all = [...found].map(([, when, language = '', code = '']) => ({ when, language, code }))
  for (const [at, { when }] of all.entries()) assert.equal(when, at % 2 === 0 ? 'Before' : 'After', page)
  assert.equal(all.length % 2, 0, page)
  return all
}

test('every page for those who come from elsewhere has its programs here', () => {
  const moving = pages.filter((page) => page.startsWith('from-'))
  assert.deepEqual(moving.sort(), Object.keys(pairs).sort())
  for (const [page, all] of Object.entries(pairs)) assert.equal(programs(page).length, 2 * all.length, page)
})

test('options that are wrong fail as docs/from-codex-sdk.md says', async (t) => {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  /** @param {any} Codex @param {object} client @param {object} thread */
  const outcome = async (Codex, client, thread) => {
    const env = { ...process.env, ...home.env }
    const options = { workingDirectory: home.workspace, skipGitRepoCheck: true, ...thread }
    const turn = async () => new Codex({ env, ...client }).startThread(options).run('go')
    return turn().catch((error) => error)
  }
  const there = join(home.workspace, 'nowhere')
  for (const [client, thread, theirs, ours] of /** @type {const} */ ([
    [{ codexPathOverride: there }, {}, { code: 'ENOENT' }, { code: 'BINARY_NOT_FOUND' }],
    [{}, { workingDirectory: there }, { message: /exited with code 1/ }, { code: 'FILE_ERROR' }],
    [
      {},
      { skipGitRepoCheck: 'yes' },
      { finalResponse: /./ },
      { name: 'TypeError', message: /skipGitRepoCheck/ },
    ],
    [{}, { networkAccessEnabled: 1 }, { message: /exited with code 1/ }, { name: 'TypeError' }],
  ])) {
    for (const [Codex, expected] of /** @type {const} */ ([
      [TheirCodex, theirs],
      [OurCodex, ours],
    ])) {
      const found = await outcome(Codex, client, thread)
      for (const [field, value] of Object.entries(expected)) {
        if (value instanceof RegExp) assert.match(found[field], value)
        else assert.equal(found[field], value)
      }
    }
  }
})

for (const [page, all] of Object.entries(pairs)) {
  describe(`docs/${page}`, { concurrency: 2, timeout: 300_000 }, () => {
    for (const [at, { answers, stdout: expected }] of all.entries()) {
      for (const [which, when] of ['before', 'after'].entries()) {
        test(`${when}, ${at + 1}`, async (t) => {
          const program = programs(page)[2 * at + which] ?? assert.fail()
          const provider = await startScriptedProvider({ fallback: 'fail' })
          const home = await createCodexHome(provider, { sandboxMode: 'danger-full-access' })
          t.after(async () => {
            await provider.close()
            await home.remove()
          })
          provider.enqueue(...answers)
          const { stdout, stderr } = await play(t, program, home)
          assert.equal(stdout, expected)
          // Before, some let codex write to theirs.
          if (when === 'after') assert.equal(stderr, '')
          assert.deepEqual([provider.errors, provider.queued], [[], 0])
        })
      }
    }
  })
}

/**
 * @param {import('node:test').TestContext} t
 * @param {{ language: string, code: string }} program
 * @param {import('../../testing/index.js').CodexHome} home
 */
async function play(t, { language, code }, home) {
  // With codex on the PATH, as a user has it who starts it by hand.
  const PATH = `${dirname(codexExecutable())}${delimiter}${process.env.PATH}`
  // On Windows it may be called Path.
  const others = Object.entries(process.env).filter(([name]) => name.toUpperCase() !== 'PATH')
  const env = { ...Object.fromEntries(others), PATH, ...home.env }
  const options = { cwd: home.workspace, env, timeout: 60_000 }
  const file = join(folderInside(t), language === 'python' ? 'program.py' : 'program.mjs')
  writeFileSync(file, asInstalled(code))
  if (language === 'python') {
    const { path, env: variables } = await python()
    return run(path, [file], { ...options, env: { ...env, ...variables } })
  }
  return run(process.execPath, [file], options)
}
