/**
 * An admin key for as long as a command runs, where the settings hold none: made in the gateway's database, and revoked
 * at the end. One that is left over by a command that was killed expires.
 */
import { randomBytes } from "node:crypto"
import { Clock, Context, Effect, Layer, type Redacted, type Scope } from "effect"
import type { Settings } from "../../config/Config.ts"
import * as Database from "../../team/database/Database.ts"
import * as Key from "../../team/keys/Key.ts"
import { KeyStore } from "../../team/keys/KeyStore.ts"

/** Longer than the command waits for a login. */
const MILLIS = 20 * 60_000

/** Fails with a reason that names the setting. */
export const make = Effect.fnUntraced(function* ({
  databaseUrl,
  lingmaWorkDir
}: Pick<Settings, "databaseUrl" | "lingmaWorkDir">): Effect.fn.Return<Redacted.Redacted, string, Scope.Scope> {
  if (databaseUrl._tag === "Memory") return yield* Effect.fail("DATABASE_URL is none")
  const database = Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false })
  const context = yield* Effect.mapError(Layer.build(Layer.provide(KeyStore.layer, database)), ({ message }) => message)
  const store = Context.get(context, KeyStore)
  const expiresAt = (yield* Clock.currentTimeMillis) + MILLIS
  const name = `login-${randomBytes(6).toString("hex")}`
  const { secret } = yield* Effect.acquireRelease(
    Effect.mapError(
      store.add(name, { ...Key.noLimits, isAdmin: true, expiresAt }),
      () => "the database cannot be written (DATABASE_URL)"
    ),
    () => Effect.ignore(Effect.timeout(Effect.interruptible(store.revoke(name)), "5 seconds"))
  )
  return secret
})
