// A bundler that reads the condition `module` expects an ES module.
import addon from './bundled.js'

export default addon
