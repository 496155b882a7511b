import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const src = new URL("../src/", import.meta.url).pathname
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))

/** Files at the root of `src` are areas of their own. */
const area = (file: string) => (file.includes("/") ? file.split("/")[0]! : file)

const imports = (file: string) =>
  [...readFileSync(join(src, file), "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, to]) =>
    to!.startsWith(".") ? normalize(join(dirname(file), to!)) : to!
  )
const within = (file: string) => imports(file).filter((to) => to.endsWith(".ts"))

/** What each area may see of the others. Wiring may see all. */
const allowed: Record<string, ReadonlyArray<string>> = {
  domain: [],
  "Version.ts": [],
  "Interrupts.ts": [],
  "Scoped.ts": [],
  "SharedWork.ts": [],
  "Backend.ts": ["domain"],
  "Config.ts": ["domain", "Setting.ts", "SettingConflicts.ts", "SettingRules.ts", "TelemetrySettings.ts"],
  "Setting.ts": ["SettingRules.ts"],
  "TelemetrySettings.ts": ["Setting.ts", "SettingRules.ts"],
  "SettingConflicts.ts": ["SettingRules.ts"],
  "SettingRules.ts": ["domain"],
  "Settings.ts": [],
  "TokenCounter.ts": ["domain", "Config.ts"],
  "Logging.ts": ["Config.ts", "LogOutput.ts"],
  "Guard.ts": ["domain", "Config.ts"],
  "Pool.ts": ["domain", "Backend.ts", "Config.ts"],
  "Metrics.ts": ["domain"],
  "ChatSpan.ts": ["domain", "Metrics.ts"],
  "Telemetry.ts": ["Config.ts", "Metrics.ts", "Version.ts"],
  "LogOutput.ts": [],
  "Client.ts": ["http"],
  "Gauges.ts": ["Backend.ts", "Config.ts", "Guard.ts", "Metrics.ts", "Pool.ts"],
  "Watchdog.ts": ["domain"],
  "Heap.ts": [],
  "Load.ts": ["domain", "Config.ts", "Metrics.ts"],
  "Attempt.ts": ["domain", "Backend.ts", "Metrics.ts", "TokenCounter.ts", "Watchdog.ts"],
  "Chat.ts": [
    "domain",
    "Attempt.ts",
    "Backend.ts",
    "ChatSpan.ts",
    "Config.ts",
    "Guard.ts",
    "Load.ts",
    "Metrics.ts",
    "Pool.ts"
  ],
  "LingmaLanguageModel.ts": ["domain", "Chat.ts", "ai"],
  ai: ["domain", "Chat.ts"],
  lingma: ["domain", "Backend.ts", "Config.ts", "Metrics.ts", "Version.ts"],
  http: ["domain", "Backend.ts", "Chat.ts", "Config.ts", "Gauges.ts", "Guard.ts", "Metrics.ts", "Pool.ts", "Version.ts"]
}
/** Small tools without knowledge, open to all. */
const tools = new Set(["Interrupts.ts", "Scoped.ts", "SharedWork.ts", "Span.ts"])
const pure = new Set(["effect", "node:crypto", "ajv", "ajv/dist/2019.js", "ajv/dist/2020.js"])
const wiring = new Set([
  "Gateway.ts",
  "main.ts",
  "run.ts",
  "start.ts",
  "cli.ts",
  "cli/Login.ts",
  "cli/LoginDesk.ts",
  "index.ts"
])
/** Where the wall clock is read, how often at most, and why: everything else is measured by `unsafeCurrentTimeNanos`. */
const wallClock: Record<string, readonly [times: number, why: string]> = {
  "Gauges.ts": [1, "seconds since 1970 of the process's start"],
  "LingmaLanguageModel.ts": [1, "the timestamp of a response"],
  "Pool.ts": [1, "the time of day at which a quota returns"],
  "http/OpenAiErrors.ts": [1, "seconds to a time of day that the upstream named"],
  "lingma/LingmaBackend.ts": [1, "the day at whose end a count begins anew"],
  "http/openai/Handlers.ts": [1, "`created`"],
  "http/ops/Handlers.ts": [1, "`time` of /healthz"],
  "http/responses/Handlers.ts": [1, "`created_at`, `completed_at`"],
  "lingma/PageDriver.ts": [1, "the name of a picture"],
  "lingma/PageLook.ts": [1, "a mark in the page"],
  "lingma/Protocol.ts": [1, "a timestamp on the wire"],
  "lingma/SessionDialect.ts": [3, "timestamps on the wire"],
  "lingma/Instance.ts": [
    2,
    "a delay and an age of Effect's own: late by no more than 30 s, looked at anew each minute"
  ],
  "lingma/LingmaRpc.ts": [1, "a delay of Effect's own: late by no more than 0.8 s"],
  "emulator/Account.ts": [1, "when a login expires"],
  "emulator/AskMethods.ts": [3, "timestamps on the wire"],
  "emulator/AuthMethods.ts": [1, "when a login expires"],
  "emulator/SessionMethods.ts": [1, "a timestamp on the wire"],
  "emulator/WorkDir.ts": [2, "stamps in files"]
}
/** What reads it, and what of Effect does so unseen. */
const readsWallClock =
  /Date\.now\(|new Date\(\)|[cC]urrentTimeMillis|DateTime\.(?:unsafeN|n)ow|Schedule\.(?:resetAfter|elapsed|upTo|during)|WithTTL\(/g

const dialects = ["openai", "responses", "anthropic"]

describe("src", () => {
  it("keeps its areas apart", () => {
    const broken = files
      .filter((file) => !wiring.has(file) && area(file) !== "emulator")
      .flatMap((file) =>
        within(file)
          .filter((to) => area(to) !== area(file) && !tools.has(to) && !(allowed[area(file)] ?? []).includes(area(to)))
          .map((to) => `${file} -> ${to}`)
      )
    assert.deepStrictEqual(broken, [])
  })

  it("keeps the emulator a stranger: it shares the framing and nothing else", () => {
    const broken = files
      .filter((file) => area(file) === "emulator")
      .flatMap((file) =>
        within(file)
          .filter((to) => area(to) !== "emulator" && to !== "lingma/Frame.ts")
          .map((to) => `${file} -> ${to}`)
      )
    assert.deepStrictEqual(broken, [])
    const visitors = files.filter(
      (file) => area(file) !== "emulator" && within(file).some((to) => area(to) === "emulator")
    )
    assert.deepStrictEqual(visitors, [])
  })

  it("keeps the dialects strangers to each other", () => {
    const dialectOf = (file: string) => dialects.find((dialect) => file.startsWith(`http/${dialect}/`))
    const broken = files.flatMap((file) =>
      within(file)
        .filter(
          (to) => dialectOf(to) !== undefined && dialectOf(file) !== undefined && dialectOf(to) !== dialectOf(file)
        )
        .map((to) => `${file} -> ${to}`)
    )
    assert.deepStrictEqual(broken, [])
  })

  it("imports effect by its index and the platform by module path", () => {
    const broken = files.flatMap((file) =>
      imports(file)
        .filter((to) => /^(@effect\/(ai|platform|platform-node|cli)$|effect\/)/.test(to))
        .map((to) => `${file} -> ${to}`)
    )
    assert.deepStrictEqual(broken, [])
  })

  it("needs @effect/ai in the language model alone", () => {
    const visitors = files.filter((file) => imports(file).some((to) => to.startsWith("@effect/ai")))
    assert.deepStrictEqual(
      visitors.filter((file) => area(file) !== "ai"),
      ["LingmaLanguageModel.ts"]
    )
    const importers = files.filter((file) =>
      within(file).some((to) => to === "LingmaLanguageModel.ts" || area(to) === "ai")
    )
    assert.deepStrictEqual(
      importers.filter((file) => area(file) !== "ai"),
      ["LingmaLanguageModel.ts"]
    )
  })

  it("keeps domain pure: effect, hashing and JSON Schema only", () => {
    const broken = files
      .filter((file) => area(file) === "domain")
      .flatMap((file) => imports(file).filter((to) => !to.endsWith(".ts") && !pure.has(to)))
    assert.deepStrictEqual(broken, [])
  })

  // Effects are often built once, so those with `Effect.gen` are left to the eye.
  it("makes no generator function for each Either: those are for requests", () => {
    const broken = files.filter((file) => /Either\.gen\(function/.test(readFileSync(join(src, file), "utf8")))
    assert.deepStrictEqual(broken, [])
  })

  it("measures no duration by the wall clock, which somebody may set", () => {
    const broken = files.flatMap((file) => {
      const times = [...readFileSync(join(src, file), "utf8").matchAll(readsWallClock)].length
      return times > (wallClock[file]?.[0] ?? 0) ? [`${file}: ${times}`] : []
    })
    assert.deepStrictEqual(broken, [])
  })

  // What one caller runs for others ends with that caller, or keeps its permit for good: an interrupt may fall anywhere.
  const ofOneCaller =
    /\b(?:Effect\.(?:cached\w*|once|memoize\w*|makeSemaphore|unsafeMakeSemaphore)|cachedFunction|(?:Scoped)?Cache\.make\w*|Layer\.memoize|Synchronized(?:Ref)?\.make|RcRef|RcMap)\b/
  /** It holds a semaphore: changed and followed by fibers of the instance's own, never by a request. */
  const followed = new Set(["lingma/Instance.ts", "lingma/LingmaRpc.ts"])

  it("shares work between callers by SharedWork alone", () => {
    const broken = files.filter((file) => {
      if (area(file) === "emulator" || file === "SharedWork.ts") return false
      const text = readFileSync(join(src, file), "utf8")
      return ofOneCaller.test(text) || (text.includes("SubscriptionRef") && !followed.has(file))
    })
    assert.deepStrictEqual(broken, [])
  })

  it("closes scopes whole, by Scoped.close", () => {
    const broken = files.filter(
      (file) => file !== "Scoped.ts" && /\bScope\.close\(/.test(readFileSync(join(src, file), "utf8"))
    )
    assert.deepStrictEqual(broken, [])
  })

  it("changes a SubscriptionRef without an interrupt in the middle, which would keep its permit", () => {
    const broken = files.filter((file) =>
      /(?<!Effect\.uninterruptible\()SubscriptionRef\.(?:set|update\w*|modify\w*)\(/.test(
        readFileSync(join(src, file), "utf8")
      )
    )
    assert.deepStrictEqual(broken, [])
  })

  it("opens each file with one sentence of purpose and ends it before line 300", () => {
    const broken = files.filter((file) => {
      const text = readFileSync(join(src, file), "utf8")
      return !text.startsWith("/**") || text.split("\n").length > 301
    })
    assert.deepStrictEqual(broken, [])
  })
})
