/**
 * What all commands share: JSON for programs, exit codes, no question without a terminal; and logs, report, config.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, runToEnd, start, text } from "./support.ts"

const KEY = "sk-administrators-0000"

const portOf = (base: string) => new URL(base).port

/** Nothing listens there. */
const NOWHERE = { GATEWAY_PORT: "1" }

const parsed = (stdout: string) => JSON.parse(stdout) as Record<string, unknown>

const row = (n: number, more: Record<string, unknown> = {}) => ({
  id: `chat-${n}`,
  request_id: `req-${n}`,
  ended_at: new Date(Date.UTC(2026, 10, 29, 9, 0, n)).toISOString(),
  key: "ann",
  dialect: "messages",
  model_asked: "claude-sonnet",
  model: "auto",
  instance: "inst-0",
  outcome: "completed",
  error_code: null,
  error: null,
  total_ms: 900,
  ...more
})

/** Answers `/internal/chats` as the gateway does, in pages of two; what it is asked is noted. */
const ledger = (rows: ReadonlyArray<ReturnType<typeof row>>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<URLSearchParams> = []
      const live = [...rows]
      const server = createServer((request, response) => {
        const { searchParams } = new URL(request.url ?? "/", "http://gateway")
        asked.push(searchParams)
        const newest = live.toReversed().filter(({ ended_at }) => ended_at >= (searchParams.get("since") ?? ""))
        const from = Number(searchParams.get("before") ?? 0)
        const next = from + 2 < newest.length ? String(from + 2) : null
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ object: "list", data: newest.slice(from, from + 2), next }))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { server, asked, live, port: String((server.address() as AddressInfo).port) }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

describe("commands", () => {
  it.scopedLive(
    "end with 2 at wrong usage, 78 at wrong settings, 1 at a failure, and tell it as JSON where that is asked for",
    () =>
      Effect.gen(function* () {
        const wrong = yield* runToEnd(["frobnicate"])
        assert.strictEqual(wrong.code, 2)
        const since = yield* runToEnd(["logs", "--since", "yesterday", "--json"])
        assert.strictEqual(since.code, 2)
        assert.match(String(parsed(since.stdout)["error"]), /--since/)
        for (const command of [["status"], ["logs"], ["env"], ["usage"], ["config", "show"]]) {
          const { code, stderr, stdout } = yield* runToEnd([...command, "--json"], { GATEWAY_PORT: "many" })
          assert.strictEqual(code, 78, command.join(" "))
          assert.include(stderr, "GATEWAY_PORT must be")
          assert.match(String(parsed(stdout)["error"]), /GATEWAY_PORT must be/, command.join(" "))
        }
        for (const command of ["status", "logs"]) {
          const { code, stderr, stdout } = yield* runToEnd([command, "--json"], NOWHERE)
          assert.strictEqual(code, 1, command)
          assert.include(stderr, "no gateway answers at http://127.0.0.1:1")
          assert.strictEqual(parsed(stdout)["ok"], false)
        }
      })
  )

  it.scopedLive("ask nothing where there is no terminal", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* runToEnd(["keys", "--wizard"])
      assert.strictEqual(code, 2)
      assert.include(stderr, "no terminal")
    })
  )

  it.scopedLive("have a help of one screen, and one each", () =>
    Effect.gen(function* () {
      const main = yield* runToEnd(["--help"])
      assert.strictEqual(main.code, 0)
      assert.isAtMost(main.stdout.trimEnd().split("\n").length, 24)
      assert.notInclude(main.stdout, "\u001b")
      assert.include((yield* runToEnd(["doctor", "--help"])).stdout, "--url URL")
    })
  )
})

describe("status", () => {
  it.scopedLive("tells of the running gateway, with a key all of it and without one the rest", () =>
    Effect.gen(function* () {
      const program = yield* start({ ADMIN_KEYS: KEY })
      const port = { GATEWAY_PORT: portOf(program.base) }
      const whole = yield* runToEnd(["status"], { ...port, ADMIN_KEYS: KEY })
      assert.strictEqual(whole.code, 0, whole.stderr)
      assert.match(whole.stdout, /ready 1\/1 · in flight 0\/64 · queued 0 · up \d+ s/)
      assert.match(whole.stdout, /inst-0 {2}.*serving {2}0 chats/)
      const less = yield* runToEnd(["status", "--json"], port)
      assert.strictEqual(less.code, 0, less.stderr + less.stdout)
      const told = parsed(less.stdout)
      assert.deepInclude(told, { ok: true, load: null, base_url: `${program.base}/v1` })
      assert.include(String(told["note"]), "ADMIN_KEYS")
    })
  )

  it.scopedLive("fails where no instance is ready, and says why", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_BIN: "/nowhere/Lingma" }, { ready: false })
      const { code, stdout } = yield* runToEnd(["status"], { GATEWAY_PORT: portOf(program.base) })
      assert.strictEqual(code, 1)
      assert.include(stdout, "ready 0/1")
      assert.include(stdout, "/nowhere/Lingma")
    })
  )
})

describe("logs", () => {
  it.scopedLive("show the chats that failed since a time, the newest last, over several pages", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 7 }, (_, n) =>
        row(
          n,
          n % 2 === 0 ? {} : { outcome: "failed", error_code: "upstream_error", error: "Lingma: status 500, boom" }
        )
      )
      const { asked, port } = yield* ledger(rows)
      const env = { GATEWAY_PORT: port }
      const { code, stdout } = yield* runToEnd(["logs", "--failed", "--since", "2026-11-29", "--key", "ann"], env)
      assert.strictEqual(code, 0)
      const lines = stdout.trimEnd().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => /req-\d/.exec(line)?.[0]),
        ["req-1", "req-3", "req-5"]
      )
      assert.include(lines[0], "upstream_error: Lingma: status 500, boom")
      assert.strictEqual(asked[0]?.get("key"), "ann")
      assert.strictEqual(asked[0]?.get("since"), "2026-11-29T00:00:00.000Z")
      const json = yield* runToEnd(["logs", "--since", "2026-11-29", "--limit", "2", "--json"], env)
      assert.deepStrictEqual(
        json.stdout
          .trimEnd()
          .split("\n")
          .map((line) => parsed(line)["id"]),
        ["chat-5", "chat-6"]
      )
    })
  )
})

describe("report", () => {
  it.scopedLive("has what a bug report needs, and no secret, account or name of the home", () =>
    Effect.gen(function* () {
      const secrets = {
        API_KEYS: "sk-report-secret-000000",
        LINGMA_USERNAME: "ann.of.example",
        LINGMA_PASSWORD: "hunter2-and-more",
        DATABASE_URL: "postgres://gateway:pw-of-the-database@127.0.0.1:1/name"
      }
      const { code, stdout } = yield* runToEnd(["report"], { ...secrets, ...NOWHERE })
      assert.strictEqual(code, 0)
      const bundle = parsed(stdout)
      for (const field of ["gateway", "node", "system", "doctor", "settings", "status", "failures"]) {
        assert.property(bundle, field)
      }
      for (const secret of [...Object.values(secrets).slice(0, 3), "pw-of-the-database"])
        assert.notInclude(stdout, secret)
      assert.match(stdout, /"name": "API_KEYS",\s+"value": "\(set\)",\s+"source": "environment"/)
    })
  )
})

describe("config", () => {
  it.scopedLive("shows where a setting is from, and masks secrets", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const file = join(program.dir, "lingma.env")
      writeFileSync(file, "# ours\nGATEWAY_QUEUE_MAX=7\nAPI_KEYS=sk-config-secret-000000\n", { mode: 0o600 })
      const shown = yield* runToEnd(["config", "show", "--changed", "--json", "--config", file], { LOG_LEVEL: "warn" })
      const rows = JSON.parse(shown.stdout) as ReadonlyArray<Record<string, unknown>>
      const of = (name: string) => rows.find((one) => one["name"] === name)
      assert.deepInclude(of("GATEWAY_QUEUE_MAX"), { value: "7", source: `${file}:2` })
      assert.deepInclude(of("API_KEYS"), { value: "(set)", source: `${file}:3` })
      assert.deepInclude(of("LOG_LEVEL"), { value: "warn", source: "environment" })
      assert.isUndefined(of("GATEWAY_HOST"))
      assert.strictEqual(readFileSync(file, "utf8").includes("QUEUE_MAX=7"), true)
      const right = yield* runToEnd(["config", "check", "--config", file])
      assert.strictEqual(right.code, 0)
      const wrong = yield* runToEnd(["config", "check", "--json"], { GATEWAY_PORT: "many" })
      assert.strictEqual(wrong.code, 78)
      assert.deepInclude(parsed(wrong.stdout), { ok: false })
    })
  )
})

describe("env", () => {
  it.scopedLive("leads clients to the gateway", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const { stdout } = yield* runToEnd(["env", "--json"], { GATEWAY_PORT: portOf(program.base) })
      assert.strictEqual(parsed(stdout)["OPENAI_BASE_URL"], `${program.base}/v1`)
      const answer = yield* chat({ ...program, base: String(parsed(stdout)["ANTHROPIC_BASE_URL"]) }, "hello")
      assert.strictEqual(answer.status, 200)
      yield* text(answer)
    })
  )
})
