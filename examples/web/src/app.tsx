import { useCallback, useEffect, useState } from 'react'
import { api, type Live, type ThreadEntry } from './api'
import { Chat } from './chat'
import { Threads } from './threads'

const nothing: Live = { running: {}, approvals: [], tokens: {} }

/** What the server tells every tab. An EventSource comes again by itself. */
function useLive() {
  const [live, setLive] = useState(nothing)
  const [connected, setConnected] = useState(true)
  useEffect(() => {
    const source = new EventSource('/api/live')
    source.onmessage = ({ data }) => setLive(JSON.parse(data))
    source.onopen = () => setConnected(true)
    source.onerror = () => setConnected(false)
    return () => source.close()
  }, [])
  return { live, connected }
}

function useTheme() {
  const [theme, setTheme] = useState(
    () =>
      localStorage.getItem('theme') ??
      (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
  )
  useEffect(() => {
    document.documentElement.dataset.theme = theme
    localStorage.setItem('theme', theme)
  }, [theme])
  return { theme, toggle: () => setTheme(theme === 'dark' ? 'light' : 'dark') }
}

export function App() {
  const { live, connected } = useLive()
  const { theme, toggle } = useTheme()
  const [threads, setThreads] = useState<ThreadEntry[]>([])
  const [search, setSearch] = useState('')
  const [current, setCurrent] = useState(() => location.hash.slice(1))
  const [error, setError] = useState('')

  const load = useCallback(async () => setThreads(await api.threads(search)), [search])
  /** Says what went wrong, whatever it was. */
  const doing = useCallback(async (what: () => Promise<unknown>) => {
    try {
      setError('')
      await what()
    } catch (error) {
      setError((error as Error).message)
    }
  }, [])

  useEffect(() => {
    const change = () => setCurrent(location.hash.slice(1))
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  // Turns that begin and end change the list.
  const running = Object.keys(live.running).join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: `running` is why
  useEffect(() => void doing(load), [load, doing, running])

  const open = (id: string) => {
    location.hash = id
    setCurrent(id)
  }
  const start = () =>
    doing(async () => {
      // Nobody writes into the thread that is left.
      setCurrent('')
      open((await api.start()).id)
      await load()
    })

  return (
    <div className="app">
      <header>
        <h1>codex-node</h1>
        {!connected && <p role="status">The server is not there; trying again…</p>}
        <button type="button" onClick={toggle}>
          {theme === 'dark' ? 'Light' : 'Dark'}
        </button>
      </header>
      <Threads
        threads={threads}
        current={current}
        running={live.running}
        search={search}
        onSearch={setSearch}
        onStart={start}
        onOpen={open}
        doing={doing}
        onChanged={load}
      />
      <main>
        {error !== '' && (
          <p role="alert" className="error">
            {error}
          </p>
        )}
        {current === '' ? (
          <p className="empty">Choose a thread, or start one.</p>
        ) : (
          <Chat
            key={current}
            threadId={current}
            live={live}
            name={threads.find(({ id }) => id === current)?.name}
          />
        )}
      </main>
    </div>
  )
}
