// Numbers and Markdown.

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/**
 * A number with the digits that mean something.
 *
 * @param {number | undefined} value
 * @param {number} [factor]
 */
export function format(value, factor = 1) {
  if (value === undefined) return 'n/a'
  const number = value * factor
  if (number >= 1000) return Number(number.toPrecision(3)).toLocaleString('en')
  return number >= 100 ? number.toFixed(0) : number.toPrecision(number < 1 ? 2 : 3)
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(head, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
