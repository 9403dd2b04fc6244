// Turns of the scripted app-server that several tests play.

/**
 * A turn with so many numbered deltas of one message.
 *
 * @param {{ count: number, flooded?: boolean }} options
 */
export function flood({ count, flooded = false }) {
  return [
    'turnBegin',
    'messageStarted',
    { flood: { count, numbered: true, bytes: 16, text: 'x' } },
    ...(flooded ? [{ notify: { method: 'rig/flooded', params: {} } }] : []),
    'messageCompleted',
    'turnEnd',
  ]
}

/**
 * The texts of that flood.
 *
 * @param {number} count
 */
export function numbered(count) {
  return Array.from({ length: count }, (_, index) => `${String(index).padStart(8, '0')} xxxxxxx`)
}

/**
 * An end of a turn of one's own making.
 *
 * @param {object} turn
 */
export function ended(turn) {
  const whole = { id: '$turnId', items: [], error: null, ...turn }
  return { notify: { method: 'turn/completed', params: { threadId: '$threadId', turn: whole } } }
}

/** @param {import('../../index.js').TurnEvent} event */
export function inShort(event) {
  if (event.method === 'item/agentMessage/delta') return event.params.delta
  if (event.method === 'item/started' || event.method === 'item/completed') {
    return `${event.method} ${event.params.item.type}`
  }
  return event.method
}
