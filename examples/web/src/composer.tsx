import type { FileUIPart } from 'ai'
import { type ClipboardEvent, type KeyboardEvent, useState } from 'react'

export interface ComposerProps {
  disabled: boolean
  running: boolean
  onSend: (text: string, files: FileUIPart[]) => Promise<void>
  onSteer: (text: string) => Promise<void>
  onStop: () => Promise<void>
}

const dataUrl = (file: File) =>
  new Promise<FileUIPart>((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () =>
      resolve({ type: 'file', mediaType: file.type, filename: file.name, url: String(reader.result) })
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })

export function Composer({ disabled, running, onSend, onSteer, onStop }: ComposerProps) {
  const [text, setText] = useState('')
  const [files, setFiles] = useState<FileUIPart[]>([])

  const submit = () => {
    if (disabled || (text.trim() === '' && (running || files.length === 0))) return
    setText('')
    if (running) return void onSteer(text)
    setFiles([])
    void onSend(text, files)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    submit()
  }
  const onPaste = async (event: ClipboardEvent) => {
    const images = [...event.clipboardData.files].filter(({ type }) => type.startsWith('image/'))
    if (images.length === 0) return
    event.preventDefault()
    const read = await Promise.all(images.map(dataUrl))
    setFiles((before) => [...before, ...read])
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {files.length > 0 && (
        <ul className="images" aria-label="Images">
          {files.map((file, index) => (
            <li key={file.url}>
              <img src={file.url} alt={file.filename ?? 'Pasted'} />
              <button
                type="button"
                aria-label={`Remove image ${index + 1}`}
                onClick={() => setFiles(files.filter((other) => other !== file))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <textarea
        aria-label={running ? 'Steer the turn' : 'Message'}
        placeholder={running ? 'Say something to the running turn' : 'Ask codex; images by paste'}
        rows={3}
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <div className="buttons">
        <button type="submit" className="primary" disabled={disabled}>
          {running ? 'Steer' : 'Send'}
        </button>
        {running && (
          <button type="button" onClick={onStop}>
            Stop
          </button>
        )}
      </div>
    </form>
  )
}
