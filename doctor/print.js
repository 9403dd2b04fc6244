'use strict'

const MARKS = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }

/**
 * The report for people.
 *
 * @param {Awaited<ReturnType<typeof import('./index.js').diagnose>>} report
 */
function text(report) {
  const lines = []
  for (const { status, name, summary, hint } of report.checks) {
    lines.push(`${MARKS[status]}  ${name.padEnd(10)} ${summary}`)
    if (hint !== undefined && status !== 'ok') lines.push(`${' '.repeat(20)}${hint}`)
  }
  const others = report.candidates.filter(({ path }) => path !== report.codexPath)
  if (others.length > 0) lines.push('', 'Other codex executables:')
  for (const { path, origin, version, problem } of others) {
    lines.push(`  ${path} (${origin}): ${problem ?? version}`)
  }
  if (report.stderr) lines.push('', 'The last words of codex:', report.stderr.trimEnd())
  lines.push('', report.ok ? 'Nothing stands in the way.' : `To do: ${report.todo}`)
  return lines.join('\n')
}

module.exports = { text }
