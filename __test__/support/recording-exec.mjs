// A `codex exec` that writes down what it was given: Node itself, into which NODE_OPTIONS brings this file. So it runs
// on every platform without a launcher that would change the arguments.

import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

// Whatever else is a Node program below the same environment goes on as it is.
if (basename(process.argv[1] ?? '') === 'exec') {
  const argv = [basename(/** @type {string} */ (process.argv[1])), ...process.argv.slice(2)]
  const schemaFile = argv[argv.indexOf('--output-schema') + 1]
  const profile = argv[argv.indexOf('--profile') + 1]
  const record = {
    argv,
    env: process.env,
    cwd: process.cwd(),
    schema: argv.includes('--output-schema') ? readFileSync(`${schemaFile}`, 'utf8') : undefined,
    profile: argv.includes('--profile')
      ? readFileSync(`${process.env.CODEX_HOME}/${profile}.config.toml`, 'utf8')
      : undefined,
    stdin: readFileSync(0, 'utf8'),
  }
  writeFileSync(/** @type {string} */ (process.env.RECORD_TO), JSON.stringify(record))
  const usage = { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1, reasoning_output_tokens: 0 }
  const events = [
    {
      type: 'thread.started',
      thread_id: argv.includes('resume') ? argv[argv.indexOf('resume') + 1] : 'thread-1',
    },
    { type: 'turn.started' },
    { type: 'turn.completed', usage },
  ]
  writeFileSync(1, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  process.exit(0)
}
