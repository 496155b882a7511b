/**
 * Who asks: the API key of a request as the gateway knows it, never the key itself.
 */

export interface Caller {
  /** Stable, one for each key; it does not reveal the key. */
  readonly id: string
  /** For people, in logs and reports. */
  readonly name: string
  /** Its share beside others while not all can be served at once. */
  readonly weight: number
  /** Most of its chats at once; undefined is no limit of its own. */
  readonly maxInFlight?: number | undefined
}

/** All that come without a key, where none is needed, are one. */
export const anonymous: Caller = { id: "anonymous", name: "anonymous", weight: 1 }
