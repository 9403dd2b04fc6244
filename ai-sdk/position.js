'use strict'

/**
 * Where a reader of a turn stands. A new reader gets the same events, but for deltas: those of one item that follow each
 * other may be joined. So the others are counted, and of the deltas since the last of them the text.
 */
class Position {
  #events = 0
  /** @type {Map<string, number>} how much of each item's text came since */
  #since = new Map()
  // The item of the last delta, whose next one follows most often.
  #itemId = ''
  #method = ''
  #length = 0

  /** @param {any} event that was read */
  pass({ method, params }) {
    if (!isDelta(params)) {
      this.#events += 1
      this.#length = 0
      if (this.#since.size > 0) this.#since.clear()
      return
    }
    if (params.itemId !== this.#itemId || method !== this.#method) {
      this.#count()
      this.#itemId = params.itemId
      this.#method = method
    }
    this.#length += params.delta.length
  }

  /** @returns {Position} the same place, for a reader that goes on */
  copy() {
    this.#count()
    const copy = new Position()
    copy.#events = this.#events
    copy.#since = new Map(this.#since)
    return copy
  }

  /**
   * What a new reader, from the first event on, has to leave out to come here.
   * @returns {((event: any) => any) | undefined} gives the event, what is new of it, or undefined; none at the beginning
   */
  skipper() {
    this.#count()
    if (this.#events === 0 && this.#since.size === 0) return undefined
    let left = this.#events
    const since = new Map(this.#since)
    return (event) => {
      const { method, params } = event
      if (!isDelta(params)) {
        if (left === 0) return event
        left -= 1
        return undefined
      }
      if (left > 0) return undefined
      const key = `${method} ${params.itemId}`
      const known = since.get(key) ?? 0
      if (known === 0) return event
      const { delta } = params
      since.set(key, Math.max(0, known - delta.length))
      return known >= delta.length
        ? undefined
        : { ...event, params: { ...params, delta: delta.slice(known) } }
    }
  }

  #count() {
    if (this.#length === 0) return
    const key = `${this.#method} ${this.#itemId}`
    this.#since.set(key, (this.#since.get(key) ?? 0) + this.#length)
    this.#length = 0
  }
}

/** @param {any} params */
function isDelta(params) {
  return typeof params?.delta === 'string' && params.itemId !== undefined
}

module.exports = { Position }
