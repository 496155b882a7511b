/**
 * Sign-in states of an account, and why a login failed.
 */

/**
 * - `bad_credentials`: the login page rejected the user or password
 * - `human_needed`: a captcha, a choice without a setting, or an unknown page
 * - `browser_missing`: no browser was found, or none starts
 * - `timed_out`: the page or the session did not arrive in time
 * - `refused_host`: redirected to a host where no password may be entered
 * - `no_login_url`: Lingma returned no login URL
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
  /** The gateway's browser, or a person with the login URL, is signing in. */
  | { readonly _tag: "Running"; readonly by: "browser" | "person" }
  /** `until`: no automatic attempt before, in milliseconds of the monotonic clock. */
  | { readonly _tag: "Failed"; readonly reason: LoginReason; readonly detail: string; readonly until: number }

export const idle: LoginState = { _tag: "Idle" }

/** Sign-in state of an instance's account. */
export type AccountState = { readonly _tag: "SignedIn" } | LoginState

export const signedIn: AccountState = { _tag: "SignedIn" }

/** Whether the gateway's own browser is signing in, which ends without intervention. */
export const endsByItself = (state: AccountState): boolean => state._tag === "Running" && state.by === "browser"

/** Whether a person was given the login URL. */
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
