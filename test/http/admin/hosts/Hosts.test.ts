import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as Config from "../../../../src/config/Config.ts"
import * as SettingsDigest from "../../../../src/config/SettingsDigest.ts"
import * as Warnings from "../../../../src/http/admin/hosts/Warnings.ts"
import * as Server from "../../../../src/http/Server.ts"
import { Late } from "../../../../src/team/database/InTime.ts"
import { HostTable, type Presence, type Service } from "../../../../src/team/hosts/HostTable.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const host = (id: string, more: Partial<Warnings.Host> = {}): Warnings.Host => ({
  id,
  url: `http://${id}:8370`,
  version: "0.4.0",
  settings: "0123456789ab",
  ready: true,
  in_flight: 0,
  accounts: [`${id}***`],
  digests: [id],
  seen_seconds_ago: 1,
  away: false,
  ...more
})
const codes = (hosts: ReadonlyArray<Warnings.Host>, isCurrent = true) =>
  Warnings.of(hosts, isCurrent).map(({ code, hosts }) => [code, ...hosts])

describe("hosts that share a database", () => {
  it("have no warning while they fit together", () => {
    assert.deepStrictEqual(codes([host("a"), host("b")]), [])
  })

  it("are warned of one account on two of them, with its masked name and a cure", () => {
    const twice = [host("a"), host("b", { accounts: ["x***", "a***"], digests: ["x", "a"] }), host("c")]
    assert.deepStrictEqual(codes(twice), [["account_twice", "a", "b"]])
    const [warning] = Warnings.of(twice, true)
    assert.include(warning?.message, "The account a*** is on the hosts a and b")
    assert.include(warning?.cure, "LINGMA_ACCOUNTS")
    // Of two instances on one host that host knows itself.
    assert.deepStrictEqual(codes([host("a", { accounts: ["a", "a"], digests: ["a", "a"] })]), [])
  })

  it("are warned of other settings, another version, and one that is silent, which counts for nothing else", () => {
    assert.deepStrictEqual(codes([host("a"), host("b", { settings: "x" })]), [["settings_differ", "a", "b"]])
    assert.deepStrictEqual(codes([host("a"), host("b", { version: "0.5.0" })]), [["version_differs", "a", "b"]])
    const silent = host("b", { version: "0.5.0", settings: "x", digests: ["a"], away: true, seen_seconds_ago: 90 })
    assert.deepStrictEqual(codes([host("a"), silent]), [["host_away", "b"]])
    assert.deepStrictEqual(codes([host("a"), silent], false), [["database_away"]])
  })

  it("have one digest of settings, without secrets and what belongs to a host", () => {
    const of = (settings: Partial<Config.Settings>) =>
      SettingsDigest.of(Effect.runSync(Effect.provide(Config.GatewayConfig, Config.GatewayConfig.layer(settings))))
    assert.strictEqual(of({}), of({ host: "10.0.0.1", port: 1, hostId: Option.some("b"), lingmaWorkDir: "/elsewhere" }))
    assert.notStrictEqual(of({}), of({ maxInFlight: 65 }))
    assert.notStrictEqual(of({}), of({ defaultModel: "other" }))
  })

  it.scopedLive("say how they are, and are read; what was known stays while the database is away", () =>
    Effect.gen(function* () {
      const written: Array<Presence> = []
      let isAway = false
      const table: Service = {
        write: (presence) =>
          Effect.sync(() => {
            written.push(presence)
            return false
          }),
        list: Effect.suspend(() =>
          isAway ? new Late({ message: "away" }) : Effect.succeed(written.map((one) => ({ ...one, age: 25_000 })))
        ),
        leave: (id) => Effect.sync(() => void written.splice(written.findIndex((one) => one.id === id)))
      }
      const server = Server.layer.pipe(Layer.provide(Layer.succeed(HostTable, table)))
      const scripted = TestBackend.make(TestBackend.say("blue"))
      const { close, request } = yield* TestGateway.serve(scripted, { hostId: Option.some("here") }, server)
      const list = Effect.map(request("/internal/hosts"), ({ json }) => json)
      const first = yield* Effect.repeat(list, { until: ({ hosts }) => Array.isArray(hosts) && hosts.length === 1 })
      assert.deepInclude(first, { host: "here" })
      const [one] = first["hosts"] as ReadonlyArray<object>
      assert.deepInclude(one, { id: "here", ready: true, in_flight: 0, accounts: [], seen_seconds_ago: 25, away: true })
      assert.deepStrictEqual(
        (first["warnings"] as ReadonlyArray<{ readonly code: string }>).map(({ code }) => code),
        ["host_away"]
      )
      isAway = true
      const later = yield* list
      assert.deepStrictEqual(later["hosts"], first["hosts"])
      assert.deepStrictEqual(
        (later["warnings"] as ReadonlyArray<{ readonly code: string }>).map(({ code }) => code),
        ["database_away"]
      )
      yield* close
      assert.deepStrictEqual(written, [])
    })
  )

  it.scopedLive("are not known to a gateway that shares no database", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("blue")))
      const { json, status } = yield* request("/internal/hosts")
      assert.deepStrictEqual([status, json], [200, { host: null, hosts: [], warnings: [] }])
    })
  )
})
