// The larger programs of examples/, as a user runs them: a chat, a reviewer for CI, a web server, a batch, an agent.

import '../support/environment.mjs'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  command,
  createCodexHome,
  createGate,
  functionCall,
  httpError,
  reply,
  say,
  startScriptedProvider,
  waitFor,
} from '../../testing/index.mjs'

/**
 * @param {import('node:test').TestContext} t
 * @param {import('../../testing/index.js').ScriptedProviderOptions} [options]
 */
async function stage(t, options) {
  const provider = await startScriptedProvider(options)
  const home = await createCodexHome(provider, { model: 'gpt-5.5' })
  t.after(async () => {
    await provider.close()
    await home.remove()
    assert.deepEqual(provider.errors, [])
  })
  /** @param {string} name @param {string[]} args */
  const start = (name, ...args) => {
    const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))
    return spawn(process.execPath, [file, ...args], {
      cwd: home.workspace,
      env: { ...process.env, ...home.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
  }
  /** @param {string} name @param {string[]} args */
  const run = async (name, ...args) => outcome(start(name, ...args))
  return { provider, home, start, run }
}

/** @param {import('node:child_process').ChildProcessWithoutNullStreams} child */
async function outcome(child) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code, stdout, stderr }
}

test('chat: what is typed meanwhile is added, a plan is shown, and the thread goes on', async (t) => {
  const { provider, start } = await stage(t)
  const gate = createGate()
  provider.enqueue(reply([waitFor(gate), say('One.')]), say('Two.'))
  const first = start('chat')
  const ended = outcome(first)
  first.stdin.write('Begin\n')
  await gate.reached
  first.stdin.write('And this\n')
  gate.open()
  first.stdin.end()
  const { code, stdout, stderr } = await ended
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /Two\.\n$/)
  assert.deepEqual(provider.requests.at(-1)?.userMessages, ['Begin', 'And this'])
  provider.enqueue(say('<proposed_plan>\n1. tidy\n</proposed_plan>'))
  const second = start('chat')
  second.stdin.end('/plan Tidy up\n')
  assert.match((await outcome(second)).stdout, /The plan:\n1\. tidy\n/)
  assert.deepEqual(provider.requests.at(-1)?.userMessages, ['Begin', 'And this', 'Tidy up'])
})

test('ci-review: findings are annotations, and an urgent one fails the job', async (t) => {
  const { provider, home, run } = await stage(t)
  const git = (/** @type {string[]} */ ...words) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...words], {
      cwd: home.workspace,
    })
  git('init', '-q', '-b', 'main')
  git('commit', '-q', '--allow-empty', '-m', 'x')
  const finding = (/** @type {string} */ title, /** @type {number} */ priority) => ({
    title,
    body: 'Two\nlines',
    confidence_score: 0.9,
    priority,
    code_location: { absolute_file_path: join(home.workspace, 'a.js'), line_range: { start: 3, end: 4 } },
  })
  const found = (/** @type {object[]} */ findings) =>
    say(
      JSON.stringify({
        findings,
        overall_correctness: 'x',
        overall_explanation: 'x',
        overall_confidence_score: 1,
      }),
    )
  provider.enqueue(found([finding('[P1] Off by one', 1), finding('Naming', 3)]))
  const bad = await run('ci-review')
  assert.deepEqual(bad, {
    code: 1,
    stdout:
      '::error file=a.js,line=3,endLine=4,title=Off by one::Two%0Alines\n' +
      '::warning file=a.js,line=3,endLine=4,title=Naming::Two%0Alines\n',
    stderr: '',
  })
  provider.enqueue(say('All is well.'))
  assert.deepEqual(await run('ci-review'), { code: 0, stdout: 'All is well.\n', stderr: '' })
})

test('web-server: text as events, an approval by another request, and a good end', async (t) => {
  const { provider, start } = await stage(t)
  const server = start('web-server', '0')
  const ended = outcome(server)
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  const url = String(line).replace('listening on ', '')
  const post = (/** @type {string} */ path, /** @type {string} */ body) =>
    fetch(`${url}${path}`, { method: 'POST', body })
  provider.enqueue(
    command('echo hi', { sandbox_permissions: 'require_escalated', justification: 'to see' }),
    say('Seen.'),
  )
  const response = await post('/threads/new', 'Look')
  /** @type {[string, any][]} */
  const events = []
  let rest = ''
  for await (const chunk of /** @type {any} */ (response.body)) {
    rest += Buffer.from(chunk).toString()
    const parts = rest.split('\n\n')
    rest = /** @type {string} */ (parts.pop())
    for (const part of parts) {
      const [, event = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? []
      events.push([event, JSON.parse(data)])
      if (event === 'question' && JSON.parse(data).type === 'asked') {
        const { id, request } = JSON.parse(data)
        assert.match(request.command, /echo hi/)
        assert.equal((await post(`/questions/${id}`, 'accept')).status, 204)
        assert.equal((await post(`/questions/${id}`, 'accept')).status, 410)
      }
    }
  }
  const of = (/** @type {string} */ name) =>
    events.filter(([event]) => event === name).map(([, data]) => data)
  assert.deepEqual([of('text').join(''), of('end')], ['Seen.', [{ status: 'completed' }]])
  assert.equal((await post('/threads/00000000-0000-7000-8000-000000000000', 'x')).status, 404)
  server.kill('SIGTERM')
  assert.equal((await ended).code, 0)
})

test('batch: killed in the middle and started again it repeats nothing', async (t) => {
  const gate = createGate()
  const busy = httpError(503, { body: { error: { code: 'server_is_overloaded', message: 'busy' } } })
  const steps = [reply([waitFor(gate), say('never seen')]), busy]
  const { home, start, run } = await stage(t, {
    // By what was done so far, whichever turn that was in.
    respond: ({ userText, toolOutputs }) => {
      if (toolOutputs.length === 0) return command(`echo ${userText} >> log.txt`)
      const [held, failing] = steps
      const index = userText === 'first' ? 0 : 1
      const step = index === 0 ? held : failing
      delete steps[index]
      return step ?? say(index === 0 ? 'One.' : 'Two.')
    },
  })
  const file = join(home.workspace, 'jobs.json')
  writeFileSync(
    file,
    JSON.stringify({
      jobs: [
        { id: 'a', prompt: 'first' },
        { id: 'b', prompt: 'second' },
      ],
    }),
  )
  const killed = start('batch')
  await gate.reached
  while (!readFileSync(file, 'utf8').includes('Two.')) await new Promise((resolve) => setTimeout(resolve, 20))
  const exited = new Promise((resolve) => killed.once('exit', resolve))
  killed.kill('SIGKILL')
  await exited
  const { code, stdout } = await run('batch')
  assert.deepEqual([code, stdout], [0, '2 done, 0 failed\n'])
  const { jobs } = JSON.parse(readFileSync(file, 'utf8'))
  assert.deepEqual(
    jobs.map((/** @type {any} */ { answer }) => answer),
    ['One.', 'Two.'],
  )
  const log = readFileSync(join(home.workspace, 'log.txt'), 'utf8')
  assert.deepEqual(log.trim().split('\n').sort(), ['first', 'second'])
  assert.ok(existsSync(file))
})

test('agent: a picture is seen as one, and an answer that does not fit is asked for again', async (t) => {
  const { provider, home, run } = await stage(t)
  const picture = join(home.workspace, 'shelves.png')
  const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  writeFileSync(picture, Buffer.from(png, 'base64'))
  provider.enqueue(
    functionCall('look', {}),
    functionCall('stock', { shelf: 'B' }),
    say('{"shelf":"B","article":"bread","order":0}'),
    say('{"shelf":"B","article":"bread","order":12}'),
  )
  const { code, stdout, stderr } = await run('agent', 'Which?', picture)
  assert.deepEqual([code, stdout, stderr], [0, 'order 12 bread for shelf B\n', 'used look\nused stock\n'])
  const seen = JSON.stringify(provider.requests[1]?.body)
  assert.match(seen, /"input_image".*data:image\/png;base64/)
  assert.match(seen, /"input_text","text":"Taken just now:"|"text":"Taken just now:"/)
})
