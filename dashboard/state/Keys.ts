/**
 * The keys, a page of them at a time, with what each has used.
 */
import { signal } from "@preact/signals"
import type { Answer } from "../api/Http.ts"
import type { Key, KeyMade, KeyUsage } from "../api/Types.ts"
import * as Live from "./Live.ts"
import { call, onLeave, phase } from "./Session.ts"

const PAGE = "50"
/** Keys of one question for what they used. */
const MOST_ASKED = 50
const EVERY_MILLIS = 60_000

export const search = signal("")
export const keys = signal<ReadonlyArray<Key> | null>(null)
export const total = signal(0)
export const next = signal<string | null>(null)
/** By name; a key without an entry is unknown yet. */
export const usage = signal<ReadonlyMap<string, KeyUsage>>(new Map())
export const failure = signal<unknown>(null)
/** Secrets that were made on this page, by the key's name: for the set-ups of clients. */
export const secrets = signal<ReadonlyMap<string, string>>(new Map())

/** The key that was made last, until it has been taken down. */
export const shown = signal<KeyMade | null>(null)

let asked = 0

const readUsage = async (names: ReadonlyArray<string>) => {
  for (let from = 0; from < names.length; from += MOST_ASKED) {
    const { data } = await call("ofKeys", { query: { key: names.slice(from, from + MOST_ASKED).join(",") } })
    usage.value = new Map([...usage.value, ...data.map((one) => [one.name, one] as const)])
  }
}

const show = async (page: Answer<"keys">, before: ReadonlyArray<Key>) => {
  keys.value = [...before, ...page.data]
  total.value = page.total
  next.value = page.next
  failure.value = null
  await readUsage(page.data.map(({ name }) => name))
}

const ask = async (after: string | null, before: ReadonlyArray<Key>) => {
  const number = ++asked
  try {
    const query = { limit: PAGE, search: search.value || undefined, after: after ?? undefined }
    const page = await call("keys", { query })
    if (number === asked) await show(page, before)
  } catch (error) {
    if (number === asked) failure.value = error
  }
}

export const load = (): Promise<void> => ask(null, [])
export const more = (): Promise<void> => ask(next.value, keys.value ?? [])

/** Somebody who types is waited for. */
const TYPING_MILLIS = 250
let typing: ReturnType<typeof setTimeout> | undefined

export const searchFor = (text: string): void => {
  search.value = text
  clearTimeout(typing)
  typing = setTimeout(() => void load(), TYPING_MILLIS)
}

type Changes = Readonly<Record<string, unknown>>

const made = (key: KeyMade): void => {
  shown.value = key
  secrets.value = new Map([...secrets.value, [key.name, key.key]])
  void load()
}

export const add = async (body: Changes): Promise<void> => made(await call("createKey", { body }))

export const change = async (name: string, body: Changes): Promise<void> => {
  await call("changeKey", { params: { name }, body })
  void load()
}

export const rotate = async (name: string, graceSeconds: number): Promise<void> =>
  made(await call("rotateKey", { params: { name }, body: { grace_seconds: graceSeconds } }))

export const revoke = async (name: string): Promise<void> => {
  await call("revokeKey", { params: { name } })
  void load()
}

Live.onFresh(() => void load())
// The next who signs in here may be somebody else.
onLeave(() => {
  asked++
  secrets.value = new Map()
  shown.value = null
  keys.value = null
  usage.value = new Map()
  search.value = ""
})
setInterval(() => {
  if (phase.value === "open" && !document.hidden)
    void readUsage((keys.value ?? []).map(({ name }) => name)).catch(() => {})
}, EVERY_MILLIS)
