// The programs of examples/ that use a server elsewhere.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  createCodexHome,
  createGate,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'
import { codexExecutable } from '../support/codex.mjs'

/** @param {import('node:test').TestContext} t */
async function stage(t) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  /** @param {string} name @param {string[]} args */
  const start = (name, args) => {
    const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))
    const child = spawn(process.execPath, [file, ...args], {
      cwd: home.workspace,
      env: { ...process.env, ...home.env },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    const errors = text(child.stderr)
    const ended = once(child, 'exit')
    const exited = async () => assert.equal((await ended)[0], 0, await errors)
    return { child, errors, ended, exited }
  }
  return { provider, start }
}

test('serve and take-over: a second program follows and steers the turn of the first', async (t) => {
  const { provider, start } = await stage(t)
  const gate = createGate()
  provider.enqueue(reply([say('First I look around.'), waitFor(gate)]), say('All is well.'))
  const serving = start('serve', ['Check this'])
  const lines = createInterface({ input: serving.child.stdout })
  const [hint] = await once(lines, 'line')
  const [, url = '', tokenFile = '', threadId = ''] =
    /^node examples\/take-over\.mjs (\S+) "(.+)" (\S+)$/.exec(hint) ?? []
  await gate.reached
  const rest = once(lines, 'line')

  const taking = start('take-over', [url, tokenFile, threadId, 'be quick'])
  const said = text(taking.child.stdout)
  // Steering ends the request that is held.
  const { userMessages } = await provider.nextRequest((request) => request.userText === 'be quick')
  assert.deepEqual(userMessages, ['Check this', 'be quick'])
  await taking.exited()
  assert.match(await said, /All is well\.\ncompleted\n$/)
  assert.equal(await taking.errors, '(connecting)\n(connected)\n(closed)\n')

  assert.deepEqual(await rest, ['completed: All is well.'])
  await serving.exited()
})

test('remote-command: a turn over a command’s input and output', async (t) => {
  const { provider, start } = await stage(t)
  provider.enqueue(say('An empty one.'))
  const program = start('remote-command', [codexExecutable(), 'app-server'])
  const said = text(program.child.stdout)
  await program.exited()
  assert.match(await said, /^codex on \w+, at home in .*codex-home-.*\nAn empty one\.\n$/)
})

test('what can not work ends with a word, and not with a stack', async (t) => {
  const { start } = await stage(t)
  /** @type {[string, string[], RegExp][]} */
  const programs = [
    ['remote-command', ['no-such-program'], /spawn no-such-program ENOENT/],
    ['take-over', ['ws://127.0.0.1:1', 'no-such-file', 'id'], /ENOENT.*no-such-file/],
    ['threads', ['show', '00000000-0000-0000-0000-000000000000'], /Error: /],
    ['threads', ['fork', 'no id'], /Error: /],
  ]
  await Promise.all(
    programs.map(async ([name, args, says]) => {
      const { errors, ended } = start(name, args)
      const [code] = await ended
      assert.match(await errors, says)
      assert.doesNotMatch(await errors, /\n {4}at /)
      assert.equal(code, 1, name)
    }),
  )
})

test('the demo ends well when its reader has seen enough', async (t) => {
  const run = new URL('../../scripts/demo/run.mjs', import.meta.url).href
  const code = `import { demo } from '${run}'; process.exitCode = await demo('')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const errors = text(child.stderr)
  await once(child.stdout, 'data')
  child.stdout.destroy()
  const [status] = await once(child, 'exit')
  assert.deepEqual({ status, errors: await errors }, { status: 0, errors: '' })
})
