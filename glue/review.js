'use strict'

// What a reviewer found, from the text that the model writes.

const { isRecord } = require('./schema.js')

/** What stands before the title of a finding, where the model tells its priority there. */
const PRIORITY = /^\[P(\d)\]\s*/

/**
 * A result with its review read, where the turn was one.
 *
 * @template {{ items?: readonly any[] }} T
 * @param {T} result
 * @returns {T}
 */
function withReview(result) {
  const last = result?.items?.findLast?.((item) => item?.type === 'exitedReviewMode')
  return typeof last?.review === 'string'
    ? Object.assign(result, { review: readReview(last.review) })
    : result
}

/**
 * @param {string} text
 */
function readReview(text) {
  const written = parsed(text)
  if (written === undefined) return { text, ...rendered(text) }
  const findings = Array.isArray(written.findings) ? written.findings.map(finding) : null
  const isRead = findings?.every((one) => one !== undefined) ?? false
  return {
    text,
    findings: isRead ? findings : null,
    correctness: stringOf(written.overall_correctness),
    explanation: stringOf(written.overall_explanation),
    confidence: numberOf(written.overall_confidence_score),
  }
}

/**
 * What codex makes of the JSON where it can read all of it: a list for a person, without the confidence.
 *
 * @param {string} text
 */
function rendered(text) {
  const [explanation = '', list] = text.split(/^(?:Full review comments|Review comment):\s*\n/m)
  if (list === undefined) return { findings: null, correctness: null, explanation: null, confidence: null }
  const found = [...list.matchAll(/^- (?:\[[ x]\] )?(.*) — (.+):(\d+)-(\d+)\n((?: {2}.*(?:\n|$)|\n)*)/gm)]
  const findings = found.map(([, title = '', file = '', start, end, body = '']) => ({
    file,
    lines: { start: Number(start), end: Number(end) },
    priority: priorityIn(title),
    title: title.replace(PRIORITY, ''),
    body: body.replace(/^ {2}/gm, '').trim(),
    confidence: null,
  }))
  const isRead = findings.length > 0 && findings.length === list.match(/^- /gm)?.length
  return {
    findings: isRead ? findings : null,
    correctness: null,
    explanation: explanation.trim() || null,
    confidence: null,
  }
}

/** @param {string} title */
function priorityIn(title) {
  const told = PRIORITY.exec(title)?.[1]
  return told === undefined ? null : Number(told)
}

/**
 * @param {string} text
 * @returns {Record<string, any> | undefined}
 */
function parsed(text) {
  const fenced = /```(?:json)?\s*\n([\s\S]*?)```/.exec(text)?.[1]
  for (const candidate of fenced === undefined ? [text] : [text, fenced]) {
    try {
      const value = JSON.parse(candidate)
      if (isRecord(value)) return value
    } catch {
      // It is words for a person.
    }
  }
  return undefined
}

/** @param {any} given */
function finding(given) {
  const { absolute_file_path: file, line_range: lines } = given?.code_location ?? {}
  const title = stringOf(given?.title)
  if (title === null || typeof file !== 'string') return undefined
  return {
    file,
    lines:
      lines && Number.isInteger(lines.start) ? { start: lines.start, end: lines.end ?? lines.start } : null,
    priority: numberOf(given.priority) ?? priorityIn(title),
    title: title.replace(PRIORITY, ''),
    body: stringOf(given.body) ?? '',
    confidence: numberOf(given.confidence_score),
  }
}

/** @param {unknown} value */
function stringOf(value) {
  return typeof value === 'string' ? value : null
}

/** @param {unknown} value */
function numberOf(value) {
  return typeof value === 'number' ? value : null
}

module.exports = { withReview }
