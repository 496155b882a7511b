/**
 * The documents of a request as text, for every dialect: PDFs, page by page.
 *
 * As with pictures, a codec lists where they are and finds each again by its param.
 */
import { createHash } from "node:crypto"
import { Context, type Duration, Effect, Layer, Schema } from "effect"
import { Guard } from "../../../chat/Guard.ts"
import type { Overloaded } from "../../../domain/ChatError.ts"
import type { Caller } from "../../../domain/keys/Caller.ts"
import { Lru } from "../../../runtime/Lru.ts"
import * as PdfText from "./PdfText.ts"

/** Base64 of a PDF. */
export interface Link {
  readonly param: string
  readonly data: string
}

/** By param: what the model reads. */
export type Loaded = ReadonlyMap<string, string>

const words = {
  too_many: "There are too many PDFs in this request.",
  broken: "The PDF specified was not valid.",
  protected: "The PDF specified is password protected.",
  too_long: "The PDF specified takes too long to read."
}
type Reason = keyof typeof words

/** A document that is not taken. */
export class DocumentRefused extends Schema.TaggedError<DocumentRefused>()("DocumentRefused", {
  param: Schema.String,
  reason: Schema.Literal(...(Object.keys(words) as [Reason, ...ReadonlyArray<Reason>]))
}) {
  override get message() {
    return words[this.reason]
  }
}

/** Most in one request. */
export const MOST = 32
/** Each takes a thread. */
const AT_ONCE = 2
/** For all of a request, from the first that waits for a thread. */
const TOGETHER = "30 seconds"
/** Characters of texts that are kept, since a history brings its documents with each turn. */
const KEPT = 8 << 20
/** What an entry takes beside its text, in characters. */
const ENTRY = 256
const none: Effect.Effect<Loaded> = Effect.succeed(new Map())

/** Readers look for the mark of a PDF in its beginning. */
const HEAD = 1024

const bytesOf = (data: string): Uint8Array<ArrayBuffer> | undefined => {
  const decoded = Buffer.from(data, "base64")
  if (!decoded.subarray(0, HEAD).includes("%PDF-")) return undefined
  // A copy of its own, which can be handed to a thread.
  return Uint8Array.from(decoded)
}

const keyOf = (data: string): string => createHash("sha256").update(data).digest("base64")

const pageOf = (text: string, index: number) => `[page ${index + 1}]\n${text.trim() === "" ? "(no text)" : text}`

/** With a mark before each page; the model is told how many there are, and what it is not shown. */
export const render = ({ isCut, pages, texts }: PdfText.PdfText): string => {
  const head = `(PDF, ${pages} page${pages === 1 ? "" : "s"}, its text only)`
  if (texts.every((text) => text.trim() === "")) return `${head}\n(no text could be read: its pages may be pictures)`
  const cut = isCut ? [`(the rest of page ${texts.length} is left out)`] : []
  const rest = texts.length < pages ? [`(pages ${texts.length + 1} to ${pages} are left out)`] : []
  return [head, ...texts.map(pageOf), ...cut, ...rest].join("\n")
}

export class Documents extends Context.Tag("lingma-gateway/http/Documents")<
  Documents,
  {
    /** The first that is refused fails all. Callers are taken in turns. */
    readonly load: (links: ReadonlyArray<Link>, caller?: Caller) => Effect.Effect<Loaded, DocumentRefused | Overloaded>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (
    options: PdfText.PdfTextOptions = PdfText.limits,
    together: Duration.DurationInput = TOGETHER
  ) {
    // The queue ends first: what found no thread may be tried again.
    const guard = yield* Guard.make({ maxInFlight: AT_ONCE, queueMax: 64, queueTimeout: "20 seconds" })
    const kept = new Lru<string, string>(KEPT, ({ length }) => length + ENTRY)

    /** Decoded once there is a thread for it: nothing but the request itself waits in the queue. */
    const parse = (data: string) =>
      Effect.suspend(() => {
        const bytes = bytesOf(data)
        return bytes === undefined ? new PdfText.NotRead({ reason: "broken" }) : PdfText.read(bytes, options)
      })

    const one = (
      { data, param }: Link,
      caller: Caller | undefined
    ): Effect.Effect<readonly [string, string], DocumentRefused | Overloaded> => {
      const key = keyOf(data)
      const known = kept.get(key)
      if (known !== undefined) return Effect.succeed([param, known])
      return Effect.scoped(Effect.zipRight(guard.slot(caller), parse(data))).pipe(
        Effect.map((text) => [param, kept.getOrMake(key, () => render(text))] as const),
        Effect.catchTag("NotRead", ({ reason }) => new DocumentRefused({ param, reason }))
      )
    }

    const all = (links: ReadonlyArray<Link>, caller: Caller | undefined) =>
      Effect.suspend(() => {
        let at = ""
        const each = (link: Link) => {
          at = link.param
          return one(link, caller)
        }
        return Effect.timeoutFail(Effect.forEach(links, each), {
          duration: together,
          onTimeout: () => new DocumentRefused({ param: at, reason: "too_long" })
        })
      })

    const load = (links: ReadonlyArray<Link>, caller?: Caller) => {
      const beyond = links[MOST]
      if (beyond !== undefined) return new DocumentRefused({ param: beyond.param, reason: "too_many" })
      if (links.length === 0) return none
      return Effect.map(all(links, caller), (texts): Loaded => new Map(texts))
    }
    return Documents.of({ load })
  })

  static readonly layer: Layer.Layer<Documents> = Layer.effect(Documents, Documents.make())
}
