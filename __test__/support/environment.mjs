// What of the environment the tests, and all that they start, get to see: colours, proxies, other homes and git settings
// of whoever runs them must not change what is tested. Imported before the tests by scripts/test/javascript.mjs, and by
// the support of a test that is run alone.

import { devNull } from 'node:os'

const ALLOWED = new Set(
  [
    ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR', 'CI', 'CODEX_PATH'],
    // What Windows and its programs need.
    ['PATHEXT', 'SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE'],
    ['APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'PROGRAMFILES', 'HOMEDRIVE', 'HOMEPATH'],
    // How the tests themselves are run.
    ['NODE_TEST_CONTEXT', 'NODE_TEST_WORKER_ID', 'NODE_V8_COVERAGE', 'NAPI_RS_NATIVE_LIBRARY_PATH'],
    ['CHROMIUM_PATH', 'UPDATE_IMAGES', 'FLEET_CUTS'],
  ].flat(),
)

/** @param {string} name */
const isAllowed = (name) => ALLOWED.has(name.toUpperCase()) || /^(LC_|CODEX_RIG_|npm_config_)/i.test(name)

/**
 * The variables that are allowed.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export const allowed = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => isAllowed(name)))

for (const name of Object.keys(process.env)) if (!isAllowed(name)) delete process.env[name]
// Signed commits, other default branches and hooks are of the same kind.
process.env.GIT_CONFIG_GLOBAL = devNull
process.env.GIT_CONFIG_NOSYSTEM = '1'
