import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { reply, startScriptedProvider, waitFor } from '../../testing/index.mjs'
import { answer, ask } from './helpers.mjs'

// What waits for ever must fail its test, not the whole run.
describe('the script', { timeout: 10_000 }, () => {
  /** @type {import('../../testing/index.mjs').ScriptedProvider} */
  let provider

  beforeEach(async () => {
    provider = await startScriptedProvider({ fallback: 'fallback' })
  })
  afterEach(async () => {
    await provider.close()
    assert.deepEqual(provider.errors, [])
  })

  test('the order is respond, when, queue, fallback', async () => {
    const own = await startScriptedProvider({
      fallback: 'from fallback',
      respond: async ({ userText }) => (userText === 'respond' ? 'from respond' : undefined),
    })
    own
      .enqueue('from queue')
      .when('w', 'from when')
      .when(/respond/, 'never')
    assert.equal(await answer(own, 'respond'), 'from respond')
    assert.equal(await answer(own, 'w', { turn: 'a' }), 'from when')
    assert.equal(await answer(own, 'w', { turn: 'a' }), 'from queue')
    assert.equal(await answer(own, 'w', { turn: 'a' }), 'from fallback')
    assert.equal(await answer(own, 'w', { turn: 'b' }), 'from when')
    await own.close()
  })

  test('the steps of when are played per thread and turn', async () => {
    provider.when(/task/g, 'first', 'second')
    const [a, b] = [{ thread: 'a' }, { thread: 'b' }]
    assert.equal(await answer(provider, 'task', a), 'first')
    assert.equal(await answer(provider, 'task', b), 'first')
    assert.equal(await answer(provider, 'task', b), 'second')
    assert.equal(await answer(provider, 'task', a), 'second')
    assert.equal(await answer(provider, 'task', a), 'fallback')
    assert.equal(await answer(provider, 'other', a), 'fallback')
  })

  test('a request that fails the script is told so, and the error is kept', async () => {
    const broken = new Error('broken')
    const own = await startScriptedProvider({
      respond: ({ userText }) => {
        if (userText === 'throw') throw broken
        return /** @type {import('../../testing/index.mjs').ScriptStep} */ ({ sya: 'x' })
      },
    })
    const first = await ask(own, 'throw')
    assert.equal(first.status, 400)
    assert.match(await first.text(), /scripted provider: Error: broken/)
    assert.match(await (await ask(own)).text(), /respond\.sya: unknown key/)
    assert.equal(own.errors[0], broken)
    assert.equal(own.errors.length, 2)
    await own.close()
  })

  test('a promise that rejects in the middle of an answer breaks it off', async () => {
    const own = await startScriptedProvider()
    const { promise, reject } = withReject()
    const refused = new Error('refused')
    own.enqueue(reply(['x', waitFor(promise)]))
    const response = await ask(own)
    reject(refused)
    await assert.rejects(response.text(), { name: 'TypeError', message: 'terminated' })
    assert.deepEqual(own.errors, [refused])
    await own.close()
  })

  test('a promise that has rejected before it is waited for fails its answer', async () => {
    const own = await startScriptedProvider()
    const refused = new Error('refused')
    own.enqueue({ say: 'x', waitFor: Promise.reject(refused) }, reply([waitFor(Promise.reject(refused))]))
    // By then Node has ended over a rejection that nobody handles.
    await new Promise((resolve) => setImmediate(resolve))
    assert.match(await (await ask(own)).text(), /scripted provider: Error: refused/)
    await assert.rejects((await ask(own)).text(), { name: 'TypeError', message: 'terminated' })
    assert.deepEqual(own.errors, [refused, refused])
    await own.close()
  })

  function withReject() {
    /** @type {(error: Error) => void} */
    let reject = () => {}
    /** @type {Promise<void>} */
    const promise = new Promise((_resolve, refuse) => {
      reject = refuse
    })
    return { promise, reject }
  }

  test('a prompt may be wrapped in a tag; what codex wraps in its own is none', async () => {
    for (const prompt of ['<task>do</task>', '<user_request id="1">\nlook\n</user_request>', '<a_b></a_b>']) {
      provider.when(prompt, 'matched')
      assert.equal(await answer(provider, prompt), 'matched')
    }
    for (const name of ['environment_context', 'skill', 'apps_instructions', 'turn_aborted']) {
      await answer(provider, `<${name}>x</${name}>`)
      assert.equal(provider.requests.at(-1)?.userText, undefined, name)
    }
  })

  test('a request for which there is no step is kept, and may fail', async () => {
    provider.when('two', 'first', 'second')
    assert.equal(await answer(provider, 'two'), 'first')
    assert.equal(await answer(provider, 'two'), 'second')
    assert.deepEqual(provider.unscripted, [])
    await answer(provider, 'two')
    await answer(provider, 'other')
    assert.deepEqual(
      provider.unscripted.map(({ userText }) => userText),
      ['two', 'other'],
    )
    const strict = await startScriptedProvider({ fallback: 'fail' })
    const response = await ask(strict, 'what?')
    assert.equal(response.status, 400)
    assert.match(await response.text(), /the script has no step for this request, whose prompt is \\?"what\?/)
    assert.equal(strict.errors.length, 1)
    assert.equal(strict.unscripted.length, 1)
    await strict.close()
  })

  test('requests are recorded with what codex said', async () => {
    /** @type {string[]} */
    const heard = []
    const stop = provider.onRequest(({ path }) => heard.push(path))
    const headers = { 'thread-id': 't', 'content-encoding': 'gzip' }
    const context = '<environment_context>\n<cwd>/</cwd>\n</environment_context>'
    const input = [
      message('<b>look</b>', 'and think'),
      { type: 'function_call_output', call_id: 'call_1', output: 'plain' },
      { type: 'custom_tool_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'part' }] },
      { type: 'function_call_output', call_id: 'call_3', output: [text('look'), image(1), image(2)] },
      { type: 'function_call_output', call_id: 'call_4', output: [image(3)] },
      message(context),
    ]
    const body = gzipSync(JSON.stringify({ input, prompt_cache_key: 'other' }))
    await (await fetch(`${provider.url}/responses`, { method: 'POST', headers, body })).text()
    const [request] = provider.requests
    assert.equal(request?.threadId, 't')
    assert.equal(request?.userText, '<b>look</b>\nand think')
    assert.deepEqual(request?.toolOutputs, [
      { callId: 'call_1', output: 'plain' },
      { callId: 'call_2', output: 'part' },
      { callId: 'call_3', output: 'look', images: [image(1).image_url, image(2).image_url] },
      { callId: 'call_4', output: '', images: [image(3).image_url] },
    ])
    stop()
    await answer(provider)
    assert.deepEqual(heard, ['/v1/responses'])
  })

  /** @param {string} words */
  const text = (words) => ({ type: 'input_text', text: words })
  /** @param {number} n */
  const image = (n) => ({ type: 'input_image', image_url: `data:image/png;base64,${n}` })

  /** @param {...string} texts */
  function message(...texts) {
    const content = texts.map((text) => ({ type: 'input_text', text }))
    return { type: 'message', role: 'user', content }
  }

  test('nextRequest gives each request once, whether it came before or comes later', async () => {
    await answer(provider, 'one')
    await answer(provider, 'two')
    assert.equal((await provider.nextRequest(({ userText }) => userText === 'two')).userText, 'two')
    assert.equal((await provider.nextRequest()).userText, 'one')
    const four = provider.nextRequest(({ userText }) => userText === 'four')
    const three = provider.nextRequest()
    await answer(provider, 'three')
    await answer(provider, 'four')
    assert.equal((await three).userText, 'three')
    assert.equal((await four).userText, 'four')

    const leave = new AbortController()
    const left = provider.nextRequest(undefined, { signal: leave.signal })
    leave.abort(new Error('enough'))
    await assert.rejects(left, { message: 'enough' })
    const closed = assert.rejects(provider.nextRequest(), { message: 'the scripted provider was closed' })
    await provider.close()
    await closed
  })

  test('record: false keeps no requests', async () => {
    const own = await startScriptedProvider({ record: false })
    await answer(own, 'one')
    const next = own.nextRequest()
    await answer(own, 'two')
    assert.equal((await next).userText, 'two')
    assert.deepEqual(own.requests, [])
    await own.close()
  })
})
