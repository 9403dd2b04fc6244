import { exec, turn } from '../../checks.mjs'

export const dynamic = 'force-dynamic'

export async function GET() {
  try {
    await turn()
    await exec()
    return new Response('passed')
  } catch (error) {
    return new Response(String(error?.stack ?? error), { status: 500 })
  }
}
