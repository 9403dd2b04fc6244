// What the types of codex-node/ai-sdk say, to both majors of the AI SDK.

import type { LanguageModelV3, ProviderV3 } from '@ai-sdk/provider'
import * as v6 from 'ai'
import * as v7 from 'ai-v7'
import {
  type CodexCallOptions,
  type CodexDataTypes,
  type CodexMetadata,
  codexMetadata,
  createCodex,
} from '../../ai-sdk/index.js'
import { Codex } from '../../index.js'

const codex = createCodex(new Codex(), { sandbox: 'read-only', answerTimeoutMs: 1000, onEdit: 'revert' })
createCodex({ url: 'ws://127.0.0.1:1', token: 'of nobody' })
createCodex()
// @ts-expect-error: it is fork or revert
createCodex({}, { onEdit: 'none' })
// @ts-expect-error: the model is the first argument
codex('gpt-5.5', { model: 'gpt-5.5' })

export const asV3: LanguageModelV3 = codex('gpt-5.5')
export const providerV3: ProviderV3 = codex

export async function both() {
  const six = await v6.generateText({ model: codex('gpt-5.5'), prompt: 'go' })
  const seven = await v7.generateText({ model: codex(), prompt: 'go' })
  const options = { effort: 'low', decisions: { a: 'acceptForSession' } } satisfies CodexCallOptions
  v6.streamText({ model: codex.languageModel('gpt-5.5'), prompt: 'go', providerOptions: { codex: options } })
  v7.streamText({ model: codex.languageModel('gpt-5.5'), prompt: 'go', providerOptions: { codex: options } })
  new v6.ToolLoopAgent({ model: codex('gpt-5.5'), tools: {} })
  new v7.ToolLoopAgent({ model: codex('gpt-5.5'), tools: {} })
  v6.createProviderRegistry({ codex })
  v7.createProviderRegistry({ codex })
  v6.wrapLanguageModel({ model: codex('gpt-5.5'), middleware: [] })
  v7.wrapLanguageModel({ model: codex('gpt-5.5'), middleware: [] })
  const found: CodexMetadata | undefined = codexMetadata(six) ?? codexMetadata(seven.finalStep)
  return found?.threadId
}

export type Message6 = v6.UIMessage<unknown, CodexDataTypes>
export type Message7 = v7.UIMessage<unknown, CodexDataTypes>

export function data() {
  v6.createUIMessageStream<Message6>({
    execute: ({ writer }) => {
      createCodex({}, { onData: (part) => writer.write(part) })
    },
  })
  v7.createUIMessageStream<Message7>({
    execute: ({ writer }) => {
      createCodex({}, { onData: (part) => writer.write(part) })
    },
  })
}
