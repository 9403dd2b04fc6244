// The connection of a client: what carries it, and what is told of it.

import type { CodexError } from './errors.js'
import type { LogLevel } from './options.js'

/**
 * What happens to the connection of a client. After `lost` follow `connecting` for each try, and `resumed` or, if none
 * succeeds in time, `closed`. After `closed` a call may connect anew.
 */
export type ConnectionEvent =
  | { type: 'connecting' /** Counts the tries, from 1. */; attempt: number }
  | { type: 'connected' }
  | { type: 'lost'; error: CodexError }
  | { type: 'resumed' }
  | { type: 'closed' /** Absent where the client was closed. */; error?: CodexError }

/**
 * Bytes to and from a codex app-server that somebody else started and connected to, one JSON message a line: the
 * stdin and stdout of `ssh host codex app-server` or `docker exec -i ...`, a socket. Web streams of bytes, Node streams,
 * or one Node Duplex.
 */
export type Transport = { readable: ByteReadable; writable: ByteWritable } | (ByteReadable & ByteWritable)

/** A web or Node stream that is read. */
export type ByteReadable =
  | { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } }
  | AsyncIterable<Uint8Array | string>

/** A web or Node stream that is written to. */
export type ByteWritable =
  | { getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> } }
  | {
      write(bytes: Uint8Array): unknown
      end(): unknown
      on(event: 'error', listener: (error: Error) => void): unknown
    }

/**
 * Gives a bearer token, called for each connection to a server elsewhere, in the asynchronous context in which the client
 * was made. What it throws, and a token that the server refuses, reject the call that connects.
 */
export type TokenSource = () => string | PromiseLike<string>

/** What a logger gets. */
export interface LogRecord {
  level: LogLevel
  /** The part of the library, or `codex::stderr` for what codex wrote there. */
  target: string
  message: string
  fields: { [name: string]: unknown }
}

/** What the server said of itself in the handshake. */
export interface Metadata {
  userAgent: string
  codexHome: string | null
  platformFamily: string | null
  platformOs: string | null
  /** Taken from `userAgent`: the name is that of the client, the version that of codex. */
  serverInfo: { name: string; version: string }
}
