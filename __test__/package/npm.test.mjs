// How the commands of a checkout call npm.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { npmCall } from '../../scripts/setup.mjs'

test('a folder with a space in its name reaches npm as one argument, where a shell is between', () => {
  const args = ['install', '--prefix', 'C:\\My code\\codex', '@openai/codex@0.163.0']
  assert.deepEqual(npmCall(args, '', 'win32'), {
    program: 'npm',
    given: ['"install"', '"--prefix"', '"C:\\My code\\codex"', '"@openai/codex@0.163.0"'],
    shell: true,
  })
  assert.deepEqual(npmCall(args, '', 'linux'), { program: 'npm', given: args, shell: false })
  for (const platform of ['win32', 'linux']) {
    const script = '/with space/npm-cli.js'
    const own = { program: process.execPath, given: [script, ...args], shell: false }
    assert.deepEqual(npmCall(args, script, platform), own)
  }
})
