// The CommonJS module holds everything, so that `import` and `require` give the same.
import whole from './index.js'

export const { instrument } = whole
