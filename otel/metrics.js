'use strict'

/** The bounds that the conventions give. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const TO_FIRST = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power)

/** The metrics of turns and tools. */
class Metrics {
  #tokens
  #duration
  #agent
  #first
  #tool

  /** @param {import('@opentelemetry/api').Meter} meter */
  constructor(meter) {
    const histogram = (
      /** @type {string} */ name,
      /** @type {string} */ description,
      bounds = SECONDS,
      unit = 's',
    ) => meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: bounds } })
    this.#tokens = histogram('gen_ai.client.token.usage', 'Tokens that a turn used', TOKENS, '{token}')
    this.#duration = histogram('gen_ai.client.operation.duration', 'How long a turn took')
    this.#agent = histogram('gen_ai.invoke_agent.duration', 'How long a turn took')
    this.#first = histogram(
      'gen_ai.client.operation.time_to_first_chunk',
      'From its call to its first text',
      TO_FIRST,
    )
    this.#tool = histogram('gen_ai.execute_tool.duration', 'How long a tool or command took')
  }

  /**
   * @param {{ usage?: any, calledAt?: number, firstTextAt?: number }} message
   * @param {number} seconds
   * @param {Record<string, string | number>} attributes
   */
  turn({ usage, calledAt, firstTextAt }, seconds, attributes) {
    this.#duration.record(seconds, attributes)
    this.#agent.record(seconds, attributes)
    if (usage !== undefined) {
      this.#tokens.record(usage.inputTokens, { ...attributes, 'gen_ai.token.type': 'input' })
      this.#tokens.record(usage.outputTokens, { ...attributes, 'gen_ai.token.type': 'output' })
    }
    if (calledAt !== undefined && firstTextAt !== undefined) {
      this.#first.record(Math.max(0, firstTextAt - calledAt) / 1000, attributes)
    }
  }

  /**
   * @param {string} name
   * @param {number} seconds
   * @param {string | undefined} failed
   */
  tool(name, seconds, failed) {
    const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name }
    this.#tool.record(seconds, failed === undefined ? attributes : { ...attributes, 'error.type': failed })
  }
}

module.exports = { Metrics }
