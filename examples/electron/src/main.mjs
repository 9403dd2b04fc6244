// The main process: a window whose page has no Node, a utility process with codex, and a line between the two.

import { fileURLToPath } from 'node:url'
import { app, BrowserWindow, MessageChannelMain, utilityProcess } from 'electron'

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/** One for all windows. What it says on stderr goes to that of the app. */
function startAgent() {
  return utilityProcess.fork(here('agent.mjs'), [], { serviceName: 'codex', stdio: 'inherit' })
}

/** @param {Electron.UtilityProcess} agent */
async function openWindow(agent) {
  const window = new BrowserWindow({
    width: 900,
    height: 700,
    webPreferences: {
      preload: here('preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  })
  // The page shows what codex says and nothing else.
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }))
  window.webContents.on('will-navigate', (event) => event.preventDefault())
  await window.loadFile(here('page.html'))
  const { port1, port2 } = new MessageChannelMain()
  agent.postMessage({ cwd: process.env.CODEX_EXAMPLE_FOLDER ?? app.getPath('home') }, [port1])
  window.webContents.postMessage('port', undefined, [port2])
}

await app.whenReady()
const agent = startAgent()
await openWindow(agent)
app.on('activate', () => {
  if (BrowserWindow.getAllWindows().length === 0) openWindow(agent)
})
app.on('window-all-closed', () => {
  if (process.platform !== 'darwin') app.quit()
})
// The utility process ends with the app, and codex with it, also when the app is killed.
app.on('will-quit', () => agent.kill())
