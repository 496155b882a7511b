import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Discovery from "../../../src/lingma/process/Discovery.ts"

const home = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-home-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const note = (place: string, name: string, text: string) => {
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, name), text)
}

describe("Discovery", () => {
  it.scopedLive("finds a Lingma by its note, the product's newer name first", () =>
    Effect.gen(function* () {
      const dir = yield* home
      const search = Discovery.searchIn(Discovery.places({}, dir))
      assert.isUndefined(yield* search)
      note(join(dir, ".lingma/SharedClientCache"), ".info", `36511\n${process.pid}\n/tmp/lingma.sock\n`)
      const place = join(dir, ".lingma/SharedClientCache")
      assert.deepStrictEqual(yield* search, { url: "ws://127.0.0.1:36511/", place })
      const qoder = join(dir, ".config/QoderCN/sharedClientCache")
      note(qoder, ".info", "1\n1\n")
      note(qoder, ".info.json", JSON.stringify({ websocketPort: 36510, pid: process.pid, isDev: false }))
      assert.deepStrictEqual(yield* search, { url: "ws://127.0.0.1:36510/", place: qoder })
    })
  )

  it.scopedLive("passes over notes of the dead, and notes that are none", () =>
    Effect.gen(function* () {
      const dir = yield* home
      const cache = join(dir, ".lingma/SharedClientCache")
      for (const text of ["", "{", "[]", JSON.stringify({ websocketPort: 36510, pid: 2 ** 22 + 1 })]) {
        note(cache, ".info.json", text)
        assert.isUndefined(yield* Discovery.searchIn(Discovery.places({}, dir)), text)
      }
    })
  )

  it("looks in absolute paths only, whatever the environment holds", () => {
    const places = Discovery.places({ XDG_CONFIG_HOME: "", APPDATA: "", LOCALAPPDATA: "here" }, "/home/me")
    assert.deepStrictEqual(
      places.filter((place) => !place.startsWith("/home/me/")),
      []
    )
    assert.include(places, "/home/me/.config/QoderCN/SharedClientCache")
  })
})
