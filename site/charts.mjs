// The figures of the benchmark and of the soak, drawn from bench/results.json and bench/soak.json: docs/images/NAME-light.svg and NAME-dark.svg.
//
//   node site/charts.mjs    writes them anew; `npm run docs` does so, too

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { barX, plot, ruleX, text } from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { root } from './places.mjs'
import { soakCharts } from './soak-charts.mjs'

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
  const pictures = Object.entries(charts).flatMap(([name, chart]) => {
    const drawn = bothWays(chart.title, (colors) => bars(shown, chart, colors))
    return Object.entries(drawn).map(([scheme, svg]) => [`${name}-${scheme}.svg`, svg])
  })
  return { ...Object.fromEntries(pictures), ...(await soakCharts(bothWays)) }
}

/**
 * A picture in each scheme.
 *
 * @param {string} title
 * @param {(colors: typeof schemes.light) => import('@observablehq/plot').PlotOptions} make
 */
function bothWays(title, make) {
  const drawn = Object.entries(schemes).map(([scheme, colors]) => [
    scheme,
    picture(title, make(colors), colors),
  ])
  return Object.fromEntries(drawn)
}

/**
 * @param {Row[]} rows
 * @param {{ title: string, field: keyof Row, digits: number }} chart
 * @param {typeof schemes.light} colors
 * @returns {import('@observablehq/plot').PlotOptions}
 */
function bars(rows, { title, field, digits }, colors) {
  const label = (/** @type {Row} */ { client }) => theirs[client] ?? client
  const figure = (/** @type {Row} */ row) => {
    const value = Number(row[field])
    return value >= 1000
      ? Number(value.toPrecision(digits)).toLocaleString('en')
      : String(Number(value.toPrecision(digits)))
  }
  return {
    height: 40 + rows.length * 32,
    marginLeft: 220,
    marginRight: 70,
    marginTop: 32,
    marginBottom: 8,
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
  }
}

/**
 * @param {string} title
 * @param {import('@observablehq/plot').PlotOptions} options
 * @param {typeof schemes.light} colors
 */
function picture(title, options, colors) {
  const { document } = parseHTML('<html><body></body></html>')
  const style = {
    fontFamily: 'system-ui, sans-serif',
    fontSize: '14px',
    color: colors.color,
    background: 'none',
  }
  const svg = plot({ document, width: 720, style, ...options })
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
