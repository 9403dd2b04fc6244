// What a look at the installation finds.

/** What `doctor()` looked at. */
export interface DoctorCheck {
  name: 'node' | 'addon' | 'codex' | 'home' | 'network' | 'handshake' | 'account' | 'sandbox' | (string & {})
  status: 'ok' | 'warning' | 'failed'
  /** What was found, in a line. */
  summary: string
  /** What to do, where something is to be done. */
  hint?: string
  details?: Record<string, unknown>
}

/** A codex that could be started, in the order in which it is looked for. */
export interface DoctorCandidate {
  /** Who names it: an option, a variable, a package, `PATH`. */
  origin: string
  path: string
  /** Whether it is a file that this user may run. */
  exists: boolean
  version: string | null
  /** Why it can't be used, if it can't. */
  problem: string | null
}

/** Whether everything is there that a start of codex needs. Plain data, without secrets. */
export interface DoctorReport {
  /** Whether no check failed. */
  ok: boolean
  /** The one thing to do, if something failed. */
  todo: string | null
  versions: {
    'codex-node': string
    node: string
    codex: string | null
    oldestCodex: string
    testedCodex: string
  }
  candidates: DoctorCandidate[]
  /** The one that would be started; null for a server elsewhere, and where there is none. */
  codexPath: string | null
  /** How long start and handshake took, in milliseconds. */
  timing: { connectMs: number | null }
  /** The last that a codex wrote to stderr which did not start. */
  stderr: string | null
  checks: DoctorCheck[]
}
