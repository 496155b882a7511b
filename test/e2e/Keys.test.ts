import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Postgres from "../support/Postgres.ts"
import * as Secrets from "../support/Secrets.ts"
import { chat, content, json, type Program, runToEnd, start, text } from "./support.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "keys-e2e-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)
const by = (key: string): RequestInit => ({
  headers: { "content-type": "application/json", authorization: `Bearer ${key}` }
})
const commanded = (env: Record<string, string>, ...args: ReadonlyArray<string>) => runToEnd(["keys", ...args], env)

/** The key that a command printed; from now on no program may write it. */
const made = (env: Record<string, string>, ...args: ReadonlyArray<string>) =>
  Effect.map(commanded(env, ...args), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /^sk-lgw-[0-9A-Za-z]{40}\n$/)
    return stdout.trim()
  })

const said = (words: string, interval = 0) => `[[emu interval=${interval} text=${JSON.stringify(words)}]]`
const statusBy = (program: Program, key: string) =>
  Effect.map(Effect.tap(chat(program, said("hello"), {}, by(key)), text), ({ status }) => status)

/** Asks until the answer has that status. */
const becomes = (program: Program, key: string, status: number, within: "1500 millis" | "5 seconds") =>
  Effect.repeat(Effect.zipLeft(statusBy(program, key), Effect.sleep("50 millis")), {
    until: (now) => now === status
  }).pipe(Effect.timeoutFail({ duration: within, onTimeout: () => new Error(`never ${status}`) }))

/** What the dashboard and other tools of administrators read. */
const shownToAdministrators = [
  "/internal/overview",
  "/internal/stats",
  "/internal/plots",
  "/internal/keys",
  "/internal/usage",
  "/internal/usage/keys?key=bob",
  "/internal/chats",
  "/metrics",
  "/v1/organization/usage/completions?start_time=1&group_by=api_key_id"
]
const seen = (program: Program, path: string, key: string) =>
  Effect.promise(async () => {
    const response = await fetch(program.base + path, by(key))
    const body = await response.text()
    assert.strictEqual(response.status, 200, `${path}: ${body}`)
    return body
  })

describe("named keys", () => {
  it.scopedLive(
    "are live within a second beside 64 streams: added, limited, rotated with grace, revoked",
    () =>
      Effect.gen(function* () {
        const dir = yield* folder
        const env = { DATABASE_URL: `sqlite:${join(dir, "gateway.db")}` }
        const program = yield* start({ ...env, GATEWAY_MAX_IN_FLIGHT: "128" })
        assert.strictEqual(yield* statusBy(program, "anything"), 200)
        const alice = yield* made(env, "add", "alice", "--requests-per-minute", "1000", "--models", "auto,qwen*")
        const bob = yield* made(env, "add", "bob", "--weight", "2")
        const boss = yield* made(env, "add", "boss", "--admin")
        yield* becomes(program, "anything", 401, "1500 millis")
        yield* becomes(program, bob, 200, "1500 millis")
        assert.strictEqual(yield* statusBy(program, alice), 200)
        const long = "word ".repeat(60)
        const beside = yield* Effect.all(
          Array.from({ length: 63 }, () => chat(program, said(long, 200), { stream: true }, by(bob))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual((yield* commanded(env, "set", "alice", "--requests-per-minute", "1")).code, 0)
        yield* becomes(program, alice, 429, "1500 millis")
        assert.strictEqual((yield* commanded(env, "set", "alice", "--requests-per-minute", "none")).code, 0)
        yield* becomes(program, alice, 200, "1500 millis")

        const after = yield* made(env, "rotate", "alice", "--grace", "1h")
        yield* becomes(program, after, 200, "1500 millis")
        assert.strictEqual(yield* statusBy(program, alice), 200)

        const words = "word ".repeat(40)
        const [ended, finished] = yield* Effect.all([
          chat(program, said(words, 200), { stream: true }, by(after)),
          chat(program, said("word ".repeat(20), 200), { stream: true }, by(bob))
        ])
        assert.strictEqual((yield* commanded(env, "revoke", "alice")).code, 0)
        const broken = yield* text(ended)
        assert.include(broken, "This API key has been revoked.")
        assert.notInclude(broken, "[DONE]")
        assert.strictEqual(content(yield* text(finished)).trim(), "word ".repeat(20).trim())
        const whole = yield* Effect.all(beside.map(text), { concurrency: "unbounded" })
        for (const one of whole) assert.strictEqual(content(one).trim(), long.trim())
        yield* becomes(program, after, 401, "1500 millis")

        const list = yield* commanded(env, "list", "--json")
        const [first] = JSON.parse(list.stdout) as ReadonlyArray<Record<string, unknown>>
        assert.deepInclude(first, { name: "bob", weight: 2, last_four: bob.slice(-4) })
        // Of no key is anything but its last letters written anywhere.
        const lines = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
        const files = readdirSync(dir)
          .filter((name) => /\.db(?:-wal|-shm)?$/.test(name))
          .map((name) => readFileSync(join(dir, name), "latin1"))
        const shown = yield* Effect.forEach(shownToAdministrators, (path) => seen(program, path, boss))
        assert.include(shown.join(), "bob")
        for (const key of [alice, after, bob, boss]) {
          for (const written of [lines, ...files, ...shown, program.stdout(), program.stderr()]) {
            assert.notInclude(written, key.slice(7, -4))
          }
          Secrets.keep(key)
        }
      }),
    120_000
  )

  it.scopedLive(
    "are refused with words and an exit code",
    () =>
      Effect.gen(function* () {
        const env = { DATABASE_URL: `sqlite:${join(yield* folder, "gateway.db")}` }
        const none = yield* commanded({ DATABASE_URL: "none" }, "list")
        assert.deepStrictEqual(
          [none.code, none.stderr],
          [78, "DATABASE_URL is none: name a database to keep keys in, or use KEYS_FILE\n"]
        )
        yield* made(env, "add", "alice")
        const twice = yield* commanded(env, "add", "alice")
        assert.deepStrictEqual([twice.code, twice.stderr], [1, "there is a key named alice already\n"])
        const weight = yield* commanded(env, "add", "bob", "--weight", "0")
        assert.deepStrictEqual([weight.code, weight.stderr], [2, "weight must be a number from 0.01 to 1000\n"])
        const expired = yield* commanded(env, "add", "bob", "--expires", "2001-01-01")
        assert.deepStrictEqual([expired.code, expired.stderr], [2, "expires must lie in the future\n"])
        const absent = yield* commanded(env, "revoke", "carol")
        assert.deepStrictEqual([absent.code, absent.stderr], [1, "there is no key named carol\n"])
        assert.strictEqual((yield* commanded(env, "add")).code, 2)
        const table = yield* commanded(env, "list")
        assert.match(table.stdout, /^NAME +SOURCE +LAST_FOUR .*\nalice +database +\w{4} +- +- +- +1 +all /)
      }),
    120_000
  )

  it.scopedLive(
    "let a gateway serve other machines, and none does not",
    () =>
      Effect.gen(function* () {
        const env = {
          DATABASE_URL: `sqlite:${join(yield* folder, "gateway.db")}`,
          GATEWAY_HOST: "0.0.0.0",
          GATEWAY_PORT: "0"
        }
        const refused = yield* runToEnd(["start"], env)
        assert.strictEqual(refused.code, 78)
        assert.include(refused.stderr, "GATEWAY_HOST must be a loopback address unless there is a key")
        const key = yield* made(env, "add", "alice")
        const program = yield* start(env)
        const local = { ...program, base: program.base.replace("0.0.0.0", "127.0.0.1") }
        assert.strictEqual(yield* statusBy(local, key), 200)
        assert.strictEqual(yield* statusBy(local, "another"), 401)
      }),
    120_000
  )

  it.scopedLive(
    "are exact over four gateways on one PostgreSQL: of 1,000 requests at once, 100 pass",
    () =>
      Effect.gen(function* () {
        const postgres = yield* Postgres.make
        const env = {
          DATABASE_URL: yield* postgres.database("gateway"),
          GATEWAY_MAX_IN_FLIGHT: "1000",
          // A machine with too much to do refuses some that the limit would let pass.
          GATEWAY_SHED_LAG_MS: "0"
        }
        const key = yield* made(env, "add", "alice", "--requests-per-minute", "100")
        const programs = yield* Effect.all([start(env), start(env), start(env), start(env)], { concurrency: 2 })
        const answers = yield* Effect.all(
          Array.from({ length: 1000 }, (_, i) =>
            Effect.flatMap(chat(programs[i % 4]!, said("hello"), {}, by(key)), (response) =>
              Effect.map(json(response), (body) => ({ status: response.status, code: body.error?.code }))
            )
          ),
          { concurrency: "unbounded" }
        )
        const counts: Record<string, number> = {}
        for (const { code, status } of answers) {
          const name = `${status} ${code ?? ""}`.trim()
          counts[name] = (counts[name] ?? 0) + 1
        }
        assert.deepStrictEqual(counts, { "200": 100, "429 rate_limit_exceeded": 900 })
      }),
    180_000
  )
})
