// The queues of the fleet as a page, where bull-board is installed: npm install express @bull-board/api @bull-board/express.

import { Fleet } from 'codex-node/fleet'

/** @param {string} connection */
export async function board(connection) {
  /** @type {any[]} */
  let parts
  try {
    // Not among the packages that codex-node is built with.
    const names = ['express', '@bull-board/api', '@bull-board/api/bullMQAdapter', '@bull-board/express']
    parts = await Promise.all(names.map((name) => import(name)))
  } catch {
    console.log('no page of the queues without: npm install express @bull-board/api @bull-board/express')
    return
  }
  const [{ default: express }, { createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = parts
  const fleet = new Fleet({ connection })
  const adapter = new ExpressAdapter()
  const { setQueues } = createBullBoard({ queues: [], serverAdapter: adapter })
  const look = async () => {
    const { workers } = await fleet.stats()
    const queues = [fleet.queue, ...workers.map(({ session }) => fleet.queueOf(session))]
    setQueues(queues.map((queue) => new BullMQAdapter(queue)))
  }
  await look()
  setInterval(() => look().catch(() => {}), 2_000).unref()
  const app = express()
  app.use('/', adapter.getRouter())
  // Whoever sees the page sees prompts, and may remove jobs: this machine alone.
  const server = app.listen(0, '127.0.0.1', () => {
    console.log(`the queues: http://127.0.0.1:${server.address().port}/`)
  })
  return async () => {
    server.close()
    await fleet.close()
  }
}
