import { stripVTControlCharacters } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as DoctorScreen from "../../../src/app/doctor/DoctorScreen.ts"
import type { Finding } from "../../../src/app/doctor/Finding.ts"
import * as LogScreen from "../../../src/app/screen/LogScreen.ts"
import * as StartScreen from "../../../src/app/screen/StartScreen.ts"
import * as StatusScreen from "../../../src/app/screen/StatusScreen.ts"
import * as Terminal from "../../../src/app/screen/Terminal.ts"

const plain = (lines: ReadonlyArray<string>) => lines.map(stripVTControlCharacters)
const fits = (lines: ReadonlyArray<string>, columns: number) => {
  for (const line of lines) assert.isAtMost(Terminal.width(line), columns, line)
}

const instance: StatusScreen.Instance = {
  name: "inst-0",
  state: "ready",
  ready: true,
  reason: null,
  in_flight: 5,
  account: "u1…a1b2c3",
  logged_in: true,
  login: "signed_in",
  ejected: false,
  spent: [],
  last_error: null
}
const now = new Date(2026, 10, 29, 13, 0).getTime()
const until = new Date(2026, 10, 29, 14, 5).toISOString()
const status: StatusScreen.Status = {
  base: "http://127.0.0.1:8370",
  emulated: false,
  load: { inFlight: 12, most: 64, queued: 0, upSeconds: 3 * 86_400 },
  instances: [
    instance,
    { ...instance, name: "inst-1", ready: false, spent: [{ model: null, until }], in_flight: 0 },
    {
      ...instance,
      name: "inst-2",
      ready: false,
      logged_in: false,
      login: "login_failed:bad_credentials",
      reason: "no account is signed in"
    },
    { ...instance, name: "inst-3", spent: [{ model: "qwen3-max", until }], in_flight: 1 },
    { ...instance, name: "inst-4", ready: false, state: "starting", last_error: "ended with code 1" }
  ],
  state: "~/.local/state/lingma-gateway",
  hosts: [],
  warnings: [],
  note: undefined
}

describe("the screen of status", () => {
  it("has one line for the load and one for each instance: its word, why, and what to do", () => {
    const lines = plain(StatusScreen.render(status, now, 100))
    assert.strictEqual(lines[0], "  ready 2/5 · in flight 12/64 · queued 0 · up 3 d")
    assert.match(lines[1]!, /inst-0 {2}u1…a1b2c3 {2}serving +5 chats$/)
    assert.match(lines[2]!, /resting +quota used up, again at 14:05$/)
    assert.match(lines[3]!, /signed out +password refused {2}→ lingma-gateway login inst-2$/)
    assert.match(lines[4]!, /serving +1 chat, qwen3-max used up until 14:05$/)
    assert.match(lines[5]!, /starting +ended with code 1$/)
    fits(lines, 100)
  })

  it("has a line for each host where there are several, and for what does not fit together", () => {
    const host = {
      id: "a",
      url: "http://a:8370",
      version: "0.4.0",
      ready: true,
      in_flight: 3,
      seen_seconds_ago: 1,
      away: false
    }
    assert.deepStrictEqual(
      StatusScreen.render({ ...status, hosts: [host] }, now, 100),
      StatusScreen.render(status, now, 100)
    )
    const hosts = [host, { ...host, id: "b2", ready: false }, { ...host, id: "c", away: true, seen_seconds_ago: 120 }]
    const warnings = [{ message: "Hosts run different versions", cure: "bring all\u001b to the newest" }]
    const lines = plain(StatusScreen.render({ ...status, hosts, warnings }, now, 100))
    assert.deepStrictEqual(lines.slice(6, 11), [
      "  hosts",
      "  a   ready      3 chats  0.4.0  http://a:8370",
      "  b2  not ready  3 chats  0.4.0  http://a:8370",
      "  c   silent     for 2 min  0.4.0  http://a:8370",
      "  Hosts run different versions → bring all? to the newest"
    ])
  })

  it("fits 80 columns, and shows nothing that a terminal would obey", () => {
    const hostile = {
      ...instance,
      name: "i\u001b[2J",
      account: "a\u0007",
      last_error: "x ".repeat(200),
      state: "broken"
    }
    const lines = StatusScreen.render({ ...status, instances: [...status.instances, hostile] }, now, 80)
    fits(lines, 80)
    assert.notInclude(plain(lines).join("\n"), "\u001b")
    assert.notInclude(lines.join("\n"), "[2J\u001b")
  })
})

describe("the screen of start", () => {
  const started: StartScreen.Started = {
    version: "0.5.0",
    seconds: 0.53,
    base: "http://127.0.0.1:8370",
    lingma: "built-in emulator; a running Lingma was found at ws://127.0.0.1:36510/: start --attach",
    accounts: undefined,
    keys: "none: open to this machine only",
    state: "~/.local/state/lingma-gateway",
    next: "lingma-gateway launch claude, or lingma-gateway status",
    warnings: ["API_KEY is no setting and has no effect. Did you mean API_KEYS?"]
  }
  it("tells where the API is, what answers, who may call, and what was misspelt, in 80 columns", () => {
    const lines = plain(StartScreen.render(started, 80))
    assert.include(lines, "  Lingma gateway 0.5.0   ready in 0.5 s")
    assert.include(lines, "  API        http://127.0.0.1:8370/v1   (Claude Code: without /v1)")
    assert.include(lines, "  ! API_KEY is no setting and has no effect. Did you mean API_KEYS?")
    fits(lines, 80)
  })

  it("has the accounts of several instances in a row of their own", () => {
    const accounts = "u1…a1b2c3 (signed in), u2…b2c3d4 (signed out: password refused), inst-2 (starting)"
    const lines = plain(StartScreen.render({ ...started, accounts }, 80))
    assert.include(lines, "  Accounts   u1…a1b2c3 (signed in), u2…b2c3d4 (signed out: password refused),")
    fits(lines, 80)
  })
})

describe("the screen of doctor", () => {
  const fault: Finding = {
    id: "binary.directory",
    state: "fail",
    subject: "LINGMA_BIN",
    what: "/home/ann/.lingma is a directory",
    cure: "~/.lingma/bin/2.11.1/x86_64_linux/Lingma"
  }
  const well: Finding = { id: "node", state: "ok", subject: "Node", what: "22.23", cure: undefined }
  it("has what is well in few lines, then faults with their cures, the worst first", () => {
    const warning: Finding = { ...fault, state: "warn", id: "w", subject: "browser" }
    const lines = plain(DoctorScreen.render([warning, well, fault, well], 100))
    assert.strictEqual(lines[0], "  ok    Node 22.23 · Node 22.23")
    assert.match(lines[1]!, /^ {2}FAIL {2}LINGMA_BIN {2}\/home\/ann/)
    assert.match(lines.find((line) => line.includes("warn"))!, /browser/)
    assert.include(lines.at(-1), "1 wrong, 1 worth a look.")
    for (const columns of [80, 100]) fits(DoctorScreen.render([warning, well, fault], columns), columns)
  })
  it("says that nothing is wrong", () => {
    assert.include(plain(DoctorScreen.render([well], 80)).at(-1), "Nothing is wrong.")
  })
})

describe("a line of logs", () => {
  const row: LogScreen.Row = {
    request_id: "req-97304770c55b",
    ended_at: new Date(2026, 10, 29, 9, 14, 19).toISOString(),
    key: "ann",
    dialect: "messages",
    model_asked: "claude-sonnet",
    model: "auto",
    instance: "inst-1",
    outcome: "failed",
    error_code: "upstream_error",
    error: "Lingma: status 500, boom",
    total_ms: 1234
  }
  it("has the time, the outcome, whose it was, where, and why it failed", () => {
    const [line] = plain(LogScreen.render(row, 200))
    assert.match(
      line!,
      /^11-29 09:14:19 {2}failed +ann +inst-1 {2}claude-sonnet → auto {2}1\.2 s {2}upstream_error: Lingma: status 500, boom {2}req-97304770c55b$/
    )
    const narrow = plain(LogScreen.render(row, 80))
    assert.strictEqual(narrow.length, 2)
    fits(narrow, 80)
  })
})
