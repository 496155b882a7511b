import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const src = new URL("../src/", import.meta.url).pathname
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))

/** A room is a folder of `src`; a file beside rooms is one by itself. */
const roomOf = (file: string) => (dirname(file) === "." || dirname(file) === "http" ? file : dirname(file))
const rooms = [...new Set(files.map(roomOf))].sort()

const imports = (file: string) =>
  [...readFileSync(join(src, file), "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, to]) =>
    to!.startsWith(".") ? normalize(join(dirname(file), to!)) : to!
  )
const within = (file: string) => imports(file).filter((to) => to.endsWith(".ts"))

/** Whether a room lies in this part of the tree, or is it. */
const isIn = (room: string, part: string) => room === part || room.startsWith(`${part}/`)

interface Law {
  /** Of which part of the tree it speaks; the longest that fits counts. */
  readonly part: string
  /** What that part may see beside itself. */
  readonly sees: ReadonlyArray<string>
}

const tools = ["runtime", "json"]
/** What a provider implements: it lies with its users, and sees so little that those below may see it. */
const port = "chat/Backend.ts"
/** The same for one that has text only, and what makes the one of the other. */
const textBackend = ["textonly/TextBackend.ts", "textonly/TextOnly.ts"]
const waist = ["domain", "chat", "config", "observe"]
const edge = [...waist, "team", ...tools, "http/server", "http/edge", "http/chat"]

/** Who may import whom, part by part; docs/architecture.md draws it. */
const laws: ReadonlyArray<Law> = [
  { part: "domain", sees: [] },
  { part: "runtime", sees: [] },
  { part: "json", sees: ["domain", "runtime"] },
  { part: "config", sees: ["domain"] },
  { part: "tokens", sees: ["domain", "config"] },
  { part: "observe", sees: ["domain"] },
  { part: "team", sees: ["domain", "config", "observe", "runtime"] },
  { part: "textonly", sees: ["domain", "tokens", port, ...tools] },
  { part: "chat", sees: ["domain", "config", "observe", "tokens", ...tools] },
  { part: "ai", sees: ["domain", "chat", ...tools] },
  { part: "LanguageModel.ts", sees: ["domain", "chat", "ai"] },
  { part: "lingma", sees: ["domain", port, ...textBackend, "config", "observe", "Version.ts", ...tools] },
  { part: "lingma/rpc", sees: ["lingma/process", "domain", "observe", ...tools] },
  { part: "lingma/process", sees: ["domain", ...tools] },
  { part: "lingma/turn", sees: ["lingma/rpc", "domain", ...textBackend, ...tools] },
  { part: "lingma/login", sees: ["lingma/rpc", "lingma/process", "domain", "config", "observe", ...tools] },
  { part: "http/server", sees: ["observe", ...tools] },
  { part: "http/edge", sees: [...waist, "team", ...tools, "http/server"] },
  { part: "http/chat", sees: edge },
  { part: "http/socket", sees: ["config", ...tools, "http/server", "http/chat"] },
  { part: "http/openapi", sees: tools },
  { part: "http/dialects/openai", sees: edge },
  { part: "http/dialects/messages/served", sees: [...edge, "tokens", "http/dialects/messages/request"] },
  // Messages takes two of OpenAI's words that are everybody's.
  ...rooms
    .filter((room) => isIn(room, "http/dialects") && !["http/dialects", "http/dialects/openai"].includes(room))
    .map((part) => ({ part, sees: [...edge, "tokens", "http/dialects/openai"] })),
  { part: "http/ollama", sees: [...edge, "http/dialects/openai"] },
  { part: "http/embeddings", sees: [...edge, "http/dialects/openai", "Version.ts"] },
  { part: "http/admin", sees: [...edge, "http/dialects/openai", "Version.ts"] },
  { part: "http", sees: [...waist, "team", ...tools, "Version.ts", "http"] },
  { part: "Client.ts", sees: ["http"] },
  { part: "Version.ts", sees: [] },
  { part: "emulator", sees: ["lingma/rpc/Frame.ts"] },
  { part: "emulator/script", sees: [] },
  { part: "emulator/world", sees: ["emulator/script"] },
  { part: "emulator/login", sees: ["emulator/world", "emulator/script"] },
  { part: "emulator/wire", sees: ["lingma/rpc/Frame.ts", "emulator/login", "emulator/world", "emulator/script"] },
  // The wiring sees all.
  { part: "Gateway.ts", sees: rooms },
  { part: "index.ts", sees: rooms },
  { part: "app", sees: rooms.filter((room) => !isIn(room, "emulator")) }
]
const lawOf = (room: string) =>
  laws.filter(({ part }) => isIn(room, part)).sort((a, b) => b.part.length - a.part.length)[0]

const pure = new Set(["effect", "node:crypto"])
/** What keeps other processes out needs files and sockets. */
const impure = new Set(["runtime/DirectoryLock.ts"])
const ajv = new Set(["ajv", "ajv/dist/2019.js", "ajv/dist/2020.js"])
/** Where the wall clock is read, how often at most, and why: everything else is measured by `unsafeCurrentTimeNanos`. */
const wallClock: Record<string, readonly [times: number, why: string]> = {
  "chat/Chat.ts": [2, "the times of day at which a chat came and ended"],
  "http/admin/dashboard/Activity.ts": [1, "which day, and which step of a plot"],
  "http/chat/inspect/Inspector.ts": [2, "the times of day at which a request came, and at which looking ends"],
  "http/admin/dashboard/Handlers.ts": [1, "up to when a plot tells"],
  "http/admin/dashboard/Snapshot.ts": [1, "`now`"],
  "chat/Gauges.ts": [1, "seconds since 1970 of the process's start"],
  "LanguageModel.ts": [1, "the timestamp of a response"],
  "team/responses/KeptResponses.ts": [1, "when it was written: the oldest go first"],
  "chat/Pool.ts": [1, "the time of day at which a quota returns"],
  "http/dialects/openai/OpenAiErrors.ts": [1, "seconds to a time of day that the upstream named"],
  "lingma/LingmaBackend.ts": [1, "the day at whose end a count begins anew"],
  "http/dialects/openai/OpenAiChat.ts": [1, "`created`"],
  "http/admin/health/Handlers.ts": [1, "`time` of /healthz"],
  "http/dialects/responses/Exchange.ts": [1, "`created_at`, `completed_at`"],
  "http/chat/sources/Pages.ts": [1, "`retrieved_at`"],
  "lingma/login/PageDriver.ts": [1, "the name of a picture"],
  "lingma/login/PageSnapshot.ts": [1, "a mark in the page"],
  "lingma/rpc/Protocol.ts": [1, "a timestamp on the wire"],
  "lingma/turn/SessionDialect.ts": [3, "timestamps on the wire"],
  "lingma/Instance.ts": [
    2,
    "a delay and an age of Effect's own: late by no more than 30 s, looked at anew each minute"
  ],
  "lingma/rpc/LingmaRpc.ts": [1, "a delay of Effect's own: late by no more than 0.8 s"],
  "http/admin/usage/OwnHandlers.ts": [1, "which day it is"],
  "http/chat/limits/Admission.ts": [1, "when a limit is whole again, as headers name it"],
  "team/limits/Limits.ts": [3, "which day it is"],
  "app/commands/LoanedKey.ts": [1, "when a key expires"],
  "team/keys/KeyIndex.ts": [1, "whether a key has expired"],
  "team/keys/KeyRing.ts": [1, "which keys of KEYS_FILE have expired"],
  "team/keys/KeyStore.ts": [4, "when a key was made, changed, rotated or revoked"],
  "team/ledger/Retention.ts": [1, "the age of a row"],
  "http/admin/usage/Handlers.ts": [3, "up to when a report tells"],
  "app/commands/usage/Usage.ts": [1, "up to when a report tells"],
  "app/commands/usage/UsageLimits.ts": [1, "which day and minute limits are of"],
  "app/commands/Logs.ts": [2, "what a time ago is, and from when on the next look is"],
  "app/commands/Report.ts": [1, "when it was made"],
  "app/commands/Status.ts": [1, "how far a time of day lies ahead"],
  "app/doctor/Machine.ts": [1, "whether the clock is right"],
  "emulator/world/Account.ts": [1, "when a login expires"],
  "emulator/wire/AskMethods.ts": [3, "timestamps on the wire"],
  "emulator/wire/AuthMethods.ts": [1, "when a login expires"],
  "emulator/wire/SessionMethods.ts": [1, "a timestamp on the wire"],
  "emulator/world/WorkDir.ts": [2, "stamps in files"]
}
/** What reads it, and what of Effect does so unseen. */
const readsWallClock =
  /Date\.now\(|new Date\(\)|[cC]urrentTimeMillis|DateTime\.(?:unsafeN|n)ow|Schedule\.(?:resetAfter|elapsed|upTo|during)|WithTTL\(/g

/** Where Node's clock is used in place of Effect's, which a TestClock does not move: how often, and why. */
const nodeTimers: Record<string, readonly [times: number, why: string]> = {
  "app/run.ts": [1, "between two signals of the process: no fiber hears them"],
  "lingma/rpc/LingmaRpc.ts": [1, "the time limit of a call: each chat makes three, and a sleep costs a fiber"],
  "lingma/turn/Cancel.ts": [1, "runs after its turn has ended, when no fiber is left"],
  "lingma/process/LingmaProcess.ts": [1, "lines a second of another process's output"],
  "lingma/login/PlaywrightBrowser.ts": [3, "the time that a real browser takes"],
  "lingma/login/PageDriver.ts": [7, "the time that a real page takes, looked at from promises"],
  "http/chat/ChatResponse.ts": [2, "keep-alive and patience of each chat: a sleep costs a fiber"],
  "http/server/Sse.ts": [1, "the next turn of the event loop, not a time"],
  "http/server/Eviction.ts": [3, "how long a socket has waited"],
  "http/server/PeerProbe.ts": [1, "between two probes of a socket"],
  "http/server/NodeRequest.ts": [1, "how long a refused body is read on from a socket"],
  "http/NodeServer.ts": [1, "how long a socket may take to send its last bytes"],
  "team/database/SqliteWorker.ts": [1, "in a thread that has no fibers"],
  "http/socket/Connection.ts": [4, "age and silence of a socket"],
  "http/socket/Intake.ts": [1, "how long a message takes to arrive at a socket"],
  "http/socket/Outlet.ts": [1, "how long a socket takes nothing"]
}
/** A socket's own `setTimeout` is left out: it tells that nothing has moved on the wire. */
const usesNodeTimer = /(?<!socket\??\.)\bset(?:Timeout|Interval)\(|\bperformance\.now\(|\bhrtime\b|"node:timers/g

const inEmulator = (file: string) => file.startsWith("emulator/")

describe("src", () => {
  it("lets each room see what its law says, and nothing else", () => {
    const broken = files.flatMap((file) => {
      const law = lawOf(roomOf(file))
      if (law === undefined) return [`${file}: no law speaks of it`]
      return within(file)
        .filter((to) => !isIn(roomOf(to), law.part) && !law.sees.some((part) => isIn(to, part)))
        .map((to) => `${file} -> ${to}`)
    })
    assert.deepStrictEqual(broken, [])
  })

  it("has a room for each law", () => {
    const unused = laws.filter(({ part, sees }) =>
      [part, ...sees].some((one) => ![...rooms, ...files].some((room) => isIn(room, one)))
    )
    assert.deepStrictEqual(unused, [])
  })

  it("keeps its rooms small: no more than sixteen files each", () => {
    const sizes = rooms.map((room) => [room, files.filter((file) => roomOf(file) === room).length] as const)
    assert.deepStrictEqual(
      sizes.filter(([, size]) => size > 16),
      []
    )
  })

  it("has the same files in each dialect's room", () => {
    const roles = "Api Dialect Exchange Fields Handlers Payload StreamEncoder ToRequest WholeEncoder".split(" ")
    const missing = rooms
      .filter((room) => /^http\/dialects\/[^/]+$/.test(room) && room !== "http/dialects/openai")
      .flatMap((room) => roles.map((role) => `${room}/${role}.ts`))
      .filter((file) => !files.includes(file) && !files.includes(file.replace(/([^/]+)$/, "request/$1")))
    assert.deepStrictEqual(missing, [])
  })

  /** Those that are reached from themselves. */
  const inCircles = (to: ReadonlyMap<string, ReadonlySet<string>>) => {
    const reaches = (from: string): ReadonlySet<string> => {
      const seen = new Set(to.get(from))
      // A set is gone through to its end, with what is added meanwhile.
      for (const one of seen) for (const next of to.get(one) ?? []) seen.add(next)
      return seen
    }
    return [...to.keys()].filter((one) => reaches(one).has(one))
  }

  it("has no circle of rooms", () => {
    const seenBy = (room: string) =>
      files
        .filter((file) => roomOf(file) === room)
        .flatMap((file) => within(file).map(roomOf))
        .filter((to) => to !== room)
    assert.deepStrictEqual(inCircles(new Map(rooms.map((room) => [room, new Set(seenBy(room))]))), [])
  })

  it("has no circle of files", () => {
    assert.deepStrictEqual(inCircles(new Map(files.map((file) => [file, new Set(within(file))]))), [])
  })

  it("keeps what serves requests out of the API and the client", () => {
    const reached = new Set<string>()
    const reach = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      for (const to of within(file)) reach(to)
    }
    reach("Client.ts")
    assert.isTrue(reached.has("http/Api.ts"))
    assert.deepStrictEqual(
      [...reached].filter((file) => /(Handlers|Exchange|ChatEndpoint)\.ts$/.test(file)),
      []
    )
    // Types alone are not loaded.
    const loaded = new Set<string>()
    const load = (file: string): void => {
      if (loaded.has(file)) return
      loaded.add(file)
      const text = readFileSync(join(src, file), "utf8")
      for (const [, to = ""] of text.matchAll(/^(?:import|export) (?!type\b)[^"]*?"(\.[^"]+)"/gm))
        load(join(dirname(file), to))
    }
    load("Client.ts")
    assert.isTrue(loaded.has("http/Api.ts"))
    assert.deepStrictEqual(
      [...loaded].filter((file) =>
        ["app", "chat", "config", "lingma", "team", "textonly"].some((part) => isIn(file, part))
      ),
      []
    )
  })

  it("keeps the port of backends a leaf of its room, of which those below see types alone", () => {
    assert.deepStrictEqual(
      within(port).filter((to) => !["domain", "tokens"].some((part) => isIn(to, part))),
      []
    )
    const below = files.filter((file) => ["textonly", "lingma"].some((part) => isIn(file, part)))
    const valued = below.filter((file) =>
      /^(?:import|export) (?!type\b)[^"]*"[^"]*chat\/Backend\.ts"/m.test(readFileSync(join(src, file), "utf8"))
    )
    assert.deepStrictEqual(valued, [])
    const typed = below.filter((file) => within(file).includes(port))
    assert.include(typed, "textonly/TextOnly.ts")
  })

  it("keeps the emulator a stranger: nobody sees it", () => {
    assert.deepStrictEqual(
      files.filter((file) => !inEmulator(file) && within(file).some(inEmulator)),
      []
    )
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
      visitors.filter((file) => roomOf(file) !== "ai"),
      ["LanguageModel.ts"]
    )
    const importers = files.filter((file) =>
      within(file).some((to) => to === "LanguageModel.ts" || roomOf(to) === "ai")
    )
    assert.deepStrictEqual(
      importers.filter((file) => roomOf(file) !== "ai"),
      ["LanguageModel.ts"]
    )
  })

  it("keeps what is below the waist's services pure: effect, hashing, and ajv where schemas are judged", () => {
    const broken = files
      .filter((file) => !impure.has(file) && ["domain", "runtime", "json", "textonly"].some((part) => isIn(file, part)))
      .flatMap((file) =>
        imports(file)
          .filter((to) => !to.endsWith(".ts") && !pure.has(to) && !(isIn(file, "json") && ajv.has(to)))
          .map((to) => `${file} -> ${to}`)
      )
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

  it("waits and measures by Effect's Clock, except in a few places that say why", () => {
    const found = Object.fromEntries(
      files.flatMap((file) => {
        const times = [...readFileSync(join(src, file), "utf8").matchAll(usesNodeTimer)].length
        return times === 0 || inEmulator(file) ? [] : [[file, times]]
      })
    )
    assert.deepStrictEqual(
      found,
      Object.fromEntries(Object.entries(nodeTimers).map(([file, [times]]) => [file, times]))
    )
  })

  // What one caller runs for others ends with that caller, or keeps its permit for good: an interrupt may fall anywhere.
  const ofOneCaller =
    /\b(?:Effect\.(?:cached\w*|once|memoize\w*|makeSemaphore|unsafeMakeSemaphore)|cachedFunction|(?:Scoped)?Cache\.make\w*|Layer\.memoize|Synchronized(?:Ref)?\.make|RcRef|RcMap)\b/
  /** It holds a semaphore: changed and followed by fibers of the instance's own, never by a request. */
  const followed = new Set(["lingma/Instance.ts", "lingma/rpc/LingmaRpc.ts"])

  it("shares work between callers by SharedWork alone", () => {
    const broken = files.filter((file) => {
      if (inEmulator(file) || file === "runtime/SharedWork.ts") return false
      const text = readFileSync(join(src, file), "utf8")
      return ofOneCaller.test(text) || (text.includes("SubscriptionRef") && !followed.has(file))
    })
    assert.deepStrictEqual(broken, [])
  })

  it("forks by runtime/Fork.ts, so that what is forked can be interrupted", () => {
    const broken = files.filter(
      (file) => file !== "runtime/Fork.ts" && /\bRuntime\.run/.test(readFileSync(join(src, file), "utf8"))
    )
    assert.deepStrictEqual(broken, [])
  })

  it("closes scopes whole, by Scoped.close", () => {
    const broken = files.filter(
      (file) => file !== "runtime/Scoped.ts" && /\bScope\.close\(/.test(readFileSync(join(src, file), "utf8"))
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
