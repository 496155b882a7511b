/**
 * Tracks an instance's login state as reported by Lingma, and overrides it when a call proves it wrong.
 */
import type { BackendIdentity } from "../chat/Backend.ts"
import * as Protocol from "./rpc/Protocol.ts"

export interface AccountWord {
  /** Records a result of `auth/status`; returns whether an account is signed in. */
  readonly hear: (status: Protocol.AuthStatus | null) => boolean
  /** Undefined before the first report. */
  readonly loggedIn: () => boolean | undefined
  readonly identity: () => BackendIdentity | undefined
  /** Marks the account as signed out until the next report, after a call failed for lack of a login. */
  readonly doubt: () => void
  /** Ignores the reported login until a different one is reported, or `trust` is called. */
  readonly distrust: () => void
  /** Reverts `distrust`; false if there was nothing to revert. */
  readonly trust: () => boolean
}

export const make = (): AccountWord => {
  let auth: boolean | undefined
  let identity: BackendIdentity | undefined
  /** Hashes of the reported login, and of the one that is ignored. */
  let login: string | undefined
  let refused: string | undefined
  return {
    hear: (status) => {
      login = Protocol.loginOf(status)
      auth = Protocol.isLoggedIn(status) && (refused === undefined || login !== refused)
      identity = auth ? Protocol.accountOf(status) : undefined
      return auth
    },
    loggedIn: () => auth,
    identity: () => identity,
    doubt: () => {
      auth = false
    },
    distrust: () => {
      refused = login
    },
    trust: () => {
      const before = refused
      refused = undefined
      return before !== undefined
    }
  }
}
