/**
 * What becomes of signing in an account.
 */

/**
 * - `bad_credentials`: the page refused user or password
 * - `human_needed`: a captcha, a choice nobody made a setting for, or a page that is not understood
 * - `browser_missing`: no browser on this machine, or none that starts
 * - `timed_out`: the page or the session did not come in time
 * - `refused_host`: the way led to a host where no password may be typed
 * - `no_login_url`: Lingma named no address to sign in at
 */
export const loginReasons = [
  "bad_credentials",
  "human_needed",
  "browser_missing",
  "timed_out",
  "refused_host",
  "no_login_url"
] as const
export type LoginReason = (typeof loginReasons)[number]

export type LoginState =
  | { readonly _tag: "Idle" }
  /** A browser of ours is at it, or a person who was given the address. */
  | { readonly _tag: "Running"; readonly by: "browser" | "person" }
  /** `until`: no automatic try before, in milliseconds of the monotonic clock. */
  | { readonly _tag: "Failed"; readonly reason: LoginReason; readonly detail: string; readonly until: number }

export const idle: LoginState = { _tag: "Idle" }

/** One word for logs, labels and answers. */
export const word = (state: LoginState): string => {
  switch (state._tag) {
    case "Idle":
      return "idle"
    case "Running":
      return state.by === "browser" ? "running" : "waiting_for_person"
    case "Failed":
      return `login_failed:${state.reason}`
  }
}
