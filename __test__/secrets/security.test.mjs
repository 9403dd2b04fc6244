// The trust table of docs/security.md: what no other file tests of it, and that each sentence names a test that is there.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Codex, TransportError } from '../../index.mjs'
import { say } from '../../testing/index.mjs'
import { collect, rejection } from '../support/outcomes.mjs'
import { real } from '../support/real.mjs'
import { rig } from '../support/rig.mjs'

/** @param {string} file of the repository */
const read = (file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

/**
 * The rows of the section: a sentence, and where its tests are, as "file: name".
 *
 * @returns {{ sentence: string, tests: string[] }[]}
 */
function rows() {
  const section = /\n## Who is trusted\n([\s\S]*?)\n## /.exec(read('docs/security.md'))?.[1] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:what is done|---)/.test(line))
    .map((line) => {
      const [sentence = '', tests = ''] = line.slice(1, -1).split(' | ')
      return {
        sentence: sentence.trim(),
        tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, one]) => String(one)),
      }
    })
}

describe('docs/security.md', () => {
  test('each sentence about who is trusted has a test beside it, which is there', () => {
    const all = rows()
    assert.ok(all.length >= 25, `${all.length}`)
    for (const { sentence, tests } of all) {
      assert.ok(tests.length > 0, sentence)
      for (const one of tests) {
        const [file = '', name = ''] = one.split(/: (.*)/)
        const path = new URL(`../${file}.test.mjs`, import.meta.url)
        assert.ok(existsSync(path), `${file}: ${sentence}`)
        assert.ok(
          titles(readFileSync(path, 'utf8')).some((title) => title.includes(name)),
          `${one}: ${sentence}`,
        )
      }
    }
  })
})

/**
 * What tests and suites of a file are called. Names that are made of values are there as they are written.
 *
 * @param {string} source
 */
function titles(source) {
  return [...source.matchAll(/\b(?:test|describe)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)].map(([, , title]) =>
    String(title).replaceAll("\\'", "'"),
  )
}

describe('a server', { timeout: 60_000 }, () => {
  test('its messages are data: fields named like those of a prototype are fields', async (t) => {
    const params = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}'
    const { codex } = rig(t, {
      on: {
        'x/ask': [[{ raw: `{"method":"x/told","params":${params}}\n` }, { reply: JSON.parse(params) }]],
        'turn/start': [
          [
            'turnBegin',
            {
              raw: `{"method":"item/completed","params":{"threadId":"thread-1","turnId":"turn-1","item":{"id":"i","type":"x","__proto__":{"polluted":1}}}}\n`,
            },
            'turnEnd',
          ],
        ],
      },
    })
    const told = codex.notifications({ methods: ['x/told'] })
    const answer = await codex.request(/** @type {any} */ ('x/ask'), /** @type {any} */ ({}))
    const { value } = await told.next()
    for (const one of [answer, value?.params]) assert.equal(JSON.stringify(one), params)
    const thread = await codex.startThread()
    const turn = await thread.turn('go')
    await collect(turn)
    const { items } = await turn.result()
    for (const one of [{}, [], answer, value, items[0], Object])
      assert.equal(/** @type {any} */ (one).polluted, undefined)
  })

  test('one that sends elsewhere is not followed, so that no other gets the token', async (t) => {
    /** @type {import('node:http').IncomingHttpHeaders[]} */
    const elsewhere = []
    const other = createServer((request, response) => {
      elsewhere.push(request.headers)
      response.end()
    })
    other.on('upgrade', ({ headers }, socket) => {
      elsewhere.push(headers)
      socket.destroy()
    })
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = /** @type {import('node:net').AddressInfo} */ (other.address())
    const first = createServer().on('upgrade', (_, socket) => {
      socket.end(`HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:${port}/\r\ncontent-length: 0\r\n\r\n`)
    })
    first.listen(0, '127.0.0.1')
    await once(first, 'listening')
    t.after(() => {
      other.close()
      first.close()
    })
    const at = /** @type {import('node:net').AddressInfo} */ (first.address()).port
    const codex = new Codex({ url: `ws://127.0.0.1:${at}`, token: 'a-token-for-one' })
    t.after(() => codex.close())
    const error = await rejection(codex.connect(), TransportError)
    assert.ok(!error.message.includes('a-token-for-one'))
    assert.deepEqual(elsewhere, [])
  })
})

describe('the repository', { timeout: 60_000 }, () => {
  test('nothing of it is loaded or run by this library', async (t) => {
    const { codex, provider, home } = await real(t)
    const marker = join(home.home, 'ran')
    const code = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
    const program = `#!/bin/sh\ntouch '${marker}'\n`
    for (const folder of ['node_modules/codex-node', 'node_modules/@openai/codex', '.codex-node', 'bin']) {
      mkdirSync(join(home.workspace, folder), { recursive: true })
    }
    const files = {
      ...Object.fromEntries(
        ['index.js', 'codex-node.config.js', '.codex-node/index.js'].map((name) => [name, code]),
      ),
      ...Object.fromEntries(['codex', 'bin/codex', 'node', 'bin/sh', 'git'].map((name) => [name, program])),
      'node_modules/codex-node/index.js': code,
      'node_modules/@openai/codex/package.json':
        '{"name":"@openai/codex","bin":"codex.js","main":"codex.js"}',
      'node_modules/@openai/codex/codex.js': code,
      'package.json': `{"scripts":{"preinstall":"touch '${marker}'"},"main":"index.js"}`,
      '.env': 'CODEX_PATH=./codex\nCODEX_HOME=.\n',
      '.npmrc': 'node-options=--require=./index.js\n',
    }
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(home.workspace, name), text, { mode: 0o755 })
    provider.enqueue(say('Looked.'))
    const thread = await codex.startThread({
      cwd: home.workspace,
      approvalPolicy: 'never',
      sandbox: 'read-only',
    })
    assert.equal((await thread.run('look')).finalResponse, 'Looked.')
    assert.equal(existsSync(marker), false)
    assert.equal(existsSync(join(home.workspace, 'config.toml')), false)
  })
})

describe('releases', () => {
  const release = read('.github/workflows/release.yml')
  const ci = read('.github/workflows/ci.yml')

  test('they are built in public from one commit, published without a stored token and with provenance', () => {
    assert.match(release, /npm publish --provenance/)
    assert.match(release, /NPM_CONFIG_PROVENANCE: "true"/)
    assert.match(release, /id-token: write/)
    assert.doesNotMatch(release + ci, /NPM_TOKEN|NODE_AUTH_TOKEN|secrets\./)
    // A cache of another run is not of this commit.
    assert.doesNotMatch(release, /rust-cache|cache: npm/)
    for (const checkout of (release + ci).split('actions/checkout@').slice(1)) {
      assert.match(checkout.slice(0, 120), /persist-credentials: false/)
    }
  })

  test('what they are made of is checked in CI: licences, advisories and sources of crates, signatures of packages', () => {
    assert.match(ci, /cargo-deny-action@/)
    assert.match(ci, /npm audit signatures/)
    const lock = JSON.parse(read('package-lock.json'))
    for (const [path, { resolved, integrity, link }] of Object.entries(lock.packages)) {
      if (!path.includes('node_modules/') || link) continue
      assert.match(integrity ?? '', /^sha512-/, path)
      if (resolved !== undefined) assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path)
    }
  })

  test('no package runs a script when it is installed, and none comes along', () => {
    const { scripts, dependencies } = JSON.parse(read('package.json'))
    for (const name of ['preinstall', 'install', 'postinstall']) assert.equal(scripts[name], undefined, name)
    assert.equal(dependencies, undefined)
  })

  test('the shipped code evaluates no text', () => {
    const shipped = JSON.parse(read('package.json')).files.filter(
      (/** @type {string} */ name) => !name.includes('*'),
    )
    const sources = shipped.flatMap(filesIn).filter((/** @type {string} */ file) => /\.[cm]?js$/.test(file))
    assert.ok(sources.length > 100)
    for (const file of sources) {
      assert.doesNotMatch(read(file), /(?<![.\w])eval\(|new Function\(|\bvm\b'|innerHTML|shell: true/, file)
    }
  })
})

/** @param {string} path @returns {string[]} */
function filesIn(path) {
  const at = new URL(`../../${path}`, import.meta.url)
  if (!statSync(at).isDirectory()) return [path]
  return readdirSync(at).flatMap((name) => filesIn(`${path}/${name}`))
}
