// Each program of examples/, as a user runs it: a process of its own on the real codex. Only its environment
// leads it to the scripted provider.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command, createGate, failed, hang, reasoning, reply, say } from '../../testing/index.mjs'
import { examples, stage } from '../support/examples.mjs'

test('quickstart: two turns of one thread, its id and its tokens', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(say('It is a shop.'), say('A shop, no more.'))
  const { code, stdout, stderr } = await run('quickstart', 'What is this?')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /^It is a shop\.\nA shop, no more\.\nthread [0-9a-f-]{36}, 240 tokens\n$/)
  assert.deepEqual(provider.requests[1]?.userMessages, ['What is this?', 'Now say that in five words.'])
})

test('quickstart: a failed turn is told by the name of its error', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(failed('context_length_exceeded', 'too long'))
  const { code, stdout, stderr } = await run('quickstart')
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(stderr, /^TurnFailedError \(TURN_FAILED\): ./)
})

test('stream: what the agent does goes to stderr, its answer alone to stdout', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(reply([reasoning('Look at the sizes'), command('ls -S')]), say('readme.txt'))
  const { code, stdout, stderr } = await run('stream')
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'readme.txt\n' })
  assert.match(stderr, /^thinking\nrunning: .*ls -S.*\n(writing: \d+ characters\n)*writing: 10 characters\n$/)
})

test('steer-and-interrupt: the steered turn goes on with the new input, the interrupted one ends', async (t) => {
  const { provider, run } = await stage(t)
  provider.when('about the sea', hang(say('The endless sea', { chunks: 1 })))
  provider.when('mountains', say('High.\nHigher.'))
  provider.when('very long story', hang(say('Once upon a time '.repeat(20), { chunks: 1 })))
  provider.when('title', say('Upon a Time'))
  const { code, stdout, stderr } = await run('steer-and-interrupt')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  // The same reader goes on with the next message, after a blank line.
  assert.match(stdout, /^The endless sea\n--- steered ---\n\n\nHigh\.\nHigher\.\n--- completed ---\n/)
  assert.match(stdout, /\n(Once upon a time )+\n--- interrupted ---\n/)
  assert.match(stdout, /\nUpon a Time\n$/)
})

test('many-threads: every thread runs at once, and one that fails leaves the others alone', async (t) => {
  const { provider, run } = await stage(t)
  const questions = ['first?', 'second?', 'third?']
  // No answer before all have asked.
  const all = createGate()
  let asked = 0
  provider.onRequest(() => {
    asked += 1
    if (asked === questions.length) all.open()
  })
  provider.when('first?', { ...say('one'), waitFor: all })
  provider.when('second?', { ...failed('context_length_exceeded', 'too long'), waitFor: all })
  provider.when('third?', { ...say('three'), waitFor: all })
  const { code, stdout, stderr } = await run('many-threads', ...questions)
  assert.equal(code, 0)
  assert.match(stdout, /^\n# first\?\none\n\n# second\?\nfailed: .+\n\n# third\?\nthree\n$/)
  assert.deepEqual(stderr.match(/\w+\?/g)?.sort(), ['first?', 'third?'])
  assert.equal(new Set(provider.requests.map((request) => request.threadId)).size, 3)
})

test('exec: commands and tokens go to stderr, the thread goes on by its id', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(command('ls -S'), say('A shop.'), say('By hand.'))
  const first = await run('exec', 'What is this?')
  assert.deepEqual({ code: first.code, stdout: first.stdout }, { code: 0, stdout: 'A shop.\n' })
  assert.match(first.stderr, /^\$ .*ls -S.*\n200 of 200 input tokens\ngo on with: --resume [0-9a-f-]{36}\n$/)
  const id = first.stderr.match(/--resume (\S+)/)?.[1] ?? ''
  const second = await run('exec', '--resume', id, 'How is it tested?')
  assert.deepEqual({ code: second.code, stdout: second.stdout }, { code: 0, stdout: 'By hand.\n' })
  // What the turns before this process used is not known to it.
  assert.equal(second.stderr, `? of 300 input tokens\ngo on with: --resume ${id}\n`)
  assert.deepEqual(provider.requests.at(-1)?.userMessages, ['What is this?', 'How is it tested?'])
})

test('exec: a failed turn is told by the name of its error', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(failed('context_length_exceeded', 'too long'))
  const { code, stdout, stderr } = await run('exec')
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(stderr, /^TurnFailedError \(TURN_FAILED\): ./)
})

test('every example has a test and a line in examples/README.md', () => {
  const folderOfTests = fileURLToPath(new URL('.', import.meta.url))
  const files = readdirSync(folderOfTests).filter((name) => /^examples.*\.test\.mjs$/.test(name))
  const tests = files.map((name) => readFileSync(`${folderOfTests}${name}`, 'utf8')).join('')
  const readme = readFileSync(`${examples}README.md`, 'utf8')
  const names = readdirSync(examples).filter((name) => name.endsWith('.mjs'))
  assert.ok(names.length >= 4)
  for (const name of names) {
    const isRun = new RegExp(`(?:run|start)\\(\\[?'${name.replace('.mjs', '')}'`).test(tests)
    assert.ok(isRun, `no test runs ${name}`)
    assert.ok(readme.includes(`](${name})`), `examples/README.md does not name ${name}`)
  }
})
