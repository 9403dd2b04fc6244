// npm run test:fleet                        a worker killed after each of its commands, then faults by chance, with a seed of today's
// npm run test:fleet -- --seed 7            the same faults at the same points again
// npm run test:fleet -- --jobs 500 --keys 20 --workers 4 --kill-every 1000 --lease 2000

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './setup.mjs'
import { command } from './test/steps.mjs'

const between = [
  `--import=${pathToFileURL(join(root, '__test__/support/environment.mjs'))}`,
  ...['--test', '--test-reporter=spec', '__test__/fleet/between.test.mjs'],
]
const random = ['__test__/fleet/long/random.mjs', ...process.argv.slice(2)]
process.env.FLEET_CUTS = 'all'
const isHelp = process.argv.includes('--help')
const passed =
  (isHelp || (await command(process.execPath, between)())) && (await command(process.execPath, random)())
process.exitCode = passed ? 0 : 1
