/**
 * What a Lingma says of its account, and whether that is believed.
 */
import type { BackendIdentity } from "../chat/Backend.ts"
import * as Protocol from "./rpc/Protocol.ts"

export interface AccountWord {
  /** Takes what `auth/status` answers; gives whether an account is signed in. */
  readonly hear: (status: Protocol.AuthStatus | null) => boolean
  /** Undefined before Lingma has said anything. */
  readonly loggedIn: () => boolean | undefined
  readonly identity: () => BackendIdentity | undefined
  /** An answer said otherwise: nobody is signed in until Lingma is heard again. */
  readonly doubt: () => void
  /** The login that Lingma tells of counts as none until another one takes its place, or `trust`. */
  readonly distrust: () => void
  /** Whether there was anything to trust again. */
  readonly trust: () => boolean
}

export const make = (): AccountWord => {
  let auth: boolean | undefined
  let identity: BackendIdentity | undefined
  /** The login that Lingma tells of, and the one that it told of but did not honour. */
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
