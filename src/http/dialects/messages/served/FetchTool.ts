/**
 * `web_fetch`: pages and PDFs whose address the conversation has named, as text.
 *
 * What a model makes up is not fetched: an address could carry what the conversation holds to whoever reads it.
 */
import { Effect } from "effect"
import type { ChatRequest } from "../../../../domain/Chat.ts"
import * as TokenEstimate from "../../../../tokens/TokenEstimate.ts"
import type { ChatContext } from "../../../chat/ChatDialect.ts"
import type * as Pages from "../../../chat/sources/Pages.ts"
import * as WebSearch from "../../../chat/sources/WebSearch.ts"
import * as WellFormed from "../../../chat/WellFormed.ts"
import { DIRECT, type FetchError, fetchFailed, type ResultBlock } from "./ResultBlock.ts"
import * as ServedTool from "./ServedTool.ts"

const LONGEST_URL = 2048

export const offered = ServedTool.described(
  "web_fetch",
  "Fetches a web page or a PDF and gives back its text. Its address must have been named before, by the user or by the result of a tool.",
  "url",
  "The whole address, with https://."
)

/** A service of the endpoint's. */
export type Sources = Pick<ChatContext<unknown>, "documents" | "page">

const ADDRESS = /https?:\/\/[^\s<>"`\\]{1,2048}/gi
/** What may stand behind an address without being part of it. */
const BEHIND = /[.,;:!?)\]}'*_|]$/

/** Without what is not sent; undefined for what is no address of the web. */
const canonical = (text: string): string | undefined => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  url.hash = ""
  return url.href
}

/** Addresses of the wanted host that are looked at, at most. */
const MOST_NAMED = 4096
const NOT_ASCII = /[^\p{ASCII}]/u

/** Whether a user or the result of a tool has named this address. */
const isNamed = ({ messages }: ChatRequest, wanted: string): boolean => {
  const { host } = new URL(wanted)
  let left = MOST_NAMED
  const isIt = (written: string): boolean => {
    if (!NOT_ASCII.test(written) && !written.toLowerCase().includes(host)) return false
    if (left-- <= 0) return false
    for (let one = written, ends = 8; ends > 0; one = one.slice(0, -1), ends--) {
      if (canonical(one) === wanted) return true
      if (!BEHIND.test(one)) break
    }
    return false
  }
  // The newest first: those are meant, and no more than so many are looked at.
  return messages.toReversed().some(({ role, text }) => {
    if (role !== "user" && role !== "tool") return false
    const all = Array.from(text.matchAll(ADDRESS), ([written]) => written)
    return all.reverse().some(isIt)
  })
}

const codes: Readonly<Record<Pages.Reason, FetchError>> = {
  not_accessible: "url_not_accessible",
  not_allowed: "url_not_allowed",
  unsupported: "unsupported_content_type",
  too_large: "content_too_large",
  too_many: "too_many_requests"
}

const STEP = 512

/** The beginning of a text that has so many tokens, about. */
const cutTo = (text: string, most: number): string => {
  const { add, total } = TokenEstimate.counter()
  for (let at = 0; at < text.length; at += STEP) {
    add(text.slice(at, at + STEP))
    if (total() > most) return WellFormed.repair(text.slice(0, at))
  }
  return text
}

const CUT = "\n\n(the rest of this page is left out)"

const shown = (text: string, isCut: boolean, most: number | null | undefined): string => {
  const kept = most === null || most === undefined ? text : cutTo(text, most)
  return isCut || kept.length < text.length ? kept + CUT : kept
}

export const make = (tool: ServedTool.Hosted, { documents, page }: Sources): ServedTool.ServedTool => {
  const isWithin = WebSearch.isWithin({ allowed: tool.allowed_domains ?? [], blocked: tool.blocked_domains ?? [] })

  const textOf = ({ content }: Pages.Page): Effect.Effect<string, FetchError> =>
    "text" in content
      ? Effect.succeed(shown(content.text, content.isCut, tool.max_content_tokens))
      : Effect.mapBoth(documents([{ param: "pdf", data: content.pdf }]), {
          onFailure: ({ _tag }) =>
            (_tag === "Overloaded" ? "too_many_requests" : "unsupported_content_type") as FetchError,
          onSuccess: (loaded) => loaded.get("pdf") ?? ""
        })

  const fetched = Effect.fnUntraced(function* (id: string, fetch: NonNullable<Sources["page"]>, url: string) {
    const one = yield* Effect.mapError(fetch(url, isWithin), ({ reason }) => codes[reason])
    const data = yield* textOf(one)
    const block: ResultBlock = {
      type: "web_fetch_tool_result",
      caller: DIRECT,
      tool_use_id: id,
      content: {
        type: "web_fetch_result",
        url: one.url,
        retrieved_at: one.retrievedAt,
        content: {
          type: "document",
          title: one.title ?? null,
          citations: null,
          source: { type: "text", media_type: "text/plain", data }
        }
      }
    }
    return block
  })

  return {
    name: "web_fetch",
    works: page !== undefined,
    most: ServedTool.mostOf(tool),
    read: ServedTool.argument("url"),
    input: (url) => ({ url }),
    run: (id, written, asked) => {
      const fail = (code: FetchError) => Effect.succeed(fetchFailed(id, code))
      if (written.length > LONGEST_URL) return fail("url_too_long")
      const url = canonical(written)
      if (url === undefined) return fail("invalid_tool_input")
      if (page === undefined) return fail("unavailable")
      if (!isWithin(new URL(url))) return fail("url_not_allowed")
      if (!isNamed(asked, url)) return fail("url_not_in_prior_context")
      return Effect.catchAll(fetched(id, page, url), fail)
    }
  }
}
