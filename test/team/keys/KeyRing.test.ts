import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Redacted, TestClock } from "effect"
import { GatewayConfig, type Settings } from "../../../src/config/Config.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Digest from "../../../src/team/keys/Digest.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import * as KeyDesk from "../../../src/team/keys/KeyDesk.ts"
import { KeyRing, ofSettings } from "../../../src/team/keys/KeyRing.ts"
import { KeyStore } from "../../../src/team/keys/KeyStore.ts"

const NOW = 1_800_000_000_000

const inMemory = Database.layer({ _tag: "Memory" }, { workDir: "", isServing: true })
const serve = (settings: Partial<Settings> = {}, database = inMemory) =>
  Effect.map(
    Effect.zipRight(
      TestClock.setTime(NOW),
      Layer.build(
        KeyRing.layer.pipe(
          Layer.provideMerge(KeyStore.layer),
          Layer.provideMerge(database),
          Layer.provideMerge(GatewayConfig.layer(settings))
        )
      )
    ),
    (context) => Effect.runSync(Effect.provide(Effect.all({ ring: KeyRing, store: KeyStore }), context))
  )

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "keys-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)
const fileOf = (text: string) =>
  Effect.map(folder, (dir) => {
    const path = join(dir, "keys.yaml")
    writeFileSync(path, text)
    return path
  })
const entry = (name: string, secret: string) => `  - name: ${name}\n    digest: sha256:${Digest.of(secret)}\n`

const logged = (lines: Array<string>) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => void lines.push(String(message)))
  )

describe("the key ring", () => {
  it.scoped("lets everybody in until there is a key, and nobody by a key that was revoked", () =>
    Effect.gen(function* () {
      const { ring, store } = yield* serve()
      assert.isTrue(ring.isOpen())
      const { secret } = yield* store.add("alice", Key.noLimits)
      yield* ring.refresh
      assert.isFalse(ring.isOpen())
      assert.strictEqual(ring.find(Redacted.value(secret))?.name, "alice")
      assert.isUndefined(ring.find(`${Redacted.value(secret)}x`))
      yield* store.revoke("alice")
      yield* ring.refresh
      assert.isUndefined(ring.find(Redacted.value(secret)))
      // The last key that goes opens nothing.
      assert.isFalse(ring.isOpen())
    })
  )

  it.scoped("looks for changes by itself twice a second", () =>
    Effect.gen(function* () {
      const { ring, store } = yield* serve()
      yield* store.add("alice", Key.noLimits)
      yield* TestClock.adjust("500 millis")
      yield* Effect.repeat(
        Effect.promise(() => new Promise((done) => setImmediate(done))),
        { until: () => ring.all().length > 0 }
      )
      assert.deepStrictEqual(
        ring.all().map(({ name }) => name),
        ["alice"]
      )
    })
  )

  it.scoped("takes a key until it expires, and the one before a rotation until its grace is over", () =>
    Effect.gen(function* () {
      const { ring, store } = yield* serve()
      const made = yield* store.add("alice", { ...Key.noLimits, expiresAt: NOW + 60_000 })
      const rotated = yield* store.rotate("alice", 1000)
      yield* ring.refresh
      const [before, after] = [Redacted.value(made.secret), Redacted.value(rotated.secret)]
      assert.isDefined(ring.find(before))
      assert.isDefined(ring.find(after))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(ring.find(before))
      assert.isFalse(ring.hasExpired(before))
      assert.isDefined(ring.find(after))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(ring.find(after))
      assert.isTrue(ring.hasExpired(after))
    })
  )

  it.scoped("tells those who watch a key that it was revoked, once it is; and nobody who has left", () =>
    Effect.gen(function* () {
      const { ring, store } = yield* serve()
      const { key } = yield* store.add("alice", Key.noLimits)
      const bob = yield* store.add("bob", Key.noLimits)
      yield* ring.refresh
      const told: Array<string> = []
      ring.onRevoked(key.id, () => void told.push("alice"))
      ring.onRevoked(key.id, () => void told.push("left"))()
      ring.onRevoked(bob.key.id, () => void told.push("bob"))
      yield* store.set("alice", { requestsPerMinute: 1 })
      yield* store.rotate("alice", 0)
      yield* ring.refresh
      assert.deepStrictEqual(told, [])
      yield* store.revoke("alice")
      yield* ring.refresh
      assert.deepStrictEqual(told, ["alice"])
      // One that begins after its key was revoked is told as well.
      ring.onRevoked(key.id, () => void told.push("late"))
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(told, ["alice", "late"])
    })
  )

  it.scoped("leaves streams alone where REVOKED_STREAMS says so", () =>
    Effect.gen(function* () {
      const { ring, store } = yield* serve({ revokedStreams: "finish" })
      const { key } = yield* store.add("alice", Key.noLimits)
      yield* ring.refresh
      ring.onRevoked(key.id, () => assert.fail("told"))
      yield* store.revoke("alice")
      yield* ring.refresh
    })
  )

  it.scoped("reads KEYS_FILE again when it changes, and keeps what it had while the file is wrong", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const path = yield* fileOf(`keys:\n${entry("alice", "sk-alice")}`)
      const { ring } = yield* serve({ keysFile: Option.some(path) })
      assert.strictEqual(ring.find("sk-alice")?.source, "file")
      writeFileSync(path, `keys:\n${entry("alice", "sk-alice")}  - name: bo`)
      yield* ring.refresh
      yield* ring.refresh
      assert.isDefined(ring.find("sk-alice"))
      assert.deepStrictEqual(lines, [
        `KEYS_FILE: ${path}:4: bo must have either digest or key; the keys it had before go on`
      ])
      writeFileSync(path, `keys:\n${entry("bob", "sk-bob")}`)
      yield* ring.refresh
      assert.isUndefined(ring.find("sk-alice"))
      assert.isDefined(ring.find("sk-bob"))
      rmSync(path)
      yield* ring.refresh
      assert.isDefined(ring.find("sk-bob"))
      assert.strictEqual(lines[2], `KEYS_FILE: ${path} cannot be read (ENOENT); the keys it had before go on`)
    }).pipe(Effect.provide(logged(lines)))
  })

  it.scoped("says which keys of KEYS_FILE have expired, and lets the others in", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const path = yield* fileOf(
        `keys:\n${entry("old", "sk-old")}    expires: 2001-01-01\n${entry("alice", "sk-alice")}`
      )
      const { ring } = yield* serve({ keysFile: Option.some(path) })
      assert.deepStrictEqual([ring.find("sk-old"), ring.hasExpired("sk-old")], [undefined, true])
      assert.strictEqual(ring.find("sk-alice")?.name, "alice")
      yield* ring.refresh
      assert.deepStrictEqual(lines, ["KEYS_FILE: expires of old has passed: it opens nothing"])
    }).pipe(Effect.provide(logged(lines)))
  })

  it.scoped("refuses a KEYS_FILE that is wrong at the start", () =>
    Effect.gen(function* () {
      const path = yield* fileOf("keys: 1\n")
      const refused = yield* Effect.flip(serve({ keysFile: Option.some(path) }))
      assert.strictEqual(refused.message, `KEYS_FILE: ${path}:1: keys must be a list`)
    })
  )

  it.scoped(
    "lets the file own what it names: a key of the same name in the database does not open, and is not changed",
    () =>
      Effect.gen(function* () {
        const path = yield* fileOf("keys: []\n")
        const { ring, store } = yield* serve({
          keysFile: Option.some(path),
          apiKeys: [Redacted.make("sk-of-the-settings")]
        })
        const { secret } = yield* store.add("alice", Key.noLimits)
        writeFileSync(path, `keys:\n${entry("alice", "sk-alice")}`)
        yield* ring.refresh
        assert.isDefined(ring.find("sk-alice"))
        assert.isUndefined(ring.find(Redacted.value(secret)))
        const others = Effect.sync(() => ring.all().filter(({ source }) => source !== "database"))
        const desk = KeyDesk.make({ store, others, file: path, changed: ring.refresh })
        assert.deepStrictEqual(
          (yield* desk.list).map(({ name, source }) => [name, source]),
          [
            ["key-1", "settings"],
            ["alice", "file"]
          ]
        )
        const refused = yield* Effect.flip(desk.revoke("alice"))
        assert.strictEqual(refused.message, `alice is named by KEYS_FILE (${path}): change it there`)
        assert.include((yield* Effect.flip(desk.rotate("key-1", 0))).message, "key-1 is named by API_KEYS")
        assert.strictEqual((yield* desk.add("carol", Key.noLimits)).key.name, "carol")
        assert.isTrue(ring.all().some(({ name }) => name === "carol"))
      })
  )

  it.scoped("refuses to start without a key where others can call, and stays closed there", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(serve({ host: "0.0.0.0" }))
      assert.include(refused.message, "GATEWAY_HOST must be a loopback address unless there is a key")
      const open = yield* serve({ host: "0.0.0.0", allowOpen: true })
      assert.isTrue(open.ring.isOpen())
      const keyed = yield* serve({ host: "0.0.0.0", apiKeys: [Redacted.make("sk-1")] })
      assert.isFalse(keyed.ring.isOpen())
    })
  )

  it.scoped("stays closed after a restart when its last key was revoked, and says how to open it", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const dir = yield* folder
      const database = Database.layer(
        { _tag: "Sqlite", path: join(dir, "gateway.db") },
        { workDir: dir, isServing: true }
      )
      const revoked = Effect.gen(function* () {
        const { ring, store } = yield* serve({}, database)
        assert.isTrue(ring.isOpen())
        yield* store.add("alice", Key.noLimits)
        yield* store.revoke("alice")
      })
      yield* Effect.scoped(revoked)
      const restarted = Effect.gen(function* () {
        const { ring, store } = yield* serve({}, database)
        assert.deepStrictEqual([ring.isOpen(), ring.all()], [false, []])
        assert.match(
          lines.join(),
          /nobody is let in until one is added by `lingma-gateway keys add`.*GATEWAY_ALLOW_OPEN/
        )
        const { secret } = yield* store.add("bob", Key.noLimits)
        yield* ring.refresh
        assert.strictEqual(ring.find(Redacted.value(secret))?.name, "bob")
        yield* store.revoke("bob")
      })
      yield* Effect.scoped(restarted)
      const refused = yield* Effect.flip(Effect.scoped(serve({ host: "0.0.0.0" }, database)))
      assert.include(refused.message, "unless there is a key")
      const opened = yield* serve({ allowOpen: true }, database)
      assert.isTrue(opened.ring.isOpen())
    }).pipe(Effect.provide(logged(lines)))
  })

  it.scoped("lets nobody in by a KEYS_FILE that names no key", () =>
    Effect.gen(function* () {
      const path = yield* fileOf("keys: []\n")
      const { ring } = yield* serve({ keysFile: Option.some(path) })
      assert.isFalse(ring.isOpen())
      writeFileSync(path, `keys:\n${entry("alice", "sk-alice")}`)
      yield* ring.refresh
      assert.isDefined(ring.find("sk-alice"))
    })
  )

  it("names the keys of API_KEYS in their order, without limits", () => {
    const [one, two] = ofSettings([Redacted.make("short"), Redacted.make("sk-0123456789abcdef")])
    assert.deepInclude(one?.key, { ...Key.noLimits, name: "key-1", lastFour: "", source: "settings" })
    assert.deepInclude(two?.key, { name: "key-2", lastFour: "cdef" })
    assert.notStrictEqual(one?.key.id, two?.key.id)
  })
})
