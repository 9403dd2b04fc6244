import { exec, turn } from './checks.mjs'

await turn()
await exec()
console.log('passed')
