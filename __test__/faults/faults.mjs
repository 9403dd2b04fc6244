// The faults: what is needed before the program starts, what strikes, and how it is over.

import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isAlive, stop } from '../support/processes.mjs'

/** @typedef {import('./stage.mjs').Stage} Stage */

/**
 * @typedef {object} Fault
 * @property {string} title what happens
 * @property {string} about what to know of it beside the table
 * @property {string} [over] how it is over, before the last call
 * @property {'pipe' | 'line'} by how the client and codex are connected
 * @property {boolean} [disks] the program has small disks of its own for CODEX_HOME and for temporary files
 * @property {boolean} [clock] the program has a clock of its own
 * @property {boolean} [stays] codex stays stopped
 * @property {boolean} [silent] codex is there and says nothing: turns are given a limit of silence
 * @property {boolean} [waits] codex waits for its end, and says so again and again
 * @property {boolean} [forgets] the line is there and carries nothing: it is asked for signs of life soon
 * @property {'at once' | 'at work'} [severs] it ends codex
 * @property {boolean} [ends] it ends the program
 * @property {(stage: Stage, state: string) => unknown} strike
 * @property {(stage: Stage) => unknown} [keep] before the next call: of what the fault took away some has come back
 * @property {(stage: Stage) => unknown} [mend]
 */

/** @param {Stage} stage */
const codexOf = (stage) => /** @type {number} */ (stage.codexPid())
/** @param {Stage} stage */
const programOf = (stage) => /** @type {number} */ (stage.program.pid)

/** Fills a disk to its last byte. @param {string} folder */
function fill(folder) {
  for (const bytes of [1 << 20, 1 << 12, 1]) {
    const piece = Buffer.alloc(bytes)
    try {
      for (;;) appendFileSync(join(folder, 'filling'), piece)
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error
    }
  }
}

/** A folder as the program sees it. @param {Stage} stage @param {string} folder */
const seen = (stage, folder) => join(`/proc/${programOf(stage)}/root`, folder)

/** @param {number} pid @param {string} limit */
function prlimit(pid, limit) {
  const { status, stderr } = spawnSync('prlimit', [`--pid=${pid}`, limit], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`prlimit ${limit}: ${stderr}`)
}

/** Takes away the descriptors that a process has not in use, but for some. @param {number} pid */
function exhaust(pid, spare = 0) {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (open.has(free)) free++
  prlimit(pid, `--nofile=${free + spare}:`)
}

const CGROUPS = '/sys/fs/cgroup'

/** Where memory is limited here: by a group of either version, else for a process alone. */
export const memoryLimit = memoryLimitOf()

function memoryLimitOf() {
  const name = `codex-node-${process.pid}`
  for (const [kind, parent, file] of /** @type {const} */ ([
    ['cgroup v1', `${CGROUPS}/memory`, 'memory.limit_in_bytes'],
    ['cgroup v2', CGROUPS, 'memory.max'],
  ])) {
    const folder = join(parent, name)
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    const has = readdirSync(folder).includes(file)
    rmdirSync(folder)
    if (has) return { kind, folder, file }
  }
  return { kind: 'RLIMIT_AS' }
}

/** Gives a process no more memory than it has. @param {Stage} stage */
async function starve(stage) {
  const pid = codexOf(stage)
  const { folder, file } = memoryLimit
  if (folder === undefined) {
    prlimit(pid, '--as=1:')
    return
  }
  const own = `${folder}-${pid}`
  mkdirSync(own)
  stage.after(() => removeGroup(own))
  writeFileSync(join(own, file), '0')
  writeFileSync(join(own, 'cgroup.procs'), String(pid))
}

/** @param {string} group */
async function removeGroup(group) {
  for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n')) {
    while (pid !== '' && isAlive(Number(pid))) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  rmdirSync(group)
}

/** @type {Record<string, Fault>} */
export const faults = {
  killCodex: {
    title: 'SIGKILL of codex',
    about:
      'A crash looks the same, but for `exitCode`. What waits rejects at once; the next call starts another codex, in which the thread is resumed.',
    by: 'pipe',
    severs: 'at once',
    strike: (stage) => process.kill(codexOf(stage), 'SIGKILL'),
  },
  stopCodex: {
    title: 'SIGSTOP of codex',
    about:
      'As where it hangs, or its machine swaps. Nothing is given up but what you set a limit for: here `requestTimeoutMs`, `connectTimeoutMs` and `inactivityTimeoutMs`, and a `signal` for codex exec. The next turn of a thread waits behind the silent one until codex answers; it rejects with `TimeoutError` where codex does not even say within `requestTimeoutMs` what the thread is at. `close()` ends it all the same.',
    over: 'after SIGCONT',
    by: 'pipe',
    silent: true,
    stays: true,
    strike: (stage) => stop(codexOf(stage)),
    mend: (stage) => stage.resume(),
  },
  killProgram: {
    title: 'SIGKILL of the program',
    about:
      'Codex sees the end of its input and goes, and all that it has started, and so do temporary files. The next call is one of another program, which resumes the thread.',
    by: 'pipe',
    ends: true,
    strike: (stage) => process.kill(programOf(stage), 'SIGKILL'),
  },
  killProgramOfStopped: {
    title: 'SIGSTOP of codex, then SIGKILL of the program',
    about:
      'A codex that is stopped, or hangs, does not notice the end of its input. It is killed ten seconds after the program, and one of codex exec after two.',
    by: 'pipe',
    ends: true,
    stays: true,
    strike: (stage) => {
      process.kill(codexOf(stage), 'SIGSTOP')
      process.kill(programOf(stage), 'SIGKILL')
    },
  },
  drop: {
    title: 'The line drops',
    about: 'To a server elsewhere: it is opened again, and what is under way goes on.',
    by: 'line',
    strike: (stage) => stage.proxy?.cut(),
  },
  halfOpen: {
    title: 'The line is half open',
    about:
      'Somebody on the way has forgotten it: it is there, and carries nothing. That shows after twice `keepAliveMs`; from there on it is a line that dropped.',
    by: 'line',
    forgets: true,
    strike: (stage) => stage.proxy?.freeze(),
  },
  diskFull: {
    title: 'No space in `CODEX_HOME`',
    about:
      "Turns go on: codex keeps what it can't write and tries again. It says so by the notification `warning`, which comes to `notifications()`; when there is space again, all is stored. A codex that starts on a full disk ends at once, with the reason on its stderr.",
    over: 'with space again',
    by: 'pipe',
    disks: true,
    strike: (stage) => fill(seen(stage, stage.home.codexHome)),
    keep: (stage) => fill(seen(stage, stage.home.codexHome)),
    mend: (stage) => rmSync(join(seen(stage, stage.home.codexHome), 'filling')),
  },
  temporaryFull: {
    title: 'No space for temporary files',
    about: 'Only what needs a file notices: an `outputSchema` of codex exec. codex itself needs none.',
    over: 'with space again',
    by: 'pipe',
    disks: true,
    strike: (stage) => fill(seen(stage, stage.temporary)),
    keep: (stage) => fill(seen(stage, stage.temporary)),
    mend: (stage) => rmSync(join(seen(stage, stage.temporary), 'filling')),
  },
  descriptors: {
    title: 'No descriptor in the program (EMFILE)',
    about: "A codex that runs has all that it needs. What has to be started or opened can't be.",
    over: 'with descriptors again',
    by: 'pipe',
    strike: (stage) => exhaust(programOf(stage)),
    keep: (stage) => exhaust(programOf(stage)),
    mend: (stage) => prlimit(programOf(stage), '--nofile=1000:'),
  },
  descriptorsOfCodex: {
    title: 'No descriptor in codex (EMFILE)',
    about:
      'What needs none goes on. A turn that has to connect to the model again waits: codex says “waiting for network” by `error` events with `willRetry`, again and again, so that it is not silent; here a `signal` ends it. What codex reads for each turn it can’t read then.',
    over: 'with descriptors again',
    by: 'pipe',
    waits: true,
    // One that starts has a few: it is codex that is to run out of them, not the shell in front of it.
    strike: (stage, state) => exhaust(codexOf(stage), state === 'starting' ? 6 : 0),
    keep: (stage) => isAlive(codexOf(stage)) && exhaust(codexOf(stage)),
    mend: (stage) => {
      const pid = stage.codexPid()
      if (isAlive(pid)) prlimit(pid, '--nofile=1000:')
    },
  },
  memory: {
    title: 'No memory for codex',
    about: 'A cgroup lets it have no more: the kernel kills it as soon as it needs some.',
    by: 'pipe',
    severs: 'at work',
    strike: starve,
  },
  clock: {
    title: 'The clock jumps',
    about:
      'A day forward, then a day back, for the program alone: codex is a static executable, to which no other clock can be given. Nothing here goes by the time of day: deadlines, silences and pauses are counted by the monotonic clock.',
    over: 'after the jump back',
    by: 'pipe',
    clock: true,
    strike: (stage) => stage.setClock(86_400),
    mend: (stage) => stage.setClock(-86_400),
  },
}
