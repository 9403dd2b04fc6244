// The programs of examples/ that approve, review, log in and browse threads.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command, createCodexHome, reply, say, startScriptedProvider } from '../../testing/index.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'

/**
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof createCodexHome>[1]} [options]
 */
async function stage(t, options) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider, options)
  t.after(async () => {
    await provider.close()
    await home.remove()
  })
  /** @param {string[]} args @param {Record<string, string | undefined>} [env] @param {string} [input] */
  const run = async (args, env = {}, input = '') => {
    const [name, ...rest] = args
    const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))
    const child = spawn(process.execPath, [file, ...rest], {
      cwd: home.workspace,
      env: { ...process.env, ...home.env, ...env },
      stdio: 'pipe',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    // As a person does: an answer comes after its question.
    const answers = input.split(/(?<=\n)/)
    child.stdout.on('data', (chunk) => {
      if (!String(chunk).includes('[n]o: ')) return
      child.stdin.write(answers.shift() ?? '')
      if (answers.length === 0) child.stdin.end()
    })
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    assert.equal(code, 0, stderr)
    return stdout
  }
  return { provider, home, run }
}

test('approvals: what the person says is what happens', async (t) => {
  const { provider, home, run } = await stage(t, { sandboxMode: 'read-only' })
  const file = join(home.workspace, 'asked')
  provider.when(
    'touch',
    command(`touch '${file}'`, { sandbox_permissions: 'require_escalated', justification: 'it is due' }),
    say('Done.'),
  )
  const no = await run(['approvals', 'touch'], {}, 'n\n')
  assert.match(no, /The agent wants to run .*touch .*because: it is due/)
  assert.match(no, /Done\./)
  assert.equal(existsSync(file), false)
  await run(['approvals', 'touch'], {}, 'y\n')
  assert.equal(existsSync(file), true)
})

test('approvals: two questions at once are asked one after the other; without anybody to answer they are declined', async (t) => {
  const { provider, home, run } = await stage(t, { sandboxMode: 'read-only' })
  const files = ['one', 'two'].map((name) => join(home.workspace, name))
  const both = files.map((file) =>
    command(`touch '${file}'`, { sandbox_permissions: 'require_escalated', justification: 'it is due' }),
  )
  provider.when('touch', reply(both), say('Done.'))
  const asked = await run(['approvals', 'touch'], {}, 'n\ny\n')
  assert.equal(asked.match(/The agent wants to run/g)?.length, 2)
  assert.match(asked, /Done\./)
  assert.equal(files.filter(existsSync).length, 1)
  const unasked = await run(['approvals', 'touch'], {}, '')
  assert.match(unasked, /Done\./)
  assert.equal(files.filter(existsSync).length, 1)
})

test('review: the findings of the changes that are not committed', async (t) => {
  const { provider, home, run } = await stage(t)
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', args, { cwd: home.workspace, stdio: 'ignore' })
  git('init')
  writeFileSync(join(home.workspace, 'a.txt'), 'one\n')
  git('add', '.')
  git('-c', 'user.name=t', '-c', 'user.email=t@example.invalid', 'commit', '-m', 'one')
  writeFileSync(join(home.workspace, 'a.txt'), 'two\n')
  provider.enqueue(command('git diff --stat'), say('It looks good to me.'))
  const out = await run(['review'])
  assert.match(out, /\$ .*git diff --stat/)
  assert.match(out, /It looks good to me\./)
})

test('login: with an API key', async (t) => {
  const { home, run } = await stage(t)
  const out = await run(['login'], { OPENAI_API_KEY: 'sk-of-the-test' })
  assert.match(out, /^Logged in\./)
  assert.match(readFileSync(join(home.codexHome, 'auth.json'), 'utf8'), /sk-of-the-test/)
})

test('login: with a ChatGPT account and a code', async (t) => {
  const { run } = await stage(t)
  const login = {
    type: 'chatgptDeviceCode',
    loginId: 'login-1',
    verificationUrl: 'https://example.com/device',
    userCode: 'ABCD-1234',
  }
  const completed = { loginId: 'login-1', success: true, error: null }
  const account = { type: 'chatgpt', email: 'a@example.com', planType: 'plus' }
  const { env } = rigEnvironment(t, {
    on: {
      'account/login/start': [
        [{ reply: login }, { notify: { method: 'account/login/completed', params: completed } }],
      ],
      'account/read': { reply: { account, requiresOpenaiAuth: true } },
    },
  })
  // The real codex would have to leave the machine for it.
  const out = await run(['login'], { ...env, CODEX_PATH: rigPath, OPENAI_API_KEY: undefined })
  assert.equal(
    out,
    'Open https://example.com/device in a browser and enter ABCD-1234\nLogged in. Codex works with: chatgpt\n',
  )
})

test('threads: list, show and fork', async (t) => {
  const { provider, run } = await stage(t)
  provider.enqueue(say('It is a shop.'), say('A shop, no more.'), say('As a fork I agree.'))
  const first = await run(['quickstart', 'What is it?'])
  const id = /thread ([0-9a-f-]{36})/.exec(first)?.[1] ?? ''
  assert.match(await run(['threads']), new RegExp(`^${id} .*What is it\\?`))
  const shown = await run(['threads', 'show', id])
  assert.match(shown, /> What is it\?\nIt is a shop\./)
  const forked = await run(['threads', 'fork', id, 'Do you agree?'])
  assert.match(forked, /As a fork I agree\./)
  assert.ok(!forked.includes(id))
})
