import { useState } from 'react'
import { api, type Running, type ThreadEntry } from './api'

export interface ThreadsProps {
  threads: ThreadEntry[]
  current: string
  running: Record<string, Running>
  search: string
  onSearch: (search: string) => void
  onStart: () => void
  onOpen: (id: string) => void
  onChanged: () => Promise<void>
  doing: (what: () => Promise<unknown>) => Promise<void>
}

export function Threads({
  threads,
  current,
  running,
  search,
  onSearch,
  onStart,
  onOpen,
  onChanged,
  doing,
}: ThreadsProps) {
  const [renamed, setRenamed] = useState('')
  const changing = (what: () => Promise<unknown>) =>
    doing(async () => {
      await what()
      await onChanged()
    })
  return (
    <nav aria-label="Threads">
      <button type="button" className="primary" onClick={onStart}>
        New thread
      </button>
      <input
        type="search"
        aria-label="Search threads"
        placeholder="Search"
        value={search}
        onChange={({ target }) => onSearch(target.value)}
      />
      <ul>
        {threads.map((thread) => {
          const title = thread.name || thread.preview || 'New thread'
          return (
            <li key={thread.id} className={thread.id === current ? 'current' : ''}>
              {renamed === thread.id ? (
                <form
                  onSubmit={(event) => {
                    event.preventDefault()
                    const name = String(new FormData(event.currentTarget).get('name')).trim()
                    setRenamed('')
                    if (name !== '') void changing(() => api.rename(thread.id, name))
                  }}
                >
                  <input
                    name="name"
                    aria-label="New name"
                    defaultValue={thread.name ?? ''}
                    // biome-ignore lint/a11y/noAutofocus: the user has asked for it
                    autoFocus
                    onKeyDown={({ key }) => key === 'Escape' && setRenamed('')}
                  />
                </form>
              ) : (
                <>
                  <button
                    type="button"
                    className="title"
                    aria-current={thread.id === current ? 'page' : undefined}
                    onClick={() => onOpen(thread.id)}
                  >
                    {title}
                    {thread.id in running && <span className="badge">running</span>}
                  </button>
                  <span className="actions">
                    <button
                      type="button"
                      aria-label={`Rename ${title}`}
                      onClick={() => setRenamed(thread.id)}
                    >
                      Rename
                    </button>
                    <button
                      type="button"
                      aria-label={`Fork ${title}`}
                      onClick={() => changing(async () => onOpen((await api.fork(thread.id)).id))}
                    >
                      Fork
                    </button>
                    <button
                      type="button"
                      aria-label={`Archive ${title}`}
                      onClick={() =>
                        changing(async () => {
                          await api.archive(thread.id)
                          if (thread.id === current) onOpen('')
                        })
                      }
                    >
                      Archive
                    </button>
                  </span>
                </>
              )}
            </li>
          )
        })}
      </ul>
      {threads.length === 0 && (
        <p className="empty">{search === '' ? 'No threads yet.' : 'None is found.'}</p>
      )}
    </nav>
  )
}
