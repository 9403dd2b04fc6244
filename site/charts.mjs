// The figures of the benchmark, drawn from bench/results.json: docs/images/NAME-light.svg and NAME-dark.svg.
//
//   node site/charts.mjs    writes them anew; `npm run docs` does so, too

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { barX, plot, ruleX, text } from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { root } from './places.mjs'

/** @typedef {import('../bench/results.mjs').Row} Row */

const schemes = {
  light: { color: '#1f2328', grid: '#d1d9e0', ours: '#0969da', theirs: '#818b98' },
  dark: { color: '#f0f6fc', grid: '#3d444d', ours: '#4493f8', theirs: '#656c76' },
}

/** Of a turn of deltas of 300 bytes, over stdio. @type {Record<string, { title: string, field: keyof Row, digits: number }>} */
const charts = {
  'main-thread': { title: 'Main thread for each event, µs', field: 'mainThreadMicros', digits: 3 },
  delay: { title: 'Delay of the event loop, ms (median)', field: 'delayMs', digits: 3 },
  events: { title: 'Events in a second', field: 'eventsPerSecond', digits: 3 },
}

/** What a user would write, in the words of a chart. @type {Record<string, string>} */
const theirs = { readline: 'readline + JSON.parse', 'split by hand': 'split by hand' }

/** @returns {Promise<Record<string, string>>} each picture by its name */
export async function draw() {
  /** @type {import('../bench/results.mjs').Results} */
  const { floods } = JSON.parse(await readFile(join(root, 'bench/results.json'), 'utf8'))
  const rows = floods.find(({ deltas }) => deltas === '300 bytes')?.rows
  if (rows === undefined) throw new Error('bench/results.json has no deltas of 300 bytes')
  const shown = rows.filter(({ client }) => !/^[\w ]+: /.test(client))
  const pictures = Object.entries(charts).flatMap(([name, chart]) =>
    Object.entries(schemes).map(([scheme, colors]) => [
      `${name}-${scheme}.svg`,
      picture(shown, chart, colors),
    ]),
  )
  return Object.fromEntries(pictures)
}

/**
 * @param {Row[]} rows
 * @param {{ title: string, field: keyof Row, digits: number }} chart
 * @param {typeof schemes.light} colors
 */
function picture(rows, { title, field, digits }, colors) {
  const { document } = parseHTML('<html><body></body></html>')
  const label = (/** @type {Row} */ { client }) => theirs[client] ?? client
  const figure = (/** @type {Row} */ row) => {
    const value = Number(row[field])
    return value >= 1000
      ? Number(value.toPrecision(digits)).toLocaleString('en')
      : String(Number(value.toPrecision(digits)))
  }
  const svg = plot({
    document,
    width: 720,
    height: 40 + rows.length * 32,
    marginLeft: 220,
    marginRight: 70,
    marginTop: 32,
    marginBottom: 8,
    style: { fontFamily: 'system-ui, sans-serif', fontSize: '14px', color: colors.color, background: 'none' },
    x: { axis: null, insetRight: 4 },
    y: { domain: rows.map(label), label: null, tickSize: 0 },
    marks: [
      barX(rows, {
        x: field,
        y: label,
        fill: (/** @type {Row} */ { client }) => (client in theirs ? colors.theirs : colors.ours),
        insetTop: 4,
        insetBottom: 4,
      }),
      text(rows, { x: field, y: label, text: figure, textAnchor: 'start', dx: 6, fill: 'currentColor' }),
      ruleX([0], { stroke: colors.grid }),
      text([title], { frameAnchor: 'top-left', dy: -28, dx: -214, fontWeight: 600, fill: 'currentColor' }),
    ],
  })
  // For its place in a page, where these pictures do not stand.
  svg.querySelector('style')?.remove()
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', title)
  return `${svg.outerHTML}\n`
}

/** Writes them to docs/images. */
export async function writeCharts() {
  const pictures = Object.entries(await draw())
  await Promise.all(pictures.map(([name, svg]) => writeFile(join(root, 'docs/images', name), svg)))
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) await writeCharts()
