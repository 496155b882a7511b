import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import * as Upstream from "../../../src/http/embeddings/Upstream.ts"
import * as EmbeddingsServer from "../../support/EmbeddingsServer.ts"

const options = { apiKey: undefined, timeout: Duration.seconds(5) }

describe("the upstream of embeddings", () => {
  it.scopedLive("is aborted when its answer becomes too large, and gets no key if none is configured", () =>
    Effect.gen(function* () {
      const server = yield* EmbeddingsServer.serve((response) => {
        response.writeHead(200, { "content-type": "application/json" })
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(16_384, 0x20)));
        }
        response.on("drain", more)
        more()
      })
      const ask = Upstream.make({ ...options, url: server.url, limit: 100_000 })
      const exit = yield* Effect.exit(ask("{}", "req-1", () => true))
      assert.deepInclude(Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : {}, {
        kind: "too_large"
      })
      yield* Effect.promise(() => server.left)
      assert.isUndefined(server.asked[0]?.headers["authorization"])
    })
  )

  it.scopedLive("is aborted at the time limit", () =>
    Effect.gen(function* () {
      const server = yield* EmbeddingsServer.serve((response) => void response.writeHead(200).write("{"))
      const ask = Upstream.make({ ...options, url: server.url, timeout: Duration.millis(100) })
      assert.strictEqual((yield* Effect.flip(ask("{}", "req-1", () => true))).kind, "timeout")
      yield* Effect.promise(() => server.left)
    })
  )
})
