// Loads the package whose file is named, and prints what that cost as JSON.

// `performance` is loaded itself where it is named first.
const { hrtime } = process
const processor = process.cpuUsage()
const began = hrtime.bigint()
require(process.argv[2] ?? '')
const wallMs = Number(hrtime.bigint() - began) / 1e6
const { user, system } = process.cpuUsage(processor)
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000 }))
