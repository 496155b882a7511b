import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Logs from "../../../src/app/commands/Logs.ts"

const at = (millis: number) => new Date(millis).toISOString()
const row = (id: string, endedAt: number, outcome = "completed") => ({
  id,
  request_id: `req_${id}`,
  ended_at: at(endedAt),
  key: "ann",
  dialect: "messages",
  model_asked: "auto",
  model: null,
  instance: null,
  outcome,
  error_code: null,
  error: null,
  total_ms: 1
})

/** Answers `/internal/chats` as told, and says what it was asked. */
const gateway = (answer: (query: URLSearchParams, nth: number) => { readonly status: number; readonly body: object }) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly base: string; readonly asked: Array<URLSearchParams>; readonly close: () => void }>(
        (resume) => {
          const asked: Array<URLSearchParams> = []
          const server = createServer((request, response) => {
            const query = new URL(request.url ?? "", "http://x").searchParams
            const { body, status } = answer(query, asked.push(query))
            response.writeHead(status, { "content-type": "application/json", connection: "close" })
            response.end(JSON.stringify(body))
          })
          server.listen(0, "127.0.0.1", () => {
            const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
            resume(Effect.succeed({ base, asked, close: () => void server.close() }))
          })
        }
      ),
      ({ close }) => Effect.sync(close)
    ),
    ({ asked, base }) => ({ asked, gateway: { base, key: undefined } })
  )

const page = (...data: ReadonlyArray<object>) => ({ status: 200, body: { data, next: null } })
const wanted = { isFailed: true, key: undefined, since: 0, limit: 100 }

describe("logs --follow", () => {
  it.scopedLive("goes on from what it has seen, also where no row of it was wanted", () =>
    Effect.gen(function* () {
      const now = Date.now()
      const third = yield* Deferred.make<void>()
      const { asked, gateway: running } = yield* gateway((_, nth) => {
        if (nth === 3) Effect.runSync(Deferred.succeed(third, undefined))
        return page(row("a", now - 3_600_000))
      })
      const fiber = yield* Effect.fork(
        Logs.follow(running, wanted, { rows: [], newest: now - 3_600_000 }, () => Effect.void)
      )
      yield* Deferred.await(third)
      yield* Fiber.interrupt(fiber)
      assert.isAbove(Date.parse(asked[0]?.get("since") ?? ""), now - 3_700_000)
      assert.isAbove(Date.parse(asked[1]?.get("since") ?? ""), now - 120_000)
    })
  )

  it.scopedLive("waits for a gateway that restarts, and never prints what the limit cut off", () =>
    Effect.gen(function* () {
      const now = Date.now()
      const printed = yield* Deferred.make<ReadonlyArray<string>>()
      const { asked, gateway: running } = yield* gateway((query, nth) => {
        const rows = [row("c", now, "failed"), row("b", now - 1, "failed"), row("a", now - 2000, "failed")]
        const since = Date.parse(query.get("since") ?? "")
        return nth === 1
          ? { status: 503, body: { error: { message: "shutting down" } } }
          : page(...rows.filter(({ ended_at }) => Date.parse(ended_at) >= since))
      })
      const shown = { rows: [row("b", now - 1, "failed")], newest: now - 1 }
      const fiber = yield* Effect.fork(
        Logs.follow(running, { ...wanted, limit: 1 }, shown, (rows) =>
          Deferred.succeed(
            printed,
            rows.map(({ id }) => id)
          )
        )
      )
      assert.deepStrictEqual(yield* Deferred.await(printed), ["c"])
      yield* Fiber.interrupt(fiber)
      assert.isAtLeast(asked.length, 2)
    })
  )
})
