// What the page asks of its server.

export interface ThreadEntry {
  id: string
  name: string | null
  preview: string
  updatedAt: number
}

export interface Running {
  turnId: string
  startedAt: number
  input: string
  images: string[]
}

export interface Approval {
  id: string
  threadId: string
  turnId: string
  /** Null where the approval does not name the item that it is about. */
  itemId: string | null
  kind: 'command' | 'fileChange' | 'mcpToolCall'
  command: string | null
  call: { server: string; tool: string; arguments: unknown } | null
  reason: string | null
}

export interface Tokens {
  turnId: string
  input: number
  cached: number
  output: number
}

/** What is told to every tab, whenever it changes. */
export interface Live {
  running: Record<string, Running>
  approvals: Approval[]
  tokens: Record<string, Tokens[]>
}

// biome-ignore lint/suspicious/noExplicitAny: the items of a turn, as the protocol has them
export type Item = { type: string; id: string } & Record<string, any>

export interface StoredTurn {
  id: string
  status: string
  startedAt: number | null
  error: { message: string } | null
  items: Item[]
}

export interface History {
  id: string
  turns: StoredTurn[]
  running: Running | null
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`/api${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  }).catch(() => {
    throw new Error('The server is not there.')
  })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Error(answer.message ?? `The server answered ${response.status}.`)
  return answer
}

export const api = {
  threads: (search: string) => call<ThreadEntry[]>('GET', `/threads?search=${encodeURIComponent(search)}`),
  start: () => call<{ id: string }>('POST', '/threads'),
  history: (id: string) => call<History>('GET', `/threads/${id}`),
  rename: (id: string, name: string) => call('PATCH', `/threads/${id}`, { name }),
  fork: (id: string) => call<{ id: string }>('POST', `/threads/${id}/fork`),
  archive: (id: string) => call('POST', `/threads/${id}/archive`),
  turn: (id: string, input: string, images: string[]) =>
    call<{ turnId: string }>('POST', `/threads/${id}/turns`, { input, images }),
  steer: (turnId: string, input: string) => call('POST', `/turns/${turnId}/steer`, { input }),
  interrupt: (turnId: string) => call('POST', `/turns/${turnId}/interrupt`),
  answer: (id: string, decision: string, reason = '') =>
    call('POST', `/approvals/${id}`, { decision, reason }),
}
