/**
 * Who administers: the key lives in this module, and nowhere else in the browser.
 */
import { signal } from "@preact/signals"
import {
  type Answer,
  base,
  type Callable,
  type CallOptions,
  callWith,
  headersOf,
  PATIENCE_MILLIS,
  Refused
} from "../api/Http.ts"

export type Phase = "starting" | "signed_out" | "open"
export type Refusal = "wrong" | "notAdmin" | "needed" | "ended" | "foreign" | "unreachable"

export const phase = signal<Phase>("starting")
export const refusal = signal<Refusal | null>(null)
/** Whether a key was needed, for what the page says of it. */
export const hasKey = signal(false)

let key: string | undefined

export const currentKey = (): string | undefined => key

const leaveListeners = new Set<() => void>()
/** Called when somebody signs out, and not where the gateway ends a session: what they made may still be on the screen. */
export const onLeave = (listener: () => void): void => void leaveListeners.add(listener)

export const signOut = (why: Refusal | null = null): void => {
  // Nothing was given up where none was needed before.
  refusal.value = why === "ended" && key === undefined ? "needed" : why
  key = undefined
  hasKey.value = false
  phase.value = "signed_out"
  if (why === null) for (const listener of leaveListeners) listener()
}

/** A call with the key; one that is no longer accepted signs out. */
export const call = async <Name extends Callable>(name: Name, options?: CallOptions): Promise<Answer<Name>> => {
  const given = key
  try {
    return await callWith(given, name, options)
  } catch (error) {
    // Somebody may have signed in with another key meanwhile.
    if (error instanceof Refused && error.status === 401 && given === key && phase.value === "open") signOut("ended")
    throw error
  }
}

/** Whether the gateway knows the key at all, though not as an administrator's. */
const isKnown = async (given: string): Promise<boolean> => {
  const response = await fetch(new URL("v1/usage", base), {
    headers: headersOf(given),
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE_MILLIS)
  })
  return response.ok
}

const reasonOf = async (error: unknown, given: string | undefined): Promise<Refusal | null> => {
  if (!(error instanceof Refused) || error.status === 0 || error.status >= 500) return "unreachable"
  const isForeign = error.status === 403
  if (given === undefined) return isForeign ? "foreign" : null
  // A host that is refused is refused there, too.
  if (await isKnown(given).catch(() => false)) return "notAdmin"
  return isForeign ? "foreign" : "wrong"
}

const enter = async (given: string | undefined): Promise<Refusal | null> => {
  try {
    await callWith(given, "overview")
  } catch (error) {
    return await reasonOf(error, given)
  }
  key = given
  hasKey.value = given !== undefined
  refusal.value = null
  phase.value = "open"
  return null
}

/** With a key of the form. */
export const signIn = async (given: string): Promise<void> => {
  refusal.value = null
  const why = await enter(given)
  if (why !== null) refusal.value = why
}

const AGAIN_MILLIS = 2_000

/** Without a key, as on loopback; asks for one where that is refused. */
export const begin = async (): Promise<void> => {
  const why = await enter(undefined)
  if (phase.value === "open") return
  refusal.value = why
  if (why === "unreachable") setTimeout(() => void begin(), AGAIN_MILLIS)
  else phase.value = "signed_out"
}
