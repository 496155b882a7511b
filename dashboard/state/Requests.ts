/**
 * Requests that have ended: the newest, as they come, and a page of older ones at a time.
 */
import { signal } from "@preact/signals"
import type { Answer } from "../api/Http.ts"
import type { ChatRow } from "../api/Types.ts"
import { type Filter, matches, noFilter, queryOf } from "./Filter.ts"
import * as Live from "./Live.ts"
import { call, onLeave } from "./Session.ts"

/** The most that come by themselves: beyond it the list begins anew, with its first page. */
const MOST = 500
/** Rows that end are shown together, so often. */
const GATHER_MILLIS = 1_000
const PAGE = "100"
/** Rows without a match may be many: so often it is looked further back by itself. */
const LOOKS = 5

export const filter = signal<Filter>(noFilter)
export const rows = signal<ReadonlyArray<ChatRow> | null>(null)
export const next = signal<string | null>(null)
export const ledger = signal<Answer<"chats">["ledger"]>("kept")
export const searchedUntil = signal<string | null>(null)
export const isLoading = signal(false)
export const failure = signal<unknown>(null)

let asked = 0

const unique = (all: ReadonlyArray<ChatRow>) => [...new Map(all.map((row) => [row.id, row])).values()]

const ask = async (from: string | null, before: ReadonlyArray<ChatRow>) => {
  const number = ++asked
  isLoading.value = true
  try {
    let found = before
    let at = from
    for (let look = 0; look < LOOKS; look++) {
      const query = { ...queryOf(filter.value), limit: PAGE, before: at ?? undefined }
      const page = await call("chats", { query })
      if (number !== asked) return
      found = unique([...found, ...page.data])
      at = page.next
      rows.value = found
      next.value = at
      ledger.value = page.ledger
      searchedUntil.value = page.searched_until
      failure.value = null
      if (at === null || page.data.length > 0) break
    }
  } catch (error) {
    if (number === asked) failure.value = error
  } finally {
    if (number === asked) isLoading.value = false
  }
}

export const load = (): Promise<void> => ask(null, [])
export const more = (): Promise<void> => ask(next.value, rows.value ?? [])

/** Somebody who types is waited for. */
const TYPING_MILLIS = 250
let typing: ReturnType<typeof setTimeout> | undefined

export const setFilter = (changes: Partial<Filter>): void => {
  filter.value = { ...filter.value, ...changes }
  clearTimeout(typing)
  typing = setTimeout(() => void load(), TYPING_MILLIS)
}

Live.onFresh(() => void load())
onLeave(() => {
  asked++
  rows.value = null
  filter.value = noFilter
})
let gathered: Array<ChatRow> = []
const show = () => {
  // More than are gathered may have ended, as in a window that was hidden.
  if (gathered.length === MOST) {
    gathered = []
    return void load()
  }
  const fresh = gathered.filter((row) => matches(filter.value, row)).reverse()
  gathered = []
  if (rows.value === null || fresh.length === 0) return
  const shown = unique([...fresh, ...rows.value])
  // Whoever has asked for older ones keeps them, within bounds.
  const most = rows.value.length > MOST ? 4 * MOST : MOST
  if (shown.length > most) void load()
  else rows.value = shown
}
Live.onChat((row) => {
  if (gathered.length === 0) setTimeout(show, GATHER_MILLIS)
  if (gathered.length < MOST) gathered.push(row)
})
