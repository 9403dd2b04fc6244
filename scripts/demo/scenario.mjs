// A small task, and a model that solves it.

import { command, patch, reply, say } from '../../testing/index.mjs'

export const prompt =
  'The test in this folder fails. Find out why, fix it, and say in one sentence what was wrong.'

const wrong = '  return Math.floor(cents * (1 + percent))'
const right = '  return Math.round(cents * (1 + percent / 100))'

/** @param {string} line */
const price = (line) => `/** The price with a tax in per cent. */
export function withTax(cents, percent) {
${line}
}
`

/** What is in the folder at the start. */
export const files = {
  'price.mjs': price(wrong),
  'price.test.mjs': `import { withTax } from './price.mjs'

const cents = withTax(1000, 19)
const passed = cents === 1190
console.log(\`\${passed ? 'pass' : 'FAIL'}: 1000 cents with 19 % tax are \${cents} cents\`)
process.exitCode = passed ? 0 : 1
`,
}

/** What changed at the end. */
export const changed = { name: 'price.mjs', text: price(right) }

const fix = `*** Begin Patch
*** Update File: price.mjs
@@
 export function withTax(cents, percent) {
-${wrong}
+${right}
 }
*** End Patch
`

// No login shell: a user's profile could be slow, and set another PATH.
const test = command('node price.test.mjs', { login: false })

/** One answer of the model after the other. */
export const steps = [
  reply([talk('I run the test first.'), test]),
  reply([talk('The tax is in per cent, but the function takes it for a factor.'), patch(fix)]),
  reply([talk('Once more.'), test]),
  talk('`withTax` took 19 % for a factor of 19; it now divides by 100, and the test passes.', 'final_answer'),
]

/**
 * Text at the speed of a model.
 *
 * @param {string} text
 * @param {'commentary' | 'final_answer'} [phase]
 */
function talk(text, phase = 'commentary') {
  return say(text, { phase, chunks: Math.ceil(text.length / 6), chunkDelayMs: 15 })
}
