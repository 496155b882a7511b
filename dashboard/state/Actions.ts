/**
 * What mends an instance: signing in, by the gateway's browser or by hand, and trying again.
 */
import { signal } from "@preact/signals"
import { announce } from "./Announce.ts"
import { call } from "./Session.ts"
import { words } from "./Settings.ts"

/** Addresses to sign in at that were told to this page, by instance; the overview tells them, too. */
export const loginUrls = signal<ReadonlyMap<string, string>>(new Map())

export const signInInstance = async (instance: string, byHand = false): Promise<void> => {
  const started = await call("loginStart", { query: { instance, browser: byHand ? "false" : undefined } })
  if (started.state === "already_logged_in") announce(words.value.accounts.already)
  if (started.login_url !== undefined)
    loginUrls.value = new Map([...loginUrls.value, [instance, started.login_url] as const])
}

export const finishSignIn = async (instance: string, url: string): Promise<void> => {
  await call("loginCallback", { body: { url, instance } })
  announce(words.value.accounts.done)
}

export const retryInstance = async (name: string): Promise<void> => {
  await call("retryInstance", { params: { name } })
  announce(words.value.accounts.trying)
}

/** Only an address that a browser may open in safety: no `javascript:`. */
export const safeUrl = (text: string | null | undefined): string | undefined =>
  text !== null && text !== undefined && /^https?:\/\//i.test(text) ? text : undefined
