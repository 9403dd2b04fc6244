// What is understood of a script is what shells make of it: scripts by chance, the same in each run.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const { readScript } = createRequire(import.meta.url)('../../policy/script.js')

const SHELLS = ['bash', 'dash', 'zsh']
const PROGRAMS = ['p', 'q']
const PIECES = [
  ...[
    ...PROGRAMS,
    'a',
    '-x',
    '--a=b',
    '1',
    '2',
    '12',
    '{a}',
    '{a,b}',
    'x=1',
    '=',
    '@',
    '#',
    '# c',
    '~',
    '*',
    '[a]',
  ],
  ...[
    "'",
    '"',
    "'a b'",
    '"a b"',
    '\\',
    '\\\n',
    '\\ ',
    "\\'",
    '$',
    '$x',
    '"$x"',
    '`q`',
    '$(q)',
    '"`q`"',
    "$'a'",
  ],
  ...['$"a"', '!', ';', '&&', '||', '|', '&', '\n', '\t', '(', ')', '<(q)', '>(q)', '>', '<', '>&2', '2>&1'],
  ...['/dev/null', '<<<', '{', '}', '^', '+', '$=', '$~', '"a$"'],
]
/** What was misread once. */
const FOUND = [
  'p 2<(q)',
  'p {a}<(q)',
  'p $\\\n(q)',
  'p "$\\\n(q)"',
  'p $=x',
  'p {a} >&2',
  'p 12>&1',
  'p a\\',
  'p( # `q`',
]
const SCRIPTS = 500

/** Numbers below 1, the same in each run. @param {number} at where they begin */
function chances(at) {
  return () => {
    at ^= at << 13
    at ^= at >>> 17
    at ^= at << 5
    return (at >>> 0) / 2 ** 32
  }
}

/** @param {() => number} next */
function scriptBy(next) {
  let script = 'p'
  for (let left = 1 + Math.floor(next() * 7); left > 0; left--) {
    script += next() < 0.5 ? ' ' : ''
    script += PIECES[Math.floor(next() * PIECES.length)]
  }
  return script
}

test('shells run what was understood of a script, and nothing else', {
  timeout: 60_000,
  skip: process.platform === 'win32',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shells-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [bin, work, record] = [join(folder, 'bin'), join(folder, 'work'), join(folder, 'record')]
  mkdirSync(bin)
  mkdirSync(work)
  for (const name of PROGRAMS) {
    const words = `printf '%s\\0' ${name} "$@" >> "$RECORD"; printf '\\n\\0' >> "$RECORD"`
    writeFileSync(join(bin, name), `#!/bin/sh\n${words}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const shells = SHELLS.flatMap((name) =>
    ['/bin', '/usr/bin']
      .map((place) => join(place, name))
      .filter(existsSync)
      .slice(0, 1),
  )
  assert.ok(shells.length > 0)
  const chance = chances(2463534242)
  const scripts = [...FOUND, ...Array.from({ length: SCRIPTS }, () => scriptBy(chance))]
  let understood = 0
  for (const script of scripts) {
    const reading = await readScript(script)
    // What is looked at here is words, not which programs and files are allowed.
    const isOurs = (/** @type {any} */ { words, reads, writes }) =>
      PROGRAMS.includes(words[0]) && [...reads, ...writes].every((file) => file === '/dev/null')
    if ('why' in reading || !reading.commands.every(isOurs)) continue
    understood++
    const wanted = reading.commands.map((/** @type {any} */ { words }) => JSON.stringify(words))
    for (const shell of shells) {
      rmSync(record, { force: true })
      spawnSync(shell, ['-c', script], {
        cwd: work,
        env: { PATH: bin, RECORD: record, x: 'XX', HOME: '/home' },
        input: '',
      })
      const ran = existsSync(record) ? readFileSync(record, 'utf8').split('\n\0').slice(0, -1) : []
      for (const words of ran) {
        const said = JSON.stringify(words.split('\0').slice(0, -1))
        assert.ok(
          wanted.includes(said),
          `${shell} of ${JSON.stringify(script)} ran ${said}, not ${wanted.join(' ')}`,
        )
      }
      assert.deepEqual(readdirSync(work), [], script)
    }
  }
  assert.ok(understood > 30, `${understood} were understood`)
})
