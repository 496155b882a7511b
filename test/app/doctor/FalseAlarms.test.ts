import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { hostname, networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientSettings from "../../../src/app/doctor/ClientSettings.ts"
import * as StateDirectory from "../../../src/app/doctor/StateDirectory.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "doctor-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

describe("doctor, where nothing is wrong", () => {
  it.scoped("takes a link above the state directory for a directory, as /tmp of macOS is one", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      mkdirSync(join(dir, "real"))
      symlinkSync(join(dir, "real"), join(dir, "tmp"))
      assert.isUndefined(StateDirectory.fault(join(dir, "tmp", "lingma"), "shown"))
      writeFileSync(join(dir, "file"), "")
      assert.strictEqual(StateDirectory.fault(join(dir, "file", "lingma"), "shown")?.id, "state.blocked")
    })
  )

  it("takes an address of this machine for the gateway where that listens for others", () => {
    const [own] = Object.values(networkInterfaces()).flatMap((some = []) =>
      some.filter(({ family }) => family === "IPv4").map(({ address }) => address)
    )
    const isHere = (url: string, host: string) =>
      ClientSettings.leadsHere(url, { publicUrl: undefined, settings: { host, port: 8370 } })
    assert.isTrue(isHere(`http://${own ?? "127.0.0.1"}:8370`, "0.0.0.0"))
    assert.isTrue(isHere(`http://${hostname()}:8370/v1`, "0.0.0.0"))
    assert.isFalse(isHere(`http://${hostname()}:8370/v1`, "127.0.0.1"))
    assert.isFalse(isHere("http://elsewhere.example:8370", "0.0.0.0"))
    assert.isTrue(isHere("http://localhost:8370", "127.0.0.1"))
  })
})
