import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

describe("emulator: initialize", () => {
  it.scopedLive("introduces itself without serverInfo when asked to", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ LINGMA_EMULATOR_HANDSHAKE: "acp" })
      const client = yield* S.connect(emulator, { initialize: false })
      yield* Effect.promise(async () => {
        const { result } = await client.call("initialize")
        assert.deepInclude(result, { protocolVersion: 1, agentInfo: { name: "lingma", version: "2.11.1" } })
        assert.notProperty(result, "serverInfo")
        assert.strictEqual((await client.call("auth/status")).result?.["status"], 2)
      })
    })
  )
})
