// The README and the guide in docs/ must not rot: their code is compiled, their first programs are run, their names and
// links exist.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { resultsOf } from '../../bench/results.mjs'
import * as exec from '../../exec/index.mjs'
import * as codexNode from '../../index.mjs'
import { sections } from '../../site/sections.mjs'
import * as testing from '../../testing/index.mjs'
import { command, say } from '../../testing/index.mjs'
import { asInstalled, blocks, folderInside, pages, read, root } from '../support/guide.mjs'
import { real } from '../support/real.mjs'

const run = promisify(execFile)
const guide = ['README.md', ...pages.map((page) => `docs/${page}`)].map(read).join('\n')

/** The types of the entry `codex-node`. */
const allTypes = () =>
  ['index.d.ts', ...readdirSync(join(root, 'types')).map((file) => `types/${file}`)].map(read).join('\n')

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

test('every code block of the README and of docs/ compiles against the types, strictly', async (t) => {
  const folder = folderInside(t)
  const all = ['README.md', ...pages.map((name) => `docs/${name}`)].flatMap(blocks)
  assert.ok(all.length > 20)
  for (const { name, code } of all) writeFileSync(join(folder, name), asInstalled(code))
  writeFileSync(join(folder, 'given.d.ts'), given)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    // Those of @openai/codex-sdk need a package that is not here; ours are looked at by packaging.test.mjs.
    skipLibCheck: true,
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
  await run(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => assert.fail(stdout))
})

test('docs/exec.md names every export, method, option and field of codex-node/exec', () => {
  const types = read('exec/index.d.ts')
  const page = read('docs/exec.md')
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
    all.filter((name) => !new RegExp(`\\b${name}\\b`).test(page)),
    [],
  )
})

test('the guide names every export, method, error code and option', () => {
  const types = allTypes()
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
  const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(guide))
  assert.deepEqual(missing, [])
})

test('the error table has the class, the code and the fields of each error', () => {
  const errors = read('docs/errors.md')
  const types = allTypes()
  const declared = [
    ...types.matchAll(/`code: '([A-Z_]+)'.*?export declare class (\w+) extends \w+ (\{.*?\n?\})/gs),
  ]
  assert.ok(declared.length >= 17)
  for (const [, code, name, body = ''] of declared) {
    // Its comment names the code of wrong arguments.
    if (name === 'CodexError') continue
    const row = errors.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``)) ?? ''
    assert.ok(row.includes(`\`${code}\``), `${name}: ${code} is not in its row`)
    for (const [, field] of body.matchAll(/readonly (\w+):/g)) {
      assert.ok(row.includes(`\`${field}\``), `${name}: ${field} is not in its row`)
    }
  }
})

/** @param {string} text of a page @returns {Set<string>} what a link may point to within it */
function anchors(text) {
  const titles = text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)
  return new Set(
    [...titles].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('every link of README, docs/, CONTRIBUTING and CHANGELOG leads somewhere', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'examples/README.md']
  for (const name of [...documents, ...pages.map((page) => `docs/${page}`)]) {
    const prose = read(name).replace(/^```.*?^```$/gms, '')
    const images = prose.matchAll(/ (?:src|srcset)="([^"]+)"/g)
    for (const [, target = ''] of [...prose.matchAll(/\]\(([^)]+)\)/g), ...images]) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? name : join(dirname(name), file)
      assert.ok(existsSync(join(root, path)), `${name}: ${target} is not there`)
      if (anchor !== undefined)
        assert.ok(anchors(read(path)).has(anchor), `${name}: no heading for ${target}`)
    }
  }
})

test('the figures that the charts are drawn from are those of bench/README.md', () => {
  assert.deepEqual(JSON.parse(read('bench/results.json')), resultsOf(read('bench/README.md')))
})

test('the README is short, and leads to every page of docs/', () => {
  const readme = read('README.md')
  assert.ok(readme.split('\n').length <= 250)
  // Of those who change this package: CONTRIBUTING.md leads to them.
  const own = ['architecture.md', 'failure-cases.md']
  const missing = pages.filter((page) => !own.includes(page) && !readme.includes(`(docs/${page})`))
  assert.deepEqual(missing, [])
  const listed = Object.values(sections).flat()
  const unlisted = pages.filter((page) => !listed.includes(page.replace(/\.md$/, '')))
  assert.deepEqual(unlisted, [], 'site/sections.mjs has no place for them')
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
  /** @type {import('../../index.js').LogRecord[]} */
  const records = []
  const { codex } = await real(t, { logLevel: 'debug', logger: (record) => records.push(record) })
  await codex.connect()
  await codex.close()
  // The records come by themselves, after the promise.
  const deadline = Date.now() + 10_000
  const has = (/** @type {(record: import('../../index.js').LogRecord) => boolean} */ wanted) =>
    records.some(wanted)
  const all = () =>
    has((record) => record.message === 'codex started') &&
    has((record) => record.message === 'codex ended') &&
    // Where its home lies in the temporary folder, codex warns of that.
    has((record) => record.target === 'codex::stderr' && record.level === 'debug')
  while (!all() && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(all(), JSON.stringify(records, null, 2))
})
