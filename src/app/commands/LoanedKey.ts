/**
 * An admin key for as long as a command runs, where the settings hold none: made in the gateway's database, and gone from
 * it at the end, also as one that there once was. One that is left over by a command that was killed expires, and the
 * next command takes it away.
 */
import { randomBytes } from "node:crypto"
import { Clock, Context, Effect, Layer, type Redacted, type Scope } from "effect"
import type { Settings } from "../../config/Config.ts"
import * as Database from "../../team/database/Database.ts"
import * as Key from "../../team/keys/Key.ts"
import { KeyStore } from "../../team/keys/KeyStore.ts"

/** Longer than the command waits for a login. */
const MILLIS = 20 * 60_000

const NAME = /^login-[0-9a-f]{12}$/

/** Those of commands that were killed. One that has not expired may be in use. */
const sweep = (store: typeof KeyStore.Service, now: number) =>
  Effect.flatMap(store.list, (keys) =>
    Effect.forEach(
      keys.filter((key) => NAME.test(key.name) && key.isAdmin && Key.isExpired(key, now)),
      ({ name }) => store.forget(name),
      { discard: true }
    )
  ).pipe(Effect.ignore)

/** Fails with a reason that names the setting. */
export const make = Effect.fnUntraced(function* ({
  databaseUrl,
  lingmaWorkDir
}: Pick<Settings, "databaseUrl" | "lingmaWorkDir">): Effect.fn.Return<Redacted.Redacted, string, Scope.Scope> {
  if (databaseUrl._tag === "Memory") return yield* Effect.fail("DATABASE_URL is none")
  const database = Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false })
  const context = yield* Effect.mapError(Layer.build(Layer.provide(KeyStore.layer, database)), ({ message }) => message)
  const store = Context.get(context, KeyStore)
  const now = yield* Clock.currentTimeMillis
  yield* sweep(store, now)
  const expiresAt = now + MILLIS
  const name = `login-${randomBytes(6).toString("hex")}`
  const { secret } = yield* Effect.acquireRelease(
    Effect.mapError(
      store.add(name, { ...Key.noLimits, isAdmin: true, expiresAt }),
      () => "the database cannot be written (DATABASE_URL)"
    ),
    () => Effect.ignore(Effect.timeout(Effect.interruptible(store.forget(name)), "5 seconds"))
  )
  return secret
})
