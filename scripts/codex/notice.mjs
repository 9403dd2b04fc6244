// What a program that uses this library would notice of a change.

/** Whose params are options, by the type. @type {Record<string, string>} */
const OPTIONS = {
  ThreadStartParams: '`startThread()`',
  ThreadResumeParams: '`resumeThread()`',
  ThreadForkParams: '`forkThread()`',
  ThreadListParams: '`listThreads()`',
  ThreadSettingsUpdateParams: '`updateDefaults()`',
  TurnStartParams: '`run()` and `turn()`',
  TurnSteerParams: '`steer()`',
  InitializeCapabilities: '`new Codex({ capabilities })`',
}

const UNUSED = 'Nothing: no method carries it.'

/**
 * @param {import('./difference.mjs').Change} change
 * @param {import('./places.mjs').Places} after
 * @returns {string}
 */
export function noticeOf(change, after) {
  const { what, kind, name, type } = change
  const short =
    kind === 'value' ? `\`${/'(.*)'$/.exec(name)?.[1]}\`` : `\`${name.slice(name.lastIndexOf('.') + 1)}\``
  switch (kind) {
    case 'ClientRequest':
    case 'ClientNotification': {
      const call = `\`codex.${kind === 'ClientRequest' ? 'request' : 'notify'}('${name}')\``
      if (what === 'added') return `${call} has types; an older codex refuses it.`
      return what === 'gone' ? `${call} is refused by the new codex.` : `${call} takes other params.`
    }
    case 'ServerRequest':
      if (what === 'added') return 'Declined, unless `onServerRequest` answers it.'
      return what === 'gone'
        ? 'Handlers are not asked any more by the new codex.'
        : 'Handlers see other params.'
    case 'ServerNotification':
      if (what === 'added') {
        const ofTurns = ['turn', 'turnId'].some((field) => after.fields.has(`${type}.${field}`))
        return ofTurns ? 'Comes in the streams of turns, as it is.' : 'Comes by `notifications()`, as it is.'
      }
      return what === 'gone' ? 'Does not come any more.' : 'Has other params.'
    case 'value':
      if (!change.sent && !change.gets) return UNUSED
      if (!change.sent) return what === 'added' ? `${short} may be given.` : `${short} is refused.`
      return what === 'added' ? 'A `switch` over it meets another value.' : 'Does not come any more.'
    case 'field':
      return ofField(change, short)
  }
}

/** @param {import('./difference.mjs').Change} change @param {string} short */
function ofField({ what, name, type, before, after, sent, gets }, short) {
  const call = OPTIONS[type]
  if (call !== undefined && name.split('.').length === 2) {
    if (what === 'added') return `${call} takes ${short}.`
    return what === 'gone' ? `${call} refuses ${short} as an unknown option.` : `${call}: other values.`
  }
  if (!sent && !gets) return UNUSED
  if (!sent) {
    const needed = what !== 'gone' && !after.endsWith(' ?')
    if (what === 'gone') return 'Codex does not look at it any more.'
    return needed && (what === 'added' || before.endsWith(' ?')) ? 'Has to be given.' : 'May be given.'
  }
  if (what === 'added') return 'May be read; an older codex does not send it.'
  if (what === 'gone') return 'Is `undefined`; a program in TypeScript that reads it does not compile.'
  return 'A program in TypeScript that reads it may not compile.'
}
