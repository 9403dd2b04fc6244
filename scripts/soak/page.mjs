// What was measured, in words: for the terminal, and for docs/long-running.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { judge, seriesTable } from './flat.mjs'

const [BEGIN, END] = ['<!-- soak -->', '<!-- end of soak -->']
const MARKS = /<!-- (?:end of )?soak -->/
const file = new URL('../../docs/long-running.md', import.meta.url)

/** @typedef {import('./start.mjs').Soaked} Soaked */
/** @typedef {{ about: Record<string, string> }} About */
/** @typedef {Record<string, Soaked & About>} Results */

/** What each part runs on, as the page says it. @type {Record<string, string>} */
export const parts = { scripted: 'the scripted server', real: 'the real codex' }

/** @param {Soaked} soaked @returns {number} */
export const turnsOf = ({ samples }) => samples.at(-1)?.turns ?? 0

/**
 * @param {string} part
 * @param {Soaked} soaked
 * @returns {string} Markdown
 */
export function report(part, soaked) {
  const kinds = Object.entries(soaked.counts).sort(([, one], [, other]) => other - one)
  const counts = kinds.map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`)
  return [
    `${turnsOf(soaked).toLocaleString('en')} turns on ${parts[part]}, seed ${soaked.seed}, in ${Math.round(soaked.seconds / 60)} minutes:`,
    seriesTable(judge(soaked.samples)),
    `Turns of each kind: ${counts.join(', ')}. Processes left behind: ${soaked.leftBehind}.`,
  ].join('\n\n')
}

/** @param {Results} results @returns {string} what docs/long-running.md says of them */
export function pageText(results) {
  const texts = Object.entries(results).map(([part, { about, ...soaked }]) => {
    const { command, day, system, machine, node, codex } = about
    const how = `\`${command}\`, ${day}, ${system}, ${machine}, Node ${node}, codex ${codex}.`
    return [report(part, soaked), how, picture(part)].join('\n\n')
  })
  return texts.join('\n\n')
}

/** @param {string} part */
function picture(part) {
  const alt = `Memory over the turns on ${parts[part]}, in MB`
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="images/soak-${part}-dark.svg">`,
    `  <img alt="${alt}" src="images/soak-${part}-light.svg">`,
    '</picture>',
  ].join('\n')
}

/** @param {string} page @returns {string} the part of the page that is made of the figures */
export function measuredPart(page) {
  return (page.split(MARKS)[1] ?? '').trim()
}

/** @param {Results} results */
export function writePage(results) {
  const [before, , after] = readFileSync(file, 'utf8').split(MARKS)
  if (after === undefined) throw new Error('docs/long-running.md has no place for the figures')
  writeFileSync(file, `${before}${BEGIN}\n\n${pageText(results)}\n\n${END}${after}`)
}
