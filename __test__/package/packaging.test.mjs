// Row P4 of the failure cases: the package as its users load, bundle and compile it.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as esbuild from 'esbuild'
import { publint } from 'publint'
import { installPackages, packPackages } from '../../scripts/test/package.mjs'
import { rigEnvironment, rigPath } from '../support/rig.mjs'
import { says } from '../support/scripted-exec.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
const run = promisify(execFile)

/** An empty project of a user who has installed what is published for this platform, and nothing else. */
let folder = ''
/** @type {Awaited<ReturnType<typeof packPackages>>} */
let packages
/** What npm said while it installed them, and what was in node_modules then. */
let said = ''
/** @type {string[]} */
let installed = []
/** `require` and `import` of the user. @type {NodeJS.Require} */
let require
/** @type {(name: string) => Promise<any>} */
let load

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'codex-node-user-'))
  packages = await packPackages(join(folder, 'packed'))
  said = installPackages(folder, packages)
  installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))
  for (const name of ['@types', 'undici-types']) {
    symlinkSync(join(modules, name), join(folder, 'node_modules', name), 'junction')
  }
  require = createRequire(join(folder, 'program.js'))
  writeFileSync(join(folder, 'load.mjs'), 'export const load = (name) => import(name)')
  load = (await import(pathToFileURL(join(folder, 'load.mjs')).href)).load
})
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))

/**
 * Runs a program of the user, whose one codex is the scripted app-server.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} file
 */
async function runProgram(t, file) {
  const { env } = rigEnvironment(t, { onEof: says.turn('Hello from exec.') })
  const { stdout } = await run(process.execPath, [join(folder, file)], {
    cwd: folder,
    env: { ...process.env, ...env, CODEX_PATH: rigPath },
  })
  return stdout.trim()
}

const main = `
async function main() {
  const codex = new Codex()
  console.log((await codex.run('go')).finalResponse)
  await codex.close()
  await codex.run('again').catch((error) => console.log(error instanceof ClosedError, error.name))
}
main()`
const exec = `
async function main() {
  const thread = new Codex().startThread()
  console.log((await thread.run('go')).finalResponse, thread.id)
}
main()`

/**
 * Programs in each kind of module that say what codex answered.
 *
 * @type {Record<string, string>}
 */
const programs = {
  'program.cjs': `const { Codex, ClosedError } = require('codex-node')${main}`,
  'program.mjs': `import { Codex, ClosedError } from 'codex-node'${main}`,
  'program.ts': `import { Codex, ClosedError } from 'codex-node'${main}`,
  'exec.cjs': `const { Codex } = require('codex-node/exec')${exec}`,
  'exec.mjs': `import { Codex } from 'codex-node/exec'${exec}`,
  'exec.ts': `import { Codex } from 'codex-node/exec'${exec}`,
}
/** @param {string} file the name of a program */
const saidBy = (file) =>
  file.startsWith('exec') ? 'Hello from exec. thread-1' : 'Hello from the rig.\ntrue ClosedError'

describe('packaging', { concurrency: true }, () => {
  test('P4: require() and import give the same classes', async () => {
    for (const entry of ['ai-sdk', 'exec', 'fleet', 'otel', 'policy', 'testing', 'web']
      .map((name) => `codex-node/${name}`)
      .concat('codex-node')) {
      const required = require(entry)
      const { default: whole, ...imported } = await load(entry)
      const names = Object.keys(required).sort()
      assert.ok(names.length >= 1)
      assert.deepEqual(Object.keys(imported).sort(), names, entry)
      for (const name of names) assert.equal(imported[name], required[name], `${entry}: ${name}`)
    }
    // A browser loads that file by itself, so it has nothing to share with the other.
    const client = Object.keys(require('codex-node/web/client'))
    assert.deepEqual(Object.keys(await load('codex-node/web/client')).sort(), client.sort())
    assert.equal(require('codex-node/package.json').name, 'codex-node')
    assert.throws(() => require('codex-node/binding.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
  })

  test('P4: what the types say is exported is, and nothing else', () => {
    for (const [entry, file] of Object.entries({
      'codex-node': 'index.d.ts',
      'codex-node/ai-sdk': 'ai-sdk/index.d.ts',
      'codex-node/exec': 'exec/index.d.ts',
      'codex-node/fleet': 'fleet/index.d.ts',
      'codex-node/web': 'web/index.d.ts',
      'codex-node/web/client': 'web/client.d.ts',
      'codex-node/otel': 'otel/index.d.ts',
      'codex-node/policy': 'policy/index.d.ts',
    })) {
      const installed = join(folder, 'node_modules/codex-node')
      const passed = entry === 'codex-node' ? readdirSync(join(installed, 'types')) : []
      const types = [file, ...passed.map((name) => join('types', name))]
        .map((name) => readFileSync(join(installed, name), 'utf8'))
        .join('\n')
      const declared = [...types.matchAll(/^export declare (?:class|function|const) (\w+)/gm)].map(
        (match) => match[1],
      )
      // A function with several signatures is declared once for each.
      assert.deepEqual([...new Set(declared)].sort(), Object.keys(require(entry)).sort())
    }
  })

  test('P4: an error that one kind of module made is one for the other', async () => {
    const { Codex } = require('codex-node')
    const { BinaryNotFoundError, CodexError } = await load('codex-node')
    const codex = new Codex({ codexPath: join(folder, 'no-codex') })
    await assert.rejects(codex.connect(), (error) => {
      return error instanceof BinaryNotFoundError && error instanceof CodexError && error instanceof Error
    })
  })

  for (const [file, source] of Object.entries(programs)) {
    // Node runs no TypeScript before version 22.
    if (file.endsWith('.ts')) continue
    test(`P4: the packed package runs in ${file}`, async (t) => {
      writeFileSync(join(folder, file), source)
      assert.equal(await runProgram(t, file), saidBy(file))
    })
  }

  for (const [file, source] of Object.entries(programs)) {
    for (const [how, options, only] of /** @type {[string, import('esbuild').BuildOptions, string[]?][]} */ ([
      ['the package external', { packages: 'external' }],
      [
        'the package in it and the addon in its own',
        {},
        ['program.ts', 'exec.cjs', 'program.mjs', 'exec.ts'],
      ],
    ])) {
      if (only?.includes(file) === false) continue
      test(`P4: esbuild of ${file} to CommonJS with ${how}`, async (t) => {
        const name = `${file}-${how.replaceAll(' ', '-')}`
        mkdirSync(join(folder, name))
        writeFileSync(join(folder, name, file), source)
        const { warnings } = await esbuild.build({
          entryPoints: [join(folder, name, file)],
          outfile: join(folder, name, 'bundle.cjs'),
          bundle: true,
          platform: 'node',
          format: 'cjs',
          logLevel: 'silent',
          ...options,
        })
        assert.deepEqual(warnings, [])
        assert.equal(await runProgram(t, join(name, 'bundle.cjs')), saidBy(file))
      })
    }
  }

  for (const [name, options] of Object.entries({
    nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
    bundler: { module: 'esnext', moduleResolution: 'bundler' },
  })) {
    test(`P4: tsc --strict, module resolution ${name}, of a program that uses the whole API as .mts and .cts`, async () => {
      const project = join(folder, `tsc-${name}`)
      mkdirSync(project)
      // Every claim about the types holds for the user, too.
      const program = readFileSync(join(root, '__test__/types/api.test-d.ts'), 'utf8')
      const source = otherEntries + program.replaceAll(`'../../index.js'`, `'codex-node'`)
      assert.ok(!source.includes('../'))
      const files = ['program.mts', 'program.cts']
      for (const file of files) writeFileSync(join(project, file), source)
      const compilerOptions = { ...strict, ...options }
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
      await compiles(project)
    })
  }

  test('P4: tsc --strict without the types of Node', async () => {
    const project = join(folder, 'tsc-browser')
    mkdirSync(project)
    writeFileSync(
      join(project, 'program.mts'),
      `import { Codex } from 'codex-node'
import { turnResponse } from 'codex-node/web'
import { turnEvents } from 'codex-node/web/client'
const turn = await (await new Codex().startThread()).turn('go')
for await (const { seq } of turnEvents(turnResponse(turn, new Request('http://localhost/')))) seq satisfies number
`,
    )
    const compilerOptions = { ...strict, module: 'nodenext', types: [], lib: ['es2022', 'dom'] }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }))
    await compiles(project)
  })

  test('the packages hold what a user needs and nothing else', () => {
    const { files } = packages.self
    const code = files.filter((path) =>
      /^(ai-sdk|bin|doctor|exec|fleet|glue|otel|policy|testing|types|web)\//.test(path),
    )
    const guide = files.filter((path) => /^(docs|examples|bench)\//.test(path))
    assert.deepEqual(files.filter((path) => ![...code, ...guide].includes(path)).sort(), [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'binding.js',
      'index.d.mts',
      'index.d.ts',
      'index.js',
      'index.mjs',
      'package.json',
      'protocol.d.ts',
    ])
    assert.ok(code.length > 10)
    /** @type {string[]} */
    const targets = JSON.stringify(manifest().exports).match(/(?<="\.\/)[^"]+\.\w+(?=")/g) ?? []
    assert.ok(targets.includes('exec/index.d.mts') && targets.includes('exec/index.js'))
    for (const target of targets) assert.ok(files.includes(target), target)
    for (const path of code) assert.match(path, /\.(js|mjs|d\.ts|d\.mts)$/)
    const abi = packages.platform.name.replace('codex-node-', '')
    assert.deepEqual(packages.platform.files.sort(), ['README.md', `codex-node.${abi}.node`, 'package.json'])
  })

  test('the guide is in the package, and its links lead to what is there', () => {
    const { files } = packages.self
    const pages = files.filter((path) => path.endsWith('.md'))
    for (const page of ['README.md', 'docs/threads.md', 'examples/README.md'])
      assert.ok(pages.includes(page), page)
    for (const page of pages) {
      const prose = readFileSync(join(folder, 'node_modules/codex-node', page), 'utf8').replace(
        /^```.*?^```$/gms,
        '',
      )
      for (const [, target = ''] of prose.matchAll(/\]\(([^)#]+)[^)]*\)| (?:src|srcset)="([^"]+)"/g)) {
        if (/^https?:/.test(target) || target === '') continue
        const path = posix.join(posix.dirname(page), target).replace(/\/$/, '')
        const there = files.some((name) => name === path || name.startsWith(`${path}/`))
        assert.ok(there, `${page}: ${target} is not in the package`)
      }
    }
  })

  test('npm installs the two packages, runs no script of theirs and warns of nothing', () => {
    assert.deepEqual(installed, ['codex-node', packages.platform.name])
    assert.doesNotMatch(said, /warn|error/i)
    // Those that npm runs or warns about, in one version or another, when it installs or packs.
    const lifecycle = /^(pre|post)?(install|pack|prepare|publish|uninstall)(only)?$|^dependencies$/i
    assert.deepEqual(
      Object.keys(manifest().scripts).filter((name) => lifecycle.test(name)),
      [],
    )
    assert.equal(manifest().dependencies, undefined)
  })

  test('every peer is optional: a host that has its own codex gets no second one', () => {
    const { peerDependencies, peerDependenciesMeta } = manifest()
    assert.ok('@openai/codex' in peerDependencies)
    for (const name of Object.keys(peerDependencies)) {
      assert.deepEqual(peerDependenciesMeta[name], { optional: true }, name)
    }
  })

  test('a start without codex says what to install', async () => {
    const { HOME = '' } = process.env
    const env = { ...process.env, PATH: '', Path: '', HOME, CODEX_PATH: '' }
    for (const [entry, use] of Object.entries({
      'codex-node': 'new Codex().run("go")',
      'codex-node/exec': 'new Codex().startThread().run("go")',
    })) {
      const file = join(folder, `${entry.replace('/', '-')}-alone.cjs`)
      writeFileSync(
        file,
        `const { Codex } = require('${entry}')
${use}.catch(({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint })))`,
      )
      const { code, message, hint } = JSON.parse((await run(process.execPath, [file], { env })).stdout)
      assert.equal(code, 'BINARY_NOT_FOUND')
      assert.match(message, /npm install @openai\/codex/)
      assert.match(hint, /npm install @openai\/codex/)
    }
  })

  test('publint has nothing against it', async () => {
    const { messages } = await publint({
      pkgDir: join(folder, 'node_modules/codex-node'),
      pack: false,
      strict: true,
    })
    assert.deepEqual(messages, [])
  })
})

/** The package.json of the installed package. */
const manifest = () => JSON.parse(readFileSync(join(folder, 'node_modules/codex-node/package.json'), 'utf8'))

/** What goes with the program in `types/api.test-d.ts` for a user. */
const otherEntries = `
import { codexMetadata, createCodex } from 'codex-node/ai-sdk'
import * as exec from 'codex-node/exec'
import { createCodexHome, say, startScriptedProvider } from 'codex-node/testing'
import * as web from 'codex-node/web'
import { TurnStreamError, turnEvents } from 'codex-node/web/client'
export async function once(options: exec.CodexOptions, schema: import('codex-node').StandardSchema<unknown, number>) {
  const thread: exec.Thread = new exec.Codex(options).startThread({ sandboxMode: 'read-only' })
  const { events, result } = await thread.runStreamed([{ type: 'text', text: 'go' }], { outputSchema: schema })
  for await (const event of events) if (event.type === 'turn.failed') console.log(event.error.message)
  const { structuredResponse, turnUsage } = await result()
  return structuredResponse.toFixed(turnUsage?.output_tokens satisfies number | undefined)
}
export async function model(message: unknown) {
  const codex = createCodex({}, { sandbox: 'read-only', onData: ({ type }) => console.log(type) })
  return (await codex.thread(codexMetadata(message)?.threadId ?? '')).id satisfies string
}
export async function served(turns: web.TurnRegistry) {
  const listener = web.toNodeListener((request) => turns.response('id', request, { interruptOnClose: { graceMs: 1 } }))
  ;(await import('node:http')).createServer(listener)
  try {
    for await (const event of turnEvents('/turns/id', { signal: AbortSignal.timeout(1) })) {
      if (event.method === 'item/agentMessage/delta') event.params.delta satisfies string
    }
  } catch (error) {
    if (error instanceof TurnStreamError) error.code satisfies 'TURN_FAILED' | 'TURN_NOT_FOUND' | 'HTTP_STATUS' | 'CONNECTION_LOST' | 'ABORT_ERR'
  }
}
export async function offline() {
  const provider = await startScriptedProvider({ fallback: say('hi') })
  const home = await createCodexHome(provider)
  const codex = new Codex({ env: home.env })
  await codex.run('go', { cwd: home.workspace })
}
`

/** Compiler options of a careful user. */
const strict = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: 'es2022',
  types: ['node'],
}

/**
 * The project compiles without an error.
 *
 * @param {string} project
 */
async function compiles(project) {
  const tsc = join(modules, '.bin', process.platform === 'win32' ? 'tsc.cmd' : 'tsc')
  const compiled = await run(tsc, ['-p', project], { shell: process.platform === 'win32' }).catch(
    (error) => error,
  )
  assert.equal(compiled.stdout, '')
}

test('the lock file holds what every platform needs, so that `npm ci` works on it', () => {
  /** @type {Record<string, { dependencies?: object, optionalDependencies?: object }>} */
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  /** @param {string} from @param {string} name @returns {boolean} */
  const has = (from, name) =>
    `${from}${from && '/'}node_modules/${name}` in locked ||
    (from !== '' && has(from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name))
  const missing = Object.entries(locked).flatMap(([from, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !has(from, name)),
  )
  assert.deepEqual(missing, [])
})
