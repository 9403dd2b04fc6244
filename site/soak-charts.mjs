// What a process holds over a soak, drawn from bench/soak.json.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { axisX, axisY, line, ruleY, text } from '@observablehq/plot'
import { root } from './places.mjs'

/** @typedef {import('../scripts/soak/measure.mjs').Sample} Sample */

/** @type {Record<string, string>} */
const titles = {
  scripted: 'MB over the turns on the scripted server',
  real: 'MB over the turns on the real codex',
}

/**
 * @param {(title: string, make: (colors: any) => any) => Record<string, string>} draw by scheme
 * @returns {Promise<Record<string, string>>} each picture by its name
 */
export async function soakCharts(draw) {
  const results = JSON.parse(await readFile(join(root, 'bench/soak.json'), 'utf8'))
  const pictures = Object.entries(titles).flatMap(([part, title]) => {
    const samples = /** @type {Sample[] | undefined} */ (results[part]?.samples)
    if (samples === undefined) return []
    const drawn = draw(title, (colors) => options(title, samples, colors))
    return Object.entries(drawn).map(([scheme, svg]) => [`soak-${part}-${scheme}.svg`, svg])
  })
  return Object.fromEntries(pictures)
}

/**
 * @param {string} title
 * @param {Sample[]} samples
 * @param {{ color: string, grid: string, ours: string, theirs: string }} colors
 */
function options(title, samples, colors) {
  const end = /** @type {Sample} */ (samples.at(-1))
  /** @param {'rss' | 'heapUsed'} field @param {string} name @param {string} stroke */
  const curve = (field, name, stroke) => {
    const y = (/** @type {Sample} */ sample) => sample[field] / 1e6
    return [
      line(samples, { x: 'turns', y, stroke, strokeWidth: 2 }),
      text([end], { x: 'turns', y, text: () => name, textAnchor: 'start', dx: 8, fill: 'currentColor' }),
    ]
  }
  return {
    height: 260,
    marginLeft: 50,
    marginRight: 120,
    marginTop: 40,
    marginBottom: 36,
    y: { domain: [0, Math.ceil(Math.max(...samples.map(({ rss }) => rss)) / 20e6) * 20] },
    marks: [
      ruleY([0], { stroke: colors.grid }),
      axisX({ ticks: 5, label: null, tickSize: 0 }),
      axisY({ ticks: 5, label: null, tickSize: 0 }),
      ...curve('rss', 'resident', colors.ours),
      ...curve('heapUsed', 'used by V8', colors.theirs),
      text([title], { frameAnchor: 'top-left', dy: -34, dx: -44, fontWeight: 600, fill: 'currentColor' }),
    ],
  }
}
