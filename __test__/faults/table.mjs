// docs/faults.md: the tables of the cells, as users read them.

import { expected } from './expected.mjs'
import { faults } from './faults.mjs'
import { states } from './states.mjs'

const BEGIN = '<!-- the tables: npm run test:faults -- --write -->'
const END = '<!-- the end of the tables -->'

/** How the table calls what is under way. @type {Record<string, string>} */
const CALLS = {
  startThread: '`startThread()`',
  run: '`run()`',
  text: '`text()`',
  steer: '`steer()`',
  compact: '`compact()`',
  handler: '`onApproval`',
}

/** @param {readonly string[]} words */
const either = (words) => words.map(code).join(' or ')

/** An error by its name; what is none in words. @param {string} word */
const code = (word) =>
  /[A-Z]/.test(word) && word !== 'Thread' ? `\`${word}\`` : word === 'Thread' ? 'a thread' : word

/** @param {import('./expected.mjs').Meanwhile} meanwhile */
function under(meanwhile) {
  /** @type {Map<string, string[]>} */
  const groups = new Map()
  for (const [name, words] of Object.entries(meanwhile)) {
    const said = either(words)
    groups.set(said, [...(groups.get(said) ?? []), CALLS[name] ?? name])
  }
  return [...groups].map(([said, names]) => `${names.join(', ')}: ${said}`).join('; ') || 'nothing'
}

/** @param {string[][]} rows @returns {string} */
function table(rows) {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...rest] = rows.map(line)
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest].join('\n')
}

/** All tables. */
export function tables() {
  return Object.entries(faults)
    .map(([name, fault]) => {
      const rows = Object.entries(states).map(([state, { title }]) => {
        const cell = expected[name]?.[state]
        if (cell === undefined) throw new Error(`expected.mjs has nothing for ${name}, ${state}`)
        return 'why' in cell
          ? [title, cell.why, '', '']
          : [
              title,
              fault.ends ? 'gone with the program' : under(cell.meanwhile),
              either(cell.next),
              either(cell.after),
            ]
      })
      const head = ['in', 'what is under way', 'the next call', fault.over ?? 'the one after']
      return `### ${fault.title}\n\n${fault.about}\n\n${table([head, ...rows])}\n`
    })
    .join('\n')
}

/** The page with the tables as they are. @param {string} page */
export function withTables(page) {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before === -1 || after === -1) throw new Error('docs/faults.md has no place for the tables')
  return `${page.slice(0, before + BEGIN.length)}\n\n${tables()}\n${page.slice(after)}`
}
