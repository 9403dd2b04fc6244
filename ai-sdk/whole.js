'use strict'

/**
 * The parts of one call, each block of which begins and ends in it: what began in an earlier call begins anew, and what is
 * open when the call ends is ended.
 */
class Whole {
  #metadata
  /** The blocks of text and reasoning that are open, by their ids. @type {Map<string, 'text' | 'reasoning'>} */
  #open = new Map()
  /** The calls whose input has begun here. @type {Set<string>} */
  #inputs = new Set()

  /** @param {import('./words.js').Metadata} metadata */
  constructor(metadata) {
    this.#metadata = metadata
  }

  /** @param {any[]} parts @returns {any[]} */
  taken(parts) {
    return parts.flatMap((part) => this.#whole(part))
  }

  /** @returns {any[]} the ends of what is open */
  close() {
    const ends = [...this.#open].map(([id, kind]) => ({
      type: `${kind}-end`,
      id,
      providerMetadata: this.#metadata(id),
    }))
    this.#open.clear()
    return ends
  }

  /** @param {any} part @returns {any[]} */
  #whole(part) {
    const { type, id } = part
    switch (type) {
      case 'text-start':
      case 'reasoning-start':
        this.#open.set(id, kindOf(type))
        return [part]
      case 'text-delta':
      case 'reasoning-delta': {
        if (this.#open.has(id)) return [part]
        const kind = kindOf(type)
        this.#open.set(id, kind)
        return [{ type: `${kind}-start`, id, providerMetadata: this.#metadata(id) }, part]
      }
      case 'text-end':
      case 'reasoning-end':
        return this.#open.delete(id) ? [part] : []
      case 'tool-input-start':
        this.#inputs.add(id)
        return [part]
      case 'tool-input-delta':
      case 'tool-input-end':
        return this.#inputs.has(id) ? [part] : []
      default:
        return [part]
    }
  }
}

/** @param {string} type */
function kindOf(type) {
  return type.startsWith('text') ? 'text' : 'reasoning'
}

module.exports = { Whole }
