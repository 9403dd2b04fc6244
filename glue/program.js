'use strict'

const { realpathSync, statSync } = require('node:fs')
const { dirname, isAbsolute } = require('node:path')

/**
 * The folders from which an installed codex is looked for, upwards: that of this package, and that of the program. Never
 * the working directory: that may be any repository, and what lies in there is not to be started.
 *
 * @param {string | undefined} folder of this package, or of the bundle that it is in
 * @returns {string[]}
 */
function searchFrom(folder) {
  return [...new Set([folder, programFolder()])].filter((found) => found !== undefined)
}

/** @returns {string | undefined} the folder of the file that Node was told to run */
function programFolder() {
  const main = mainFile()
  if (typeof main === 'string' && isAbsolute(main)) return dirname(main)
  const file = process.argv[1]
  if (file === undefined || !isAbsolute(file) || !isProgram()) return undefined
  try {
    const real = realpathSync(file)
    return statSync(real).isDirectory() ? real : dirname(real)
  } catch {
    // Named without its extension, or not on a disk.
    return dirname(file)
  }
}

/** @returns {unknown} */
function mainFile() {
  try {
    return require.main?.filename
  } catch {
    // In a bundle of ES modules there may be no `require`.
    return undefined
  }
}

/**
 * Whether the first argument is the program, and not the first of its arguments: with `-e`, a program on stdin and in
 * an application of Electron it may be any file or folder.
 */
function isProgram() {
  const isEvaluated = '_eval' in process && process._eval !== undefined
  const isInteractive = process.execArgv.some((argument) => ['-i', '--interactive'].includes(argument))
  return !isEvaluated && !isInteractive && process.versions.electron === undefined
}

module.exports = { programFolder, searchFrom }
