// Logs codex in: with an API key if one is given, else with a ChatGPT account and a code.
//
//   node examples/login.mjs             or: OPENAI_API_KEY=... node examples/login.mjs
import { Codex } from 'codex-node'

const codex = new Codex()
try {
  const key = process.env.OPENAI_API_KEY
  if (key !== undefined) {
    await codex.account.loginApiKey(key)
  } else {
    const login = await codex.account.loginChatgptDeviceCode()
    console.log(`Open ${login.verificationUrl} in a browser and enter ${login.userCode}`)
    // Ctrl-C gives up, and tells codex so.
    process.once('SIGINT', () => login.cancel())
    await login.wait()
  }
  const { account } = await codex.account.read()
  // Null where the configured model provider needs no account of OpenAI's.
  console.log(`Logged in. Codex works with: ${account?.type ?? 'a provider of its own'}`)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await codex.close()
}
