/**
 * Pages of the web as text, for whoever may ask for them: only where the operator allows it, and only from public addresses.
 */
import { Clock, Context, Data, Effect, Layer } from "effect"
import { Guard } from "../../../chat/Guard.ts"
import type { Caller } from "../../../domain/keys/Caller.ts"
import * as HtmlText from "./HtmlText.ts"
import * as PublicFetch from "./PublicFetch.ts"

export type Reason = "not_accessible" | "not_allowed" | "unsupported" | "too_large" | "too_many"

/** Where nothing could be fetched, every cause has one reason: it must not reveal what is at an address. */
export class PageFailed extends Data.TaggedError("PageFailed")<{ readonly reason: Reason }> {}

export interface Page {
  /** Where it came from in the end. */
  readonly url: string
  /** ISO 8601. */
  readonly retrievedAt: string
  readonly title: string | undefined
  /** Text, or a PDF in base64. */
  readonly content: { readonly text: string; readonly isCut: boolean } | { readonly pdf: string }
}

export const limits = { bytes: 8 << 20, characters: 1 << 18 } as const
const AT_ONCE = 8
const UNSUPPORTED = "content type"

type Kind = "html" | "text" | "pdf"

const kinds: ReadonlyArray<readonly [Kind, RegExp]> = [
  ["html", /^(?:text\/html|application\/xhtml\+xml)$/],
  ["pdf", /^application\/pdf$/],
  ["text", /^(?:text\/[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml)|application\/(?:javascript|x-ndjson|yaml))$/]
]

const kindOf = (type: string): Kind | undefined => {
  const mime = (type.split(";")[0] ?? "").trim().toLowerCase()
  return kinds.find(([, fits]) => fits.test(mime))?.[0]
}

/** Of an answer that names no type. */
const guess = (bytes: Buffer): Kind | undefined => {
  const head = bytes.toString("latin1", 0, 1024)
  if (head.startsWith("%PDF-")) return "pdf"
  return /^\s*<(?:!doctype html|html|head|body)/i.test(head) ? "html" : undefined
}

const CHARSET = /charset\s*=\s*["']?([\w.:-]{1,40})/i

/** By what the answer says, else the page itself, else as UTF-8. */
const decode = (bytes: Buffer, type: string): string => {
  const label = (CHARSET.exec(type) ?? CHARSET.exec(bytes.toString("latin1", 0, 1024)))?.[1]
  try {
    return new TextDecoder(label ?? "utf-8").decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes)
  }
}

const reasons: Readonly<Record<string, Reason>> = {
  [UNSUPPORTED]: "unsupported",
  [PublicFetch.ENCODED]: "unsupported",
  [PublicFetch.TOO_LARGE]: "too_large",
  [PublicFetch.NOT_WANTED]: "not_allowed"
}

const toPage = (kind: Kind, { bytes, type, url }: PublicFetch.Fetched): Pick<Page, "title" | "content"> => {
  if (kind === "pdf") return { title: undefined, content: { pdf: bytes.toString("base64") } }
  const written = decode(bytes, type)
  if (kind === "text") {
    const isCut = written.length > limits.characters
    return { title: undefined, content: { text: written.slice(0, limits.characters), isCut } }
  }
  const { isCut, text, title } = HtmlText.read(written, url, limits.characters)
  return { title, content: { text, isCut } }
}

export class Pages extends Context.Tag("lingma-gateway/http/Pages")<
  Pages,
  {
    /** For where WEB_FETCH allows it. `mayVisit` is asked for each address that it leads to. Waits in turns by `caller`. */
    readonly fetch: (url: string, mayVisit: (url: URL) => boolean, caller?: Caller) => Effect.Effect<Page, PageFailed>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const get = PublicFetch.make({
      network: yield* PublicFetch.PublicNetwork,
      limit: limits.bytes,
      within: "15 seconds",
      types: "text/html, application/xhtml+xml, text/*;q=0.9, application/json;q=0.9, application/pdf;q=0.8",
      refuses: (type) => (type === "" || kindOf(type) !== undefined ? undefined : UNSUPPORTED)
    })
    const guard = yield* Guard.make({ maxInFlight: AT_ONCE, queueMax: 64, queueTimeout: "10 seconds" })

    const fetch = Effect.fnUntraced(
      function* (url: string, mayVisit: (url: URL) => boolean, caller?: Caller) {
        const fetched = yield* Effect.scoped(Effect.zipRight(guard.slot(caller), get(url, mayVisit)))
        const kind = kindOf(fetched.type) ?? guess(fetched.bytes)
        if (kind === undefined) return yield* new PageFailed({ reason: "unsupported" })
        const retrievedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
        const page: Page = { url: fetched.url.href, retrievedAt, ...toPage(kind, fetched) }
        return page
      },
      Effect.catchTags({
        Overloaded: () => new PageFailed({ reason: "too_many" }),
        NotFetched: ({ reason }) =>
          Effect.logDebug("page not fetched").pipe(
            Effect.annotateLogs({ reason }),
            Effect.zipRight(new PageFailed({ reason: reasons[reason] ?? "not_accessible" }))
          )
      })
    )
    return Pages.of({ fetch })
  })

  static readonly layer: Layer.Layer<Pages> = Layer.effect(Pages, Pages.make)
}
