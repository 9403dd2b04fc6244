import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, SetupError } from '../setup.mjs'
import { command } from './steps.mjs'
import { temporaryParent } from './temporary.mjs'

// A test that hangs fails; none takes nearly as long.
const LONGEST_FILE_MS = 180_000
/** Where more files than these fail it is not the machine. */
const MOST_UNSTEADY = 5

/**
 * @param {string[]} places files and folders; none means all tests
 * @returns {Promise<string[]>}
 */
export async function findTests(places) {
  const found = await Promise.all((places.length > 0 ? places : ['__test__']).map(testsIn))
  const files = [...new Set(found.flat())].sort()
  if (files.length === 0) throw new SetupError(`no *.test.mjs in ${places.join(', ')}`)
  return files
}

/** @param {string} place */
async function testsIn(place) {
  const path = resolve(root, place)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new SetupError(`${place} does not exist`)
  if (found.isFile()) return [relative(root, path)]
  const names = await readdir(path, { recursive: true })
  return names.filter((name) => name.endsWith('.test.mjs')).map((name) => relative(root, join(path, name)))
}

/**
 * @param {string[]} files
 * @param {string} [codex] path of the codex to run them on
 * @returns {import('./steps.mjs').Step}
 */
export function runTests(files, codex) {
  // Node's own default would be 1 on two cores; the tests wait more than they compute.
  const beside = Math.max(4, availableParallelism())
  return async (aside) => {
    const env = { ...process.env }
    const temporary = temporaryParent(env)
    if (temporary !== undefined) env.TMPDIR = temporary
    if (codex !== undefined) env.CODEX_PATH = codex
    const first = await runOnce(files, env, beside, aside)
    const { failed } = first
    if (first.passed || failed.length === 0 || failed.length > MOST_UNSTEADY) return first.passed
    // A machine that is starved misses bounds in time: what fails alone, too, fails.
    console.log(`\n== again, alone: ${failed.join(' ')} ==`)
    const { passed } = await runOnce(failed, env, 1, aside)
    console.log(`${failed.join(', ')}: failed beside others, and ${passed ? 'passed' : 'failed'} alone`)
    return passed
  }
}

/**
 * @param {string[]} files
 * @param {NodeJS.ProcessEnv} env
 * @param {number} beside how many at once
 * @param {((text: string) => void) | undefined} aside
 */
async function runOnce(files, env, beside, aside) {
  const report = join(root, 'target/node-test.tap')
  const args = [
    `--import=${pathToFileURL(join(root, '__test__/support/environment.mjs'))}`,
    '--test',
    `--test-concurrency=${beside}`,
    `--test-timeout=${LONGEST_FILE_MS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${report}`,
    ...files,
  ]
  await rm(report, { force: true })
  const passed = await command(process.execPath, args, env)(aside)
  const tap = await readFile(report, 'utf8').catch(() => '')
  const counts = tap.match(/^# .*$/gm) ?? []
  console.log(
    counts
      .filter((line) => /^# (tests|suites|pass|fail|cancelled|skipped|todo|duration)/.test(line))
      .join('\n'),
  )
  const places = [...tap.matchAll(/^\s*not ok [\s\S]*?location: '(.*?):\d+:\d+'/gm)].map(([, file = '']) =>
    relative(root, file),
  )
  // What is written down beside the files of tests may be of any of them.
  const folders = places.filter((place) => !files.includes(place)).map((place) => `${dirname(place)}/`)
  const failed = files.filter(
    (file) => places.includes(file) || folders.some((folder) => file.startsWith(folder)),
  )
  // A runner that dies, or finds nothing to do, has not passed.
  return { passed: passed && counts.some((line) => /^# pass [1-9]/.test(line)), failed }
}
