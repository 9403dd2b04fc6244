// A model that needs no network: it has a few answers, which show what the page can.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  command,
  createCodexHome,
  functionCall,
  patch,
  reasoning,
  reply,
  say,
  startScriptedProvider,
} from 'codex-node/testing'

/** At the speed of a model. @param {string} text */
const talk = (text) => say(text, { chunks: Math.ceil(text.length / 6), chunkDelayMs: 20 })
/** @param {string[]} statuses */
const plan = (...statuses) => {
  const steps = ['Look at the shop', 'Correct the tax', 'Run the test']
  return functionCall('update_plan', {
    plan: steps.map((step, index) => ({ step, status: statuses[index] })),
  })
}

const help = `I am a **scripted model**, offline. What I know:

| say     | and I                                   |
| ------- | --------------------------------------- |
| \`fix\`   | follow a plan: read, change a file, test |
| \`count\` | run a command that takes its time       |
| \`fail\`  | fail                                    |

\`\`\`js
console.log('everything else gets this answer')
\`\`\`
`

const wrong = '  return Math.floor(cents * (1 + percent))'
const right = '  return Math.round(cents * (1 + percent / 100))'
const files = {
  'price.mjs': `export function withTax(cents, percent) {\n${wrong}\n}\n`,
  'test.mjs': `import { withTax } from './price.mjs'\n\nconsole.log(withTax(1000, 19) === 1190 ? 'pass' : 'FAIL')\n`,
}
const change = `*** Begin Patch
*** Update File: price.mjs
@@
 export function withTax(cents, percent) {
-${wrong}
+${right}
 }
*** End Patch
`

/** What it answers to a prompt, one model request after the other. @type {[RegExp, import('codex-node/testing').ScriptStep[]][]} */
const answers = [
  [
    /\bfix\b/i,
    [
      reply([reasoning('I should look first.'), plan('in_progress', 'pending', 'pending')]),
      reply([talk('I look at the shop.'), command('cat price.mjs test.mjs', { login: false })]),
      reply([plan('completed', 'in_progress', 'pending'), talk('19 % is no factor of 19.'), patch(change)]),
      reply([plan('completed', 'completed', 'in_progress'), command('node test.mjs', { login: false })]),
      reply([plan('completed', 'completed', 'completed')]),
      talk('Done: `withTax` divides by 100 now, and the test passes.'),
    ],
  ],
  [
    /\bcount\b/i,
    [
      reply([
        talk('I count.'),
        command('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done', { login: false }),
      ]),
      talk('That was it.'),
    ],
  ],
  [/\bfail\b/i, [{ http: 400, body: { error: { message: 'The scripted model was told to fail.' } } }]],
]

/** The scripted model, a codex that asks it, and a folder to work in. */
export async function scripted() {
  /** How far each answer is. @type {Map<string, number>} */
  const given = new Map()
  const provider = await startScriptedProvider({
    keepAlive: true,
    record: false,
    respond(request) {
      const steps = answers.find(([said]) => said.test(request.userText ?? ''))?.[1]
      const prompt = JSON.stringify(request.userMessages)
      const index = given.get(prompt) ?? 0
      given.set(prompt, index + 1)
      return steps?.[index] ?? talk(help)
    },
  })
  const home = await createCodexHome(provider)
  for (const [name, text] of Object.entries(files)) await writeFile(join(home.workspace, name), text)
  return {
    codex: { env: home.env },
    // All that it runs is above, and not every machine can sandbox. What is not known as harmless is asked.
    thread: /** @type {const} */ ({
      cwd: home.workspace,
      sandbox: 'danger-full-access',
      approvalPolicy: 'untrusted',
    }),
    async leave() {
      await provider.close()
      await home.remove()
    },
  }
}
