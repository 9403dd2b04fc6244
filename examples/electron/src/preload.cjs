// All that the page gets from the outside is a port to the utility process.

const { ipcRenderer } = require('electron')

ipcRenderer.on('port', ({ ports }) => window.postMessage('port', '*', ports))
