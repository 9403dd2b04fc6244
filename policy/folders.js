'use strict'

// Whether a file lies in a folder, where links and `..` lead.

const { lstat, realpath } = require('node:fs/promises')
const { isAbsolute, join, parse, relative, resolve, sep } = require('node:path')

/** Windows takes either. */
const SEPARATOR = sep === '/' ? '/' : /[\\/]/

/**
 * Folders in a folder that are not meant with it: what is written there is run or followed by others. The sandbox of codex
 * keeps the same.
 */
const SPECIAL = new Set(['.git', '.codex', '.agents'])

/**
 * Where a path leads, link by link as the system goes; undefined where that can't be said. It need not be there.
 *
 * @param {string} path absolute
 * @returns {Promise<string | undefined>}
 */
async function placeOf(path) {
  if (!isAbsolute(path)) return undefined
  const { root } = parse(path)
  let at = root
  let isThere = true
  for (const segment of path.slice(root.length).split(SEPARATOR)) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      // Of a folder that is not there nobody knows what will be.
      if (!isThere) return undefined
      at = resolve(at, '..')
      continue
    }
    const next = join(at, segment)
    const real = isThere ? await realOf(next) : next
    if (real === undefined) return undefined
    if (real === null) isThere = false
    at = real ?? next
  }
  return at
}

/**
 * @param {string} path
 * @returns {Promise<string | null | undefined>} null where there is nothing, undefined for a link to nothing and the like
 */
async function realOf(path) {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return undefined
  }
  try {
    await lstat(path)
    return undefined
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? null : undefined
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code
}

/**
 * The path of a file as it was named in a folder, with its links and `..` as they are.
 *
 * @param {string | undefined} folder
 * @param {string} path
 * @returns {string | undefined}
 */
function named(folder, path) {
  if (isAbsolute(path)) return path
  return folder === undefined ? undefined : `${folder}${sep}${path}`
}

/**
 * The folder in which a command is started.
 *
 * @param {string} cwd
 * @param {string[] | null} moves
 * @returns {string | undefined}
 */
function startedIn(cwd, moves) {
  if (moves === null || !isAbsolute(cwd)) return undefined
  let folder = /** @type {string | undefined} */ (cwd)
  for (const move of moves) folder = named(folder, move)
  return folder
}

/**
 * The one of some folders in which a path lies, if there is one.
 *
 * @param {readonly string[]} folders absolute
 * @param {string | undefined} path absolute
 * @param {{ special?: boolean }} [options] whether what others run is meant, too
 * @returns {Promise<string | undefined>}
 */
async function folderOf(folders, path, { special = false } = {}) {
  const place = path === undefined ? undefined : await placeOf(path)
  if (place === undefined) return undefined
  for (const folder of folders) {
    const root = await placeOf(folder)
    if (root === undefined) continue
    const rest = relative(root, place)
    const segments = rest === '' ? [] : rest.split(sep)
    if (segments[0] === '..' || isAbsolute(rest)) continue
    if (special || !(await isSpecial(root, segments))) return folder
  }
  return undefined
}

/**
 * Whether what lies there is run by others. A folder with a `HEAD` in it may be a repository without a `.git`, whose
 * settings name programs that git runs.
 *
 * @param {string} root
 * @param {readonly string[]} segments
 */
async function isSpecial(root, segments) {
  const names = segments.map(nameOf)
  if (names.some((name) => SPECIAL.has(name) || name === 'git~1')) return true
  if (names.at(-1) === 'head') return true
  for (let depth = 1; depth < segments.length; depth++) {
    if ((await realOf(join(root, ...segments.slice(0, depth), 'HEAD'))) !== null) return true
  }
  return false
}

/**
 * What some file system takes a name for: without regard to case, to blanks and dots at its end, to what follows a colon
 * (Windows), or to characters that nobody sees (macOS).
 *
 * @param {string} segment
 */
function nameOf(segment) {
  const seen = segment.replace(/\p{Cf}/gu, '').toLowerCase()
  return seen.replace(/(?!^):.*$/s, '').replace(/[. ]+$/, '')
}

module.exports = { folderOf, named, placeOf, startedIn }
