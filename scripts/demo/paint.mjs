const colors = process.stdout.isTTY && !process.env.NO_COLOR

/** @param {number} code */
const style = (code) => (/** @type {string} */ text) => (colors ? `\x1b[${code}m${text}\x1b[0m` : text)

/** Styles for a terminal; nothing for a pipe. */
export const paint = { bold: style(1), dim: style(2), red: style(31), green: style(32), cyan: style(36) }
