/**
 * What a client's connection is to the rest of the emulator; `wire/Connection.ts` makes them.
 */

/** How frames are mapped to WebSocket messages; all zero = one frame per message. */
export interface Framing {
  readonly split: number
  readonly bytes: number
  readonly join: number
}

export const plainFraming: Framing = { split: 0, bytes: 0, join: 0 }

export interface Message {
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

export interface Link {
  readonly send: (json: string) => void
  /** Sends raw bytes without framing. */
  readonly sendRaw: (data: string | Buffer) => void
  readonly notify: (method: string, params: unknown) => void
  /** Sends a request; `onReply` gets the reply, or undefined after a timeout. */
  readonly request: (method: string, params: unknown, onReply?: (reply: Message | undefined) => void) => void
  /** The same with serialized params. */
  readonly push: (method: string, params: string) => void
  readonly setFraming: (framing: Framing) => void
  /** Buffers writes until the next `uncork`, to send them at once. */
  readonly cork: () => void
  readonly uncork: () => void
  readonly isFull: () => boolean
  readonly whenDrained: (run: () => void) => void
  readonly unanswered: () => number
  readonly whenQuiet: (run: () => void) => void
  readonly cut: () => void
  readonly close: () => void
}
