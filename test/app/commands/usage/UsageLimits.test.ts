import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import * as UsageLimits from "../../../../src/app/commands/usage/UsageLimits.ts"
import * as Database from "../../../../src/team/database/Database.ts"
import * as Digest from "../../../../src/team/keys/Digest.ts"
import * as Key from "../../../../src/team/keys/Key.ts"
import { KeyStore } from "../../../../src/team/keys/KeyStore.ts"
import * as WindowStore from "../../../../src/team/limits/WindowStore.ts"

const ci = Digest.idOf("file:ci")
const NOON = Date.parse("2026-11-28T12:00:00Z")
const HOUR = 3_600_000

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "usage-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const opened = Layer.provideMerge(
  KeyStore.layer,
  Layer.orDie(Database.layer({ _tag: "Memory" }, { workDir: "/nowhere", isServing: true }))
)

const onto = (ids: ReadonlyArray<string>, file: Option.Option<string> = Option.none()) =>
  Effect.map(
    UsageLimits.onto(
      ids.map((keyId) => ({ keyId })),
      "UTC",
      file
    ),
    (lines) => lines.map((line) => line.limits)
  )

describe("The limits of keys in a report of usage", () => {
  it.scoped("are those of the day and the minute that run, for keys that have them", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOON)
      const store = yield* KeyStore
      const windows = WindowStore.make(yield* SqlClient.SqlClient)
      const limits = { tokensPerDay: 1000, requestsPerMinute: 60 }
      const { key: ann } = yield* store.add("ann", { ...Key.noLimits, ...limits })
      const { key: bob } = yield* store.add("bob", { ...Key.noLimits, tokensPerDay: 500 })
      const { key: free } = yield* store.add("free", Key.noLimits)
      yield* windows.save([
        { keyId: ann.id, kind: "day", startedAt: NOON - 12 * HOUR, used: 610 },
        { keyId: ann.id, kind: "minute", startedAt: NOON - 20_000, used: 12 },
        { keyId: bob.id, kind: "day", startedAt: NOON - 36 * HOUR, used: 499 },
        { keyId: free.id, kind: "day", startedAt: NOON - 12 * HOUR, used: 9 }
      ])
      const asked = [ann.id, bob.id, free.id, "gone"]
      const ofBob = { tokensPerDay: { limit: 500, used: 0 } }
      assert.deepStrictEqual(yield* onto(asked), [
        { tokensPerDay: { limit: 1000, used: 610 }, requestsPerMinute: { limit: 60, used: 12 } },
        ofBob,
        undefined,
        undefined
      ])
      yield* TestClock.adjust("61 seconds")
      assert.deepStrictEqual((yield* onto(asked))[0]?.requestsPerMinute, { limit: 60, used: 0 })
    }).pipe(Effect.provide(opened))
  )

  it.scoped("are those of KEYS_FILE too, and a file that is wrong keeps nobody from the report", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOON)
      const path = join(yield* folder, "keys.yaml")
      writeFileSync(path, `keys:\n  - name: ci\n    digest: sha256:${"a".repeat(64)}\n    tokens_per_day: 70\n`)
      const known = yield* onto([ci], Option.some(path))
      assert.deepStrictEqual(known, [{ tokensPerDay: { limit: 70, used: 0 } }])
      writeFileSync(path, "keys: [")
      assert.deepStrictEqual(yield* onto([ci], Option.some(path)), [undefined])
    }).pipe(Effect.provide(opened))
  )
})
