import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Status from "../../../src/app/commands/Status.ts"
import * as GatewayCheck from "../../../src/app/doctor/GatewayCheck.ts"
import { GatewayConfig } from "../../../src/config/Config.ts"
import * as Server from "../../../src/http/Server.ts"
import { HostTable, type Presence, type Service } from "../../../src/team/hosts/HostTable.ts"
import { version } from "../../../src/Version.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Two hosts with one account, and settings that differ. */
const other = (id: string, settings: string): Presence => ({
  id,
  run: id,
  url: `http://${id}:8370`,
  version,
  settings,
  isReady: true,
  inFlight: 2,
  accounts: [{ digest: "0123", name: "a***e" }]
})
const table: Service = {
  write: () => Effect.succeed(false),
  list: Effect.succeed([other("a", "111"), other("b", "222")].map((one) => ({ ...one, age: 1000 }))),
  leave: () => Effect.void
}

describe("hosts that do not fit together", () => {
  it.scopedLive("are named by doctor, each with a cure, and listed by status", () =>
    Effect.gen(function* () {
      const server = Server.layer.pipe(Layer.provide(Layer.succeed(HostTable, table)))
      const { port } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("blue")), {}, server)
      const settings = yield* Effect.provide(GatewayConfig, GatewayConfig.layer({ host: "127.0.0.1", port }))
      const surroundings = {
        env: {},
        home: "/",
        cwd: "/",
        file: undefined,
        wrong: [],
        unknown: [],
        publicUrl: undefined
      }
      const { findings } = yield* GatewayCheck.check({ ...surroundings, settings })
      const ofHosts = findings.filter(({ id }) => id.startsWith("hosts."))
      assert.deepStrictEqual(
        ofHosts.map(({ id, state, subject }) => [id, state, subject]),
        [
          ["hosts.account_twice", "warn", "hosts a, b"],
          ["hosts.settings_differ", "warn", "hosts a, b"]
        ]
      )
      for (const { cure } of ofHosts) assert.isDefined(cure)
      const { hosts, warnings } = yield* Status.look(settings)
      assert.deepStrictEqual(
        hosts.map(({ id, in_flight, ready }) => [id, ready, in_flight]),
        [
          ["a", true, 2],
          ["b", true, 2]
        ]
      )
      assert.strictEqual(warnings.length, 2)
    })
  )
})
