// The layers of docs/architecture.md, read from the `use` and `import` lines: no circle of files, no layer that reaches
// up or sideways.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { circles, rustImports, scriptImports } from './support/imports.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The crates, each by the folder of its sources. */
const CRATES = ['client/src', 'src', 'rig/src']

/**
 * What a folder or file of client/src may import beside itself.
 * @type {Record<string, string[]>}
 */
const LAYERS = {
  sync: [],
  text: [],
  keys: [],
  trace: [],
  memory: [],
  secrets: ['keys', 'sync'],
  turn_status: [],
  result: ['secrets', 'text', 'turn_status'],
  error: ['result'],
  source: ['error'],
  environment: ['error'],
  surroundings: ['environment', 'error'],
  config: ['error', 'keys', 'secrets'],
  process: ['environment', 'error', 'secrets', 'surroundings', 'sync'],
  transport: ['error', 'secrets'],
  dial: ['error', 'secrets', 'transport'],
  rpc: ['error', 'secrets', 'sync', 'text', 'trace', 'transport'],
  handlers: [],
  routing: ['error', 'handlers', 'rpc', 'source', 'sync'],
  turn: [
    ...['error', 'memory', 'result', 'routing', 'rpc', 'secrets', 'source', 'sync', 'text', 'trace'],
    'turn_status',
  ],
  options: ['dial', 'environment', 'error', 'result', 'secrets', 'surroundings', 'transport', 'turn'],
  token: ['error', 'options'],
  server_requests: ['handlers', 'routing', 'rpc', 'secrets', 'sync'],
  session: [
    ...[
      'config',
      'dial',
      'environment',
      'error',
      'lib',
      'memory',
      'options',
      'process',
      'server_requests',
      'routing',
      'rpc',
    ],
    ...['secrets', 'source', 'surroundings', 'sync', 'transport'],
  ],
  api: [
    ...[
      'config',
      'dial',
      'error',
      'handlers',
      'memory',
      'options',
      'process',
      'server_requests',
      'result',
      'routing',
      'rpc',
    ],
    ...['secrets', 'session', 'source', 'surroundings', 'sync', 'trace', 'transport', 'turn', 'turn_status'],
  ],
  exec: [
    ...[
      'config',
      'environment',
      'error',
      'memory',
      'options',
      'process',
      'secrets',
      'source',
      'surroundings',
    ],
    ...['sync', 'text', 'trace', 'transport'],
  ],
  // Not in what is shipped.
  fuzzing: ['config', 'exec', 'process', 'rpc', 'secrets', 'transport', 'turn'],
  // What everybody is told from there: the oldest codex, and the public names.
  lib: [],
  // The same of the lower half, which is a crate of its own.
  wire: [],
}

/** The folders of JavaScript. */
const ENTRIES = [
  ...[
    'glue',
    'exec',
    'testing',
    'ai-sdk',
    'web',
    'otel',
    'policy',
    'fleet',
    'doctor',
    'bin',
    'scripts',
    'bench',
  ],
  'examples',
]

/** @param {string} folder @param {string} ending @returns {string[]} */
function filesOf(folder, ending) {
  const names = /** @type {string[]} */ (readdirSync(join(root, folder), { recursive: true }))
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name))
}

describe('circles', () => {
  for (const crate of CRATES) {
    test(`none in ${crate}`, () => {
      assert.deepEqual(circles(rustImports(root, crate)), [])
    })
  }

  for (const folder of ENTRIES) {
    test(`none in ${folder}`, () => {
      const files = filesOf(folder, 'js').filter((file) => !file.includes('node_modules'))
      assert.deepEqual(circles(scriptImports(root, files)), [])
    })
  }
})

/** The folder of client/src that a file lies in, or its own name. @param {string} file */
function layerOf(file) {
  return file.slice('client/src/'.length).split('/')[0]?.replace(/\.rs$/, '') ?? ''
}

describe('layers', () => {
  const imports = rustImports(root, 'client/src')

  test('each folder of the core imports what is below it alone', () => {
    for (const [file, needs] of imports) {
      const layer = layerOf(file)
      if (layer === 'lib') continue
      const allowed = LAYERS[layer]
      assert.ok(allowed !== undefined, `${layer} is not among the layers`)
      for (const needed of needs) {
        const other = layerOf(needed)
        assert.ok(other === layer || allowed.includes(other), `${file} imports ${needed}`)
      }
    }
  })

  test('the layers themselves have no circle, and each is there', () => {
    const folders = new Set([...imports.keys()].map(layerOf))
    assert.deepEqual(new Set(Object.keys(LAYERS)), folders)
    assert.deepEqual(
      circles(new Map(Object.entries(LAYERS).map(([name, below]) => [name, new Set(below)]))),
      [],
    )
  })
})

describe('one place', () => {
  test('signals are heard in glue/signals.js alone, and in the page, which shares no file', () => {
    const shipped = ENTRIES.filter((folder) => !['scripts', 'bench', 'examples'].includes(folder))
    const files = [...shipped.flatMap((folder) => filesOf(folder, 'js')), 'index.js', 'index.mjs']
    const heard = /(addEventListener|\bonce|\bon)\([^()]*['"]abort['"]|\.onabort\b|AbortSignal\.any\b/
    const found = files.filter((file) => heard.test(readFileSync(join(root, file), 'utf8')))
    assert.deepEqual(
      found.map((file) => file.replaceAll(sep, '/')),
      ['glue/signals.js', 'web/client.js', 'web/client.mjs'],
    )
  })
})

describe('clocks', () => {
  test('they are taken when a file is loaded: those of a program under test stand still', () => {
    const shipped = ENTRIES.filter((folder) => !['scripts', 'bench', 'examples'].includes(folder))
    const timer = /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b/
    const wrong = shipped
      .flatMap((folder) => filesOf(folder, 'js'))
      .filter((file) => {
        const lines = readFileSync(join(root, file), 'utf8').split('\n')
        const taken = lines
          .filter((line) => /^\s*const \{.*(require\('node:timers|= globalThis$)/.test(line))
          .join()
        const used = lines.filter((line) => !/^\s*(\*|\/\/|const \{)/.test(line)).join('\n')
        const names = used.match(new RegExp(`${timer.source}(?=\\()`, 'g')) ?? []
        return names.some((name) => !taken.includes(name)) || /\bperformance\.now\(/.test(used)
      })
    assert.deepEqual(wrong, [])
  })
})

describe('addresses', () => {
  test('every Rust file opens with a sentence that says what it is for', () => {
    const files = [...CRATES, 'client/tests', 'rig/tests'].flatMap((folder) => filesOf(folder, '.rs'))
    const silent = files.filter((file) => {
      const [first = ''] = readFileSync(join(root, file), 'utf8').split(/\n(?!\/\/!)/)
      return !/^\/\/! [A-Z`[][\s\S]*\.($|\s)/.test(first)
    })
    assert.ok(files.length > 200)
    assert.deepEqual(silent, [])
  })

  test('each file that the pages for developers name is there', () => {
    const folders = [...ENTRIES, 'client', 'rig', 'src', 'site', 'types', '__test__', '.github']
    const files = folders
      .flatMap((folder) => filesOf(folder, ''))
      .map((file) => `/${file.replaceAll(sep, '/')}`)
    for (const name of readdirSync(root)) files.push(`/${name}`)
    for (const page of ['docs/architecture.md', 'CONTRIBUTING.md']) {
      const names = readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\.(?:rs|m?js|d\.ts|toml))`/g)
      for (const [, name = ''] of names) {
        assert.ok(
          files.some((file) => file.endsWith(`/${name}`)),
          `${page} names ${name}`,
        )
      }
    }
  })
})
