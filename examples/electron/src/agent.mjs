// The utility process: Node, where the addon and codex run. A message with a port is a window.

import { serve } from './serve.mjs'

process.parentPort.on('message', ({ data, ports: [port] }) => {
  if (port === undefined) return
  const end = serve({
    folder: data.cwd,
    send: (message) => port.postMessage(message),
    listen: (listener) => port.on('message', (event) => listener(event.data)),
  })
  port.on('close', end)
  port.start()
})
