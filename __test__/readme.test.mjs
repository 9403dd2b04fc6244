// The README must not rot: its code is compiled, its offline test is run, its names and links exist.

import './support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as exec from '../exec/index.mjs'
import * as codexNode from '../index.mjs'
import * as testing from '../testing/index.mjs'
import { command, say } from '../testing/index.mjs'
import { real } from './support/real.mjs'

const run = promisify(execFile)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const read = (/** @type {string} */ name) => readFileSync(join(root, name), 'utf8')
const readme = read('README.md')
/** The pages of the guide beside it. */
const pages = existsSync(join(root, 'docs'))
  ? readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  : []

/**
 * What the model says to the first program of each page, and what that prints.
 *
 * @type {Record<string, { answers: import('../testing/index.js').Step[], stdout: string }>}
 */
const firstPrograms = {
  'ai-sdk.md': { answers: ['A shop.'], stdout: 'A shop.' },
  // It prints a line for each delta, of which more than one may or may not be joined.
  'web.md': { answers: [say('A shop.', { chunks: 1 })], stdout: 'A shop.\n' },
  'budgets.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
  'policy.md': {
    answers: [command('npm test'), command('git push'), command('rm -rf src'), say('Two were refused.')],
    stdout: [
      "codex asks for command [ [ 'rm', '-rf', 'src' ] ]",
      'Two were refused.',
      'client allowCommands: npm test',
      'client deny: git push',
      'client ask',
      '',
    ].join('\n'),
  },
  'telemetry.md': { answers: ['A shop.'], stdout: 'A shop.\n' },
}

/** Pages that are no guide. */
const noGuides = ['architecture.md', 'failure-cases.md']
/** Needs a Redis: `fleet/docs.test.mjs` runs it. */
const runElsewhere = ['fleet.md']

/** What README's code takes for granted: a block is not a program each time. */
const given = `
import type { Codex as AnyCodex, Thread as AnyThread } from 'codex-node'
declare global {
  const codex: AnyCodex
  const thread: AnyThread
  /** What a program of the reader keeps of its work. */
  const job: { id: string; threadId: string; prompt: string }
}
`

/** @type {Record<string, string>} */
const extensions = { js: 'mjs', ts: 'mts', cjs: 'cjs' }

/**
 * @param {string} [page]
 * @returns {{ name: string, code: string }[]} the code blocks, each named by its page, its line there and its language
 */
function blocks(page = 'README.md') {
  const text = read(page)
  const found = [...text.matchAll(/^```(js|ts|cjs)\n(.*?)^```$/gms)]
  return found.map(({ 1: language = '', 2: code = '', index }) => {
    const line = text.slice(0, index).split('\n').length
    return { name: `${page.replace(/\W/g, '-')}-line-${line}.${extensions[language]}`, code }
  })
}

/**
 * A folder inside the package, so that its code can import the package by name.
 *
 * @param {import('node:test').TestContext} t
 */
function folderInside(t) {
  mkdirSync(join(root, 'target'), { recursive: true })
  const folder = mkdtempSync(join(root, 'target/readme-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

test('every code block of the README and of docs/ compiles against the types, strictly', async (t) => {
  const folder = folderInside(t)
  const all = ['README.md', ...pages.map((name) => `docs/${name}`)].flatMap(blocks)
  assert.ok(all.length > 20)
  for (const { name, code } of all) writeFileSync(join(folder, name), code)
  writeFileSync(join(folder, 'given.d.ts'), given)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    allowJs: true,
    checkJs: true,
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  // What the AI SDK takes for granted of a browser.
  copyFileSync(join(root, '__test__/types/browser.d.ts'), join(folder, 'browser.d.ts'))
  const files = ['given.d.ts', 'browser.d.ts', ...all.map(({ name }) => name)]
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.tsc)
  await run(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => assert.fail(`README.md:\n${stdout}`))
})

test('the offline test of the README passes as it stands', async (t) => {
  const folder = folderInside(t)
  const offline = blocks().filter(({ code }) => code.includes("from 'node:test'"))
  assert.equal(offline.length, 1)
  const file = join(folder, 'offline.test.mjs')
  writeFileSync(file, offline[0]?.code ?? '')
  // Without the variable that tells a test that it runs within another.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const options = { env, timeout: 60_000 }
  const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file], options)
  assert.match(stdout, /^# pass 1$/m)
})

test('the first program of the README runs as it stands', async (t) => {
  const { provider, home } = await real(t)
  provider.enqueue('A shop.', 'The till.')
  const file = join(folderInside(t), 'first.mjs')
  writeFileSync(file, blocks()[0]?.code ?? '')
  const options = { cwd: home.workspace, env: { ...process.env, ...home.env }, timeout: 60_000 }
  const { stdout, stderr } = await run(process.execPath, [file], options)
  assert.deepEqual({ stdout, stderr }, { stdout: 'A shop.\nThe till.', stderr: '' })
})

test('every page of docs/ has a first program that is known here', () => {
  assert.deepEqual(pages.toSorted(), [...Object.keys(firstPrograms), ...noGuides, ...runElsewhere].sort())
})

for (const [page, { answers, stdout: expected }] of Object.entries(firstPrograms)) {
  test(`the first program of docs/${page} runs as it stands`, async (t) => {
    const { provider, home } = await real(t)
    provider.enqueue(...answers)
    const file = join(folderInside(t), 'first.mjs')
    writeFileSync(file, blocks(`docs/${page}`)[0]?.code ?? '')
    const options = { cwd: home.workspace, env: { ...process.env, ...home.env }, timeout: 60_000 }
    const { stdout, stderr } = await run(process.execPath, [file], options)
    assert.deepEqual({ stdout, stderr }, { stdout: expected, stderr: '' })
  })
}

test('the README names every export, method, option and field of codex-node/exec, in its own section', () => {
  const types = read('exec/index.d.ts')
  const section = readme.match(/^## `codex exec`.*?(?=^## )/ms)?.[0] ?? ''
  const exported = [...types.matchAll(/^export (?:declare )?(?:type|class) (\w+)|^export type \{(.*)\}/gm)]
  const names = exported.flatMap(([, name, list = '']) => (name ? [name] : (list.match(/\w+/g) ?? [])))
  const fields = [
    'CodexOptions',
    'ThreadOptions',
    'TurnOptions',
    'RunResult',
    'StructuredRunResult',
    'RunStreamedResult',
  ].flatMap((name) => {
    const body = types.match(new RegExp(`^export type ${name}\\b.*?\\{\\n(.*?)^\\}`, 'ms'))?.[1] ?? ''
    const found = [...body.matchAll(/^ {2}(\w+)[?(:]/gm)].map(([, field]) => field ?? '')
    assert.ok(found.length > 0, `exec/index.d.ts has no type ${name}`)
    return found
  })
  const methods = [exec.Codex, exec.Thread].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
  const codes = [...types.matchAll(/`code: '([A-Z_]+)'`/g)].map(([, code]) => code ?? '')
  assert.ok(names.length > 35 && fields.length > 24 && methods.includes('runStreamed') && codes.length > 0)
  const all = [...names, ...fields, ...methods.filter((name) => name !== 'constructor'), ...codes]
  assert.deepEqual(
    all.filter((name) => !new RegExp(`\\b${name}\\b`).test(section)),
    [],
  )
})

test('the README names every export, method, error code and option', () => {
  const types = read('index.d.ts')
  const fields = (/** @type {string} */ name) => {
    const body = types.match(new RegExp(`^export interface ${name} .*?\\{\\n(.*?)^\\}`, 'ms'))?.[1] ?? ''
    return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, field]) => field ?? '')
  }
  const options = [...types.matchAll(/^export interface (\w+(?:Settings|Options|Query)) /gm)].flatMap(
    ([, name = '']) => {
      const found = fields(name)
      assert.ok(found.length > 0 || !name.endsWith('Settings'), `${name} has no fields`)
      return found
    },
  )
  assert.ok(options.includes('maxAttempts') && options.includes('itemsView') && options.length > 100)
  const codes = [...types.matchAll(/`code: '([A-Z_]+)'`/g)].map(([, code]) => code ?? '')
  const builders = Object.keys(testing).filter((name) => /^[a-z]/.test(name))
  // Building bricks of a raw kind: testing/index.d.ts is enough for them.
  const raw = ['customCall', 'rawItem', 'rawEvent', 'rawSse', 'sleep']
  const classes = Object.keys(codexNode).filter((name) => name !== 'default')
  const methods = [
    codexNode.Codex,
    codexNode.Thread,
    codexNode.Turn,
    codexNode.Goal,
    codexNode.Account,
    codexNode.Login,
    codexNode.Config,
    codexNode.CommandProcess,
  ].flatMap((native) => Object.getOwnPropertyNames(native.prototype).filter((name) => name !== 'constructor'))
  assert.ok(methods.includes('startThread') && methods.includes('usage') && methods.includes('closeStdin'))
  const names = [
    ...classes,
    ...methods,
    ...codes,
    ...options,
    ...builders.filter((name) => !raw.includes(name)),
  ]
  const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(readme))
  assert.deepEqual(missing, [])
})

test('the error table has the class, the code and the fields of each error', () => {
  const types = read('index.d.ts')
  const declared = [
    ...types.matchAll(/`code: '([A-Z_]+)'.*?export declare class (\w+) extends \w+ (\{.*?\n?\})/gs),
  ]
  assert.ok(declared.length >= 17)
  for (const [, code, name, body = ''] of declared) {
    // Its comment names the code of wrong arguments.
    if (name === 'CodexError') continue
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``)) ?? ''
    assert.ok(row.includes(`\`${code}\``), `${name}: ${code} is not in its row`)
    for (const [, field] of body.matchAll(/readonly (\w+):/g)) {
      assert.ok(row.includes(`\`${field}\``), `${name}: ${field} is not in its row`)
    }
  }
})

test('every link of README, docs/, CONTRIBUTING and CHANGELOG leads somewhere', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/README.md']
  for (const name of [...documents, ...pages.map((page) => `docs/${page}`)]) {
    const text = read(name)
    const prose = text.replace(/^```.*?^```$/gms, '')
    const anchors = new Set(
      [...prose.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w\s-]/g, '')
          .replaceAll(' ', '-'),
      ),
    )
    for (const [, target = ''] of prose.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      if (file !== '')
        assert.ok(existsSync(join(root, dirname(name), file)), `${name}: ${target} is not there`)
      else assert.ok(anchors.has(anchor ?? ''), `${name}: no heading for #${anchor}`)
    }
  }
})

test('codex exec: threads of either entry go on in the other, and commands see no excluded variable', async (t) => {
  const { codex, provider, home } = await real(t)
  provider.when('first', command('env | grep -c CODEX_API_KEY'), say('One.'))
  const env = { .../** @type {Record<string, string>} */ (process.env), ...home.env }
  const config = { shell_environment_policy: { exclude: ['CODEX_API_KEY'] } }
  const client = new exec.Codex({ env, config, apiKey: 'a key of nobody' })
  const options = { workingDirectory: home.workspace, skipGitRepoCheck: true }
  const thread = client.startThread(options)
  const { items } = await thread.run('first')
  assert.equal(items[0]?.type === 'command_execution' && items[0].aggregated_output, '0\n')
  const resumed = await codex.resumeThread(thread.id ?? '')
  await resumed.run('second')
  await codex.close()
  await client.resumeThread(resumed.id, options).run('third')
  assert.deepEqual(provider.requests.at(-1)?.userMessages, ['first', 'second', 'third'])
})

test('logging: records of codex, its stderr with debug, and its end reach the logger', async (t) => {
  /** @type {import('../index.js').LogRecord[]} */
  const records = []
  const { codex } = await real(t, { logLevel: 'debug', logger: (record) => records.push(record) })
  await codex.connect()
  await codex.close()
  // The records come by themselves, after the promise.
  const deadline = Date.now() + 10_000
  const has = (/** @type {(record: import('../index.js').LogRecord) => boolean} */ wanted) =>
    records.some(wanted)
  const all = () =>
    has((record) => record.message === 'codex started') &&
    has((record) => record.message === 'codex ended') &&
    // Where its home lies in the temporary folder, codex warns of that.
    has((record) => record.target === 'codex::stderr' && record.level === 'debug')
  while (!all() && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(all(), JSON.stringify(records, null, 2))
})
