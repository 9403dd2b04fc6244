'use strict'

/** The rate limits of the account as codex told them last: they come between turns, for all of them. */
class Limits {
  /** @type {import('../protocol.js').RateLimitSnapshot | undefined} */
  latest
  /** @type {import('../index.js').NotificationStream | undefined} */
  #reader

  /** @param {import('../index.js').Codex} codex */
  watch(codex) {
    if (this.#reader !== undefined) return
    const methods = /** @type {const} */ (['account/rateLimits/updated'])
    const reader = codex.notifications({ methods, keepAlive: false })
    this.#reader = reader
    void this.#follow(reader)
  }

  /** @param {import('../index.js').NotificationStream} reader */
  async #follow(reader) {
    try {
      for await (const { params } of reader) this.latest = /** @type {any} */ (params).rateLimits
    } catch {
      // The client has ended, and with it what it could tell.
    }
  }

  async close() {
    await this.#reader?.return()
  }
}

module.exports.Limits = Limits
