// The account and its logins.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  AbortError,
  InternalRpcError,
  InvalidRequestError,
  LoginFailedError,
  ServerExitedError,
  TimeoutError,
} from '../../index.mjs'
import { assertContains } from '../support/contains.mjs'
import { rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

const chatgpt = { reply: { type: 'chatgpt', loginId: 'login-1', authUrl: 'https://example.com/auth' } }
const deviceCode = {
  reply: {
    type: 'chatgptDeviceCode',
    loginId: 'login-2',
    verificationUrl: 'https://example.com/device',
    userCode: 'ABCD-1234',
  },
}
const completed = (/** @type {string | null} */ loginId, /** @type {string | null} */ error = null) => ({
  notify: { method: 'account/login/completed', params: { loginId, success: error === null, error } },
})

describe('account', { concurrency: true, timeout: 60_000 }, () => {
  test('an API key logs in and out', async (t) => {
    const { codex, home } = await real(t, {}, { extra: { cli_auth_credentials_store: 'file' } })
    const { account } = codex
    const auth = join(home.codexHome, 'auth.json')
    const updates = codex.notifications({ methods: ['account/updated'] })
    assert.equal((await account.read()).account, null)
    await account.loginApiKey('sk-test-1234\n')
    assertContains((await updates.next()).value?.params, { authMode: 'apikey', planType: null })
    assert.equal(JSON.parse(readFileSync(auth, 'utf8')).OPENAI_API_KEY, 'sk-test-1234')
    assert.equal((await account.read({ refreshToken: false })).requiresOpenaiAuth, false)
    await rejection(account.rateLimits(), InvalidRequestError)
    await account.logout()
    assertContains((await updates.next()).value?.params, { authMode: null, planType: null })
    assert.equal(existsSync(auth), false)
  })

  test('a ChatGPT login that is cancelled rejects wait()', async (t) => {
    const { codex } = await real(t)
    const login = await codex.account.loginChatgpt()
    assert.match(login.authUrl, /^https:\/\/auth\.openai\.com\//)
    assert.deepEqual([login.verificationUrl, login.userCode], [null, null])
    const wait = rejection(login.wait(), LoginFailedError)
    assertContains(await login.cancel(), { status: 'canceled' })
    const error = await wait
    assert.deepEqual([error.code, error.loginId], ['LOGIN_FAILED', login.loginId])
    assertContains(await login.cancel(), { status: 'notFound' })
    // Also for whoever asks only now.
    await rejection(login.wait(), LoginFailedError)
  })

  test('a device code that can’t be got is the server’s typed error', async (t) => {
    // What would leave the machine goes nowhere.
    const { codex } = await real(t, {
      env: { HTTPS_PROXY: 'http://127.0.0.1:9', ALL_PROXY: 'http://127.0.0.1:9' },
    })
    await rejection(codex.account.loginChatgptDeviceCode(), InternalRpcError)
  })

  test('wait() resolves when the login is completed, each its own', async (t) => {
    const { codex, log } = rig(t, {
      on: {
        'account/login/start': [
          [chatgpt, { waitFor: 'account/read' }, completed('login-1')],
          [deviceCode, completed('somebody’s'), completed(null, 'no'), completed('login-2')],
        ],
        'account/read': { reply: { account: null, requiresOpenaiAuth: true } },
      },
    })
    const first = await codex.account.loginChatgpt()
    assert.deepEqual([first.loginId, first.authUrl], ['login-1', 'https://example.com/auth'])
    const second = await codex.account.loginChatgptDeviceCode()
    assert.deepEqual(
      [second.loginId, second.verificationUrl, second.userCode, second.authUrl],
      ['login-2', 'https://example.com/device', 'ABCD-1234', null],
    )
    assert.deepEqual(
      log.messages('account/login/start').map((message) => message.params),
      [{ type: 'chatgpt' }, { type: 'chatgptDeviceCode' }],
    )
    assert.deepEqual(await second.wait(), { loginId: 'login-2', success: true, error: null })
    const wait = first.wait()
    await codex.account.read()
    assert.equal((await wait).loginId, 'login-1')
    assert.equal((await first.wait()).loginId, 'login-1')
  })

  test('a completion that arrives before wait(), even before the answer, is not lost', async (t) => {
    const { codex } = rig(t, {
      on: {
        'account/login/start': [
          [completed('login-1'), chatgpt],
          [deviceCode, completed('login-2', 'denied')],
        ],
      },
    })
    const first = await codex.account.loginChatgpt()
    const second = await codex.account.loginChatgptDeviceCode()
    // Everything that was sent has been read by the time of this answer.
    await codex.request('thread/loaded/list', {})
    assert.equal((await first.wait({ timeoutMs: 5_000 })).success, true)
    const error = await rejection(second.wait(), LoginFailedError)
    assert.match(error.message, /denied/)
    assert.equal(error.loginId, 'login-2')
  })

  test('waiting ends by signal and by timeout, and the login goes on', async (t) => {
    const { codex } = rig(t, {
      on: {
        'account/login/start': [[chatgpt, { waitFor: 'account/read' }, completed('login-1')]],
        'account/read': { reply: { account: null, requiresOpenaiAuth: true } },
      },
    })
    const login = await codex.account.loginChatgpt()
    const timeout = await rejection(login.wait({ timeoutMs: 20 }), TimeoutError)
    assert.deepEqual([timeout.timeoutMs, timeout.method], [20, null])
    const controller = new AbortController()
    const wait = login.wait({ signal: controller.signal })
    controller.abort('enough')
    assert.equal((await rejection(wait, AbortError)).cause, 'enough')
    await rejection(login.wait({ signal: AbortSignal.abort() }), AbortError)
    const late = login.wait()
    await codex.account.read()
    assert.equal((await late).success, true)
  })

  test('the end of codex ends the waiting', async (t) => {
    const { codex } = rig(t, {
      on: { 'account/login/start': [[chatgpt]], 'account/read': [[{ exit: 3 }]] },
    })
    const login = await codex.account.loginChatgpt()
    const wait = rejection(login.wait(), ServerExitedError)
    await codex.account.read().catch(() => {})
    assert.equal((await wait).exitCode, 3)
    await rejection(login.wait(), ServerExitedError)
  })

  test('what is asked is on the wire, and the answers come as they are', async (t) => {
    const limits = { rateLimits: { primary: null, secondary: null }, later: 1 }
    const { codex, log } = rig(t, {
      on: {
        'account/read': { reply: { account: { type: 'apiKey' }, requiresOpenaiAuth: false } },
        'account/rateLimits/read': { reply: limits },
        'account/logout': { reply: {} },
        'account/login/start': { reply: { type: 'apiKey' } },
      },
    })
    assert.deepEqual((await codex.account.read({ refreshToken: true })).account, { type: 'apiKey' })
    assert.deepEqual(await codex.account.rateLimits(), limits)
    await codex.account.loginApiKey('sk-1')
    await codex.account.logout()
    const params = (/** @type {string} */ method) => log.messages(method).map((message) => message.params)
    assert.deepEqual(params('account/read'), [{ refreshToken: true }])
    assert.deepEqual(params('account/rateLimits/read'), [undefined])
    assert.deepEqual(params('account/logout'), [undefined])
    assert.deepEqual(params('account/login/start'), [{ type: 'apiKey', apiKey: 'sk-1' }])
  })

  test('bad input is refused before anything is sent', async (t) => {
    const { codex, log } = rig(t, { on: { 'account/login/start': chatgpt } })
    const login = await codex.account.loginChatgpt()
    // The handshake may be noted a moment later.
    await log.message('initialized')
    const sent = log.messages().length
    /** @type {any} */
    const account = codex.account
    /** @type {any} */
    const anyLogin = login
    /** @type {[() => Promise<unknown>, RegExp][]} */
    const cases = [
      [() => account.read({ refresh: true }), /unknown field `refresh`.*refreshToken/],
      [() => account.read({ refreshToken: 'yes' }), /options\.refreshToken/],
      [() => account.loginApiKey(''), /^key is empty/],
      [() => account.loginApiKey(), /^key: must be a string/],
      [() => anyLogin.wait({ timeoutMs: 0 }), /options\.timeoutMs/],
      [() => anyLogin.wait({ timeout: 5 }), /unknown field `timeout`/],
      [() => anyLogin.wait({ signal: {} }), /options\.signal/],
    ]
    for (const [call, message] of cases) assert.match((await rejection(call(), TypeError)).message, message)
    assert.equal(log.messages().length, sent)
  })
})
