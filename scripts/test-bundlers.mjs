// npm run test:bundlers                     the recipes of docs/bundlers.md, as they stand there, on the packed package
// npm run test:bundlers -- webpack Next.js  those of these headings alone
//
// Tools come from npm and are kept in target/bundlers. What they make runs turns and exec turns of the real codex with a
// scripted model; what has codex-node in it runs once more where there is no node_modules.

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, SetupError } from './setup.mjs'
import { freePort, prepare } from './test/ecosystem.mjs'

const project = join(root, 'target/bundlers')

const TOOLS = {
  '@rollup/plugin-commonjs': '29',
  '@rollup/plugin-json': '6',
  '@rollup/plugin-node-resolve': '16',
  '@types/node': '20',
  esbuild: '0.28',
  jest: '30',
  next: '16',
  react: '19',
  'react-dom': '19',
  rollup: '4',
  tsup: '8',
  // tsup writes no declarations with TypeScript 7.
  typescript: '5',
  vite: '8',
  vitest: '4',
  webpack: '5',
  'webpack-cli': '6',
}

/** Beside what the page says: what a user has anyway. @type {Record<string, unknown>} */
const FILES = {
  'tsconfig.json': { compilerOptions: { module: 'nodenext', target: 'es2022', strict: true, allowJs: true } },
  'jest.cjs.json': { testMatch: ['**/*.jest.cjs'] },
  'jest.esm.json': { testMatch: ['**/*.jest.mjs'], transform: {} },
}

const both = ['program.mjs', 'program.cjs']

/**
 * The blocks of each heading in their order: the command, where the block is a configuration; which files it makes; and
 * whether codex-node is in them.
 *
 * @type {Record<string, { command?: string, makes: string[], bundled?: true }[]>}
 */
const BUNDLERS = {
  esbuild: [
    { makes: ['program.cjs'] },
    { makes: ['program.mjs'] },
    { makes: ['program.cjs'], bundled: true },
    { makes: ['program.mjs'], bundled: true },
  ],
  webpack: [
    { command: 'npx webpack', makes: ['program.cjs'] },
    { command: 'npx webpack', makes: ['program.mjs'] },
    { command: 'npx webpack', makes: ['program.cjs'], bundled: true },
  ],
  Rollup: [
    { command: 'npx rollup -c', makes: both },
    { command: 'npx rollup -c', makes: both, bundled: true },
  ],
  Vite: [
    { command: 'npx vite build', makes: ['program.mjs'] },
    { command: 'npx vite build', makes: ['program.mjs'], bundled: true },
  ],
  tsup: [
    { makes: ['program.js', 'program.mjs'] },
    { command: 'npx tsup', makes: ['program.js', 'program.mjs'], bundled: true },
  ],
}

/** The commands of each heading, in their order, and what is added to find the tests of this checkout. */
const RUNNERS = {
  Vitest: [['--config vitest.config.mjs --pool=threads', '--config vitest.config.mjs --pool=forks']],
  Jest: [['--config jest.cjs.json', '--config jest.cjs.json -i'], ['--config jest.esm.json']],
}

/** @typedef {Omit<Awaited<ReturnType<typeof prepare>>, 'env'>} Tester */

async function main() {
  const chosen = process.argv.slice(2)
  const known = [...Object.keys(BUNDLERS), 'Next.js', ...Object.keys(RUNNERS)]
  const unknown = chosen.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new SetupError(`no ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const isChosen = (/** @type {string} */ name) => chosen.length === 0 || chosen.includes(name)

  const page = recipes()
  const { env, ...tester } = await prepare(project, { devDependencies: TOOLS })
  // What it says of itself, and what it counts, are no part of a test.
  const quiet = { ...env, CI: '1', NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1' }
  cpSync(join(root, 'scripts/bundlers'), project, { recursive: true })
  cpSync(join(root, 'scripts/runtimes/checks.mjs'), join(project, 'checks.mjs'))
  for (const [name, content] of Object.entries(FILES))
    writeFileSync(join(project, name), JSON.stringify(content))

  for (const [name, recipes] of Object.entries(BUNDLERS)) {
    if (isChosen(name)) await bundle(name, recipes, blocksOf(page, name, recipes.length), tester, quiet)
  }
  if (isChosen('Next.js')) await next(blocksOf(page, 'Next.js', 1), tester, quiet)
  for (const [name, additions] of Object.entries(RUNNERS)) {
    if (!isChosen(name)) continue
    for (const [index, block] of blocksOf(page, name, additions.length).entries()) {
      for (const addition of additions[index] ?? []) {
        await command(`${block} ${addition}`, tester, quiet, {
          says: /passed|Tests: .*passed/,
          never: /failed|open handle/,
        })
      }
    }
  }
  process.exitCode = tester.summary() ? 0 : 1
}

/** @returns {Map<string, string[]>} the commands and configurations of the page, by heading */
function recipes() {
  const text = readFileSync(join(root, 'docs/bundlers.md'), 'utf8').replaceAll('\r\n', '\n')
  const sections = text.split(/^## /m).slice(1)
  return new Map(
    sections.map((section) => [
      section.slice(0, section.indexOf('\n')),
      [...section.matchAll(/^```(?:sh|javascript)\n(.*?)^```$/gms)].map(([, code = '']) => code.trim()),
    ]),
  )
}

/** @param {Map<string, string[]>} page @param {string} heading @param {number} count */
function blocksOf(page, heading, count) {
  const found = page.get(heading) ?? []
  if (found.length !== count)
    throw new Error(`docs/bundlers.md has ${found.length} blocks for ${heading}, not ${count}`)
  return found
}

/** @param {string} block begins with the name of its file */
function writeConfiguration(block) {
  const [, name = ''] = /^\/\/ (\S+)\n/.exec(block) ?? []
  writeFileSync(join(project, name), block)
  return name
}

/**
 * A command as the page has it.
 *
 * @param {string} line
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 * @param {{ says?: RegExp, never?: RegExp }} [expected]
 */
function command(line, tester, env, { says = /^/, never = /\bwarning\b|\(!\)/i } = {}) {
  // A shell of Windows has no variables before a command.
  const [, variable = '', value = '', rest = line] = /^(\w+)=(\S+) (.*)$/.exec(line) ?? []
  const given = variable === '' ? env : { ...env, [variable]: value }
  const name = line.length > 90 ? `${line.slice(0, 87)}...` : line
  return tester.run(name, rest.replace(/^npx /, 'npx --no-install '), [], {
    cwd: project,
    env: given,
    says,
    never,
    shell: true,
  })
}

/**
 * @param {string} name
 * @param {{ command?: string, makes: string[], bundled?: true }[]} recipes
 * @param {string[]} blocks
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
async function bundle(name, recipes, blocks, tester, env) {
  for (const [index, { command: line, makes, bundled }] of recipes.entries()) {
    const block = blocks[index] ?? ''
    const how = `${name}, ${bundled ? 'bundled' : 'external'}`
    console.log(how)
    rmSync(join(project, 'dist'), { recursive: true, force: true })
    const configuration = line === undefined ? undefined : writeConfiguration(block)
    if (await command(line ?? block, tester, env)) {
      for (const file of makes) {
        await tester.run(`node dist/${file}`, process.execPath, [join(project, 'dist', file)], {
          cwd: project,
          env,
        })
        if (bundled) await moved(file, tester, env)
      }
    }
    if (configuration !== undefined) rmSync(join(project, configuration))
  }
}

/**
 * The bundle elsewhere, with nothing but the addon beside it.
 *
 * @param {string} file
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
async function moved(file, tester, env) {
  const folder = mkdtempSync(join(tmpdir(), 'codex-node-moved-'))
  try {
    cpSync(join(project, 'dist'), folder, { recursive: true })
    copyAddon(folder)
    await tester.run(`${file}, moved`, process.execPath, [join(folder, file)], { cwd: folder, env })
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** As the page says. @param {string} folder */
function copyAddon(folder) {
  const modules = join(project, 'node_modules')
  for (const name of readdirSync(modules).filter((name) => name.startsWith('codex-node-'))) {
    for (const file of readdirSync(join(modules, name)).filter((file) => file.endsWith('.node'))) {
      cpSync(join(modules, name, file), join(folder, file))
    }
  }
}

/**
 * Turbopack and webpack: as `next start` runs what they made, without the configuration as well, and alone elsewhere.
 *
 * @param {string[]} blocks
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
async function next([block = ''], tester, env) {
  // Next would check the types of these, and write into the one.
  for (const name of ['tsconfig.json', 'program.ts']) rmSync(join(project, name), { force: true })
  const name = writeConfiguration(block)
  // The page's, under another name; around it, what says that this folder is the whole project.
  cpSync(join(project, name), join(project, 'documented.config.mjs'))
  for (const bundler of ['--turbopack', '--webpack']) {
    for (const [how, options] of Object.entries({
      external: '...documented',
      'external, standalone': "...documented, output: 'standalone'",
      bundled: '',
    })) {
      const label = `Next.js ${bundler}, ${how}`
      console.log(label)
      writeFileSync(
        join(project, name),
        `import documented from './documented.config.mjs'
const root = import.meta.dirname
export default { outputFileTracingRoot: root, turbopack: { root }, ${options} }`,
      )
      rmSync(join(project, '.next'), { recursive: true, force: true })
      if (!(await command(`npx next build ${bundler}`, tester, env, { never: /\bwarn/i }))) continue
      if (!how.includes('standalone')) {
        await served(label, ['node_modules/next/dist/bin/next', 'start'], project, tester, env)
        continue
      }
      const folder = mkdtempSync(join(tmpdir(), 'codex-node-next-'))
      cpSync(join(project, '.next/standalone'), folder, { recursive: true, verbatimSymlinks: true })
      await served(`${label}, moved`, ['server.js'], folder, tester, env)
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    }
  }
}

/**
 * A server that runs the checks when it is asked for them.
 *
 * @param {string} name
 * @param {string[]} args
 * @param {string} cwd
 * @param {Tester} tester
 * @param {NodeJS.ProcessEnv} env
 */
async function served(name, args, cwd, tester, env) {
  const started = Date.now()
  const port = await freePort()
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...env, PORT: String(port), HOSTNAME: '127.0.0.1', NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text
        if (/ready/i.test(said)) resolve(undefined)
      })
    }
    child.once('close', resolve)
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    await ready
    const response = await fetch(`http://127.0.0.1:${port}/turn`, { signal: AbortSignal.timeout(120_000) })
    const body = await response.text()
    tester.report(name, started, body === 'passed' ? undefined : 'It answered:', `${body}\n${said}`)
  } catch (error) {
    tester.report(name, started, `It did not answer: ${error}`, said)
  } finally {
    child.kill()
    await ended
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
}
