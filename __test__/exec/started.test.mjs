// `codex-node/exec`: programs that are no codex, and what no program can be given.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Codex } from '../../exec/index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { temporaryFolder } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

/** @type {any[]} */
const answers = says.turn('ok')

test('a program that prints without end and is no codex is given up', { timeout: 60_000 }, async (t) => {
  const printing = [{ repeat: 3000, do: [{ raw: `${'y'.repeat(1000)}\n` }] }, { sleepMs: 600_000 }]
  const { codex } = scriptedExec(t, printing)
  const error = /** @type {any} */ (await rejection(codex.startThread().run('go'), Error))
  assert.equal(error.code, 'SPAWN_FAILED')
  assert.match(error.message, /wrote more than 1048576 bytes and no event; is it codex\?/)
})

test('a codex that says much is heard to its end', { timeout: 60_000 }, async (t) => {
  const [begin, ...rest] = answers
  const { codex } = scriptedExec(t, [
    begin,
    { repeat: 3000, do: [{ raw: `${'y'.repeat(1000)}\n` }] },
    ...rest,
  ])
  assert.equal((await codex.startThread().run('go')).finalResponse, 'ok')
})

test('no comma of a folder reaches codex in the path of an image', { timeout: 60_000 }, async (t) => {
  const folder = join(temporaryFolder(t), 'a,b')
  mkdirSync(join(folder, 'work'), { recursive: true })
  writeFileSync(join(folder, 'x.png'), 'image')
  const { codex, starts } = scriptedExec(t, answers)
  const { TMPDIR } = process.env
  const before = process.cwd()
  t.after(() => {
    process.chdir(before)
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
  process.chdir(folder)
  const run = () =>
    codex.startThread({ workingDirectory: 'work' }).run([
      { type: 'text', text: 'go' },
      { type: 'local_image', path: 'x.png' },
    ])
  await run()
  const { argv } = starts()[0]
  const image = argv[argv.indexOf('--image') + 1]
  assert.doesNotMatch(image, /,/)
  process.env.TMPDIR = folder
  const error = /** @type {any} */ (await rejection(run(), Error))
  assert.equal(error.code, 'FILE_ERROR')
  assert.match(error.message, /no comma.*TMPDIR/)
})

test('a NUL character in the environment or the key is refused by its name', () => {
  const codexWith = (/** @type {any} */ options) => () => new Codex(options)
  assert.throws(codexWith({ env: { A: 'a\0' } }), /^TypeError: options\.env\.A: holds a NUL character/)
  assert.throws(codexWith({ apiKey: 'a\0' }), /^TypeError: options\.apiKey: holds a NUL character/)
})

for (const [option, client, thread, input] of /** @type {[string, any, any, any][]} */ ([
  ['options.model', {}, { model: 'a\0' }, 'go'],
  ['options.additionalDirectories', {}, { additionalDirectories: ['/a\0'] }, 'go'],
  ['options.configOverrides: `a`', { configOverrides: ['a=\0'] }, {}, 'go'],
  ['options.launchArgs or options.extraArgs', { extraArgs: ['\0'] }, {}, 'go'],
  ['input: the path of an image', {}, {}, [{ type: 'local_image', path: '/a\0' }]],
])) {
  test(`a NUL character in ${option} is refused by its name`, async (t) => {
    const { codex, starts } = scriptedExec(t, answers, client)
    const error = /** @type {any} */ (await rejection(codex.startThread(thread).run(input), Error))
    assert.equal(error.code, 'INVALID_ARGUMENT')
    assert.ok(error.message.startsWith(`${option}`), error.message)
    assert.match(error.message, /holds a NUL character/)
    assert.equal(starts().length, 0)
  })
}
