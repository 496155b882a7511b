import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, TestClock } from "effect"
import * as LoanedKey from "../../../src/app/commands/LoanedKey.ts"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import { KeyStore } from "../../../src/team/keys/KeyStore.ts"

const database = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "loaned-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  ),
  (dir) => ({ databaseUrl: { _tag: "Sqlite", path: join(dir, "g.db") } satisfies DatabaseUrl, lingmaWorkDir: dir })
)
const storeOf = ({ databaseUrl, lingmaWorkDir }: Effect.Effect.Success<typeof database>) =>
  Effect.map(
    Layer.build(
      Layer.provide(KeyStore.layer, Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false }))
    ),
    Context.get(KeyStore)
  )
const admin = { ...Key.noLimits, isAdmin: true }

describe("the key that a command lends itself", () => {
  it.scoped("administers while the command runs, and is then as if it had never been", () =>
    Effect.gen(function* () {
      const place = yield* database
      const store = yield* storeOf(place)
      const during = yield* Effect.scoped(Effect.zipRight(LoanedKey.make(place), store.list))
      assert.deepStrictEqual(
        during.map(({ isAdmin }) => isAdmin),
        [true]
      )
      assert.deepStrictEqual(yield* store.list, [])
      assert.isFalse(yield* store.hadKeys)
    })
  )

  it.scoped("takes away those that killed commands left, once they have expired, and nobody's own", () =>
    Effect.gen(function* () {
      const place = yield* database
      const store = yield* storeOf(place)
      yield* TestClock.adjust("1 hour")
      yield* store.add("login-0123456789ab", { ...admin, expiresAt: 2 * 3_600_000 })
      yield* store.add("login-ba9876543210", { ...admin, expiresAt: 9 * 3_600_000 })
      yield* store.add("login-page", { ...admin, expiresAt: 2 * 3_600_000 })
      yield* TestClock.adjust("2 hours")
      yield* Effect.scoped(LoanedKey.make(place))
      assert.deepStrictEqual(
        (yield* store.list).map(({ name }) => name),
        ["login-ba9876543210", "login-page"]
      )
    })
  )
})
