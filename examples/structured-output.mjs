// Asks for data instead of prose: the answer comes as a checked and typed value.
//
//   node examples/structured-output.mjs "What can go wrong in this project?"
import { Codex, OutputValidationError } from 'codex-node'
import { z } from 'zod'

const question = process.argv[2] ?? 'What are the three greatest risks in the code of this folder?'

// Any Standard Schema, or a JSON Schema. The agent writes the properties in this order.
const report = z.object({
  summary: z.string().describe('One sentence'),
  risks: z.array(
    z.object({
      title: z.string(),
      severity: z.enum(['low', 'medium', 'high']),
      file: z.string().describe('Where, if it is in one file').optional(),
    }),
  ),
})

const codex = new Codex()
try {
  const { parsed } = await codex.run(question, {
    cwd: process.cwd(),
    sandbox: 'read-only',
    outputSchema: report,
  })
  console.log(parsed?.summary)
  for (const { severity, title, file } of parsed?.risks ?? []) {
    console.log(`${severity.padEnd(6)} ${title}${file === undefined ? '' : ` (${file})`}`)
  }
} catch (error) {
  console.error(String(error))
  // A model that does not keep to the schema, as others than those of OpenAI may.
  if (error instanceof OutputValidationError) console.error(error.text)
  process.exitCode = 1
} finally {
  await codex.close()
}
