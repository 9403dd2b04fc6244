import aiSdk from './index.js'

// The functions are those of the CommonJS entry: one identity, whoever loads the package how.
export const { createCodex, codexMetadata, resumeTurnResponse } = aiSdk
