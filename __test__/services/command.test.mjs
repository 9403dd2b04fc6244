// Commands in codex's sandbox, without a thread: to their end, or as a handle.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  AbortError,
  CommandProcess,
  InternalRpcError,
  InvalidRequestError,
  ServerExitedError,
} from '../../index.mjs'
import { assertContains } from '../support/contains.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { gone, isAlive } from '../support/processes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** @typedef {import('../../index.js').CommandOutput} CommandOutput */

const windows = process.platform === 'win32'

/** @param {CommandOutput[]} pieces @param {'stdout' | 'stderr'} [stream] */
const bytes = (pieces, stream = 'stdout') =>
  Buffer.concat(pieces.filter((piece) => piece.stream === stream).map((piece) => piece.data))

/**
 * Reads until a text has come.
 *
 * @param {CommandProcess} command
 * @param {string} wanted
 */
async function readUntil(command, wanted) {
  let text = ''
  for await (const { data } of command) {
    text += Buffer.from(data).toString()
    if (text.includes(wanted)) return text
  }
  throw new Error(`it ended without ${wanted}: ${text}`)
}

// The commands are those of Unix.
describe('execCommand', { concurrency: true, timeout: 60_000, skip: windows }, () => {
  test('gives exit code, stdout and stderr', async (t) => {
    const { codex, home } = await real(t)
    const script = 'echo "out $NAME"; echo "home <$HOME>"; pwd; echo err >&2; exit 3'
    const result = await codex.execCommand(['sh', '-c', script], {
      cwd: home.workspace,
      env: { NAME: 'ö', HOME: null, UNSET: undefined },
    })
    assertContains(result, { exitCode: 3, stdout: `out ö\nhome <>\n${home.workspace}\n`, stderr: 'err\n' })
    const { exitCode } = await codex.execCommand(['true'], { stream: false })
    assert.equal(exitCode, 0)
  })

  test('a command that can’t be started rejects, streamed or not', async (t) => {
    const { codex } = await real(t)
    await rejection(codex.execCommand(['no-such-program']), InternalRpcError)
    await rejection(codex.execCommand(['true'], { cwd: '/no/such/folder' }), InternalRpcError)
    const command = await codex.execCommand(['no-such-program'], { stream: true })
    await rejection(command.exit, InternalRpcError)
    await rejection(collect(command), InternalRpcError)
  })

  test('timeoutMs ends it with exit code 124', async (t) => {
    const { codex } = await real(t)
    const { exitCode } = await codex.execCommand(['sleep', '60'], { timeoutMs: 200 })
    assert.equal(exitCode, 124)
    const command = await codex.execCommand(['sleep', '60'], { timeoutMs: 200, stream: true })
    assert.deepEqual(await command.exit, { exitCode: 124 })
  })

  test('outputBytesCap bounds what is kept', async (t) => {
    const { codex } = await real(t)
    const flood = ['sh', '-c', 'head -c 2000000 /dev/zero']
    assert.equal((await codex.execCommand(flood, { outputBytesCap: 10 })).stdout.length, 10)
    assert.equal((await codex.execCommand(flood)).stdout.length, 1024 * 1024)
    assert.equal((await codex.execCommand(flood, { outputBytesCap: null })).stdout.length, 2_000_000)
    const capped = await collect(await codex.execCommand(flood, { outputBytesCap: 10, stream: true }))
    assert.deepEqual([bytes(capped).length, capped.at(-1)?.capReached], [10, true])
  })

  test('sandboxPolicy holds, and without it codex’s configuration', async (t) => {
    const { codex, home } = await real(t, {}, { sandboxMode: 'read-only' })
    const touch = (/** @type {string} */ name) => ['sh', '-c', `echo x > '${name}'`]
    const cwd = home.workspace
    const refused = await codex.execCommand(touch('one'), { cwd })
    assert.notEqual(refused.exitCode, 0)
    assert.equal(existsSync(join(cwd, 'one')), false)
    const allowed = await codex.execCommand(touch('two'), {
      cwd,
      sandboxPolicy: { type: 'dangerFullAccess' },
    })
    assert.equal(allowed.exitCode, 0, allowed.stderr)
    assert.equal(existsSync(join(cwd, 'two')), true)
    const command = await codex.execCommand(touch('three'), {
      cwd,
      sandboxPolicy: { type: 'readOnly' },
      stream: true,
    })
    assert.notEqual((await command.exit).exitCode, 0)
    assert.match(bytes(await collect(command), 'stderr').toString(), /three/)
  })

  test('an abort ends the command, with the reason as the cause', async (t) => {
    const { codex, home } = await real(t)
    const file = join(home.workspace, 'pid')
    const script = `echo $$ > '${file}.new'; mv '${file}.new' '${file}'; exec sleep 600`
    for (const stream of [false, true]) {
      const controller = new AbortController()
      const options = { signal: controller.signal, timeoutMs: null }
      let ended
      if (stream) {
        const command = await codex.execCommand(['sh', '-c', script], { ...options, stream: true })
        ended = rejection(command.exit, AbortError)
      } else {
        ended = rejection(codex.execCommand(['sh', '-c', script], options), AbortError)
      }
      const pid = Number(await fileFrom(codex, file))
      assert.equal(isAlive(pid), true)
      controller.abort('enough')
      assert.equal((await ended).cause, 'enough')
      await gone(pid)
      await codex.execCommand(['rm', file])
    }
  })

  test('C2: an abort while codex starts leaves nothing running', async (t) => {
    const { codex, log } = rig(t, {
      on: { initialize: [[{ waitForFile: '/no/such/file' }]], 'command/exec': 'never' },
    })
    const controller = new AbortController()
    // Listened to from the start: the second may reject while the first is looked at.
    const calls = [false, true].map((stream) =>
      rejection(codex.execCommand(['true'], { stream, signal: controller.signal }), AbortError),
    )
    await log.message('initialize')
    controller.abort('enough')
    for (const error of await Promise.all(calls)) assert.equal(error.cause, 'enough')
    assert.deepEqual(log.messages('command/exec'), [])
  })

  test('C1: an aborted signal runs nothing', async (t) => {
    const { codex, log } = rig(t)
    for (const stream of [false, true]) {
      await rejection(codex.execCommand(['true'], { stream, signal: AbortSignal.abort() }), AbortError)
    }
    assert.deepEqual(log.entries(), [])
  })
})

describe('a streamed command', { concurrency: true, timeout: 60_000, skip: windows }, () => {
  test('gives bytes as they were written, of each stream in order', async (t) => {
    const { codex } = await real(t)
    const script = String.raw`printf '\377\376\000a'; printf 'e1' >&2; sleep 0.1; printf 'b\200'; exit 5`
    const command = await codex.execCommand(['sh', '-c', script], { stream: true })
    assert.ok(command instanceof CommandProcess)
    const pieces = await collect(command)
    assert.ok(pieces.every(({ data }) => data instanceof Uint8Array))
    assert.deepEqual([...bytes(pieces)], [0xff, 0xfe, 0, 0x61, 0x62, 0x80])
    assert.equal(bytes(pieces, 'stderr').toString(), 'e1')
    assert.deepEqual(await command.exit, { exitCode: 5 })
    // At the end there is nothing more, and it stays so.
    assert.deepEqual(await collect(command), [])
  })

  test('nothing of much output is lost, however late it is read', async (t) => {
    const { codex } = await real(t)
    const command = await codex.execCommand(['sh', '-c', 'seq 1 400000; echo end >&2'], { stream: true })
    await command.exit
    const pieces = await collect(command)
    const expected = Buffer.from(Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join(''))
    assert.ok(bytes(pieces).equals(expected))
    assert.equal(bytes(pieces, 'stderr').toString(), 'end\n')
    assert.ok(pieces.every((piece) => !piece.capReached))
  })

  test('what is written arrives in order, text and bytes, until stdin is closed', async (t) => {
    const { codex } = await real(t)
    const command = await codex.execCommand(['cat'], { stream: true })
    const sent = Array.from({ length: 100 }, (_, index) => `line ${index} ö\n`)
    await Promise.all(sent.map((line) => command.write(line)))
    await command.write(new Uint8Array([0, 255, 10]))
    await command.write(Buffer.from('\ud800'))
    await command.closeStdin()
    const pieces = await collect(command)
    const expected = Buffer.concat([
      Buffer.from(sent.join('')),
      Buffer.from([0, 255, 10]),
      Buffer.from('\ufffd'),
    ])
    assert.ok(bytes(pieces).equals(expected))
    assert.deepEqual(await command.exit, { exitCode: 0 })
    await rejection(command.write('late'), InvalidRequestError)
    await rejection(command.closeStdin(), InvalidRequestError)
  })

  test('a loop that was left goes on where it was', async (t) => {
    const { codex } = await real(t)
    const command = await codex.execCommand(['cat'], { stream: true })
    await command.write('one\n')
    assert.equal(await readUntil(command, 'one'), 'one\n')
    await command.write('two\n')
    assert.equal(await readUntil(command, 'two'), 'two\n')
    await command.closeStdin()
    await command.exit
  })

  test('a terminal has a size, which can be changed', async (t) => {
    const { codex } = await real(t)
    const script = 'stty size; read line; stty size; echo "got $line"'
    const command = await codex.execCommand(['sh', '-c', script], {
      stream: true,
      tty: true,
      size: { cols: 80, rows: 24 },
    })
    await readUntil(command, '24 80')
    await command.resize({ cols: 100, rows: 40 })
    await command.write('hey\n')
    assert.match(await readUntil(command, 'got hey'), /40 100/)
    assert.deepEqual(await command.exit, { exitCode: 0 })
    const plain = await codex.execCommand(['cat'], { stream: true })
    await rejection(plain.resize({ cols: 1, rows: 1 }), InvalidRequestError)
    await plain.terminate()
  })

  test('terminate() ends it, and what it runs', async (t) => {
    const { codex } = await real(t)
    const command = await codex.execCommand(['sh', '-c', 'trap "" TERM; echo $$; sleep 600'], {
      stream: true,
    })
    const pid = Number(await readUntil(command, '\n'))
    await command.terminate()
    assert.notEqual((await command.exit).exitCode, 0)
    await gone(pid)
    await command.terminate()
  })

  test('it may run longer than a request, and many leave room for requests', async (t) => {
    const { codex } = await real(t, { requestTimeoutMs: 2_000, maxInFlight: 2 })
    await codex.connect()
    const commands = await Promise.all(
      Array.from({ length: 5 }, () => codex.execCommand(['cat'], { stream: true })),
    )
    const started = performance.now()
    // No time limit is worth a test of its own: it outlives the deadline while others are answered.
    while (performance.now() - started < 2_200) await codex.request('thread/loaded/list', {})
    for (const [index, command] of commands.entries()) {
      await command.write(`${index}`)
      await command.closeStdin()
      assert.equal(bytes(await collect(command)).toString(), `${index}`)
      assert.deepEqual(await command.exit, { exitCode: 0 })
    }
  })

  test('many at once each have their own output', async (t) => {
    const { codex } = await real(t)
    const outputs = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const command = await codex.execCommand(['sh', '-c', `seq ${index} ${index + 2000}`], {
          stream: true,
        })
        return bytes(await collect(command)).toString()
      }),
    )
    for (const [index, output] of outputs.entries()) {
      assert.ok(output.startsWith(`${index}\n`) && output.endsWith(`\n${index + 2000}\n`))
    }
  })

  test('the end of codex is the end of it', async (t) => {
    const { codex } = await real(t)
    const command = await codex.execCommand(['sh', '-c', 'echo $$; exec sleep 600'], { stream: true })
    const pid = Number(await readUntil(command, '\n'))
    process.kill(/** @type {number} */ (codex.pid), 'SIGKILL')
    await rejection(command.exit, ServerExitedError)
    await rejection(collect(command), ServerExitedError)
    await gone(pid)
  })

  test('output of other commands of the connection is among the notifications', async (t) => {
    const { codex } = await real(t)
    const others = codex.notifications({ methods: ['command/exec/outputDelta'] })
    const mine = await codex.execCommand(['echo', 'mine'], { stream: true })
    assert.equal(bytes(await collect(mine)).toString(), 'mine\n')
    await codex.request('command/exec', {
      command: ['echo', 'other'],
      processId: 'other',
      streamStdoutStderr: true,
    })
    const { value } = await others.next()
    assert.equal(/** @type {any} */ (value).params.processId, 'other')
  })
})

describe('bad input', { timeout: 60_000 }, () => {
  test('what is asked is on the wire', async (t) => {
    const { codex, log } = rig(t, {
      on: { 'command/exec': { reply: { exitCode: 0, stdout: '', stderr: '' } } },
    })
    await codex.execCommand(['a', 'b c'])
    await codex.execCommand(['a'], {
      cwd: '/x',
      env: { A: '1', B: null },
      timeoutMs: 5,
      outputBytesCap: 6,
      sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/y'] },
    })
    await codex.execCommand(['a'], { timeoutMs: null, outputBytesCap: null, cwd: null, sandboxPolicy: null })
    await (await codex.execCommand(['a'], { stream: true })).exit
    const size = { cols: 8, rows: 9 }
    await (await codex.execCommand(['a'], { stream: true, tty: true, size, timeoutMs: 5, outputBytesCap: 6 }))
      .exit
    const sent = log.messages('command/exec').map((message) => message.params)
    const ids = sent.map(({ processId }) => processId)
    assert.equal(new Set(ids).size, ids.length)
    const streamed = { streamStdin: true, streamStdoutStderr: true }
    assert.deepEqual(
      sent.map(({ processId, ...params }) => params),
      [
        { command: ['a', 'b c'] },
        {
          command: ['a'],
          cwd: '/x',
          env: { A: '1', B: null },
          timeoutMs: 5,
          outputBytesCap: 6,
          sandboxPolicy: { type: 'workspaceWrite', writableRoots: ['/y'] },
        },
        { command: ['a'], cwd: null, sandboxPolicy: null, disableTimeout: true, disableOutputCap: true },
        { command: ['a'], disableTimeout: true, disableOutputCap: true, ...streamed },
        { command: ['a'], tty: true, size, timeoutMs: 5, outputBytesCap: 6, ...streamed },
      ],
    )
  })

  test('is refused before anything is sent', async (t) => {
    const { codex, log } = rig(t, { on: { 'command/exec': 'never' } })
    /** @type {any} */
    const command = await codex.execCommand(['a'], { stream: true })
    await log.message('command/exec')
    // The handshake may be noted a moment later.
    await log.message('initialized')
    const sent = log.messages().length
    /** @type {any} */
    const any = codex
    /** @type {[() => Promise<unknown>, RegExp][]} */
    const cases = [
      [() => any.execCommand(), /^argv: is missing; it takes an array of strings/],
      [() => any.execCommand('ls -l'), /^argv: a string is not accepted; it takes an array/],
      [() => any.execCommand([]), /^argv is empty/],
      [() => any.execCommand(['']), /^argv\[0\] is empty/],
      [() => any.execCommand(['a', 5]), /^argv\[1\]/],
      [() => any.execCommand(['a', 'b\0']), /^argv\[1\] holds a NUL/],
      [() => any.execCommand(['a'], { cwd: '' }), /options\.cwd: must not be empty/],
      [() => any.execCommand(['a'], { env: { 'A=B': '1' } }), /options\.env: `A=B`/],
      [() => any.execCommand(['a'], { env: { A: 1 } }), /options\.env\.A/],
      [() => any.execCommand(['a'], { env: { A: '\0' } }), /options\.env\.A: holds a NUL/],
      [() => any.execCommand(['a'], { timeoutMs: 0 }), /options\.timeoutMs: must be at least 1, or null/],
      [() => any.execCommand(['a'], { timeoutMs: -1 }), /options\.timeoutMs/],
      [() => any.execCommand(['a'], { outputBytesCap: 0 }), /options\.outputBytesCap: must be at least 1/],
      [() => any.execCommand(['a'], { tty: true }), /options\.tty: needs `stream: true`/],
      [
        () => any.execCommand(['a'], { stream: true, size: { cols: 1, rows: 1 } }),
        /options\.size: needs `tty: true`/,
      ],
      [
        () => any.execCommand(['a'], { stream: true, tty: true, size: { cols: 0, rows: 1 } }),
        /options\.size: cols and rows must be at least 1/,
      ],
      [
        () => any.execCommand(['a'], { stream: true, tty: true, size: { cols: 70_000, rows: 1 } }),
        /options\.size\.cols.*0 to 65535/,
      ],
      [() => any.execCommand(['a'], { stream: 'yes' }), /options\.stream/],
      [() => any.execCommand(['a'], { sandboxPolicy: 'read-only' }), /options\.sandboxPolicy/],
      [() => any.execCommand(['a'], { shell: true }), /unknown field `shell`.*cwd.*signal/],
      [() => any.execCommand(['a'], { signal: 'x' }), /options\.signal/],
      [() => command.write(), /^data: must be a string or a Uint8Array/],
      [() => command.write(5), /^data: must be a string or a Uint8Array/],
      [() => command.write(new Uint16Array(1)), /^data: must be a string or a Uint8Array/],
      [() => command.resize(), /^size: is missing; it takes \{cols, rows\}/],
      [() => command.resize({ cols: 1 }), /^size.*missing field `rows`/],
      [() => command.resize([80, 24]), /^size: an array is not accepted; it takes \{cols, rows\}/],
      [() => command.resize({ cols: 0, rows: 0 }), /^size: cols and rows/],
    ]
    for (const [call, message] of cases) assert.match((await rejection(call(), TypeError)).message, message)
    assert.equal(log.messages().length, sent)
  })
})

/**
 * What a command wrote into a file, once it is there.
 *
 * @param {import('../../index.js').Codex} codex
 * @param {string} file
 */
async function fileFrom(codex, file) {
  const { stdout } = await codex.execCommand([
    'sh',
    '-c',
    `until test -e '${file}'; do sleep 0.02; done; cat '${file}'`,
  ])
  return stdout
}
