import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Codex } from '../../index.mjs'
import { real } from '../support/real.mjs'
import { rig, temporaryFolder } from '../support/rig.mjs'

const program = fileURLToPath(new URL('../../bin/codex-node.js', import.meta.url))

/**
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
function run(args, env = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { env: { ...process.env, ...env } },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

/** @param {import('../../index.js').DoctorReport} report @param {string} name */
function check(report, name) {
  const found = report.checks.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

describe('doctor', { concurrency: true, timeout: 90_000 }, () => {
  test('says that all is well, and what it found', async (t) => {
    const { codex } = await real(t)
    const report = await codex.doctor()
    assert.equal(report.ok, true, JSON.stringify(report.checks))
    assert.equal(report.todo, null)
    const names = ['node', 'addon', 'codex', 'home', 'network', 'handshake', 'account', 'sandbox']
    assert.deepEqual(
      report.checks.map(({ name }) => name),
      names,
    )
    assert.ok(Number(report.timing.connectMs) > 0)
    assert.match(String(report.versions.codex), /^\d+\.\d+\.\d+/)
    const taken = report.candidates.find(({ path }) => path === report.codexPath)
    assert.equal(taken?.version, report.versions.codex)
    // The client itself was left as it was.
    assert.throws(() => codex.metadata)
  })

  test('the command prints the same, and no secret', async (t) => {
    const { home } = await real(t)
    const env = {
      ...home.env,
      SOME_API_KEY: 'sk-a-secret-of-the-environment',
      HTTPS_PROXY: 'http://somebody:a-password@127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
    }
    // Not at once: codex 0.163 fails where two begin in a new CODEX_HOME.
    const forPeople = await run(['doctor'], env)
    const asData = await run(['doctor', '--json'], env)
    assert.equal(forPeople.code, 0, forPeople.stdout + forPeople.stderr)
    assert.match(forPeople.stdout, /ok +handshake +codex answered after \d+ ms/)
    assert.match(forPeople.stdout, /\[secret\]@127\.0\.0\.1:9/)
    assert.equal(JSON.parse(asData.stdout).ok, true)
    for (const { stdout, stderr } of [forPeople, asData]) {
      assert.doesNotMatch(stdout + stderr, /sk-a-secret|a-password/)
    }
  })

  test('a CODEX_HOME that is not there: exit 1 and the one thing to do', async (t) => {
    const missing = join(temporaryFolder(t), 'missing')
    const { code, stdout } = await run(['doctor', '--json'], { CODEX_HOME: missing })
    assert.equal(code, 1)
    const report = JSON.parse(stdout)
    assert.equal(report.todo, `Make the folder ${missing}, or unset CODEX_HOME.`)
    assert.equal(check(report, 'handshake').status, 'failed')
  })

  test('no codex: every place that was tried, and the hint of the error', async (t) => {
    const path = join(temporaryFolder(t), 'no-codex')
    const codex = new Codex({ codexPath: path })
    const report = await codex.doctor()
    assert.equal(report.ok, false)
    assert.deepEqual(report.candidates[0], {
      origin: 'the option codexPath',
      path,
      exists: false,
      version: null,
      problem: 'there is no such file',
    })
    const error = await codex.connect().catch((/** @type {any} */ error) => error)
    assert.equal(check(report, 'codex').hint, error.hint)
    assert.equal(report.todo, error.hint)
  })

  test('a codex that is too old', async (t) => {
    const { codex } = rig(t, { version: '0.100.0', userAgentVersion: '0.100.0' })
    const report = await codex.doctor()
    assert.equal(check(report, 'codex').status, 'failed')
    assert.match(check(report, 'codex').summary, /codex 0\.100\.0 .* is older than 0\.163\.0/)
    assert.match(String(report.todo), /npm install @openai\/codex@latest/)
  })

  test('a codex that never answers, and an abort meanwhile', async (t) => {
    const { codex, log } = rig(t, { on: { initialize: 'never' } })
    const abort = new AbortController()
    const asked = codex.doctor({ signal: abort.signal })
    await log.message('initialize')
    abort.abort()
    await assert.rejects(asked, { name: 'AbortError' })
    await assert.rejects(codex.doctor({ signal: abort.signal }), { name: 'AbortError' })
  })

  test('a server elsewhere that nobody runs', async () => {
    const codex = new Codex({ url: 'ws://127.0.0.1:9' })
    const report = await codex.doctor()
    assert.equal(report.codexPath, null)
    assert.equal(check(report, 'handshake').status, 'failed')
    assert.match(String(report.todo), /address and the token/)
  })

  test('what is no option or no command', async () => {
    const codex = new Codex()
    await assert.rejects(codex.doctor(/** @type {any} */ ({ verbose: true })), /there is no verbose/)
    for (const args of [[], ['operate'], ['doctor', '--verbose']]) {
      const { code, stderr } = await run(args)
      assert.equal(code, 2)
      assert.match(stderr, /codex-node doctor \[--json\]/)
    }
    assert.equal((await run(['--help'])).code, 0)
  })
})
