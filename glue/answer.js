'use strict'

// An answer of the model as the caller's schema describes it: strict mode has no optional properties, so the model writes
// null for one that is not there, and that is taken out again.

const { Clash, branchesOf, merged, requiredOf, resolved, typeOf, typesOf } = require('./references.js')
const { isRecord } = require('./schema.js')

/**
 * @typedef {import('./references.js').Schema} Schema
 * @typedef {{ parent: Path, key: PropertyKey } | null} Path from the inside out
 * @typedef {{ path: PropertyKey[], index: number, count: number }} Choice a union that several branches fit
 */

/** A schema whose ways to read an answer are more than this is a riddle; the first way is given. */
const MOST_TRIES = 200

/** Reads one answer by a schema. Each value is held against each schema once, however they nest. */
class Answer {
  /** What has been held against what. @type {Map<unknown, Map<Schema, boolean>>} */
  #fits = new Map()
  /** @type {Map<Schema, Schema>} */
  #merged = new Map()
  /** @type {Map<Schema, Schema[]>} */
  #leaves = new Map()
  /** The choices that were made, by their place. @type {Map<string, Choice>} */
  #choices = new Map()
  /** Those of the last reading. @type {Choice[]} */
  #made = []
  #tried = new Set([''])

  /** @param {Schema} root */
  constructor(root) {
    this.root = root
    /** How often a value was held against a schema. */
    this.steps = 0
  }

  /**
   * A value without the nulls that stand for properties that are not there.
   *
   * @param {unknown} value as the strict schema describes it
   * @param {unknown} [schema] as it was before it was made strict
   */
  read(value, schema = this.root) {
    this.#made = []
    return this.#read(value, schema, null)
  }

  /**
   * Chooses another branch of the unions in which issues lie, for the next reading.
   *
   * @param {readonly { path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined }[]} issues
   * @returns {boolean} whether there is another way to read the answer
   */
  tryAnother(issues) {
    /** @type {Set<Choice>} */
    const moved = new Set()
    for (const { path = [] } of issues) {
      const place = path.map((segment) => (typeof segment === 'object' ? segment.key : segment))
      const inside = this.#made.filter((choice) => startsWith(choice.path, place))
      const around = this.#made.filter(
        (choice) => choice.path.length < place.length && startsWith(place, choice.path),
      )
      // The innermost first: a union may tell at its own place what is wrong with a choice below it.
      const near = [...inside.reverse(), ...around.reverse()]
      if (near.some((choice) => moved.has(choice))) continue
      for (const choice of near) {
        moved.add(choice)
        choice.index = (choice.index + 1) % choice.count
        if (choice.index > 0) break
      }
    }
    const state = [...this.#choices]
      .map(([place, { index }]) => (index === 0 ? '' : `${place}=${index}`))
      .join('')
    if (this.#tried.has(state) || this.#tried.size > MOST_TRIES) return false
    this.#tried.add(state)
    return true
  }

  /**
   * Whether a value has the form that a schema describes: types, constants, names. An optional property may be null.
   *
   * @param {unknown} value
   * @param {unknown} schema
   * @returns {boolean}
   */
  fits(value, schema) {
    const node = this.#node(schema)
    if (node === undefined) return resolved(schema, this.root) === true
    let known = this.#fits.get(value)
    if (known === undefined) {
      known = new Map()
      this.#fits.set(value, known)
    }
    let fits = known.get(node)
    if (fits === undefined) {
      this.steps += 1
      fits = this.#holds(value, node)
      known.set(node, fits)
    }
    return fits
  }

  /**
   * @param {unknown} value
   * @param {Schema} node
   */
  #holds(value, node) {
    if (Array.isArray(node.enum) && !node.enum.includes(value)) return false
    if (node.const !== undefined && node.const !== value) return false
    const types = typesOf(node)
    const type = typeOf(value)
    const isOfType = types.includes(type) || (types.includes('integer') && Number.isInteger(value))
    if (types.length > 0 && !isOfType) return false
    if (branchesOf(node) !== undefined) return this.#leavesOf(node).some((leaf) => this.fits(value, leaf))
    if (Array.isArray(value)) {
      return node.items === undefined || value.every((item) => this.fits(item, node.items))
    }
    if (!isRecord(value) || !isRecord(node.properties)) return true
    const { properties } = node
    const required = requiredOf(node)
    if (!required.every((name) => Object.hasOwn(value, name))) return false
    return Object.entries(value).every(([name, item]) => {
      if (!Object.hasOwn(properties, name)) return false
      return (item === null && !required.includes(name)) || this.fits(item, properties[name])
    })
  }

  /**
   * @param {unknown} value
   * @param {unknown} schema
   * @param {Path} path
   * @returns {unknown}
   */
  #read(value, schema, path) {
    const node = this.#node(schema)
    if (node === undefined) return value
    if (branchesOf(node) !== undefined) {
      const fitting = this.#leavesOf(node).filter((leaf) => this.fits(value, leaf))
      if (fitting.length === 0) return value
      const index = fitting.length === 1 ? 0 : this.#chosen(path, fitting.length)
      return this.#read(value, fitting[index], path)
    }
    if (Array.isArray(value)) {
      return value.map((item, key) => this.#read(item, node.items, { parent: path, key }))
    }
    if (!isRecord(value) || !isRecord(node.properties)) return value
    const { properties } = node
    const required = requiredOf(node)
    /** @type {[string, unknown][]} */
    const present = []
    for (const [name, item] of Object.entries(value)) {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined
      const isAbsent =
        item === null && property !== undefined && !required.includes(name) && !this.fits(null, property)
      if (isAbsent) continue
      present.push([
        name,
        property === undefined ? item : this.#read(item, property, { parent: path, key: name }),
      ])
    }
    return Object.fromEntries(present)
  }

  /**
   * Which of several fitting branches is taken at a place.
   *
   * @param {Path} path
   * @param {number} count
   */
  #chosen(path, count) {
    const keys = []
    for (let at = path; at !== null; at = at.parent) keys.unshift(at.key)
    const place = JSON.stringify([keys, count])
    const choice = this.#choices.get(place) ?? { path: keys, index: 0, count }
    this.#choices.set(place, choice)
    this.#made.push(choice)
    return choice.index
  }

  /**
   * The branches of a union that are none themselves.
   * @param {Schema} union
   */
  #leavesOf(union) {
    const known = this.#leaves.get(union)
    if (known !== undefined) return known
    /** @type {Schema[]} */
    const leaves = []
    const seen = new Set([union])
    const add = (/** @type {Schema} */ node) => {
      for (const branch of branchesOf(node) ?? []) {
        const own = this.#node(branch)
        if (own === undefined || seen.has(own)) continue
        seen.add(own)
        if (branchesOf(own) === undefined) leaves.push(own)
        else add(own)
      }
    }
    add(union)
    this.#leaves.set(union, leaves)
    return leaves
  }

  /**
   * A schema with its references followed and its parts merged; undefined where it is none.
   * @param {unknown} schema
   * @returns {Schema | undefined}
   */
  #node(schema) {
    const node = resolved(schema, this.root)
    if (!isRecord(node)) return undefined
    let whole = this.#merged.get(node)
    if (whole === undefined) {
      whole = mergedOrOwn(node, this.root)
      this.#merged.set(node, whole)
      this.#merged.set(whole, whole)
    }
    return whole
  }
}

/**
 * @param {Schema} node
 * @param {Schema} root
 */
function mergedOrOwn(node, root) {
  try {
    return merged(node, root)
  } catch (error) {
    if (error instanceof Clash) return node
    throw error
  }
}

/**
 * @param {readonly PropertyKey[]} path
 * @param {readonly PropertyKey[]} start
 */
function startsWith(path, start) {
  return start.length <= path.length && start.every((key, index) => String(key) === String(path[index]))
}

/**
 * A value without the nulls that stand for properties that are not there, read in the first way that fits.
 *
 * @param {unknown} value as the strict schema describes it
 * @param {unknown} schema as it was before it was made strict
 * @param {Schema} root
 */
function withoutNulls(value, schema, root) {
  return new Answer(root).read(value, schema)
}

module.exports = { Answer, withoutNulls }
