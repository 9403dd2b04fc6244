/** The types of the wire protocol, as the pinned codex has them. */
export type { Protocol }

export interface Thread {
  /** The turn of this client that runs in the thread, or null. `runningTurn()` also finds those of other clients. */
  readonly currentTurn: Turn<unknown> | null
  /**
   * Adds input to the turn that runs, or begins one where none does, also where it ends in between. What is sent first
   * comes first, also where nobody waits for it. A turn that takes no input, such as a review, is waited for.
   *
   * Options that a running turn does not take are for one that begins.
   *
   * Wire: `turn/steer`, `turn/start`.
   */
  send<S extends Schema | undefined = undefined>(
    input: Input,
    options?: TurnOptions<S>,
  ): Promise<Sent<Parsed<S>>>
  /**
   * The thread as bytes, for `codex.importThread()` on any machine: all that codex keeps of it in its file (the rollout),
   * and nothing of its databases. While a turn runs it is what was written so far, up to the last whole line. Files that
   * the agent changed are not in it. Codex has to run on this machine.
   *
   * @throws {ThreadNotFoundError} for a thread that is not on disk: `ephemeral`, or without a turn yet
   * @throws {FileError} where the file can't be read
   */
  export(options?: ThreadBytesOptions): Promise<Uint8Array>
}

export interface Codex {
  /** The turns of this client that run, over all its threads. */
  turns(): Turn<unknown>[]
  /**
   * Looks at everything that a start of codex with the options of this client needs, and starts one once. It does not
   * reject for what it finds. The same as `npx codex-node doctor`.
   *
   * @throws {AbortError} the signal was aborted
   */
  doctor(options?: Abortable): Promise<DoctorReport>
  /**
   * Puts a thread that `thread.export()` gave where codex keeps its own; then `resumeThread` takes its id. The bytes are
   * checked, and the file appears as a whole or not at all. A thread that is here already stays where it holds all
   * that comes in, and is replaced where that goes on from it. Codex has to run on this machine.
   *
   * @returns its id
   * @throws {TypeError} for bytes that are no thread, or too many
   * @throws {FileError} for another history of the same thread, and where the file can't be written
   * @throws {ThreadBusyError} where codex has the thread loaded and would not notice
   */
  importThread(bytes: Uint8Array, options?: ImportThreadOptions): Promise<string>
}
