/**
 * Changes that no test can notice, because the program does the same with them. They stay out of the score; one that
 * is noticed all the same, or is gone from the file, is told by the run.
 */
import type { Change } from "./Change.ts"
import { ofServices } from "./equivalentsOfServices.ts"

export interface Equivalent {
  readonly why: string
  readonly changes: ReadonlyArray<Change>
}

export const equivalents: Readonly<Record<string, ReadonlyArray<Equivalent>>> = {
  ...ofServices,
  "src/domain/Choice.ts": [
    {
      why: "where all are able, nobody reads why others are not",
      changes: [
        {
          from: "if (offers === undefined) return { able: instances, sure: instances, spent: undefined, refusals: [] }",
          to: 'if (offers === undefined) return { able: instances, sure: instances, spent: undefined, refusals: ["Stryker was here"] }'
        }
      ]
    },
    {
      why: "where one is not able, and none is spent, there is a refusal; it is there for the types",
      changes: [
        {
          from: "return first === undefined ? Either.right(instances) : Either.left(Offer.nearest(first, ...more))",
          to: "return false ? Either.right(instances) : Either.left(Offer.nearest(first, ...more))"
        }
      ]
    }
  ],
  "src/domain/Offer.ts": [
    {
      why: "two that are alike in this are equally near",
      changes: [
        { from: 'a._tag === "ContextLengthExceeded" && b._tag === a._tag', to: "true && b._tag === a._tag" },
        { from: "? a.limit > b.limit", to: "? a.limit >= b.limit" }
      ]
    },
    {
      why: "nothing is above a limit that is none; the check is there for the types",
      changes: [
        {
          from: "return limit !== undefined && need.tokens > limit",
          to: "return true && need.tokens > limit"
        }
      ]
    }
  ],
  "src/domain/Spent.ts": [
    {
      why: "it only makes anew what is already so",
      changes: [
        {
          from: "const isRefuted = account.until > 0 && begunAt > account.since",
          to: "const isRefuted = true && begunAt > account.since"
        },
        {
          from: "const isRefuted = account.until > 0 && begunAt > account.since",
          to: "const isRefuted = account.until >= 0 && begunAt > account.since"
        },
        {
          from: "if (!isRefuted && !models.some((mark) => mark.model === model)) return spent",
          to: "if (!isRefuted && !models.some((mark) => true)) return spent"
        }
      ]
    }
  ],
  "src/domain/Verdict.ts": [
    {
      why: "a switch without it gives the same",
      changes: [{ from: "default:", to: "default:" }]
    }
  ],
  "src/domain/RetryBudget.ts": [
    {
      why: "no retry at all is not older than anything either",
      changes: [
        {
          from: "while (retries[0] !== undefined && retries[0] < now - windowMillis) retries.shift()",
          to: "while (true && retries[0] < now - windowMillis) retries.shift()"
        }
      ]
    }
  ],
  "src/domain/Routing.ts": [
    {
      why: "no limit is not above zero either; the check is there for the types",
      changes: [
        {
          from: "const isFull = ({ inFlight, limit }: Candidate) => limit !== undefined && limit > 0 && inFlight >= limit",
          to: "const isFull = ({ inFlight, limit }: Candidate) => true && limit > 0 && inFlight >= limit"
        }
      ]
    },
    {
      why: "the first candidate is taken whatever its rank, and no rank is below zero",
      changes: [
        { from: "let height = -1", to: "let height = +1" },
        {
          from: "if (best !== undefined && (here < height || (here === height && candidate.id > best.id))) continue",
          to: "if (true && (here < height || (here === height && candidate.id > best.id))) continue"
        }
      ]
    },
    {
      why: "no two instances have one id",
      changes: [
        {
          from: "if (best !== undefined && (here < height || (here === height && candidate.id > best.id))) continue",
          to: "if (best !== undefined && (here < height || (here === height && candidate.id >= best.id))) continue"
        }
      ]
    }
  ],
  "src/domain/Turn.ts": [
    {
      why: "a deferred that is done stays as it is",
      changes: [{ from: "if (count === 0) begin(Effect.fail(error))", to: "if (true) begin(Effect.fail(error))" }]
    },
    {
      why: "a turn gives nothing after its end",
      changes: [{ from: "if (end !== undefined) return", to: "if (false) return" }]
    }
  ],
  "src/lingma/rpc/Frame.ts": [
    {
      why: "it only turns the quick reading of a header down: the full reading gives the same length",
      changes: [
        { from: 'const usual = Buffer.from("Content-Length: ")', to: 'const usual = Buffer.from("")' },
        {
          from: "const usualLength = (header: Buffer, start: number, end: number): number => {",
          to: "const usualLength = (header: Buffer, start: number, end: number): number => {}"
        },
        { from: "const first = start + usual.length", to: "const first = start - usual.length" },
        { from: "if (end <= first || end - first > 12) return -1", to: "if (true) return -1" },
        {
          from: "if (end <= first || end - first > 12) return -1",
          to: "if (end <= first || end - first >= 12) return -1"
        },
        {
          from: "if (end <= first || end - first > 12) return -1",
          to: "if (end <= first || end + first > 12) return -1"
        },
        { from: "for (let i = 0; i < usual.length; i++) {", to: "for (let i = 0; i <= usual.length; i++) {" },
        { from: "if (header[start + i] !== usual[i]) return -1", to: "if (true) return -1" },
        { from: "if (header[start + i] !== usual[i]) return -1", to: "if (header[start - i] !== usual[i]) return -1" },
        { from: "for (let i = first; i < end; i++) {", to: "for (let i = first; i <= end; i++) {" },
        { from: "for (let i = first; i < end; i++) {", to: "for (let i = first; i < end; i--) {" },
        { from: "const digit = header[i]! - 0x30", to: "const digit = header[i]! + 0x30" },
        { from: "if (digit < 0 || digit > 9) return -1", to: "if (true) return -1" },
        { from: "if (digit < 0 || digit > 9) return -1", to: "if (digit <= 0 || digit > 9) return -1" },
        { from: "if (digit < 0 || digit > 9) return -1", to: "if (digit >= 0 || digit > 9) return -1" },
        { from: "if (digit < 0 || digit > 9) return -1", to: "if (digit < 0 || digit >= 9) return -1" },
        { from: "length = length * 10 + digit", to: "length = length * 10 - digit" },
        { from: "if (quick >= 0) return quick", to: "if (false) return quick" },
        { from: "if (quick >= 0) return quick", to: "if (quick > 0) return quick" }
      ]
    },
    {
      why: "a body that is whole already then takes the way of one that is not: copied, and delivered at once",
      changes: [
        { from: "if (chunk.length - at >= length) {", to: "if (false) {" },
        { from: "if (chunk.length - at >= length) {", to: "if (chunk.length - at > length) {" },
        { from: "if (chunk.length - at >= length) {", to: "if (chunk.length - at >= length) {}" }
      ]
    },
    {
      why: "a field without a name is none that is looked for",
      changes: [
        {
          from: 'if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== "content-length") continue',
          to: 'if (colon <= 0 || line.slice(0, colon).trim().toLowerCase() !== "content-length") continue'
        }
      ]
    },
    {
      why: "the header is ASCII, alike in both encodings",
      changes: [{ from: 'frame.write(header, "latin1")', to: 'frame.write(header, "")' }]
    },
    {
      why: "a header begins with a letter, so that its blank line is never at its first byte",
      changes: [
        {
          from: "const size = end < 0 ? chunk.length - at : end + 4 - at",
          to: "const size = end <= 0 ? chunk.length - at : end + 4 - at"
        },
        { from: "if (end < 0) {", to: "if (end <= 0) {" },
        {
          from: 'if (end < 0) return held >= maxHeader ? fail("header_too_long") : undefined',
          to: 'if (end <= 0) return held >= maxHeader ? fail("header_too_long") : undefined'
        }
      ]
    }
  ],
  "src/textonly/scan/ToolScanner.ts": [
    {
      why: "it only leaves the quick way for plain text out, or a turn of a loop through `feed` in",
      changes: [
        { from: "if (isPlain(unit) && pending.isIdle() && code.isIdle() && !isHeld()) {", to: "if (false) {" },
        {
          from: "if (isPlain(unit) && pending.isIdle() && code.isIdle() && !isHeld()) {",
          to: "if (isPlain(unit) && pending.isIdle() && code.isIdle() && !isHeld()) {}"
        },
        { from: "if (!pending.isIdle() || isHeld()) {", to: "if (true) {" },
        { from: 'if (mode !== "text") return at', to: "if (true) return at" },
        { from: 'if (mode !== "text") return at', to: 'if (mode !== "") return at' }
      ]
    },
    {
      why: "there is no character behind the last one: the loop ends one later, and nothing is left of the piece",
      changes: [
        {
          from: "while (at < piece.length && isPlain(piece.charCodeAt(at)))",
          to: "while (at <= piece.length && isPlain(piece.charCodeAt(at)))"
        }
      ]
    },
    {
      why: 'a state without a name lets text through, as "off" does, and there is no text behind the end',
      changes: [
        {
          from: 'let mode: "text" | "through" | "call" | "fence" | "done" | "off" = catalog.isActive ? "text" : "off"',
          to: 'let mode: "text" | "through" | "call" | "fence" | "done" | "off" = catalog.isActive ? "text" : ""'
        },
        { from: 'mode = "text"', to: 'mode = ""' }
      ]
    },
    {
      why: "behind the last call that may be, what is said is sent no more",
      changes: [{ from: 'if (spare < 0 && mode === "text") mode = "off"', to: 'if (spare < 0 && true) mode = "off"' }]
    },
    {
      why: "an empty marker is no text that could be said or kept back",
      changes: [
        {
          from: 'const isEnd = tag !== "" && isHeld() && CALL_END.startsWith(tag)',
          to: "const isEnd = true && isHeld() && CALL_END.startsWith(tag)"
        }
      ]
    },
    {
      why: "at the end what is held is a call as well",
      changes: [{ from: "else found(outcomes, fence!.raw(), true)", to: "else found(outcomes, fence!.raw(), false)" }]
    }
  ]
}
