// Approvals by rules: folders, hosts, rules together, and the real codex.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { allowCommands, allowFolders, allowHosts, ask, deny, policy } from '../../policy/index.mjs'
import { addFile, command, say } from '../../testing/index.mjs'
import { asked, context, decided, patched } from '../support/approvals.mjs'
import { real } from '../support/real.mjs'
import { temporaryFolder } from '../support/rig.mjs'

describe('files', () => {
  /** @param {import('node:test').TestContext} t */
  function workspace(t) {
    const root = realpathSync(temporaryFolder(t))
    for (const name of ['src/deep', 'src/.git/hooks', 'src/bare', 'outside', 'srcs']) {
      mkdirSync(join(root, name), { recursive: true })
    }
    writeFileSync(join(root, 'src/file'), '')
    writeFileSync(join(root, 'src/bare/HEAD'), '')
    writeFileSync(join(root, 'outside/file'), '')
    writeFileSync(join(root, 'src/run.sh'), '')
    symlinkSync(join(root, 'outside'), join(root, 'src/out'))
    symlinkSync(join(root, 'outside/none'), join(root, 'src/dangling'))
    symlinkSync(join(root, 'src/deep'), join(root, 'src/in'))
    symlinkSync(join(root, 'src/loop'), join(root, 'src/loop'))
    symlinkSync(join(root, 'src'), join(root, 'alias'))
    return root
  }

  test('changes in a folder are allowed, as links and `..` lead', async (t) => {
    const root = workspace(t)
    const rule = allowFolders(join(root, 'alias'))
    const outcome = (/** @type {string[]} */ ...paths) =>
      decided(rule, patched(paths.map((path) => `${root}/${path}`)))
    for (const path of [
      'src/file',
      'src/new/file',
      'src/in/new',
      'src/deep/../file',
      'src/./file',
      'alias/x',
    ]) {
      assert.equal(await outcome(path), 'accept', path)
    }
    for (const path of [
      'outside/file',
      'srcs/file',
      'src/../outside/file',
      'src/out/file',
      'src/out/new',
      'src/out/../outside/file',
      'src/in/../../outside/file',
      'src/none/../../outside/file',
      'src/dangling',
      'src/loop',
      'src/.git/hooks/pre-commit',
      'src/deep/.GIT/config',
      'src/.git./config',
      'src/.git /config',
      'src/.git::$INDEX_ALLOCATION/config',
      'src/GIT~1/config',
      'src/.g\u200cit/config',
      'src/.codex/config.toml',
      'src/.agents/skills/a/SKILL.md',
      'src/new/HEAD',
      'src/bare/config',
      'src/bare/hooks/pre-commit',
      'src/file/below',
    ]) {
      assert.equal(await outcome(path), 'asked', path)
    }
    assert.equal(await outcome('src/file', 'outside/file'), 'asked', 'all of them must lie in it')
    assert.equal(await outcome(), 'asked', 'which files is not known')
    const named = allowFolders(join(root, 'src/.git'))
    assert.equal(await decided(named, patched([join(root, 'src/.git/hooks/x')])), 'accept')
  })

  test('a move, a root that is granted, and the legacy request count', async (t) => {
    const root = workspace(t)
    const rule = allowFolders(join(root, 'src'))
    const move = (/** @type {string} */ to) => {
      const request = patched([join(root, 'src/file')])
      request.changes[0].kind.move_path = join(root, to)
      return request
    }
    assert.equal(await decided(rule, move('src/other')), 'accept')
    assert.equal(await decided(rule, move('outside/other')), 'asked')
    const granted = (/** @type {string} */ grantRoot) => patched([join(root, 'src/file')], { grantRoot })
    assert.equal(await decided(rule, granted(join(root, 'src/deep'))), 'accept')
    assert.equal(await decided(rule, granted(root)), 'asked')
    const legacy = (/** @type {string} */ path, /** @type {string} */ to) => ({
      id: 0,
      method: /** @type {const} */ ('applyPatchApproval'),
      kind: /** @type {const} */ ('fileChange'),
      changes: null,
      params: {
        callId: 'c',
        conversationId: 't',
        fileChanges: { [join(root, path)]: { type: 'update', unified_diff: '', move_path: join(root, to) } },
      },
    })
    assert.equal(await decided(rule, legacy('src/a', 'src/b')), 'accept')
    assert.equal(await decided(rule, legacy('src/a', 'outside/b')), 'asked')
    assert.equal(await decided(rule, legacy('outside/a', 'src/b')), 'asked')
  })

  test('commands stay within their folders, wherever they are started and whatever they name', async (t) => {
    const root = workspace(t)
    const within = join(root, 'src')
    const rule = allowCommands({ command: 'cat *', within }, { command: 'cd *', within }, './src/run.sh')
    const outcome = (/** @type {string} */ script, cwd = within) => decided(rule, asked(script, { cwd }))
    for (const script of [
      'cat file',
      'cat ./file in/new',
      `cat '${within}/file'`,
      'cd deep && cat ../file',
      'cat file > new',
    ]) {
      assert.equal(await outcome(script), 'accept', script)
    }
    for (const script of [
      'cat /etc/passwd',
      'cat ../outside/file',
      'cat out/file',
      'cat in/../../outside/file',
      'cat dangling',
      'cat file > ../outside/new',
      'cat file > .git/hooks/pre-commit',
      'cat < ../outside/file',
      'cd .. && cat file',
      'cd deep; cat ../file',
      'cd deep || cat file',
      'cd out && cat file',
      'cd - && cat file',
      'cd && cat file',
      'cd deep | cat file',
    ]) {
      assert.equal(await outcome(script), 'asked', script)
    }
    assert.equal(await outcome('cat file', root), 'asked', 'it is started elsewhere')
    assert.equal(await outcome('cat file', join(within, 'out')), 'asked', 'there is a link to elsewhere')
  })

  test('a program that is named by its path is that file', async (t) => {
    const root = workspace(t)
    const rule = allowCommands({ command: [`${root}/src/run.sh`] })
    const outcome = (/** @type {string} */ script, /** @type {string} */ cwd) =>
      decided(rule, asked(script, { cwd }))
    assert.equal(await outcome('./run.sh', join(root, 'src')), 'accept')
    assert.equal(await outcome('./run.sh', join(root, 'outside')), 'asked')
    assert.equal(await outcome('src/run.sh', root), 'accept')
    assert.equal(await outcome('cd outside && ./run.sh', root), 'asked')
    assert.equal(await outcome('run.sh', join(root, 'src')), 'asked')
  })

  test('what may be written by an argument is not in a folder that others follow', async (t) => {
    const root = workspace(t)
    const within = join(root, 'src')
    const rule = allowCommands(...['cp *', 'cat *'].map((command) => ({ command, within })))
    const outcome = (/** @type {string} */ script) => decided(rule, asked(script, { cwd: within }))
    assert.equal(await outcome('cat .git/config'), 'accept')
    assert.equal(await outcome('cp file deep/file'), 'accept')
    assert.equal(await outcome('cp file .git/hooks/pre-commit'), 'asked')
    assert.equal(await outcome('cp file .agents/a'), 'asked')
  })

  test('what is denied in a folder is a look at it, too', async (t) => {
    const root = workspace(t)
    const secrets = join(root, 'src/deep')
    const rules = [deny({ folders: secrets }), allowFolders(root), allowCommands('mkdir *', 'cd *', 'cat *')]
    const outcome = (/** @type {string} */ script, type = 'unknown', cwd = join(root, 'src')) =>
      policy(...rules)(asked(script, { cwd, commandActions: [{ type, command: script }] }), context)
    for (const [script, type] of /** @type {const} */ ([
      ['cat deep/key', 'read'],
      ['cat in/key', 'read'],
      [`cat file '${secrets}/key'`, 'read'],
      ['ls deep', 'listFiles'],
      ['ls ../src/./deep', 'listFiles'],
      ['rg needle deep', 'search'],
      ['rg needle', 'search'],
      ['rg needle ..', 'search'],
      ['grep -r needle .', 'search'],
      ['mkdir deep/new', 'unknown'],
      ['cd deep && cat key', 'unknown'],
      ['tool --file=deep/key', 'unknown'],
      ['cat < deep/key', 'unknown'],
      ['cat deep/key "$(x)"', 'unknown'],
    ])) {
      assert.equal((await outcome(script, type)).rule, `deny: ${secrets}`, script)
    }
    assert.equal((await outcome('cat key', 'read', secrets)).rule, `deny: ${secrets}`)
    for (const [script, type] of /** @type {const} */ ([
      ['cat file', 'read'],
      ['ls', 'listFiles'],
      ['grep needle file', 'search'],
      ['rg deep file', 'search'],
      ['rg needle ../outside', 'search'],
    ])) {
      const { decision } = await outcome(script, type)
      // What is searched for may be called as the folder is.
      assert.equal(decision, script === 'rg deep file' ? 'decline' : 'accept', script)
    }
  })

  test('what codex says but looks at files is allowed in their folder, without options', async (t) => {
    const root = workspace(t)
    const rule = allowFolders(join(root, 'src'))
    const outcome = (/** @type {string} */ script, /** @type {string} */ type) =>
      decided(rule, asked(script, { cwd: join(root, 'src'), commandActions: [{ type, command: script }] }))
    for (const [script, type] of /** @type {const} */ ([
      ['cat file', 'read'],
      ['ls', 'listFiles'],
      ['rg needle deep', 'search'],
      ['rg /etc', 'search'],
      ['cat .git/config', 'read'],
    ])) {
      assert.equal(await outcome(script, type), 'accept', script)
    }
    for (const [script, type] of /** @type {const} */ ([
      ['cat file', 'unknown'],
      ['cat /etc/passwd', 'read'],
      ['cat out/file', 'read'],
      ['ls ..', 'listFiles'],
      ['rg --pre=evil needle deep', 'search'],
      ['rg needle /etc', 'search'],
      ['./cat file', 'read'],
      ['cat file > file2', 'read'],
      ['cat file; cat file', 'read'],
      // Programs that run what their arguments or a file say.
      [`awk 'BEGIN{system("id")}' file`, 'read'],
      ['git ls-files', 'listFiles'],
      ['git grep needle', 'search'],
      ['less file', 'read'],
      ['bat file', 'read'],
      ['unknown file', 'read'],
    ])) {
      assert.equal(await outcome(script, type), 'asked', script)
    }
  })
})

describe('hosts', () => {
  const to = (/** @type {string} */ host) =>
    asked('curl x', { networkApprovalContext: { host, protocol: 'https' } })
  const rule = allowHosts('registry.npmjs.org', '*.example.com', '10.0.0.1')

  test('a host is allowed by its name, as it is spelt', async () => {
    for (const host of [
      'registry.npmjs.org',
      'REGISTRY.npmjs.org',
      'registry.npmjs.org.',
      'a.b.example.com',
      '10.0.0.1',
    ]) {
      assert.equal(await decided(rule, to(host)), 'accept', host)
    }
    for (const host of [
      'example.com',
      'evilexample.com',
      'registry.npmjs.org.evil.com',
      'x.registry.npmjs.org',
      'registry.npmjs.org:8080@evil.com',
      'evil.com/registry.npmjs.org',
      'evil.com#.example.com',
      '',
      '*',
    ]) {
      assert.equal(await decided(rule, to(host)), 'asked', host)
    }
  })

  test('it decides about hosts alone', async () => {
    assert.equal(await decided(rule, asked('curl https://registry.npmjs.org')), 'asked')
    assert.equal(await decided(allowCommands('curl x'), to('registry.npmjs.org')), 'asked')
  })
})

describe('rules together', () => {
  test('the first answer wins, and is said with its rule', async () => {
    const all = policy(
      deny('git push', { folders: '/work/secret', hosts: '*.evil.com', decision: 'cancel' }),
      [allowCommands('git status', 'npm test'), allowFolders('/work/src')],
      async function lateAtNight() {
        return /** @type {const} */ ('acceptForSession')
      },
      deny(),
    )
    const outcome = (/** @type {any} */ request) => all(request, context)
    const said = async (/** @type {any} */ request) => Object.values(await outcome(request)).sort()
    assert.deepEqual(await outcome(asked('npm test && git status')), {
      decision: 'accept',
      rule: 'allowCommands: npm test, git status',
    })
    assert.deepEqual(await said(patched(['/work/src/a'])), ['accept', 'allowFolders: /work/src'])
    assert.deepEqual(await said(patched(['/work/secret/a'])), ['cancel', 'deny: /work/secret'])
    for (const script of [
      'git push',
      '/usr/bin/git -C x push -f',
      'echo $(git push)',
      'if true; then git push; fi',
    ]) {
      assert.deepEqual(await said(asked(script)), ['cancel', 'deny: git push'], script)
    }
    assert.deepEqual(await said(asked('git pull')), ['acceptForSession', 'lateAtNight'])
  })

  test('where no rule answers it is declined', async () => {
    const answer = await policy(allowCommands('ls'))(asked('rm x'), context)
    assert.deepEqual(answer, { decision: 'decline', rule: 'no rule answered' })
  })

  test('a person is told what was understood, and why not', async () => {
    /** @type {unknown[]} */
    const told = []
    const asks = policy(
      ask((_, { reading, signal }) => {
        assert.equal(signal, context.signal)
        told.push(reading)
        return undefined
      }),
      ask(() => 'accept'),
    )
    assert.deepEqual(await asks(asked('a "b c" | d'), context), { decision: 'accept', rule: 'ask' })
    await asks(asked('a $(b)'), context)
    await asks(patched(['/work/a']), context)
    assert.deepEqual(told, [
      { about: 'command', commands: [['a', 'b c'], ['d']], cwd: '/work' },
      { about: 'unknown', why: 'it has a CommandExpansion in it' },
      { about: 'files', paths: ['/work/a'] },
    ])
  })

  test('a rule that throws declines, and is named', async () => {
    const thrown = policy(
      function broken() {
        throw new Error('no luck')
      },
      ask(() => 'accept'),
    )
    await assert.rejects(thrown(asked('ls'), context), { message: 'the rule broken failed: no luck' })
    const returned = policy(/** @type {any} */ (() => new Error('no luck')))
    await assert.rejects(returned(asked('ls'), context), { message: 'the rule rule 1 failed: no luck' })
  })
})

describe('the real codex', { timeout: 60_000 }, () => {
  test('its commands and patches are decided by rules, and each decision is recorded with its rule', async (t) => {
    const { codex, provider, home } = await real(t)
    mkdirSync(join(home.workspace, 'src'))
    /** @type {unknown[]} */
    const questions = []
    const onApproval = policy(
      deny('git push'),
      allowCommands('touch *', { command: 'cat *', within: home.workspace }, 'tail *'),
      allowFolders(join(home.workspace, 'src')),
      ask((_, { reading }) => {
        questions.push(reading)
        return 'decline'
      }),
    )
    const records = codex.serverRequests()
    const options = { cwd: home.workspace, approvalPolicy: /** @type {const} */ ('untrusted'), onApproval }
    const commands = [
      command('touch allowed'),
      command('touch a && cat a | tail'),
      command('touch "$(touch asked)"'),
      command('touch b; touch c > asked'),
      command('git push'),
    ]
    // What a patch needs is asked for where the sandbox does not have it.
    const patches = [addFile('src/made.txt', 'hello\n'), addFile('other.txt', 'hello\n')]
    provider.enqueue(...commands, say('Done.'), ...patches, say('Done, too.'))
    const thread = await codex.startThread(options)
    assert.equal((await thread.run('go')).finalResponse, 'Done.')
    const patched = await codex.startThread({ ...options, sandbox: 'read-only' })
    assert.equal((await patched.run('go')).finalResponse, 'Done, too.')
    const rules = []
    for (const _ of [...commands, ...patches]) rules.push((await records.next()).value?.rule)
    await records.return()
    const src = join(home.workspace, 'src')
    assert.deepEqual(rules, [
      'allowCommands: touch *',
      'allowCommands: touch *, cat *, tail *',
      'ask',
      'ask',
      'deny: git push',
      `allowFolders: ${src}`,
      'ask',
    ])
    const made = ['allowed', 'a', 'src/made.txt', 'asked', 'b', 'c', 'other.txt'].map((name) =>
      existsSync(join(home.workspace, name)),
    )
    assert.deepEqual(made, [true, true, true, false, false, false, false])
    assert.deepEqual(
      questions.map((reading) => /** @type {any} */ (reading).about),
      ['unknown', 'command', 'files'],
    )
  })

  test('a look of a program that can do more is asked for, whatever codex says of it', async (t) => {
    const { codex, provider, home } = await real(t)
    writeFileSync(join(home.workspace, 'file'), 'x\n')
    /** @type {string[]} */
    const looks = []
    /** @type {unknown[]} */
    const accepted = []
    const rules = policy(allowFolders(home.workspace))
    /** @type {import('../../policy/index.js').Policy} */
    const onApproval = async (request, handling) => {
      assert.ok(request.method === 'item/commandExecution/requestApproval')
      const answer = await rules(request, handling)
      const [action] = request.params.commandActions ?? []
      if (action !== undefined && action.type !== 'unknown') looks.push(action.command)
      if (answer.decision === 'accept') accepted.push(action?.command)
      return answer
    }
    const awk = `awk 'BEGIN{system("touch pwned")}' file`
    const scripts = [
      awk,
      'git ls-files',
      'git grep x',
      'less file',
      'more file',
      'bat file',
      'python3 file',
      'awk x file',
    ]
    const last = 'du file'
    provider.enqueue(...[...scripts, last].map((script) => command(script)), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace, approvalPolicy: 'untrusted', onApproval })
    assert.equal((await thread.run('go')).finalResponse, 'Done.')
    assert.ok(looks.includes(awk), `codex says that awk looks: ${looks}`)
    assert.deepEqual(
      accepted.filter((script) => script !== last),
      [],
    )
    assert.equal(existsSync(join(home.workspace, 'pwned')), false)
  })

  test('what its sandbox keeps in a folder is not meant with the folder', async (t) => {
    const { codex, provider, home } = await real(t, {}, { sandboxMode: 'workspace-write' })
    const names = [
      '.git',
      '.codex',
      '.agents',
      '.claude',
      '.cursor',
      '.github',
      '.vscode',
      '.config',
      '.husky',
      'other',
    ]
    for (const name of names) mkdirSync(join(home.workspace, name))
    provider.enqueue(command(`for d in ${names.join(' ')}; do touch $d/x; done`), say('Done.'))
    const thread = await codex.startThread({ cwd: home.workspace, approvalPolicy: 'never' })
    await thread.run('go')
    const kept = names.filter((name) => !existsSync(join(home.workspace, name, 'x')))
    assert.ok(kept.length > 0 && kept.length < names.length, `its sandbox keeps ${kept}`)
    const rule = allowFolders(home.workspace)
    for (const name of names) {
      const answer = await decided(rule, patched([join(home.workspace, name, 'x')]))
      assert.equal(answer, kept.includes(name) ? 'asked' : 'accept', name)
    }
  })

  test('an answer that says a rule is what it was without; null where none is said', async (t) => {
    const { codex, provider, home } = await real(t)
    const records = codex.serverRequests()
    /** @type {import('../../index.js').ApprovalAnswer[]} */
    const answers = [
      { decision: 'accept', rule: 'mine' },
      { decision: { acceptWithExecpolicyAmendment: ['touch', 'two'] }, rule: 'mine too' },
      { decision: 'accept' },
      { decision: /** @type {any} */ ('yes'), rule: 'wrong' },
    ]
    const onApproval = () => /** @type {import('../../index.js').ApprovalAnswer} */ (answers.shift())
    const thread = await codex.startThread({ cwd: home.workspace, approvalPolicy: 'untrusted', onApproval })
    provider.enqueue(...['one', 'two', 'three', 'four'].map((name) => command(`touch ${name}`)), say('Done.'))
    await thread.run('go')
    const said = []
    for (let index = 0; index < 4; index++) {
      const { value } = await records.next()
      said.push([
        value?.answeredBy,
        value?.rule,
        existsSync(join(home.workspace, ['one', 'two', 'three', 'four'][index] ?? '')),
      ])
    }
    await records.return()
    assert.deepEqual(said, [
      ['thread', 'mine', true],
      ['thread', 'mine too', true],
      ['thread', null, true],
      ['nobody', null, false],
    ])
  })
})
