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

/** How the account of an instance fares: signed in, or what becomes of signing it in. */
export type AccountState = { readonly _tag: "SignedIn" } | LoginState

export const signedIn: AccountState = { _tag: "SignedIn" }

/** Whether a browser of ours is at it: it ends without anybody's doing. */
export const endsByItself = (state: AccountState): boolean => state._tag === "Running" && state.by === "browser"

/** Whether a person was given an address to sign in at. */
export const awaitsPerson = (state: AccountState): boolean => state._tag === "Running" && state.by === "person"

/** One word for logs, labels and answers: `signed_in`, `idle`, `running`, `waiting_for_person`, `login_failed:<reason>`. */
export const word = (state: AccountState): string => {
  switch (state._tag) {
    case "SignedIn":
      return "signed_in"
    case "Idle":
      return "idle"
    case "Running":
      return state.by === "browser" ? "running" : "waiting_for_person"
    case "Failed":
      return `login_failed:${state.reason}`
  }
}
