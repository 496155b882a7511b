import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, TestClock } from "effect"
import { GatewayConfig } from "../../../src/config/Config.ts"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import { KeptResponses } from "../../../src/team/responses/KeptResponses.ts"
import * as Postgres from "../../support/Postgres.ts"

class Places extends Context.Tag("test/Places")<
  Places,
  { readonly url: (kind: "sqlite" | "postgres") => Effect.Effect<DatabaseUrl> }
>() {}

const places = Layer.scoped(
  Places,
  Effect.gen(function* () {
    const postgres = yield* Postgres.make
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "kept-"))),
      (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
    )
    let made = 0
    return {
      url: (kind: "sqlite" | "postgres") =>
        kind === "sqlite"
          ? Effect.sync((): DatabaseUrl => ({ _tag: "Sqlite", path: join(dir, `${++made}.db`) }))
          : Effect.map(
              postgres.database(`kept_${++made}`),
              (url): DatabaseUrl => ({ _tag: "Postgres", url: Redacted.make(url) })
            )
    }
  })
)

/** A gateway's share of the database: closing its scope writes what waits. */
const gateway = (url: DatabaseUrl, responsesStore = 100) =>
  Layer.build(
    KeptResponses.layer.pipe(
      Layer.provideMerge(Database.layer(url, { workDir: "/nowhere", isServing: true })),
      Layer.provide(GatewayConfig.layer({ responsesStore }))
    )
  )
const using = <A, E>(
  url: DatabaseUrl,
  use: (kept: Context.Tag.Service<typeof KeptResponses>) => Effect.Effect<A, E, SqlClient.SqlClient>,
  responsesStore?: number
) =>
  Effect.scoped(
    Effect.flatMap(gateway(url, responsesStore), (context) =>
      Effect.provide(Effect.flatMap(KeptResponses, use), context)
    )
  )
const body = (id: string) => ({ id, body: JSON.stringify({ items: [], id }) })

describe("kept responses", () => {
  layer(places, { timeout: 120_000 })((it) => {
    for (const kind of ["sqlite", "postgres"] as const) {
      it.scoped(`outlive a restart on ${kind}, for their own key only`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          yield* using(url, (kept) => Effect.sync(() => kept.put("A", body("resp_1"), ["msg_1", "msg_2"])))
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1", "resp_2"]), [body("resp_1")])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_2"]), [body("resp_1")])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_3", "%"]), [])
              assert.deepStrictEqual(yield* kept.find("B", ["resp_1"]), [])
              assert.deepStrictEqual(yield* kept.holding("B", ["msg_2"]), [])
              kept.remove("B", "resp_1")
            })
          )
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1"]), [body("resp_1")])
              kept.remove("A", "resp_1")
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1"]), [])
            })
          )
          yield* using(url, (kept) =>
            Effect.map(kept.find("A", ["resp_1"]), (found) => assert.deepStrictEqual(found, []))
          )
        })
      )

      it.scoped(`are found on ${kind} before they are written, as the last change left them`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              kept.put("A", body("conv_1"), ["msg_1"])
              yield* TestClock.adjust("1 second")
              kept.put("A", { id: "conv_1", body: "{}" }, ["msg_1", "msg_2"])
              assert.deepStrictEqual(yield* kept.find("A", ["conv_1"]), [{ id: "conv_1", body: "{}" }])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_1"]), [{ id: "conv_1", body: "{}" }])
            })
          )
        })
      )

      it.scoped(`are no more on ${kind} than RESPONSES_STORE says: the newest`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          for (const id of ["a", "b", "c", "d"]) {
            yield* using(url, (kept) => Effect.sync(() => kept.put("A", body(id), [])), 2)
            yield* TestClock.adjust("1 second")
          }
          const left = yield* using(url, (kept) => kept.find("A", ["a", "b", "c", "d"]), 2)
          assert.deepStrictEqual(left.map(({ id }) => id).sort(), ["c", "d"])
        })
      )
    }
  })
})
