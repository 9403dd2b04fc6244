import exec from './index.js'

// The classes are those of the CommonJS entry: one identity, whoever loads the package how.
export const { Codex, Thread } = exec
