/**
 * The keys that open this gateway, from API_KEYS, KEYS_FILE and the database.
 *
 * They are looked at twice a second, by SQLite's own thread where there is one; while the database or the file cannot be
 * read, what was last known goes on.
 */
import { Clock, Context, Data, Duration, Effect, Layer, Option, Redacted, type Scope } from "effect"
import { type GatewayConfig, isLoopback, type Settings } from "../../config/Config.ts"
import { type Live, LiveSettings } from "../../config/LiveSettings.ts"
import { Database, DatabaseUnavailable } from "../database/Database.ts"
import * as InTime from "../database/InTime.ts"
import * as Lock from "../database/Lock.ts"
import * as Digest from "./Digest.ts"
import * as Key from "./Key.ts"
import * as KeyFile from "./KeyFile.ts"
import * as KeyIndex from "./KeyIndex.ts"
import { KeyStore, VERSION } from "./KeyStore.ts"

/** How often it is looked whether keys have changed. */
const LOOK = Duration.millis(500)
/** The same where changes are told: what is left to find is that the database cannot be read. */
const LOOK_ALSO = Duration.seconds(10)
/** How long one look may take. */
const inTime = InTime.within("5 seconds")
const atTheEnd = InTime.within("1 second")
/** How often it is noted in the database when keys were used. */
const NOTE = Duration.seconds(20)

const MISSING =
  "GATEWAY_HOST must be a loopback address unless there is a key: set API_KEYS, name one in KEYS_FILE, or add one by `lingma-gateway keys add` (or GATEWAY_ALLOW_OPEN=true)"
/** Revoking the last key, or emptying the file, is no wish to let everybody in. */
const NONE_LEFT =
  "there is no key, but there were some or KEYS_FILE is set: nobody is let in until one is added by `lingma-gateway keys add` or in KEYS_FILE (or GATEWAY_ALLOW_OPEN=true)"

/** There is no key, where others than this machine can call; the message names the settings. */
export class KeysMissing extends Data.TaggedError("KeysMissing")<{ readonly message: string }> {}

/** The keys of API_KEYS: `key-1` and so on, without limits. */
export const ofSettings = (apiKeys: ReadonlyArray<Redacted.Redacted>): ReadonlyArray<Key.Known> =>
  apiKeys.map((given, i) => {
    const secret = Redacted.value(given)
    const digest = Digest.of(secret)
    const key: Key.Key = {
      ...Key.noLimits,
      id: Digest.idOf(digest),
      name: `key-${i + 1}`,
      lastFour: Key.lastFourOf(secret),
      createdAt: 0,
      lastUsedAt: undefined,
      source: "settings"
    }
    return { key, digest }
  })

/** Says a thing once, until it changes or is over. */
const teller = () => {
  let told: string | undefined
  return (message: string | undefined, over: string) =>
    Effect.suspend(() => {
      if (message === told) return Effect.void
      told = message
      return message === undefined ? Effect.logInfo(over) : Effect.logWarning(message)
    })
}

export interface Ring extends Pick<KeyIndex.KeyIndex, "all" | "find" | "hasExpired" | "isOpen" | "onRevoked"> {
  /** Looks for changes now. */
  readonly refresh: Effect.Effect<void>
}

/** Keys that never change. Closed: nobody is let in where there are none. */
export const fixed = (keys: ReadonlyArray<Key.Known>, clock: Clock.Clock, isClosed = false): Ring => {
  const index = KeyIndex.make(clock, isClosed)
  index.replace(keys)
  return { ...index, refresh: Effect.void }
}

/** Whether nobody is let in where there are no keys. */
const isClosed = ({ allowOpen, host }: Settings): boolean => !(isLoopback(host) || allowOpen)

/** A gateway that has asked for keys does so until it ends. */
const NO_KEY_LEFT = "API_KEYS must not lose the last key of a running gateway, whom nobody could call then; restart it"

/** API_KEYS alone; closed where the settings rely on keys that nobody reads here. */
export const ofLive = Effect.fnUntraced(function* (
  live: Live,
  clock: Clock.Clock
): Effect.fn.Return<Ring, never, Scope.Scope> {
  const { current } = live
  const index = KeyIndex.make(clock, Option.isSome(current.keysFile) || isClosed(current))
  index.replace(ofSettings(current.apiKeys))
  yield* live.follow({
    check: ({ apiKeys }) => (apiKeys.length === 0 && index.all().length > 0 ? NO_KEY_LEFT : undefined),
    apply: ({ apiKeys }) => index.replace(ofSettings(apiKeys))
  })
  return { ...index, refresh: Effect.void }
})

type Broken = KeyFile.KeyFileWrong | KeysMissing | DatabaseUnavailable

const watched = Effect.gen(function* () {
  const live = yield* LiveSettings.get
  const config = live.current
  const store = yield* KeyStore
  const database = yield* Database
  const unreadable = () =>
    new DatabaseUnavailable({ message: `DATABASE_URL: keys cannot be read from ${database.place}` })
  const hadKeys = Option.isSome(config.keysFile) || (yield* Effect.mapError(store.hadKeys, unreadable))
  const mayBeOpen = config.allowOpen || (isLoopback(config.host) && !hadKeys)
  const index = KeyIndex.make(yield* Effect.clock, !mayBeOpen)
  const path = Option.getOrUndefined(config.keysFile)
  const tellFile = teller()
  const tellDatabase = teller()
  let stored: ReadonlyArray<Key.Known> = []
  let version: number | undefined
  let filed: ReadonlyArray<Key.Known> = []
  let stamp: string | undefined

  /** In the step in which they were read: an interrupt between the two would lose a change for good. */
  const apply = ({ apiKeys } = live.current) => index.replace([...ofSettings(apiKeys), ...filed, ...stored])
  const lookAtFile = Effect.fnUntraced(function* (file: string) {
    // Before it is read: a file that is written to meanwhile is read once more.
    const seen = yield* KeyFile.stamp(file)
    if (seen === stamp) return
    const read = yield* Effect.either(KeyFile.read(file))
    stamp = seen
    filed = yield* read
    apply()
    const now = yield* Clock.currentTimeMillis
    for (const { key } of filed)
      if (Key.isExpired(key, now))
        yield* Effect.logWarning(`KEYS_FILE: expires of ${key.name} has passed: it opens nothing`)
    yield* tellFile(undefined, "KEYS_FILE is in effect again")
  })
  const lookAtDatabase = Effect.gen(function* () {
    const seen = yield* store.version
    if (seen === version) return
    stored = yield* store.known
    version = seen
    apply()
  })
  const note = Effect.suspend(() => {
    const times = index.takeUsed()
    return times.size === 0 ? Effect.void : store.used(times)
  })
  const file =
    path === undefined
      ? Effect.void
      : Effect.catchAll(lookAtFile(path), ({ message }) => tellFile(`${message}; the keys it had before go on`, ""))
  const rows = lookAtDatabase.pipe(
    inTime,
    Effect.zipRight(tellDatabase(undefined, "keys are read from the database again")),
    Effect.catchAll(() => tellDatabase(`keys cannot be read from ${database.place}; those known so far go on`, ""))
  )
  // Looks do not overlap: an older answer would come after a newer one.
  const lock = Lock.make()
  const alone = (look: Effect.Effect<void>) => Effect.scoped(Effect.zipRight(lock, look))
  const refresh = alone(Effect.zipRight(file, rows))

  if (path !== undefined) yield* lookAtFile(path)
  yield* Effect.mapError(lookAtDatabase, unreadable)
  apply()
  if (index.all().length === 0 && !index.isOpen()) {
    if (!isLoopback(config.host)) return yield* new KeysMissing({ message: MISSING })
    yield* Effect.logWarning(NONE_LEFT)
  }
  const after = (pause: Effect.Effect<void>, look: Effect.Effect<void>) => {
    const looked = Effect.catchAllCause(look, (cause) => Effect.logError("keys could not be looked at", cause))
    return Effect.forkScoped(Effect.interruptible(Effect.forever(Effect.zipRight(pause, looked))))
  }
  const every = (time: Duration.Duration, look: Effect.Effect<void>) => after(Effect.sleep(time), look)
  if (database.watch === undefined) yield* every(LOOK, refresh)
  else {
    const changed = Effect.unsafeMakeLatch(false)
    yield* after(changed.await, Effect.zipRight(changed.close, alone(rows)))
    yield* every(LOOK_ALSO, alone(rows))
    if (path !== undefined) yield* every(LOOK, alone(file))
    yield* database.watch(VERSION, Duration.toMillis(LOOK), () => changed.unsafeOpen())
  }
  yield* every(NOTE, Effect.ignore(inTime(note)))
  yield* Effect.addFinalizer(() => Effect.interruptible(Effect.ignore(atTheEnd(note))))
  yield* live.follow({
    check: ({ apiKeys }) =>
      apiKeys.length + filed.length + stored.length === 0 && index.all().length > 0 ? NO_KEY_LEFT : undefined,
    apply
  })
  const onRevoked: Ring["onRevoked"] = (id, stop) =>
    live.current.revokedStreams === "end" ? index.onRevoked(id, stop) : () => {}
  return { ...index, onRevoked, refresh }
  // Looks are nothing to trace.
}).pipe(Effect.withTracerEnabled(false))

export class KeyRing extends Context.Tag("lingma-gateway/team/KeyRing")<KeyRing, Ring>() {
  static readonly layer: Layer.Layer<KeyRing, Broken, GatewayConfig | KeyStore | Database> = Layer.scoped(
    KeyRing,
    watched
  )

  /** API_KEYS alone. */
  static readonly layerOfSettings: Layer.Layer<KeyRing, never, GatewayConfig> = Layer.scoped(
    KeyRing,
    Effect.flatMap(Effect.all([LiveSettings.get, Effect.clock]), ([live, clock]) => ofLive(live, clock))
  )
}
