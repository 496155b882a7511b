import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as WebSearch from "../../../../src/http/chat/sources/WebSearch.ts"
import * as LogLines from "../../../support/LogLines.ts"
import * as Searches from "../../../support/Searches.ts"

const wide = { allowed: [], blocked: [] }

describe("a web search that fails", () => {
  it.scopedLive("is logged by its kind, without the address, the query or what was answered", () =>
    Effect.gen(function* () {
      const { layer, lines } = LogLines.listening()
      const garbled = yield* Searches.says(200, "zebra")
      const refused = yield* Searches.says(500, "zebra")
      const empty = yield* Searches.says(200, "{}")
      const urls = ["http://zebra:zebra@127.0.0.1:8888/search", "http://127.0.0.1:2/zebra", garbled, refused, empty]
      for (const at of urls) {
        const url = typeof at === "string" ? at : at.url
        yield* Effect.flip(Effect.provide(WebSearch.search(url, "zebra", wide), layer))
      }
      const reasons = lines.map(({ annotations }) => String(annotations["reason"]))
      assert.lengthOf(reasons, urls.length)
      for (const reason of reasons) assert.notInclude(reason, "zebra")
      assert.deepStrictEqual(
        [reasons[0], ...reasons.slice(2)],
        ["TypeError", "SyntaxError", "status 500", "no results"]
      )
      assert.strictEqual(reasons[1], "ECONNREFUSED")
    })
  )
})
