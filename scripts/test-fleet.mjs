// npm run test:fleet                        the long tests of codex-node/fleet, with a seed of today's
// npm run test:fleet -- --seed 7            the same faults at the same points again
// npm run test:fleet -- --jobs 500 --keys 20 --workers 4 --kill-every 1000 --lease 2000

import { spawn } from 'node:child_process'
import { root } from './setup.mjs'

const child = spawn(process.execPath, ['__test__/fleet/long/random.mjs', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
child.once('close', (code) => {
  process.exitCode = code ?? 1
})
