import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createGate, cut, deltas, hang, say, startScriptedProvider, waitFor } from '../../testing/index.mjs'
import { temporaryFolder } from '../support/rig.mjs'
import { answer, ask, events } from './helpers.mjs'

// What waits for ever must fail its test, not the whole run.
describe('connections', { timeout: 10_000 }, () => {
  /** @type {import('../../testing/index.mjs').ScriptedProvider} */
  let provider

  beforeEach(async () => {
    provider = await startScriptedProvider({ fallback: 'fallback' })
  })
  afterEach(async () => {
    await provider.close()
    assert.deepEqual(provider.errors, [])
  })

  test('a stream hangs until it is released', async () => {
    const gate = createGate()
    provider.enqueue(hang('one', waitFor(gate)), { say: 'two', hang: gate })
    const first = answer(provider)
    await gate.reached
    const second = answer(provider)
    // The first stands at its gate, not in its hang, so release must not reach it.
    provider.release()
    gate.open()
    assert.equal(await second, 'two')
    const hanging = setInterval(() => provider.release(), 5)
    assert.equal(await first, 'one')
    clearInterval(hanging)
  })

  test('a cut loses nothing of what came before it', async () => {
    provider.enqueue(cut(say('x'.repeat(300_000), { chunks: 1 })))
    const response = await ask(provider)
    let text = ''
    await assert.rejects(
      async () => {
        for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString()
      },
      { message: 'terminated' },
    )
    assert.equal(events(text).at(-1)?.type, 'response.output_item.done')
  })

  for (const [name, step] of /** @type {const} */ ([
    ['a hang', hang('x')],
    ['a flood', deltas(10_000_000)],
    ['a sleep', { items: ['x', { sleepMs: 60_000 }] }],
    ['a gate', { items: ['x', waitFor(createGate())] }],
  ])) {
    test(`a client that leaves ends ${name}`, async () => {
      const leave = new AbortController()
      provider.enqueue(step)
      const response = await ask(provider, 'hi', { signal: leave.signal })
      const reader = response.body?.getReader()
      await reader?.read()
      leave.abort()
      await assert.rejects(
        async () => {
          while (!(await reader?.read())?.done);
        },
        { name: 'AbortError' },
      )
      assert.equal(await answer(provider), 'fallback')
      // Resolves only when no answer runs any more.
      await provider.close()
    })
  }

  test('close ends answers that wait, and can be called again', async () => {
    provider.enqueue({ hang: true, say: 'x' })
    const own = await startScriptedProvider({ respond: () => new Promise(() => {}) })
    const response = await ask(provider)
    const unanswered = assert.rejects(ask(own))
    await own.nextRequest()
    await Promise.all([provider.close(), provider.close(), own.close()])
    await assert.rejects(response.text())
    await unanswered
    await assert.rejects(ask(provider))
  })

  test('other routes', async () => {
    const models = /** @type {{ data: { id: string }[] }} */ (
      await (await fetch(`${provider.url}/models`)).json()
    )
    assert.equal(models.data[0]?.id, 'gpt-5.5')
    const missing = await fetch(`${provider.url}/nothing`)
    assert.equal(missing.status, 404)
    assert.match(await missing.text(), /no such route: GET \/v1\/nothing/)
    const noJson = await fetch(`${provider.url}/responses`, { method: 'POST', body: 'x' })
    assert.equal(noJson.status, 400)
    assert.deepEqual(
      provider.requests.map(({ path }) => path),
      ['/v1/models', '/v1/nothing', '/v1/responses'],
    )
  })

  test('a websocket is refused with 426', async () => {
    const upgrade = httpRequest(`${provider.url}/responses`, {
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    }).end()
    const [response] = await once(upgrade, 'response')
    response.resume()
    assert.equal(response.statusCode, 426)
  })

  test('disposal closes', { skip: !Symbol.asyncDispose }, async () => {
    await provider[Symbol.asyncDispose]()
    await assert.rejects(ask(provider))
  })
})

test('a provider that nobody closed keeps no program alive, unless it is told to or somebody waits for a request', async (t) => {
  const index = new URL('../../testing/index.mjs', import.meta.url).href
  /** @param {string} program */
  const ended = async (program) => {
    const code = `import { startScriptedProvider } from '${index}'; ${program}`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: ['ignore', 'pipe', 2],
    })
    t.after(() => child.kill('SIGKILL'))
    const stdout = /** @type {import('node:stream').Readable} */ (child.stdout)
    const [said, [status]] = await Promise.all([text(stdout), once(child, 'exit')])
    return { said, status }
  }
  const asks =
    "const body = JSON.stringify({ input: [] }); await fetch(provider.url + '/responses', { method: 'POST', body })"
  const outcomes = await Promise.all([
    ended(`const provider = await startScriptedProvider(); ${asks}`),
    ended(`const provider = await startScriptedProvider()
      setTimeout(async () => { ${asks} }, 50).unref()
      console.log((await provider.nextRequest()).method)`),
    ended(`const provider = await startScriptedProvider({ keepAlive: true })
      setTimeout(() => { console.log('alive'); provider.close() }, 50).unref()`),
  ])
  assert.deepEqual(outcomes, [
    { said: '', status: 0 },
    { said: 'POST\n', status: 0 },
    { said: 'alive\n', status: 0 },
  ])
})

test('nor a test runner, whether it runs the test in a process of its own or not', async (t) => {
  const index = new URL('../../testing/index.mjs', import.meta.url).href
  const file = join(temporaryFolder(t), 'unclosed.test.mjs')
  writeFileSync(
    file,
    `import { test } from 'node:test'
    import { startScriptedProvider } from '${index}'
    test('one that is not closed', async () => {
      const provider = await startScriptedProvider()
      const body = JSON.stringify({ input: [] })
      await (await fetch(provider.url + '/responses', { method: 'POST', body })).text()
    })`,
  )
  // As a test of another runner it would tell that.
  const { NODE_TEST_CONTEXT, ...env } = process.env
  const ended = async (/** @type {string[]} */ ...args) => {
    const child = spawn(process.execPath, [...args, file], { env, stdio: ['ignore', 'pipe', 2] })
    t.after(() => child.kill('SIGKILL'))
    const stdout = /** @type {import('node:stream').Readable} */ (child.stdout)
    const [said, [status]] = await Promise.all([text(stdout), once(child, 'exit')])
    return { passed: /pass 1\b/.test(said), status }
  }
  const passed = { passed: true, status: 0 }
  assert.deepEqual(await Promise.all([ended('--test'), ended()]), [passed, passed])
})
