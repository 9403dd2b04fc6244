// The events of a turn: for the browser, too, so that nothing of Node is in here.

import type * as Protocol from '../protocol.js'

/** The notifications that name a thread and a turn. */
export type TurnEventMethod = {
  [Method in Protocol.NotificationMethod]: Protocol.NotificationParams<Method> extends { threadId: string }
    ? 'turnId' extends keyof Protocol.NotificationParams<Method>
      ? Method
      : 'turn' extends keyof Protocol.NotificationParams<Method>
        ? Method
        : never
    : never
}[Protocol.NotificationMethod]

/**
 * A notification that belongs to a turn, told apart by `method`: its `params` name the thread and the turn. A newer codex
 * may send others: they come as they are.
 */
export type TurnEvent = Protocol.Notification<TurnEventMethod> & {
  /**
   * How many events of the turn there are up to this one: the same for all readers of the turn, and for
   * `stream({ after })`. Of joined deltas it is the number of the last.
   */
  readonly seq: number
}
