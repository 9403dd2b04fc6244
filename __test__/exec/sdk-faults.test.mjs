// What @openai/codex-sdk gets wrong and this package does not: each with both, on a scripted `codex exec`, so that the
// difference is on record. Where theirs fails, a test that breaks says that they have mended it. Each program runs in a
// process of its own, which an error that nobody catches may end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kill } from '../support/processes.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'
import { says } from '../support/scripted-exec.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const THEIRS = '@openai/codex-sdk'
const OURS = 'codex-node/exec'

/**
 * Runs a program, in which `thread` is one of the package, and `tell(value)` says something to the test.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} from the package
 * @param {object} script what its codex does
 * @param {string} program
 */
async function play(t, from, script, program) {
  const { env, log } = rigEnvironment(t, script)
  const code = `
    import { Codex } from '${from}'
    const tell = (value) => console.log(JSON.stringify(value))
    const told = (error) => tell({ name: error.name, code: error.code, message: error.message })
    const thread = new Codex({ codexPathOverride: ${JSON.stringify(rigPath)} }).startThread()
    ${program}
    tell('the end')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  for (const { spawned } of log.entries()) if (spawned !== undefined) kill(spawned)
  const said = stdout.split('\n').filter((line) => line !== '')
  return { exitCode, stderr, said: said.map((line) => JSON.parse(line)), log }
}

describe('codex exits before it has read a large prompt', () => {
  const script = { start: [{ stderr: 'no login' }, { exit: 3 }] }
  const program = `await thread.run('x'.repeat(8 * 1024 * 1024)).catch(told)`

  test('@openai/codex-sdk: an EPIPE that nobody can catch ends the program', async (t) => {
    const { exitCode, stderr, said } = await play(t, THEIRS, script, program)
    assert.equal(exitCode, 1)
    assert.match(stderr, /Unhandled 'error' event[\s\S]*(EPIPE|ECONNRESET)/)
    assert.ok(!said.includes('the end'))
  })

  test('C8: codex-node/exec: one rejection, with what codex said', async (t) => {
    const { exitCode, stderr, said } = await play(t, OURS, script, program)
    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
    const message = 'Codex Exec exited with code 3: no login'
    assert.deepEqual(said, [{ name: 'ServerExitedError', code: 'SERVER_EXITED', message }, 'the end'])
  })
})

describe('the loop is left early, and then the signal is aborted', () => {
  const script = { start: [...says.begin()], onEof: [{ sleepMs: 60_000 }] }
  const program = `
    const controller = new AbortController()
    const { events } = await thread.runStreamed('go', { signal: controller.signal })
    for await (const event of events) break
    controller.abort()
    tell('aborted')
    await new Promise((resolve) => setImmediate(resolve))`

  test('@openai/codex-sdk: an AbortError that nobody can catch ends the program', async (t) => {
    const { exitCode, stderr, said } = await play(t, THEIRS, script, program)
    assert.equal(exitCode, 1)
    assert.match(stderr, /AbortError: The operation was aborted/)
    assert.ok(!said.includes('the end'))
  })

  test('C5: codex-node/exec: nothing', async (t) => {
    const { exitCode, stderr, said } = await play(t, OURS, script, program)
    assert.deepEqual({ exitCode, stderr, said }, { exitCode: 0, stderr: '', said: ['aborted', 'the end'] })
  })
})

describe('a process that codex has started keeps its stdout open', () => {
  const script = (/** @type {number} */ lifeMs) => {
    const grandchild = { argv: ['$exe', '--sleep-ms', `${lifeMs}`], holdStdout: true, ownGroup: true }
    return { onEof: [{ spawn: grandchild }, ...says.turn()] }
  }
  const program = `
    const started = performance.now()
    const { finalResponse } = await thread.run('go')
    tell({ finalResponse, ms: performance.now() - started })`

  test('@openai/codex-sdk: run() hangs for as long as that process lives', async (t) => {
    const { exitCode, said } = await play(t, THEIRS, script(2_000), program)
    assert.equal(exitCode, 0)
    assert.equal(said[0].finalResponse, 'Done.')
    assert.ok(said[0].ms >= 2_000, `${said[0].ms} ms`)
  })

  test('E3: codex-node/exec: run() returns when the turn is over', async (t) => {
    const { exitCode, said } = await play(t, OURS, script(600_000), program)
    assert.equal(exitCode, 0)
    assert.equal(said[0].finalResponse, 'Done.')
    assert.ok(said[0].ms < 30_000, `${said[0].ms} ms`)
  })
})

describe('codex exits with 0 in the middle of a turn', () => {
  const script = { onEof: [...says.begin(), says.message('Let me see.'), { stderr: 'lost' }, { exit: 0 }] }
  const program = `await thread.run('go').then(tell, told)`

  test('@openai/codex-sdk: a success', async (t) => {
    const { exitCode, said } = await play(t, THEIRS, script, program)
    assert.equal(exitCode, 0)
    const items = [{ id: 'item_0', type: 'agent_message', text: 'Let me see.' }]
    assert.deepEqual(said[0], { items, finalResponse: 'Let me see.', usage: null })
  })

  test('E1: codex-node/exec: a rejection that says so', async (t) => {
    const { exitCode, said } = await play(t, OURS, script, program)
    assert.equal(exitCode, 0)
    const message = 'Codex Exec exited with code 0 before the turn was completed: lost'
    assert.deepEqual(said[0], { name: 'ServerExitedError', code: 'SERVER_EXITED', message })
  })
})

describe('lines that are no events, and a usage that is null', () => {
  const script = {
    onEof: [...says.begin(), { raw: 'a banner\n' }, says.message('Hi.'), says.turnCompleted(null)],
  }
  const program = `await thread.run('go').then(tell, told)`

  test('@openai/codex-sdk: a rejection of the turn', async (t) => {
    const { said } = await play(t, THEIRS, script, program)
    assert.deepEqual(said[0], { name: 'Error', message: 'Failed to parse item: a banner' })
  })

  test('@openai/codex-sdk: a TypeError from within', async (t) => {
    const { said } = await play(t, THEIRS, { onEof: [...says.begin(), says.turnCompleted(null)] }, program)
    assert.equal(said[0].name, 'TypeError')
  })

  test('E2: codex-node/exec: they pass', async (t) => {
    const { said } = await play(t, OURS, script, program)
    const items = [{ id: 'item_0', type: 'agent_message', text: 'Hi.' }]
    assert.deepEqual(said[0], { items, finalResponse: 'Hi.', usage: null, turnUsage: null })
  })
})

describe('two runs at once on one thread', () => {
  const script = { onEof: says.turn() }
  const program = `await Promise.all([thread.run('first'), thread.run('second')])`
  /** @param {import('../support/rig.mjs').RigLog} log what happened, in its order, by the thread that each run is of */
  const told = (log) =>
    log.entries().flatMap(({ argv, exit }) => {
      if (argv !== undefined) return [argv.includes('resume') ? 'resumes' : 'starts']
      return exit === undefined ? [] : ['exits']
    })

  test('@openai/codex-sdk: two threads', async (t) => {
    const { log } = await play(t, THEIRS, script, program)
    assert.equal(told(log).filter((entry) => entry === 'starts').length, 2)
  })

  test('codex-node/exec: one after the other, on one thread', async (t) => {
    const { log } = await play(t, OURS, script, program)
    // The last exit is not waited for long.
    assert.match(told(log).join(), /^starts,exits,resumes(,exits)?$/)
  })
})
