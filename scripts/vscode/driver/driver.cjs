// Lets the test see and do things in the extension host, over HTTP: POST {command, args}, GET for its state.

const { createServer } = require('node:http')
const vscode = require('vscode')

/**
 * VS Code hands no message to a participant while it knows of no default model, which only this vendor can have. Nobody
 * asks it anything.
 */
function registerModel() {
  const model = {
    ...{
      id: 'nobody',
      name: 'Nobody',
      family: 'nobody',
      version: '1',
      isDefault: true,
      isUserSelectable: true,
    },
    ...{ maxInputTokens: 1e5, maxOutputTokens: 1e5, capabilities: { toolCalling: true } },
  }
  vscode.lm.registerLanguageModelChatProvider('copilot', {
    provideLanguageModelChatInformation: () => [model],
    provideLanguageModelChatResponse: async () => {},
    provideTokenCount: async () => 1,
  })
}

exports.activate = () => {
  registerModel()
  createServer(async (request, response) => {
    try {
      let body = ''
      for await (const chunk of request) body += chunk
      const answer = request.method === 'GET' ? state() : run(JSON.parse(body))
      response.end(JSON.stringify(answer ?? null))
    } catch (error) {
      response.statusCode = 500
      response.end(String(error?.stack ?? error))
    }
  }).listen(Number(process.env.DRIVER_PORT), '127.0.0.1')
}

/** @param {{ command: string, args: unknown[] }} what */
function run({ command, args }) {
  vscode.commands.executeCommand(command, ...args)
}

function state() {
  const extension = vscode.extensions.getExtension('example.codex-node-vscode')
  return {
    pid: process.pid,
    node: process.versions.node,
    isActive: extension?.isActive,
    tabs: vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label }) => label)),
  }
}
