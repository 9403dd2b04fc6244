// Claims about the types of codex-node/fleet: compiled, not run.

import { z } from 'zod'
import { Fleet, FleetWorker, FolderStore, type Job, type ThreadStore } from '../../fleet/index.js'
import type { TurnResult } from '../../index.js'
import { threadStoreChecks } from '../../testing/index.js'
import { turnResponse } from '../../web/index.js'

export async function jobs(fleet: Fleet) {
  const job: Job<unknown> = await fleet.submit('go', {
    key: 'k',
    cwd: '/',
    sandbox: 'read-only',
    onLost: 'fail',
  })
  const result: TurnResult<unknown> = await job.result()
  void result
  const typed = await fleet.submit([{ type: 'text', text: 'go' }], {
    outputSchema: z.object({ n: z.number() }),
  })
  const n: number | undefined = (await typed.result()).parsed?.n
  void n
  for await (const event of job.events({ after: '3' })) {
    const seq: number = event.seq
    void seq
    if (event.method === 'fleet/begun') void (event.params.worker satisfies string)
    if (event.method === 'item/agentMessage/delta') void (event.params.delta satisfies string)
  }
  const turn = await typed.turn({ signal: AbortSignal.timeout(1) })
  turnResponse(turn, new Request('http://a'))
  const parsed: number | undefined = (await turn.result()).parsed?.n
  void parsed
  for await (const piece of turn.text({ after: 3 })) void (piece satisfies string)
  // @ts-expect-error: its steps are with the worker
  void turn.steps
  await job.steer('more', { signal: AbortSignal.timeout(1) })
  // @ts-expect-error: a handler is no data
  await fleet.submit('go', { onApproval: () => 'accept' })
  // @ts-expect-error: a thread of a fleet outlives its machine
  await fleet.submit('go', { ephemeral: true })
  // @ts-expect-error: a schedule needs a key
  await fleet.schedule('x', { every: 1 }, 'go', {})
}

export function workers() {
  const store: ThreadStore = new FolderStore('/threads')
  threadStoreChecks(() => store)
  const worker = new FleetWorker({ connection: { host: 'a', tls: {} }, store, codex: { env: {} } })
  worker.on('limited', ({ until }) => until satisfies Date)
  // @ts-expect-error: there is no such event
  worker.on('limted', () => {})
  void new Fleet({ connection: 'rediss://a' })
}
