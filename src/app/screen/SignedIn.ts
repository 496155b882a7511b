/**
 * Whether the accounts are signed in, in words for the start screen; looked at for a moment, since Lingma has just started.
 */
import { Effect, Schedule } from "effect"
import type { Instance, Pool } from "../../chat/Pool.ts"
import * as Rows from "../../team/ledger/Rows.ts"
import * as StatusScreen from "./StatusScreen.ts"

export type Seen = Pick<Instance, "account" | "loggedIn" | "login" | "state"> & { readonly id: string }

/** A Lingma that takes longer is told as one that starts: the address is of more use at once. */
const PATIENCE = "1500 millis"

const isKnown = ({ state }: Seen) => state !== "stopped" && state !== "starting"

const seenOf = ({ account, backend, loggedIn, login, state }: Instance): Seen => ({
  id: backend.id,
  account,
  loggedIn,
  login,
  state
})

/** What is known of all instances, or after a moment of some. */
export const look = ({ snapshot }: Pick<Pool["Type"], "snapshot">): Effect.Effect<ReadonlyArray<Seen>> => {
  const now = Effect.map(snapshot, (all) => all.map(seenOf))
  const known = Effect.repeat(
    Effect.map(now, (all) => all.every(isKnown)),
    { until: (is) => is, schedule: Schedule.spaced("50 millis") }
  )
  return Effect.zipRight(Effect.timeoutOption(known, PATIENCE), now)
}

const wordOf = ({ loggedIn, login, state }: Seen): string => {
  if (state !== "ready") return state
  if (loggedIn === undefined) return "does not say whether it is signed in"
  if (loggedIn) return "signed in"
  switch (login._tag) {
    case "Failed":
      return `signed out: ${StatusScreen.failureOf(login.reason)}`
    case "Running":
      return login.by === "browser" ? "signing in" : "signed out: waits for a person"
    default:
      return "signed out"
  }
}

const MOST_SHOWN = 8

/** `(signed in)` for the only one; each of several by its account, or its name while that is not known. */
export const words = (all: ReadonlyArray<Seen>): string => {
  const [first] = all
  if (all.length === 1 && first !== undefined) return `(${wordOf(first)})`
  const one = (seen: Seen) => `${seen.account === undefined ? seen.id : Rows.masked(seen.account)} (${wordOf(seen)})`
  const more = all.length > MOST_SHOWN ? `, and ${all.length - MOST_SHOWN} more` : ""
  return all.slice(0, MOST_SHOWN).map(one).join(", ") + more
}

/** Whether somebody must be told how to sign in. */
export const isOut = (all: ReadonlyArray<Seen>): boolean =>
  all.some(({ loggedIn, login, state }) => state === "ready" && loggedIn === false && login._tag !== "Running")
