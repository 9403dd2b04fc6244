import { Codex, CodexError } from 'codex-node'
import { exec, turn } from './checks.mjs'

test('turns', turn, 60_000)
test('codex exec', exec, 60_000)
test('errors', async () => {
  await expect(new Codex({ codexPath: '/no/such/codex' }).connect()).rejects.toBeInstanceOf(CodexError)
})
