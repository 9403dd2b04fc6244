#!/usr/bin/env node
'use strict'

const { parseArgs } = require('node:util')

const USAGE = `codex-node doctor [--json] [--codex PATH] [--url URL]

Says which codex would be started and whether everything that it needs is there. Exit code 1 if something is not, with
the one thing to do. No secret is in the output.

  --json         the report as JSON
  --codex PATH   the executable, as the option codexPath
  --url URL      a server elsewhere, as the option url; its token is that of CODEX_APP_SERVER_TOKEN`

/** @param {string} why */
function misused(why) {
  console.error(`codex-node: ${why}\n\n${USAGE}`)
  process.exitCode = 2
}

async function main() {
  /** @type {ReturnType<typeof parse>} */
  let parsed
  try {
    parsed = parse()
  } catch (error) {
    return misused(/** @type {Error} */ (error).message)
  }
  const { values, positionals } = parsed
  if (values.help) return console.log(USAGE)
  if (positionals[0] !== 'doctor' || positionals.length > 1) {
    return misused(
      positionals[0] === undefined ? 'what is to be done?' : `there is no command ${positionals.join(' ')}`,
    )
  }
  const options = {
    ...(values.codex === undefined ? {} : { codexPath: values.codex }),
    ...(values.url === undefined ? {} : { url: values.url }),
  }
  const { Codex } = require('../index.js')
  const { text } = require('../doctor/print.js')
  const codex = new Codex(options)
  const report = await codex.doctor()
  await codex.close()
  console.log(values.json ? JSON.stringify(report, null, 2) : text(report))
  process.exitCode = report.ok ? 0 : 1
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      codex: { type: 'string' },
      url: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
}

main().catch((error) => {
  console.error(`codex-node: ${error?.message ?? error}`)
  process.exitCode = 1
})
