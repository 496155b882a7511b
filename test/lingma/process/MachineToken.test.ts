import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MachineToken from "../../../src/lingma/process/MachineToken.ts"

const cache = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-token-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("MachineToken", () => {
  it.scopedLive("is shown to QoderCN alone, where the file holds one that a header can carry", () =>
    Effect.gen(function* () {
      const dir = yield* cache
      const qoder = "/home/me/.config/QoderCN/SharedClientCache"
      assert.deepStrictEqual(yield* MachineToken.headers(dir, qoder), {})
      mkdirSync(join(dir, "cache"))
      for (const [text, sent] of [
        [`{"token":"abc-_1","type":"x","updateAt":1}`, { "Cosy-MachineToken": "abc-_1" }],
        [`{"token":"a\\r\\nEvil: 1"}`, {}],
        [`{"token":""}`, {}],
        ["[", {}]
      ] as const) {
        writeFileSync(join(dir, "cache", "machine_token.json"), text)
        assert.deepStrictEqual(yield* MachineToken.headers(dir, qoder), sent, text)
        assert.deepStrictEqual(yield* MachineToken.headers(dir, "/home/me/.lingma/SharedClientCache"), {}, text)
      }
    })
  )
})
