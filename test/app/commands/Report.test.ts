import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import * as Report from "../../../src/app/commands/Report.ts"

const settings = {
  apiKeys: [Redacted.make("key-one")],
  adminKeys: [],
  accounts: [{ username: "ann@example.com", password: Redacted.make("hunter22") }],
  username: Option.none(),
  password: Option.none(),
  metricsToken: Option.none(),
  embeddingsApiKey: Option.some(Redacted.make("embed me"))
}

describe("the report", () => {
  it("leaves out secrets, accounts and the user, however deep they lie", () => {
    const names = Report.hidden(settings, "/home/annette", "annette")
    const texts = ["key-one", "ann@example.com", "hunter22", "embed me", "/home/annette/x", "by annette"]
    assert.deepStrictEqual(Report.cleaned({ deep: [{ texts }] }, names), {
      deep: [{ texts: ["(secret)", "(account)", "(secret)", "(secret)", "~/x", "by (user)"] }]
    })
  })

  it("leaves the user out also where the settings are wrong, or the user has no name or home", () => {
    assert.strictEqual(
      Report.cleaned("annette at /srv/annette", Report.hidden(undefined, "/", "annette")),
      "(user) at /srv/(user)"
    )
    assert.strictEqual(Report.cleaned("/usr/bin/node", Report.hidden(undefined, "/", "node")), "/usr/bin/node")
    assert.deepStrictEqual(Report.hidden(undefined, "/", undefined), [])
  })

  it.scopedLive("is made also where the file of settings is refused, and says why", () =>
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "report-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
      )
      const file = join(dir, "settings.env")
      writeFileSync(file, "this line is no setting: hunter22\n")
      const report = JSON.stringify(yield* Report.collect(Option.some(file)))
      assert.include(report, "settings.file")
      assert.notInclude(report, "hunter22")
    })
  )
})
