// Claims about the types of budgets and of rules for approvals. Compiled, never run.

import {
  type ApprovalDecision,
  BudgetExceededError,
  type BudgetUse,
  Codex,
  type TurnResult,
} from '../../index.js'
import { instrument } from '../../otel/index.js'
import { allowCommands, allowFolders, allowHosts, ask, deny, policy, type Rule } from '../../policy/index.js'

export async function budgets(codex: Codex) {
  const budget = { tokens: 1000, commands: 0, ms: 5, onThreshold: () => {} }
  const thread = await codex.startThread({ budget })
  await codex.resumeThread(thread.id, { budget })
  await codex.forkThread(thread.id, {
    budget: { cost: 1 },
    cost: (usage, model) => usage.totalTokens + model.length,
  })
  await codex.run('go', { budget })
  const turn = await thread.turn('go', {
    budget: {
      tokens: 1,
      onThreshold({ kind, percent, used, limit, threadId, turnId }) {
        const known: 'tokens' | 'commands' | 'ms' | 'cost' = kind
        const one: 50 | 80 | 95 = percent
        return [known, one, used + limit, threadId.length, turnId?.length]
      },
    },
  })
  // @ts-expect-error there is no such limit
  await thread.run('go', { budget: { token: 5 } })
  // @ts-expect-error a limit is a number
  await thread.run('go', { budget: { tokens: '5' } })
  // @ts-expect-error a cost is a number
  await thread.run('go', { budget: { cost: 5 }, cost: () => 'much' })
  try {
    await turn.run()
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) return
    const use: BudgetUse = error.use
    const result: TurnResult | null = error.result
    const cost: number | null = use.cost
    console.log(error.used.toFixed(), error.limit, error.scope satisfies 'turn' | 'thread', result, cost)
  }
}

export function policies(person: () => Promise<ApprovalDecision>) {
  const own: Rule = (request, { signal }) =>
    signal.aborted || request.kind === 'fileChange' ? 'decline' : undefined
  const onApproval = policy(
    deny('git push', { folders: 'a', hosts: ['b'], decision: 'cancel' }),
    [
      allowCommands('npm test', { command: ['a', 'b c'], options: ['-n'], within: 'src' }),
      allowFolders('a', ['b']),
    ],
    allowHosts('example.com'),
    own,
    ask((_, { reading }) =>
      reading.about === 'command' ? (reading.commands[0]?.[0] === 'ls' ? 'accept' : person()) : null,
    ),
  )
  const codex = new Codex({ onApproval })
  void codex.startThread({ onApproval })
  void new Codex({ onApproval: () => ({ decision: 'accept', rule: 'mine' }) })
  // @ts-expect-error that is no decision
  policy(() => 'yes')
  // @ts-expect-error it takes options by these names alone
  allowCommands({ command: 'a', optoins: [] })
}

export async function records(codex: Codex) {
  for await (const { rule } of codex.serverRequests()) console.log(rule satisfies string | null)
}

export function telemetry() {
  using instrumentation = instrument({ captureContent: true, requests: false })
  instrumentation.disable()
  // @ts-expect-error that is none
  instrument({ tracerProvider: {} })
}
