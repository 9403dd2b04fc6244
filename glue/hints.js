'use strict'

/**
 * What to do about an error, by its code: one table for errors and for doctor. A code that is not here needs no other
 * word than the message.
 * @type {Record<string, string>}
 */
const HINTS = {
  BINARY_NOT_FOUND:
    'Install codex beside this package with `npm install @openai/codex`, or set the option codexPath or the variable CODEX_PATH to the executable.',
  SPAWN_FAILED:
    'Look at the path in the message: it must be an executable for this platform that this user may run.',
  UNSUPPORTED_VERSION: 'Update codex with `npm install @openai/codex@latest`.',
  SERVER_EXITED:
    'Read the stderr of codex in the message: a configuration that does not load and a CODEX_HOME that is not there end it at once.',
  CONFIG_LOAD: 'Mend the line that the message names in config.toml, or the option `config`.',
  CONNECT_FAILED:
    'Check the address and the token, and that a proxy (HTTPS_PROXY, NO_PROXY) does not stand between.',
  CONNECTION_LOST: 'The server went away; running turns are taken up again where it comes back.',
  TIMEOUT: 'codex did not answer in time: look at its stderr, or give it longer with timeoutMs.',
  FILE_ERROR: 'Look at the path in the message: it is missing, or this user may not read or write it.',
  PROTOCOL_ERROR:
    'codex answered in another way than this version expects: compare its version with the range of `npx codex-node doctor`.',
  METHOD_NOT_FOUND: 'This codex does not have the method: update it with `npm install @openai/codex@latest`.',
  SERVER_BUSY: 'Try again after a while, as retryOnOverload() does.',
  LOGIN_FAILED: 'Log in with `npx codex login`, or with the methods of codex.account.',
}

/** @param {unknown} code */
function hintOf(code) {
  return typeof code === 'string' && Object.hasOwn(HINTS, code) ? HINTS[code] : undefined
}

module.exports = { hintOf }
