// The page: no Node, no bridge, only messages over a port.

const said = document.querySelector('#said')
const form = document.querySelector('#ask')
const input = document.querySelector('#input')
const send = document.querySelector('#send')
const stop = document.querySelector('#stop')

/** The paragraph that grows while the agent speaks. */
let speaking

function add(text, className = '') {
  const paragraph = document.createElement('p')
  paragraph.className = className
  paragraph.textContent = text
  said.append(paragraph)
  paragraph.scrollIntoView()
  return paragraph
}

function question(port, { id, text, reason }) {
  const paragraph = add(`Codex asks for: ${text}\n${reason}\n`, 'aside')
  for (const [label, allowed] of [
    ['Allow', true],
    ['Decline', false],
  ]) {
    const button = document.createElement('button')
    button.textContent = label
    button.addEventListener('click', () => {
      port.postMessage({ type: 'answer', id, allowed })
      for (const other of paragraph.querySelectorAll('button')) other.disabled = true
    })
    paragraph.append(button)
  }
}

function show(port, message) {
  if (message.type !== 'delta') speaking = undefined
  switch (message.type) {
    case 'started':
      stop.hidden = false
      break
    case 'steered':
      add('The running turn has been told.', 'aside')
      break
    case 'delta':
      speaking ??= add('')
      speaking.textContent += message.text
      break
    case 'command':
      add(`$ ${message.command} (${message.status})`, 'aside')
      break
    case 'question':
      question(port, message)
      break
    case 'ended':
      stop.hidden = true
      add(`${message.status}, ${message.tokens} tokens`, 'aside')
      break
    case 'error':
      stop.hidden = true
      add(message.message, 'error')
      break
  }
}

window.addEventListener('message', ({ data, source, ports: [port] }) => {
  if (data !== 'port' || source !== window || port === undefined) return
  port.addEventListener('message', (event) => show(port, event.data))
  port.start()
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (input.value === '') return
    add(input.value, 'mine')
    port.postMessage({ type: 'turn', input: input.value })
    input.value = ''
  })
  stop.addEventListener('click', () => port.postMessage({ type: 'stop' }))
  input.disabled = false
  input.focus()
  send.disabled = false
})
