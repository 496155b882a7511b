/**
 * Who administers: the key lives in this module, and nowhere else in the browser.
 */
import { signal } from "@preact/signals"
import { type Answer, base, type Callable, type CallOptions, callWith, headersOf, Refused } from "../api/Http.ts"

export type Phase = "starting" | "signed_out" | "open"
export type Refusal = "wrong" | "notAdmin" | "needed" | "ended" | "foreign" | "unreachable"

export const phase = signal<Phase>("starting")
export const refusal = signal<Refusal | null>(null)
/** Whether a key was needed, for what the page says of it. */
export const hasKey = signal(false)

let key: string | undefined

export const currentKey = (): string | undefined => key

export const signOut = (why: Refusal | null = null): void => {
  // Nothing was given up where none was needed before.
  refusal.value = why === "ended" && key === undefined ? "needed" : why
  key = undefined
  hasKey.value = false
  phase.value = "signed_out"
}

/** A call with the key; one that is no longer accepted signs out. */
export const call = async <Name extends Callable>(name: Name, options?: CallOptions): Promise<Answer<Name>> => {
  try {
    return await callWith(key, name, options)
  } catch (error) {
    if (error instanceof Refused && error.status === 401) signOut("ended")
    throw error
  }
}

/** Whether the gateway knows the key at all, though not as an administrator's. */
const isKnown = async (given: string): Promise<boolean> => {
  const response = await fetch(new URL("v1/usage", base), { headers: headersOf(given), credentials: "omit" })
  return response.ok
}

const reasonOf = async (error: unknown, given: string | undefined): Promise<Refusal | null> => {
  if (!(error instanceof Refused) || error.status === 0 || error.status >= 500) return "unreachable"
  if (error.status === 403) return "foreign"
  if (given === undefined) return null
  return (await isKnown(given).catch(() => false)) ? "notAdmin" : "wrong"
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
