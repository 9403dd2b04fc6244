// Whose a path is that is not absolute, and what is not there.

import assert from 'node:assert/strict'
import { realpathSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { Codex } from '../index.mjs'
import { rejection } from './support/outcomes.mjs'
import { real } from './support/real.mjs'
import { rig, temporaryFolder } from './support/rig.mjs'

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
