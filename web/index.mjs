// The CommonJS module holds everything, so that its classes are the same for `import` and `require`.
import web from './index.js'

export const { TurnRegistry, toNodeListener, turnResponse } = web
