// Rows F of the failure cases: what a line may hold, and what may stand between the lines.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ServerExitedError, TimeoutError } from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { assertContains } from '../support/contains.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig, rigEnvironment, rigPath } from '../support/rig.mjs'

const MIB = 1024 * 1024
/** A turn, with what the list writes between its beginning and its end. */
const message = (/** @type {unknown[]} */ ...list) => ['turnBegin', ...list, 'turnEnd']
/** Characters of one to four bytes, the last one of several code points. */
const everyWidth = 'a é € 😀 \u{1F469}\u200D\u{1F4BB}'

describe('framing', { concurrency: true }, () => {
  test('F1: one line of 40 MiB is delivered, and its memory given back', async (t) => {
    const { env } = rigEnvironment(t, {
      on: {
        'turn/start': [message('messageStarted', { bigLine: { bytes: 40 * MIB } }), message('agentMessage')],
      },
    })
    // In a process of its own, whose memory nothing else moves.
    const { baseline, after, length } = await inProcess(
      `const codex = new Codex({ codexPath: process.env.RIG })
       const thread = await codex.startThread()
       const memory = () => { gc(); return process.memoryUsage().rss }
       const baseline = memory()
       const lengthOf = async (turn) => {
         let length = 0
         for await (const event of turn) {
           if (event.method === 'item/agentMessage/delta') length += event.params.delta.length
         }
         return length
       }
       const length = await lengthOf(await thread.turn('go'))
       // The last turn is kept by whoever read it until the next one.
       await thread.run('again')
       let after = memory()
       // What the garbage collector finds goes in turns of the event loop.
       for (let tries = 0; tries < 100 && after > baseline + ${20 * MIB}; tries++) {
         await new Promise((resolve) => setTimeout(resolve, 20))
         after = memory()
       }
       await codex.close()
       console.log(JSON.stringify({ baseline, after, length }))`,
      { ...env, RIG: rigPath },
    )
    assert.equal(length, 40 * MIB)
    assert.ok(after < baseline + 20 * MIB, `${baseline} bytes before, ${after} after`)
  })

  test('F1: a line of 3 MiB in writes of 64 KiB', async (t) => {
    const slowly = {
      chunked: { bytes: 64 * 1024, pauseUs: 200, do: [{ bigLine: { bytes: 3 * MIB, text: '€' } }] },
    }
    const { codex } = rig(t, { on: { 'turn/start': [message('messageStarted', slowly)] } })
    const turn = await (await codex.startThread()).turn('go')
    const text = (await collect(turn.text())).join('')
    assert.equal(Buffer.byteLength(text), 3 * MIB)
    assert.match(text, /^€+$/)
  })

  test('F2: characters of several bytes, one byte per write', async (t) => {
    const slowly = {
      chunked: { bytes: 1, pauseUs: 200, do: [{ play: 'agentMessage', with: { text: everyWidth } }] },
    }
    const { codex } = rig(t, { on: { 'turn/start': [message(slowly)] } })
    const turn = await (await codex.startThread()).turn('go')
    const [text, result] = await Promise.all([collect(turn.text()), turn.run()])
    assert.equal(text.join(''), everyWidth)
    assert.equal(result.finalResponse, everyWidth)
  })

  test('F3: banners, colours and bytes that are no text are skipped, and reported once', async (t) => {
    const noise = [
      { raw: 'Welcome to a shell\n' },
      { raw: '\u001b[1;32mgreen\u001b[0m\n' },
      { rawBase64: Buffer.from([0xff, 0xfe, 0x0a, 0xc3, 0x28, 0x0a]).toString('base64') },
      { raw: '\r\n\n[1,2]\n"text"\n42\nnull\n' },
      // Without an end of its line: the next message begins behind it.
      { raw: '\u001b[0m\u001b]0;a title\u0007' },
    ]
    /** @type {import('../../index.js').LogRecord[]} */
    const records = []
    const { codex } = rig(
      t,
      {
        banner: ['=== banner ===', '\u001b[2J'],
        start: noise,
        on: { 'turn/start': [message(...noise, 'agentMessage', ...noise)] },
      },
      { logger: (record) => records.push(record), logLevel: 'warn' },
    )
    const result = await (await codex.startThread()).run('go')
    assert.equal(result.status, 'completed')
    assert.equal(result.finalResponse, 'Hello from the rig.')
    await codex.close()
    assert.deepEqual(
      records.map(({ level, fields }) => [level, fields.start]),
      [['warn', '=== banner ===']],
    )
  })

  test('F4: a line that is cut short is reported; what waits for it times out, the rest goes on', async (t) => {
    /** @type {import('../../index.js').LogRecord[]} */
    const records = []
    const { codex } = rig(
      t,
      {
        banner: 'a banner, which is reported before',
        on: {
          'config/read': [[{ raw: '{"id":$id,"result":{"config":{"mod\n' }], { reply: { config: {} } }],
        },
      },
      { logger: (record) => records.push(record), logLevel: 'warn' },
    )
    await codex.connect()
    const cut = rejection(codex.request('config/read', {}, { timeoutMs: 500 }), TimeoutError)
    const whole = await codex.request('config/read', {})
    assert.deepEqual(whole, { config: {} })
    assert.equal((await cut).method, 'config/read')
    await codex.close()
    const starts = records.map((record) => String(record.fields.start))
    assert.equal(
      starts.filter((start) => start.endsWith('"result":{"config":{"mod')).length,
      1,
      starts.join('\n'),
    )
  })

  test('F5: real: a lone surrogate in a prompt is sent as U+FFFD', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('one'), say('two'))
    const thread = await codex.startThread()
    const first = await thread.run('high \ud83d, low \ude00, pair 😀, text \\ud83d')
    assert.equal(first.finalResponse, 'one')
    const second = await thread.run([{ type: 'text', text: 'an item \udfff' }])
    assert.equal(second.finalResponse, 'two')
    assert.deepEqual(provider.requests.at(-1)?.userMessages.slice(-2), [
      'high \ufffd, low \ufffd, pair 😀, text \\ud83d',
      'an item \ufffd',
    ])
  })

  test('F5: real: a lone surrogate in the parameters of a request, in a name of theirs and in a string argument', async (t) => {
    const { codex, provider } = await real(t)
    provider.enqueue(say('hello'))
    const thread = await codex.startThread()
    await thread.run('a thread is stored with its first turn')
    const nameOf = async () => (await thread.read()).thread.name
    const params = { threadId: thread.id, name: 'a \ud800 name', '\udc00': 1 }
    await codex.request('thread/name/set', params)
    assert.equal(await nameOf(), 'a \ufffd name')
    await thread.setName('another \ud800')
    assert.equal(await nameOf(), 'another \ufffd')
  })

  test('F6: real: a request line of 30 MiB', async (t) => {
    const { codex } = await real(t)
    // The server ignores what it does not know, but reads all of the line.
    const params = /** @type {object} */ ({ padding: 'x'.repeat(30 * MIB) })
    assertContains(await codex.request('thread/loaded/list', params), { data: [], nextCursor: null })
  })

  test('F7: 10 MiB on stderr while stdout is idle block nothing, and their end is in errors', async (t) => {
    const { codex } = rig(t, {
      on: {
        'config/read': [[{ stderrBytes: 10 * MIB }, { reply: { config: {} } }]],
        'config/batchWrite': [[{ stderr: 'the last word' }, { exit: 3 }]],
      },
    })
    assert.deepEqual(await codex.request('config/read', {}), { config: {} })
    const error = await rejection(codex.request('config/batchWrite', { edits: [] }), ServerExitedError)
    assert.equal(error.exitCode, 3)
    assert.match(error.stderr, /the last word$/)
    assert.match(error.message, /the last word/)
    assert.ok(
      error.stderr.length > 80 && error.stderr.length <= 16 * 1024,
      `${error.stderr.length} characters`,
    )
  })

  test('F8: the last line counts without its end', async (t) => {
    const { codex } = rig(t, {
      on: { 'config/read': [[{ raw: '{"id":$id,"result":{"config":{"model":"last"}}}' }, { exit: 0 }]] },
    })
    assert.deepEqual(await codex.request('config/read', {}), { config: { model: 'last' } })
  })
})

/**
 * Runs a program that prints JSON, with `Codex` imported and `gc()` at hand.
 *
 * @param {string} program
 * @param {Record<string, string>} env
 */
async function inProcess(program, env) {
  const index = new URL('../../index.mjs', import.meta.url)
  const text = `import { Codex } from ${JSON.stringify(index.href)}\n${program}`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', text],
    { cwd: fileURLToPath(new URL('.', import.meta.url)), env: { ...process.env, ...env } },
  )
  return JSON.parse(stdout)
}
