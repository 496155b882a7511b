/**
 * Why an instance is not ready, and the last such reason with its time, which stays when it is ready again.
 */
export interface LastError {
  readonly set: (message: string) => void
  readonly clear: () => void
  /** Undefined while it is ready. */
  readonly now: () => string | undefined
  readonly last: () => { readonly message: string; readonly at: number } | undefined
}

/** `epoch`: milliseconds since 1970. */
export const make = (epoch: () => number): LastError => {
  let now: string | undefined
  let last: { readonly message: string; readonly at: number } | undefined
  return {
    set: (message) => {
      now = message
      last = { message, at: epoch() }
    },
    clear: () => {
      now = undefined
    },
    now: () => now,
    last: () => last
  }
}
