// Every cell of the table. It takes minutes: `npm run test:faults`.

import { playAll, playable } from './cells.mjs'

playAll('faults', playable)
