// Approvals of commands by rules: the ways around them that people have found.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allowCommands, allowFolders, allowHosts, ask, policy } from '../../policy/index.mjs'
import { asked, decided } from '../support/approvals.mjs'

describe('commands', () => {
  const rule = allowCommands('git status', 'npm test', 'git add *', 'cc *', {
    command: 'git log *',
    options: ['--oneline', '-n', '--max-count'],
  })

  for (const script of [
    'git status',
    'git   status ',
    '"git" \'status\'',
    'git status && npm test',
    'git status; npm test',
    'git status\nnpm test',
    'git status | npm test',
    'git status 2>&1 >/dev/null </dev/null',
    'git status # and no more',
    'git status # and (it) says `no`\nnpm test # "more',
    'git add a "b c" ./d/e',
    'git add',
    'git log --oneline -n 5 HEAD',
    'git log --max-count=5',
    'git add a \\\n  b',
    'git add "a$" b$ \'$x\' "a b$"',
    'git add @scope/name',
  ]) {
    test(`allowed: ${JSON.stringify(script)}`, async () => {
      assert.equal(await decided(rule, asked(script)), 'accept')
    })
  }

  for (const script of [
    // More commands.
    'git status; rm -rf x',
    'git status && rm x',
    'git status || rm x',
    'git status | sh',
    'git status |& sh',
    'git status\nrm x',
    'git status # x\nrm x',
    'git status &\nrm x',
    'git status & npm test',
    'rm x; git status',
    // Commands in words.
    'git status $(rm x)',
    'git status `rm x`',
    'git status "$(rm x)"',
    'git status <(rm x)',
    `git add "\${x:-$(rm x)}"`,
    'git add $x',
    'git add $((x[$(rm x)]))',
    'git status <<EOF\n$(rm x)\nEOF',
    'git add 2<(rm x)',
    'git add {a}<(rm x)',
    'git add a>(rm x)',
    'git add $\\\n(rm x)',
    'git add "$\\\n(rm x)"',
    'git add <\\\n(rm x)',
    'git add $=x',
    'git add "$=x"',
    'git status <<< "$(rm x)"',
    // Programs that run others.
    'env -S "git status"',
    'env git status',
    'env FOO=1 git status',
    'xargs git status',
    'sudo git status',
    'sh -c "git status"',
    'bash -lc "git status"',
    'eval git status',
    'exec git status',
    'command git status',
    'time git status',
    '! git status',
    'nohup git status',
    // Other meanings of names.
    'PATH=/tmp/x:$PATH git status',
    'GIT_SSH=/tmp/x git status',
    'git() { rm x; }; git status',
    'function git { rm x; }\ngit status',
    'alias git=rm; git status',
    'export PATH=/tmp/x; git status',
    './git status',
    '/tmp/git status',
    '../git status',
    '=git status',
    // Options that were not named.
    'git -c core.pager=x status',
    'git -C /etc status',
    'git status --porcelain',
    'git add -f x',
    'git add --pathspec-from-file=/etc/passwd',
    'git add -- x',
    'git add +x',
    'git add A=b',
    'cc @x',
    'git log --output=/etc/passwd',
    'git log --oneline --ext-diff',
    'git log --oneline=x --output=y',
    'git log -n5',
    // What may become an option.
    'git add *',
    'git add ?x',
    'git add [-]f',
    'git add {-f,x}',
    "git add $'\\x2df'",
    'git add ~/x',
    // Files.
    'git status > /etc/passwd',
    'git status >> x',
    'git status 2> x',
    'git status &> x',
    'git status >| x',
    'git status <> x',
    'git status < /etc/shadow',
    'git status {fd}> x',
    'git add {fd} >&2',
    'git add 12>&1',
    // Not a plain list of commands.
    '(git status)',
    '{ git status; }',
    'if git status; then npm test; fi',
    'for x in a; do git status; done',
    'while git status; do npm test; done',
    'coproc git status',
    '[[ -f $(rm x) ]] && git status',
    'git status;;',
    'git( #',
    'git status( # `rm x`',
    'git "status',
    'git status \\',
    'git\u00a0status',
    'git status\r',
    'git status\u0000x',
    'git sta\u202etus',
    'git',
    'git  "" status',
    '',
    '# git status',
  ]) {
    test(`asked: ${JSON.stringify(script)}`, async () => {
      assert.equal(await decided(rule, asked(script)), 'asked')
    })
  }

  for (const [why, params] of Object.entries({
    'its shell is another program': { command: "/tmp/x/bash -lc 'git status'" },
    'its shell is one of the folder': { command: "./bash -lc 'git status'" },
    'its shell reads the words otherwise': { command: "/usr/bin/fish -c 'git status'" },
    'its shell gets more than a script': { command: "/bin/bash -lc 'git status' x" },
    'its shell is interactive': { command: "/bin/bash -ilc 'git status'" },
    'its shell is given a file': { command: '/bin/bash git status' },
    'the shell itself is redirected': { command: "/bin/bash -lc 'git status' > x" },
    'there are two shells': { command: "/bin/bash -lc 'git status'; rm x" },
    'it asks for the network': { networkApprovalContext: { host: 'example.com', protocol: 'https' } },
    'it asks for more permissions': { additionalPermissions: { network: { enabled: true } } },
    'it writes to a command that runs': { kind: 'writeStdin' },
    'it is what a person typed': { kind: 'humanCommand' },
    'it runs elsewhere': { environmentId: 'remote' },
    'nobody says what it runs': { command: null },
    'nobody says where': { cwd: null },
    'codex reads another command in it': { commandActions: [{ type: 'unknown', command: 'rm x' }] },
    'codex reads something more': {
      commandActions: [
        { type: 'unknown', command: 'git status' },
        { type: 'unknown', command: 'rm x' },
      ],
    },
    'codex would make a rule of other words': { proposedExecpolicyAmendment: ['rm', 'x'] },
  })) {
    test(`asked: ${why}`, async () => {
      assert.equal(await decided(rule, asked('git status', params)), 'asked')
    })
  }

  test('codex itself may leave out what it takes for small', async () => {
    const params = {
      commandActions: [{ type: 'read', command: 'cat a', name: 'a', path: '/work/a' }],
      proposedExecpolicyAmendment: ['cat', 'a'],
    }
    assert.equal(await decided(allowCommands('cat *'), asked('cat a | xargs rm', params)), 'asked')
    assert.equal(await decided(allowFolders('/work'), asked('cat a | xargs rm', params)), 'asked')
  })

  test('the words of the legacy request', async () => {
    const legacy = (/** @type {string[]} */ command) => ({
      id: 0,
      method: /** @type {const} */ ('execCommandApproval'),
      kind: /** @type {const} */ ('command'),
      params: { callId: 'c', conversationId: 't', command, cwd: '/work', parsedCmd: [] },
    })
    assert.equal(await decided(rule, legacy(['git', 'status'])), 'accept')
    assert.equal(await decided(rule, legacy(['/bin/bash', '-lc', 'git status'])), 'accept')
    assert.equal(await decided(rule, legacy(['/bin/bash', '-lc', 'git status; rm x'])), 'asked')
    assert.equal(await decided(rule, legacy(['git', 'status', ';', 'rm'])), 'asked')
  })

  test('patterns that can be none are refused where they are made', () => {
    for (const wrong of ['', ' ', 'git status; rm', '* x', '"git"', 'git $x', 7, null, {}, { command: [] }]) {
      assert.throws(
        () => allowCommands(/** @type {any} */ (wrong)),
        { code: 'INVALID_ARGUMENT' },
        String(wrong),
      )
    }
    for (const wrong of [
      { command: 'a', optoins: [] },
      { command: 'a', options: 'b' },
      { command: 'a', within: '' },
    ]) {
      assert.throws(() => allowCommands(/** @type {any} */ (wrong)), TypeError)
    }
    assert.throws(() => allowCommands(), TypeError)
    assert.throws(() => allowFolders(), TypeError)
    assert.throws(() => allowHosts('http://example.com/x'), TypeError)
    assert.throws(() => policy(/** @type {any} */ ('accept')), TypeError)
    assert.throws(() => ask(/** @type {any} */ (undefined)), TypeError)
  })
})
