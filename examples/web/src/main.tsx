import './jitless'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import 'react-diff-view/style/index.css'
import './style.css'

const root = document.getElementById('root')
if (root !== null) createRoot(root).render(<App />)
