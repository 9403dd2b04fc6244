// `npm run codex`: what its report says of a new codex, and which versions the repository names.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { failedIn } from '../../scripts/codex/checks.mjs'
import { placesOf } from '../../scripts/codex/places.mjs'
import { reportOf } from '../../scripts/codex/report.mjs'
import { oldestVersion } from '../../scripts/codex/versions.mjs'

/** @param {string} name */
const ref = (name) => ({ $ref: `#/definitions/v2/${name}` })
/** @param {Record<string, object>} properties @param {string[]} [required] */
const object = (properties, required = []) => ({ type: 'object', properties, required })
/** @param {[string, string][]} methods */
const union = (methods) => ({
  oneOf: methods.map(([method, params]) => object({ method: { enum: [method] }, params: ref(params) })),
})
const string = { type: 'string' }

const before = bundle({
  ClientRequest: union([
    ['shop/open', 'ShopOpenParams'],
    ['thread/list', 'ThreadListParams'],
  ]),
  ServerRequest: union([
    ['time/read', 'TimeReadParams'],
    ['till/count', 'TillCountParams'],
  ]),
  ServerNotification: union([['shop/changed', 'ShopChangedNotification']]),
  ClientNotification: union([['done', 'DoneNotification']]),
  ShopOpenParams: object({ key: string }, ['key']),
  ShopOpenResponse: object({ shop: ref('Shop') }, ['shop']),
  ThreadListParams: object({ limit: { type: 'integer' } }),
  TimeReadParams: object({}),
  TillCountParams: object({}),
  ShopChangedNotification: object({ shop: ref('Shop') }, ['shop']),
  DoneNotification: object({}),
  Shop: object({ colour: ref('Colour'), shopKeeper: string, size: string }, ['colour', 'size']),
  Colour: { enum: ['red', 'blue'] },
  Sign: { oneOf: [object({ type: { enum: ['board'] }, text: string })] },
})
const after = bundle({
  ...before.definitions.v2,
  ClientRequest: union([
    ['shop/close', 'ShopOpenParams'],
    ['shop/open', 'ShopOpenParams'],
    ['thread/list', 'ThreadListParams'],
  ]),
  ServerRequest: union([['door/unlock', 'TimeReadParams']]),
  ServerNotification: union([
    ['shop/changed', 'ShopChangedNotification'],
    ['shop/sold', 'ShopChangedNotification'],
    ['shop/turned', 'ShopTurnedNotification'],
  ]),
  ThreadListParams: object({ limit: { type: 'integer' }, colour: ref('Colour') }),
  Shop: object({ colour: ref('Colour'), size: { type: ['string', 'null'] } }, ['colour']),
  Colour: { enum: ['red', 'green'] },
  ShopTurnedNotification: object({ turnId: string }, ['turnId']),
  Sign: {
    oneOf: [
      object({ type: { enum: ['board'] }, text: string }),
      object({ type: { enum: ['flag'] }, ownWind: string }, ['ownWind']),
    ],
  },
})

const sources = [
  { path: 'src/shop.rs', text: 'match method { "shop/changed" => read(shop_keeper), }' },
  { path: 'src/elsewhere.js', text: 'const shopKeeper = 1; paint("blue")' },
  { path: 'src/colour.js', text: "/** @type {Colour} */ if (colour === 'blue') paint()" },
  { path: 'client/src/server_requests/decline.rs', text: '"time/read" => 1, "till/count" => 2' },
  { path: '__test__/shop.test.mjs', text: "on('time/read')" },
]

/** @param {Record<string, any>} v2 @returns {{ definitions: { v2: Record<string, any> } }} */
function bundle(v2) {
  return { definitions: { v2 } }
}

/** @param {Partial<Parameters<typeof reportOf>[0]>} [more] */
function report(more = {}) {
  const places = { before: placesOf(before), after: placesOf(after), oldest: placesOf(after) }
  return reportOf({ from: '1.0.0', to: '1.1.0', ...places, sources, checks: [], ...more })
}

/** The cells of the row of a name, in the order of the table. @param {string} text @param {string} name */
function row(text, name) {
  const lines = text.split('\n').filter((line) => line.split(' | ')[1] === `\`${name}\``)
  assert.equal(lines.length, 1, `${name} in ${text}`)
  return String(lines[0])
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim())
}

test('methods, notifications and requests of the server are told as added or gone', () => {
  const { text } = report()
  assert.deepEqual(
    ['shop/close', 'shop/sold', 'door/unlock', 'time/read', 'till/count'].map((name) => row(text, name)[0]),
    ['added', 'added', 'added', 'gone', 'gone'],
  )
  assert.ok(!text.includes('| `shop/open` |'), text)
  assert.match(String(row(text, 'door/unlock').at(-1)), /onServerRequest/)
  assert.match(String(row(text, 'shop/sold').at(-1)), /by `notifications\(\)`/)
  assert.match(String(row(text, 'shop/turned').at(-1)), /streams of turns/)
})

test('fields and enum values are told with their types, where they are carried and what is noticed', () => {
  const { text } = report()
  assert.deepEqual(row(text, 'Shop.size').slice(0, 4), [
    'changed',
    '`Shop.size`',
    '`string` → `string \\| null ?`',
    '`shop/changed`, `shop/close`, `shop/open`, `shop/sold`',
  ])
  assert.match(String(row(text, 'ThreadListParams.colour').at(-1)), /listThreads\(\).* takes `colour`/)
  assert.equal(row(text, "Colour 'green'")[0], 'added')
  assert.equal(row(text, "Colour 'blue'")[0], 'gone')
  assert.equal(row(text, 'Sign(flag).ownWind')[0], 'added')
  assert.equal(row(text, "Sign 'flag'")[0], 'added')
})

test('files are named that name a method, or a field or value beside what carries it', () => {
  const { text } = report()
  assert.equal(row(text, 'Shop.shopKeeper').at(-2), '`src/shop.rs`')
  assert.equal(row(text, "Colour 'blue'").at(-2), '`src/colour.js`')
  assert.equal(
    row(text, 'time/read').at(-2),
    '`client/src/server_requests/decline.rs`, `__test__/shop.test.mjs`',
  )
})

test('left to do is what our code names and is gone, what nobody declines, and what failed', () => {
  const checks = [
    { name: 'types', passed: true },
    { name: 'tests on codex 1.1.0', passed: false, failed: ['`a turn` (__test__/turns.test.mjs)'] },
  ]
  const { left, text } = report({ checks })
  assert.equal(left[0], 'tests on codex 1.1.0: `a turn` (__test__/turns.test.mjs)')
  const rest = left.slice(1).join('\n')
  for (const part of ['door/unlock', 'time/read', 'till/count', 'Shop.shopKeeper', "Colour 'blue'"])
    assert.ok(rest.includes(`\`${part}\``), part)
  assert.ok(!rest.includes('__test__'), rest)
  for (const one of left) assert.ok(text.includes(`- [ ] ${one}\n`), one)
})

test('what the oldest supported codex still has is not left to do when it is gone', () => {
  const { left } = report({ oldest: placesOf(before) })
  assert.equal(left.length, 1, left.join('\n'))
  assert.match(String(left[0]), /door\/unlock/)
})

test('nothing is left where nothing changed', () => {
  const { left, text } = report({ after: placesOf(before) })
  assert.deepEqual(left, [])
  assert.match(text, /The protocol is the same\.\n\n## Left to do\n\nNothing\./)
})

test('failed tests are named by themselves and their file, their suites are not', () => {
  const tap = `TAP version 13
# Subtest: account
    # Subtest: logs in
    not ok 1 - logs in
      ---
      location: '/srv/__test__/account.test.mjs:33:3'
      failureType: 'testCodeFailure'
      ...
not ok 1 - account
  ---
  location: '/srv/__test__/account.test.mjs:32:1'
  failureType: 'subtestsFailed'
  ...
ok 2 - other
  ---
  duration_ms: 1
  ...
`
  assert.deepEqual(failedIn(tap), ['`logs in` (__test__/account.test.mjs)'])
})

test('the oldest supported codex and the pinned one are the same wherever they are named', async () => {
  /** @param {string} file */
  const text = (file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const oldest = await oldestVersion()
  const pinned = JSON.parse(text('package.json')).devDependencies['@openai/codex']
  assert.match(text('client/src/process/version.rs'), new RegExp(`MINIMUM_CODEX_VERSION: &str = "${oldest}"`))
  assert.match(text('README.md'), new RegExp(`codex ${oldest} or later`))
  assert.match(text('README.md'), new RegExp(`protocol types come from codex ${pinned}`))
  assert.match(text('protocol.d.ts'), new RegExp(`PINNED_CODEX_VERSION = '${pinned}'`))
})
