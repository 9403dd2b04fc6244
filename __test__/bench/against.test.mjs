// `npm run bench -- --against REF`: its arguments, the order in which it measures, and what it calls worse.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commitOf, inTurns } from '../../bench/against.mjs'
import { argumentsOf, UsageError } from '../../bench/arguments.mjs'
import { asTable, judge } from '../../bench/judge.mjs'

const bench = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url))

describe('arguments', () => {
  test('a revision is compared with, and nothing is written into the page', () => {
    const { against, bound, write } = argumentsOf(['--against', 'main'])
    assert.deepEqual({ against, bound, write }, { against: 'main', bound: 0.1, write: false })
    assert.equal(argumentsOf(['--against=main', '--bound', '25']).bound, 0.25)
  })

  test('without one the page is written, but for development builds', () => {
    assert.equal(argumentsOf([]).write, true)
    assert.equal(argumentsOf(['--development']).write, false)
    assert.equal(argumentsOf(['--no-write']).write, false)
  })

  for (const wrong of [
    ['--against'],
    ['--against', ''],
    ['--bound', '5'],
    ['--against', 'main', '--bound', 'much'],
    ['--rounds', '0'],
    ['--sizes', '16,big'],
    ['--turns', '1.5'],
    ['--crowds', ''],
    ['--unknown'],
    ['more'],
  ]) {
    test(`refused: ${wrong.join(' ')}`, () => {
      assert.throws(() => argumentsOf(wrong), UsageError)
    })
  }

  test('a revision that is none is refused before anything is built', () => {
    assert.match(commitOf('HEAD'), /^[0-9a-f]{40}$/)
    for (const none of ['no-such-branch', '--all']) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [bench, `--against=${none}`], {
        encoding: 'utf8',
      })
      assert.equal(status, 2)
      assert.equal(stdout, '')
      assert.equal(stderr, `--against ${none}: there is no such revision here\n`)
    }
  })
})

test('both are measured in each round, each of them the first as often', async () => {
  const before = { root: 'before', addon: '' }
  const after = { root: 'after', addon: '' }
  const order = /** @type {string[]} */ ([])
  const pairs = await inTurns(4, [before, after], async ({ root }) => {
    order.push(root)
    return root
  })
  assert.deepEqual(pairs, Array(4).fill(['before', 'after']))
  assert.equal(order.join(' '), 'before after after before before after after before')
})

describe('what is worse', () => {
  /**
   * @param {[number, number][]} pairs
   * @param {{ floor?: number, bound?: number }} [options]
   */
  const judged = (pairs, { floor = 0, bound = 0.1 } = {}) =>
    judge({ name: 'text()', measure: 'main thread, ms', floor, pairs }, bound)

  test('what is so by more than the bound', () => {
    assert.equal(judged([[100, 115]]).verdict, 'worse')
    assert.equal(judged([[100, 109]]).verdict, '')
    assert.equal(judged([[100, 115]], { bound: 0.2 }).verdict, '')
    assert.equal(judged([[100, 85]]).verdict, 'better')
    assert.equal(judged([[100, 100]]).verdict, '')
  })

  test('nothing below the floor: twice of nothing is nothing', () => {
    const pairs = /** @type {[number, number][]} */ ([
      [0.4, 0.9],
      [0.5, 1],
    ])
    assert.equal(judged(pairs, { floor: 5 }).verdict, '')
    assert.equal(judged(pairs).verdict, 'worse')
    assert.equal(judged([[0, 0]]).ratio, 1)
  })

  test('not what one pair in two shows', () => {
    const { ratio, middleHalf, verdict } = judged([
      [100, 90],
      [100, 95],
      [100, 140],
      [100, 150],
    ])
    assert.ok(ratio > 1.1)
    assert.deepEqual(middleHalf, [0.925, 1.45])
    assert.equal(verdict, '')
  })

  test('pair by pair: a machine that was slower in one round was so for both', () => {
    const { before, after, ratio, verdict } = judged([
      [100, 112],
      [200, 230],
      [400, 450],
    ])
    assert.deepEqual({ before, after }, { before: 200, after: 230 })
    assert.equal(ratio, 1.125)
    assert.equal(verdict, 'worse')
  })

  test('is told with its ratio and spread', () => {
    const row = asTable([judged([[100, 115]])]).split('\n')[2]
    assert.equal(row, '| text() | main thread, ms | 100 | 115 | 1.15 | 1.15 to 1.15 | worse |')
  })
})
