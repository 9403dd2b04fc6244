import { differences } from './difference.mjs'
import { filesNaming } from './names.mjs'
import { noticeOf } from './notice.mjs'
import { UNIONS } from './places.mjs'

/** @typedef {import('./difference.mjs').Change} Change */
/** @typedef {import('./places.mjs').Places} Places */
/** @typedef {{ name: string, passed: boolean, failed?: string[] }} Check what ran, and what of it failed */
/**
 * @typedef {object} Report
 * @property {string} text in Markdown
 * @property {string[]} left what is left to do
 */

/** What tests are made of: where it is behind, a test fails. */
const TESTS = /(?:^|\/)(?:__test__|tests|rig)\//

const TITLES = /** @type {Record<Change['kind'], string>} */ ({
  ClientRequest: 'Methods',
  ClientNotification: 'Notifications to codex',
  ServerRequest: 'Requests of the server',
  ServerNotification: 'Notifications',
  field: 'Fields',
  value: 'Enum values',
})

/**
 * @param {object} facts
 * @param {string} facts.from the codex that was pinned
 * @param {string} facts.to
 * @param {Places} facts.before
 * @param {Places} facts.after
 * @param {Places} facts.oldest what the oldest supported codex says
 * @param {import('./names.mjs').Source[]} facts.sources
 * @param {Check[]} facts.checks
 * @returns {Report}
 */
export function reportOf({ from, to, before, after, oldest, sources, checks }) {
  const changes = differences(before, after).map((change) => ({
    ...change,
    files: filesNaming(change, sources),
    notice: noticeOf(change, after),
  }))
  const left = [
    ...checks.filter(({ passed }) => !passed).map(({ name, failed = [] }) => undone(name, failed)),
    ...changes.flatMap((change) => workOf(change, oldest, sources)),
  ]
  const kinds = [...UNIONS, /** @type {const} */ ('field'), /** @type {const} */ ('value')]
  const parts = [
    `# codex ${from} to ${to}`,
    summary(changes),
    '## Left to do',
    left.length === 0 ? 'Nothing.' : left.map((one) => `- [ ] ${one}`).join('\n'),
    '## Checks',
    checks.map(({ name, passed }) => `- ${name}: ${passed ? 'passed' : '**failed**'}`).join('\n') || 'None.',
    ...kinds.flatMap((kind) => section(kind, changes)),
    '_A field or value counts as named by a file that also names its type or a method that carries it._',
  ]
  return { text: `${parts.join('\n\n')}\n`, left }
}

/** @param {string} name @param {string[]} failed */
function undone(name, failed) {
  return failed.length === 0 ? `${name} failed.` : `${name}: ${failed.join('; ')}`
}

/** @param {Change[]} changes */
function summary(changes) {
  if (changes.length === 0) return 'The protocol is the same.'
  const of = (/** @type {Change['what']} */ what) => changes.filter((change) => change.what === what).length
  return `${of('added')} places of the protocol added, ${of('gone')} gone, ${of('changed')} changed.`
}

/**
 * What somebody has to do or to look at.
 *
 * @param {Change & { files: string[] }} change
 * @param {Places} oldest
 * @param {import('./names.mjs').Source[]} sources
 * @returns {string[]}
 */
function workOf({ what, kind, name, files }, oldest, sources) {
  if (kind === 'ServerRequest' && what === 'added') {
    const declined = sources.find(({ path }) => path.endsWith('server_requests/decline.rs'))
    return declined?.text.includes(`"${name}"`)
      ? []
      : [
          `\`${name}\` is a new request of the server: decline it in its own shape in server_requests/decline.rs.`,
        ]
  }
  if (what === 'added') return []
  // Code that serves the oldest codex stays.
  const kept = has(oldest, kind, name) && what === 'gone'
  const ours = files.filter((path) => !path.endsWith('.md') && !TESTS.test(path))
  if (kept || ours.length === 0) return []
  return [`\`${name}\` is ${what}, and named by ${list(ours)}.`]
}

/** @param {Places} places @param {Change['kind']} kind @param {string} name */
function has(places, kind, name) {
  if (kind === 'field') return places.fields.has(name)
  return kind === 'value' ? places.values.has(name) : places.methods[kind].has(name)
}

/** @param {Change['kind']} kind @param {(Change & { files: string[], notice: string })[]} changes */
function section(kind, changes) {
  const own = changes.filter((change) => change.kind === kind)
  if (own.length === 0) return []
  const rows = own.map(({ what, name, before, after, carriers, files, notice }) => {
    const text = kind === 'value' ? '' : [before, after].filter(Boolean).map(code).join(' → ')
    const by = kind === 'field' || kind === 'value' ? [few(carriers.map(code))] : []
    return `| ${[what, code(name), ...(kind === 'value' ? [] : [text]), ...by, list(files), notice].join(' | ')} |`
  })
  const columns = {
    field: ['', 'field', 'type', 'carried by'],
    value: ['', 'value', 'carried by'],
    method: ['', 'method', 'params'],
  }[kind === 'field' || kind === 'value' ? kind : 'method']
  const head = [...columns, 'named in', 'what a user notices']
  return [
    `## ${TITLES[kind]}`,
    [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n'),
  ]
}

/** @param {string} text */
const code = (text) => `\`${text.replaceAll('|', '\\|')}\``

/** @param {string[]} files */
const list = (files) => few(files.map(code))

/** @param {string[]} names */
function few(names) {
  const most = 6
  return names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most).join(', ')}, ${names.length - most} more`
}
