import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { post, serve } from "../../../support/MessagesGateway.ts"
import * as Pdf from "../../../support/Pdf.ts"

/** A conversation of one message. */
const of = (content: unknown) => ({ messages: [{ role: "user", content }] })
const text = { type: "text", text: "what does it say?" }
const pdf = (bytes: Buffer, more: object = {}) => ({
  type: "document",
  source: { type: "base64", media_type: "application/pdf", data: bytes.toString("base64") },
  ...more
})

describe("a PDF", () => {
  it.scopedLive("is read to the model page by page, in messages and in results of tools", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const shown = [
        "<document>",
        "Report",
        "(PDF, 3 pages, its text only)",
        ...["[page 1]", "First words", "[page 2]", "(no text)", "[page 3]", "Last words"],
        "</document>"
      ].join("\n")
      const report = pdf(Pdf.make(["First words", "", "Last words"]), { title: "Report" })
      const plain = yield* ask(of([report, text]))
      assert.deepStrictEqual([plain.status, plain.leftOut], [200, null])
      assert.include(plain.prompt, `${shown}\nwhat does it say?`)
      const result = yield* ask(of([{ type: "tool_result", tool_use_id: "t", content: [report] }]))
      assert.include(result.prompt, shown)
    })
  )

  it.scopedLive("of pictures only is told to be one", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const { prompt } = yield* ask(of([pdf(Pdf.make(["", ""])), text]))
      assert.include(prompt, "(PDF, 2 pages, its text only)\n(no text could be read: its pages may be pictures)")
    })
  )

  it.scopedLive("counts as what is read of it", () =>
    Effect.gen(function* () {
      const { request } = yield* serve()
      const count = (words: string) =>
        Effect.map(request("/v1/messages/count_tokens", post(of([pdf(Pdf.make([words]))]))), ({ json }) =>
          Number(json["input_tokens"])
        )
      assert.isAbove((yield* count("many words ".repeat(7))) - (yield* count("few")), 8)
    })
  )

  it.scopedLive("before the last summary of the conversation is not read", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const messages = [
        { role: "user", content: [text, pdf(Buffer.from("no PDF"))] },
        { role: "assistant", content: [{ type: "compaction", content: "They asked of a report." }] },
        { role: "user", content: "go on" }
      ]
      assert.strictEqual((yield* ask({ messages })).status, 200)
    })
  )

  it.scopedLive("that cannot be read is refused by its place", () =>
    Effect.gen(function* () {
      const { ask, request } = yield* serve()
      const at = "messages.0.content.1.document.source"
      const cases = [
        [pdf(Buffer.from("no PDF")), `${at}.base64: The PDF specified was not valid.`],
        [pdf(Buffer.from("%PDF-1.4 broken")), `${at}.base64: The PDF specified was not valid.`],
        [pdf(Pdf.make(["x"], { encrypted: true })), `${at}.base64: The PDF specified is password protected.`],
        [
          { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
          `${at}.url: Documents are not fetched from addresses; send it as base64`
        ],
        [
          { type: "document", source: { type: "base64", media_type: "application/msword", data: "eA==" } },
          `${at}.base64: Documents are taken as PDF or as text`
        ]
      ] as const
      for (const [block, complaint] of cases) {
        const { message, status } = yield* ask(of([text, block]))
        assert.deepStrictEqual([status, message], [400, complaint])
      }
      const counted = yield* request("/v1/messages/count_tokens", post(of([text, pdf(Buffer.from("no PDF"))])))
      assert.deepStrictEqual([counted.status, counted.json.error?.message], [400, cases[0][1]])
      const many = Array.from({ length: 33 }, () => pdf(Buffer.from("%PDF-")))
      const { message } = yield* ask(of(many))
      assert.strictEqual(
        message,
        "messages.0.content.32.document.source.base64: There are too many PDFs in this request."
      )
    })
  )
})
