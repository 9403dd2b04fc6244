// What turns may use.

import type * as Protocol from '../protocol.js'

/** What turns may use. What goes over a limit is interrupted, and rejects `BudgetExceededError`. */
export interface Budget {
  /** Tokens in all, as the model's provider counts them: what goes in, cached or not, and what comes out. */
  tokens?: number | undefined
  /** Commands that the agent runs. */
  commands?: number | undefined
  /** Milliseconds for which turns run. */
  ms?: number | undefined
  /** Of what `cost` gives. */
  cost?: number | undefined
  /**
   * Called once for each limit at 50, 80 and 95 percent of it, in the asynchronous context in which the budget was given.
   */
  onThreshold?: ((threshold: BudgetThreshold) => void) | undefined
}

/** What a budget limits. */
export type BudgetKind = 'tokens' | 'commands' | 'ms' | 'cost'

/** A part of a budget that is used. */
export interface BudgetThreshold {
  kind: BudgetKind
  percent: 50 | 80 | 95
  used: number
  limit: number
  /** The thread that used the last of it: that of the turn, or of a sub-agent. */
  threadId: string
  turnId: string | null
}

/** What was used under a budget. */
export interface BudgetUse {
  tokens: number
  commands: number
  ms: number
  /** Null without a `cost`. */
  cost: number | null
}

/** Who says what usage costs. */
export interface WithBudget {
  /**
   * What may be used: by this turn, or, as an option of a thread, by all turns of it in this client. The turns of their
   * sub-agents count, as do turns that fail or are interrupted.
   *
   * @default no limits
   */
  budget?: Budget | undefined
  /**
   * What the usage of one request to the model costs, in the unit of `budget.cost`. Called with each, and the name of the
   * model as far as it is known.
   */
  cost?: ((usage: Protocol.TokenUsageBreakdown, model: string) => number) | undefined
}
