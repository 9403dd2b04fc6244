// What comes of each fault in each state: of what is under way, of the next call, which is another turn, and of the one
// after the fault is over.

/**
 * @typedef {Record<string, readonly string[]>} Meanwhile by the name that states.mjs gives it
 * @typedef {{ meanwhile: Meanwhile, next: readonly string[], after: readonly string[] }} Played
 * @typedef {Played | { why: string }} Cell `why`: there is no such cell
 */

const EXITED = 'ServerExitedError'
const DONE = 'completed'

/**
 * @param {Record<string, string | string[]>} meanwhile
 * @param {string | string[]} [next]
 * @param {string | string[]} [after]
 * @returns {Cell}
 */
const cell = (meanwhile, next = DONE, after = DONE) => ({
  meanwhile: Object.fromEntries(Object.entries(meanwhile).map(([name, words]) => [name, [words].flat()])),
  next: [next].flat(),
  after: [after].flat(),
})

const NO_LINE = { why: 'codex exec has a pipe and no line: what ends it is the end of codex' }

/** Where nothing is seen of it. */
const unharmed = {
  idle: cell({}),
  starting: cell({ startThread: 'Thread' }),
  streaming: cell({ run: DONE, text: 'read' }),
  tool: cell({ run: DONE }),
  approval: cell({ run: DONE, handler: 'answered' }),
  steering: cell({ steer: 'taken', run: DONE, text: 'read' }),
  compaction: cell({ compact: DONE }),
  review: cell({ run: DONE }),
  exec: cell({ run: DONE }),
}

/** Where codex is gone at once. */
const gone = {
  idle: cell({}),
  starting: cell({ startThread: EXITED }),
  streaming: cell({ run: EXITED, text: EXITED }),
  tool: cell({ run: EXITED }),
  approval: cell({ run: EXITED, handler: 'aborted' }),
  steering: cell({ steer: EXITED, run: EXITED, text: EXITED }),
  compaction: cell({ compact: EXITED }),
  review: cell({ run: EXITED }),
  exec: cell({ run: EXITED }),
}

/** Where codex ends as it starts, for as long as the fault lasts. */
const unable = cell({ startThread: EXITED }, EXITED)

const SILENT = 'TurnInactiveError'
const UNKNOWN = 'IndeterminateError'
const ABORTED = 'AbortError'
/** Who waits behind a turn of a codex that answers nothing gives up with that, or with a signal before. */
const WAITED = ['TimeoutError', ABORTED]

/** The next turn of a program that was killed is one of another program. */
const nothing = Object.fromEntries(Object.keys(unharmed).map((state) => [state, cell({})]))

/** No file of /etc can be opened, which codex reads for each turn. */
const UNREADABLE = 'ConfigLoadError'

/** @type {Record<string, Record<string, Cell>>} */
export const expected = {
  killCodex: gone,
  stopCodex: {
    idle: cell({}, UNKNOWN),
    // One that was stopped before its handshake is given up, and the next call starts another.
    starting: cell({ startThread: 'TimeoutError' }, ['TimeoutError', DONE]),
    streaming: cell({ run: SILENT, text: SILENT }, WAITED),
    tool: cell({ run: SILENT }, WAITED),
    approval: cell({ run: SILENT, handler: 'answered' }, WAITED),
    steering: cell({ steer: UNKNOWN, run: SILENT, text: SILENT }, WAITED),
    compaction: cell({ compact: SILENT }, WAITED),
    review: cell({ run: SILENT }, WAITED),
    exec: cell({ run: ABORTED }),
  },
  killProgram: nothing,
  killProgramOfStopped: nothing,
  drop: {
    ...unharmed,
    starting: cell({ startThread: 'CONNECT_FAILED' }),
    steering: cell({ steer: UNKNOWN, run: DONE, text: 'read' }),
    exec: NO_LINE,
  },
  halfOpen: {
    ...unharmed,
    idle: cell({}, UNKNOWN),
    starting: cell({ startThread: ['TimeoutError', 'CONNECT_FAILED'] }),
    steering: cell({ steer: UNKNOWN, run: DONE, text: 'read' }),
    exec: NO_LINE,
  },
  diskFull: { ...unharmed, starting: unable },
  temporaryFull: { ...unharmed, starting: unable, exec: cell({ run: DONE }, 'FileError') },
  descriptors: { ...unharmed, exec: cell({ run: DONE }, 'FileError') },
  descriptorsOfCodex: {
    idle: cell({}, UNREADABLE),
    starting: cell({ startThread: EXITED }),
    streaming: cell({ run: DONE, text: 'read' }, UNREADABLE),
    tool: cell({ run: ABORTED }, UNREADABLE),
    approval: cell({ run: ABORTED, handler: 'answered' }, UNREADABLE),
    // The model is asked again: whether over the connection that there is, and whether codex can still read what it reads for
    // a steer, it depends on the moment.
    steering: cell(
      {
        steer: ['taken', UNREADABLE],
        run: [DONE, ABORTED, 'TurnFailedError'],
        text: ['read', ABORTED, 'TurnFailedError'],
      },
      UNREADABLE,
    ),
    compaction: cell({ compact: DONE }, UNREADABLE),
    review: cell({ run: DONE }, UNREADABLE),
    exec: cell({ run: DONE }),
  },
  memory: { ...gone, idle: cell({}, EXITED) },
  clock: unharmed,
}
