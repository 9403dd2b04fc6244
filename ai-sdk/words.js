'use strict'

/**
 * A block of text or reasoning that is open.
 * @typedef {{ kind: 'text' | 'reasoning', id: string, told: number, part: number, isRaw: boolean }} Block
 *
 * @typedef {(itemId: string, more?: Record<string, unknown>) => Record<string, any>} Metadata
 */

/** The messages and the reasoning of a turn as blocks of text and reasoning. */
class Words {
  #out
  #metadata
  #isJson
  #holds
  /** @type {Map<string, Block>} */
  #open = new Map()
  /** Messages of which it is not known yet whether they are the answer, or that wait to be put right. @type {Map<string, { text: string, phase: string | null }>} */
  #held = new Map()

  /**
   * @param {() => any[]} out parts that nobody has taken yet
   * @param {Metadata} metadata
   * @param {{ isJson: boolean, holds: boolean }} format `isJson`: the text of the call is JSON and nothing else;
   *   `holds`: and is told only when it is complete
   */
  constructor(out, metadata, { isJson, holds }) {
    this.#out = out
    this.#metadata = metadata
    this.#isJson = isJson
    this.#holds = holds
  }

  /** @param {any} item a message, reasoning or a plan that has begun */
  started({ id, type, phase = null }) {
    if (type === 'reasoning') return
    this.#decideHeld()
    if (!this.#isJson) this.#begin(id, 'text')
    else if (phase === 'commentary') this.#begin(id, 'reasoning')
    else this.#held.set(id, { text: '', phase })
  }

  /** @param {string} id @param {string} delta */
  text(id, delta) {
    const block = this.#open.get(id)
    if (block !== undefined) {
      block.told += delta.length
      this.#delta(block, delta)
      return
    }
    const held = this.#held.get(id)
    if (held !== undefined) this.#hold(id, held, delta)
    else if (!this.#isJson) {
      this.#begin(id, 'text')
      this.text(id, delta)
    }
  }

  /**
   * @param {string} id
   * @param {string} delta
   * @param {number} part each is a paragraph
   * @param {boolean} [isRaw] whether it is the chain of thought itself, which is told where there is no summary of it
   */
  reasoning(id, delta, part, isRaw = false) {
    const block = this.#open.get(id) ?? this.#begin(id, 'reasoning')
    if (block.told === 0) block.isRaw = isRaw
    else if (block.isRaw !== isRaw) return
    const text = block.told > 0 && part !== block.part ? `\n\n${delta}` : delta
    block.part = part
    block.told += text.length
    this.#delta(block, text)
  }

  /** @param {any} item a message, reasoning or a plan that is complete */
  completed(item) {
    const { id, type, phase } = item
    const text = type === 'reasoning' ? thoughtOf(item, this.#open.get(id)) : item.text
    const held = this.#held.get(id)
    if (held !== undefined) {
      held.text = text
      return
    }
    let block = this.#open.get(id)
    if (block === undefined) {
      if (text === '' && type === 'reasoning') return
      if (this.#isJson && type !== 'reasoning' && phase !== 'commentary') {
        this.#decideHeld()
        this.#held.set(id, { text, phase: phase ?? null })
        return
      }
      block = this.#begin(id, type === 'reasoning' ? 'reasoning' : 'text')
    }
    // What a line that dropped, or a late reader, did not get.
    if (text.length > block.told) this.#delta(block, text.slice(block.told))
    this.#end(id, block, phase)
  }

  /** Ends what is open, where the call ends or the model begins anew. */
  close() {
    for (const [id, block] of this.#open) this.#end(id, block)
  }

  /** The call ends before the turn. What is JSON is the whole of an answer: it is told by the call that gets its end. */
  leave() {
    if (!this.#isJson) return
    for (const [id, { kind }] of this.#open) if (kind === 'text') this.#open.delete(id)
  }

  /**
   * The answer that was held, which is the last message; those before it were none.
   * @returns {{ id: string, text: string } | undefined}
   */
  takeAnswer() {
    const last = [...this.#held.keys()].at(-1)
    if (last === undefined) return undefined
    const text = this.#held.get(last)?.text ?? ''
    this.#held.delete(last)
    this.#decideHeld()
    return { id: last, text }
  }

  /** @param {string} id @param {string} text an answer that was held */
  answer(id, text) {
    const block = this.#begin(id, 'text')
    this.#delta(block, text)
    this.#end(id, block)
  }

  /**
   * What begins as an object is the answer while it is written, where codex does not say.
   *
   * @param {string} id
   * @param {{ text: string, phase: string | null }} held
   * @param {string} delta
   */
  #hold(id, held, delta) {
    held.text += delta
    if (this.#holds || !(held.phase === 'final_answer' || held.text.trimStart().startsWith('{'))) return
    this.#held.delete(id)
    this.#begin(id, 'text')
    this.text(id, held.text)
  }

  /** Something follows what was held: it was no answer. */
  #decideHeld() {
    for (const [id, { text }] of this.#held) {
      this.#held.delete(id)
      if (text === '') continue
      const block = this.#begin(id, 'reasoning')
      this.#delta(block, text)
      this.#end(id, block)
    }
  }

  /**
   * Joined with the delta before it, where nobody has taken that yet.
   * @param {Block} block @param {string} delta
   */
  #delta(block, delta) {
    const last = this.#out().at(-1)
    if (last?.id === block.id && last.delta !== undefined) last.delta += delta
    else
      this.#out().push({
        type: block.kind === 'text' ? 'text-delta' : 'reasoning-delta',
        id: block.id,
        delta,
      })
  }

  /** @param {string} id @param {'text' | 'reasoning'} kind */
  #begin(id, kind) {
    const block = { kind, id, told: 0, part: 0, isRaw: false }
    this.#open.set(id, block)
    this.#out().push({ type: `${kind}-start`, id, providerMetadata: this.#metadata(id) })
    return block
  }

  /** @param {string} id @param {Block} block @param {string | null} [phase] */
  #end(id, block, phase) {
    this.#open.delete(id)
    const providerMetadata = this.#metadata(id, phase ? { phase } : undefined)
    this.#out().push({ type: `${block.kind}-end`, id: block.id, providerMetadata })
  }
}

/**
 * @param {{ summary: string[], content: string[] }} item
 * @param {Block | undefined} block what was told of it
 */
function thoughtOf({ summary, content }, block) {
  const isRaw = block === undefined || block.told === 0 ? summary.length === 0 : block.isRaw
  return (isRaw ? content : summary).join('\n\n')
}

module.exports = { Words }
