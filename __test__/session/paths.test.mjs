// Whose a path is that is not absolute, and what is not there.

import assert from 'node:assert/strict'
import { realpathSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { Codex } from '../../index.mjs'
import { rejection } from '../support/outcomes.mjs'
import { places, runProgram } from '../support/program.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath, temporaryFolder } from '../support/rig.mjs'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

/** From where this process is, which is not where codex runs. @param {string} path */
const fromHere = (path) => relative(process.cwd(), path)

describe('a relative path', { concurrency: 4, timeout: 120_000 }, () => {
  test("is the caller's: what startThread began there resumeLatestThread finds", async (t) => {
    const elsewhere = temporaryFolder(t)
    const cwd = fromHere(realpathSync(temporaryFolder(t)))
    const { codex } = await real(t, { cwd: elsewhere })
    const thread = await codex.startThread({ cwd })
    const { cwd: inForce } = /** @type {any} */ (thread.defaults)
    assert.equal(realpathSync(inForce), realpathSync(cwd))
    await thread.run('Hi')
    await codex.startThread({ cwd: elsewhere }).then((other) => other.run('Hi'))
    assert.equal((await codex.resumeLatestThread({ cwd }))?.id, thread.id)
    const { data } = await codex.listThreads({ cwd: realpathSync(cwd) })
    assert.deepEqual(
      data.map(({ id }) => id),
      [thread.id],
    )
    const { stdout } = await codex.execCommand(['pwd'], { cwd })
    assert.equal(realpathSync(stdout.trim()), realpathSync(cwd))
  })

  test('of folders, roots and files is absolute where codex is ours', async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'i.png'), 'pixels')
    const { codex, log } = rig(t)
    const thread = await codex.startThread({ additionalDirectories: ['beside'], cwd: 'sub' })
    const started = (await log.message('thread/start')).params
    assert.equal(started.cwd, join(process.cwd(), 'sub'))
    assert.deepEqual(started.config['sandbox_workspace_write.writable_roots'], [
      join(process.cwd(), 'beside'),
    ])
    const path = fromHere(join(folder, 'i.png'))
    await thread.run(
      [
        { type: 'localImage', path },
        { type: 'skill', name: 's', path: 'skills/s' },
        { type: 'mention', name: 'm', path: 'app://m' },
      ],
      { cwd: 'sub', sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['root'] } },
    )
    const { params } = await log.message('turn/start')
    assert.equal(realpathSync(params.input[0].path), realpathSync(path))
    assert.deepEqual(
      params.input.slice(1).map((/** @type {any} */ item) => item.path),
      [join(process.cwd(), 'skills/s'), 'app://m'],
    )
    assert.equal(params.cwd, join(process.cwd(), 'sub'))
    assert.deepEqual(params.sandboxPolicy.writableRoots, [join(process.cwd(), 'root')])
  })

  for (const place of places) {
    test(`is one of the folder at the call, in ${place}`, async (t) => {
      const folder = realpathSync(temporaryFolder(t))
      writeFileSync(join(folder, 'i.png'), 'pixels')
      const { env, log } = rigEnvironment(t, {
        on: {
          'thread/settings/update': { reply: {} },
          'thread/list': { reply: { data: [], nextCursor: null } },
          'command/exec': { reply: { exitCode: 0, stdout: '', stderr: '' } },
          'config/read': { reply: {} },
        },
        onEof: says.turn('Hi'),
      })
      const program = runProgram(
        t,
        place,
        `const codex = new Codex({ codexPath: data.path, env: data.rig })
        const elsewhere = process.cwd()
        /** Makes a call in the folder, which the program leaves at once. */
        const inFolder = (call) => {
          process.cwd = () => data.folder
          const made = call()
          process.cwd = () => elsewhere
          return made
        }
        const thread = await inFolder(() => codex.startThread({ cwd: 'sub', additionalDirectories: ['beside'] }))
        const image = { type: 'localImage', path: 'i.png' }
        const sandboxPolicy = { type: 'workspaceWrite', writableRoots: ['root'] }
        const turn = await inFolder(() => thread.turn([image], { cwd: 'turn', sandboxPolicy }))
        await turn.run()
        await inFolder(() => thread.updateDefaults({ cwd: 'later' }))
        await inFolder(() => codex.listThreads({ cwd: 'listed' }))
        await inFolder(() => codex.resumeLatestThread({ cwd: 'latest' }))
        await inFolder(() => codex.execCommand(['ls'], { cwd: 'ran' }))
        await inFolder(() => codex.config.read({ cwd: 'read' }))
        await codex.close()
        const exec = new ExecCodex({ codexPath: data.path, env: { ...process.env, ...data.rig } })
        const options = { workingDirectory: '.', additionalDirectories: ['beside'] }
        const input = [{ type: 'local_image', path: 'i.png' }]
        await inFolder(() => exec.startThread(options).run(input))
        tell('done')`,
        { path: rigPath, rig: env, folder },
      )
      assert.equal(await program.told(), 'done')
      const sent = Object.fromEntries(log.messages().map(({ method, params }) => [method, params]))
      const at = (/** @type {string} */ name) => join(folder, name)
      assert.equal(sent['thread/start'].cwd, at('sub'))
      assert.deepEqual(sent['thread/start'].config['sandbox_workspace_write.writable_roots'], [at('beside')])
      assert.equal(sent['turn/start'].input[0].path, at('i.png'))
      assert.equal(sent['turn/start'].cwd, at('turn'))
      assert.deepEqual(sent['turn/start'].sandboxPolicy.writableRoots, [at('root')])
      assert.equal(sent['thread/settings/update'].cwd, at('later'))
      assert.deepEqual(
        log.messages('thread/list').map(({ params }) => [params.cwd].flat()),
        [[at('listed')], [at('latest')]],
      )
      assert.equal(sent['command/exec'].cwd, at('ran'))
      assert.equal(sent['config/read'].cwd, at('read'))
      const { argv } = log.entries().findLast((entry) => entry.argv?.[0] === 'exec')
      assert.equal(argv[argv.indexOf('--add-dir') + 1], at('beside'))
      assert.equal(argv[argv.indexOf('--image') + 1], at('i.png'))
    })
  }

  test('of an image that is not there is an error before codex exec is started', async (t) => {
    const { codex, starts } = scriptedExec(t, says.turn('Hi'))
    const thread = codex.startThread()
    const { events } = await thread.runStreamed([{ type: 'local_image', path: temporaryFolder(t) }])
    const calls = [
      () =>
        thread.run([
          { type: 'text', text: 'x' },
          { type: 'local_image', path: 'none.png' },
        ]),
      () => thread.run([{ type: 'local_image', path: 'none,too.png' }]),
      () => events.next(),
    ]
    // One after the other: a rejection that nobody waits for yet ends the program.
    for (const call of calls) {
      assert.match((await rejection(call(), TypeError)).message, /^input\[[01]\]\.path: there is no file /)
    }
    assert.deepEqual(starts(), [])
    assert.equal((await thread.run('Hi')).finalResponse, 'Hi')
  })

  test('of a file that is not there is an error before the turn', async (t) => {
    const { codex, log } = rig(t)
    const thread = await codex.startThread()
    for (const type of /** @type {const} */ (['localImage', 'localAudio'])) {
      const error = await rejection(
        thread.run([
          { type: 'text', text: 'x' },
          { type, path: 'none' },
        ]),
        TypeError,
      )
      assert.equal(error.message, `input[1].path: there is no file ${join(process.cwd(), 'none')}`)
    }
    await thread.run('Hi')
    assert.equal(log.entries().filter((entry) => entry.in?.includes?.('"turn/start"')).length <= 1, true)
  })

  test('is refused with the reason where it would be a root elsewhere', async (t) => {
    const codex = new Codex({ url: 'ws://127.0.0.1:9', reconnectTimeoutMs: 0 })
    t.after(() => codex.close())
    for (const call of [
      codex.startThread({ additionalDirectories: ['/a', 'sub'] }),
      codex.resumeLatestThread({ cwd: 'sub' }),
    ]) {
      const error = await rejection(call, TypeError)
      assert.match(error.message, /`sub` is not absolute, and the server runs elsewhere/)
    }
  })
})
