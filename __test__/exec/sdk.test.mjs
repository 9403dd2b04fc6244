// What programs written for @openai/codex-sdk find here: the same names, and the same output once their import line
// is changed. What codex is given is compared in exec-sdk-arguments.test.mjs, what goes wrong in exec-sdk-faults.test.mjs.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  addFile,
  command,
  createCodexHome,
  failed,
  hang,
  mcpCall,
  reasoning,
  reply,
  say,
  startScriptedProvider,
} from 'codex-node/testing'
import { z } from 'zod'
import { says, scriptedExec } from '../support/scripted-exec.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const fixtures = join(root, '__test__/fixtures/exec-sdk')

describe('the names of @openai/codex-sdk', () => {
  const theirTypes = readFileSync(join(root, 'node_modules/@openai/codex-sdk/dist/index.d.ts'), 'utf8')
  const ourTypes = readFileSync(join(root, 'exec/index.d.ts'), 'utf8')

  test('the same exports at run time', async () => {
    const theirs = await import('@openai/codex-sdk')
    const ours = Object.keys(await import('codex-node/exec')).filter((name) => name !== 'default')
    assert.deepEqual(ours.sort(), Object.keys(theirs).sort())
    assert.deepEqual(Object.keys(createRequire(import.meta.url)('codex-node/exec')).sort(), [
      'Codex',
      'Thread',
    ])
  })

  for (const name of /** @type {const} */ (['Codex', 'Thread'])) {
    test(`the same methods and getters of ${name}`, async () => {
      const theirs = (await import('@openai/codex-sdk'))[name]
      const ours = (await import('codex-node/exec'))[name]
      const isPrivate = (/** @type {string} */ member) =>
        new RegExp(`^\\s+private ${member};`, 'm').test(theirTypes)
      const members = (/** @type {Function} */ { prototype }) =>
        Object.entries(Object.getOwnPropertyDescriptors(prototype))
          .filter(([member]) => !isPrivate(member))
          .map(([member, { get, set }]) => `${get ? 'get ' : ''}${set ? 'set ' : ''}${member}`)
          .sort()
      assert.ok(members(theirs).length >= 3)
      assert.deepEqual(members(ours), members(theirs))
    })
  }

  test('every type that they export, and some of our own', () => {
    const theirs = exportedNames(theirTypes)
    const ours = exportedNames(ourTypes)
    assert.ok(theirs.length > 30)
    assert.deepEqual(
      theirs.filter((name) => !ours.includes(name)),
      [],
    )
    assert.deepEqual(
      ours.filter((name) => !theirs.includes(name)),
      [
        'CodexConfigObject',
        'CodexConfigValue',
        'McpContentBlock',
        'StructuredRunResult',
        'StructuredTurnOptions',
      ],
    )
  })

  test('every type that they export is compared by tsc', () => {
    const claims = readFileSync(join(root, '__test__/types/exec.test-d.ts'), 'utf8')
    const missing = exportedNames(theirTypes).filter((name) => !new RegExp(`Sdk\\.${name}\\b`).test(claims))
    assert.deepEqual(missing, [])
  })
})

/** @param {string} types @returns {string[]} what a module of declarations exports, sorted */
function exportedNames(types) {
  const declared = [...types.matchAll(/^export (?:declare )?(?:type|interface|class) (\w+)/gm)]
  const listed = [...types.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  const names = listed.flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace(/^\s*type\s/, '')),
  )
  return [...declared.map(([, name = '']) => name), ...names].map((name) => name.trim()).sort()
}

/**
 * The three programs: what the model says to each, and its arguments.
 *
 * @type {Record<string, (stage: Stage) => string[]>}
 */
const programs = {
  turns: ({ provider }) => {
    provider.when('Diagnose', reply([reasoning('Look first'), command('echo a b; exit 3')]), say('It fails.'))
    provider.when('Implement', reply([say('I will.', { phase: 'commentary' }), say('Fixed.')]))
    provider.when('Run the tests', say('They pass.'))
    provider.when('Go beyond', failed('context_length_exceeded', 'too long'))
    provider.when('once more', say('Still here.'))
    return []
  },
  events: ({ provider, file }) => {
    provider.when(
      'Diagnose',
      reply([
        reasoning('Look first', { raw: 'What is in here?' }),
        { webSearch: 'how to fix it', id: 'search-1' },
        command('echo out; echo more'),
      ]),
      // Not beside the command: codex runs both at once, in whichever order.
      mcpCall('probe', 'probe', { deep: [1, 'a'] }),
      addFile('fix.txt', 'fixed\n'),
      command('exit 7'),
      say('Done.'),
    )
    provider.when('Tell me more', hang(say('There is')))
    return [join(root, '__test__/support/mcp-server.mjs'), file('probe.json')]
  },
  structured: ({ provider, file }) => {
    provider.when('Summarize', say('{"summary":"All is well","status":"ok"}'))
    provider.when('Describe', say('{"first":"a dot","second":null}'))
    // The smallest image that there is.
    const pixel = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChAGAvWvL5AAAAABJRU5ErkJggg==',
      'base64',
    )
    writeFileSync(file('first one.png'), pixel)
    writeFileSync(file('second.png'), pixel)
    return [file('first one.png'), file('second.png')]
  },
}

describe('a program for @openai/codex-sdk gives the same after only its import line was changed:', () => {
  for (const [name, prepare] of Object.entries(programs)) {
    test(name, async (t) => {
      const source = readFileSync(join(fixtures, `${name}.mjs`), 'utf8')
      const changed = source.replace(/^(import .* from) '@openai\/codex-sdk'$/m, "$1 'codex-node/exec'")
      const lines = changed.split('\n').filter((line, at) => line !== source.split('\n')[at])
      assert.deepEqual(lines, ["import { Codex } from 'codex-node/exec'"])
      const [theirs, ours] = await Promise.all([play(t, source, prepare), play(t, changed, prepare)])
      assert.deepEqual({ code: theirs.code, stderr: theirs.stderr }, { code: 0, stderr: '' })
      assert.ok(theirs.stdout.split('\n').length > 4)
      assert.deepEqual(ours, theirs)
    })
  }
})

test('JSON Schema that Zod made goes to codex as it is, and gives a structuredResponse besides', async (t) => {
  const { codex, log } = scriptedExec(t, says.turn('{"days":"3"}'))
  const made = z.toJSONSchema(z.object({ days: z.string().transform(Number) }), { io: 'input' })
  const result = await codex.startThread().run('How long?', { outputSchema: made })
  assert.deepEqual(result.structuredResponse, { days: 3 })
  assert.equal(result.finalResponse, '{"days":"3"}')
  assert.ok(log.entries()[0].argv.includes('--output-schema'))
})

/**
 * @typedef {object} Stage
 * @property {import('codex-node/testing').ScriptedProvider} provider
 * @property {(name: string) => string} file a path in the workspace
 */

/**
 * Runs a program against the real codex, and gives what it says and what its codex asks of the model.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} source
 * @param {(stage: Stage) => string[]} prepare
 */
async function play(t, source, prepare) {
  const provider = await startScriptedProvider()
  const home = await createCodexHome(provider)
  // Within the package, where both names lead somewhere.
  mkdirSync(join(root, 'target'), { recursive: true })
  const folder = mkdtempSync(join(root, 'target/exec-sdk-'))
  t.after(async () => {
    await provider.close()
    await home.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    assert.deepEqual(provider.errors, [])
  })
  writeFileSync(join(folder, 'program.mjs'), source)
  // Theirs takes the codex that is installed, so ours has to.
  const { CODEX_PATH: _, ...environment } = process.env
  const args = prepare({ provider, file: (name) => join(home.workspace, name) })
  const child = spawn(process.execPath, [join(folder, 'program.mjs'), ...args], {
    cwd: home.workspace,
    env: { ...environment, ...home.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // One that hangs fails its test with what it said until then.
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  const mask = (/** @type {string} */ said) =>
    said
      .replaceAll(home.workspace, '$WORKSPACE')
      .replaceAll(home.codexHome, '$CODEX_HOME')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '$UUID')
  const asked = provider.requests.map(({ userMessages, toolOutputs, body }) => {
    const { text: format, model, reasoning, tools } = /** @type {any} */ (body)
    const images = JSON.stringify(body).split('"input_image"').length - 1
    const names = tools.map((/** @type {any} */ tool) => tool.name ?? tool.type)
    const outputs = toolOutputs.map(({ output }) =>
      mask(output).replaceAll(/Chunk ID: \w+|\d+\.\d+ seconds/g, '$RUN'),
    )
    return { userMessages, outputs, format, model, reasoning, images, names }
  })
  return { code, stdout: mask(stdout), stderr: mask(stderr), asked }
}
