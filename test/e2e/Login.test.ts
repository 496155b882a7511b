import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Secrets from "../support/Secrets.ts"
import * as Load from "./load.ts"
import {
  chat,
  content,
  control,
  emulator,
  eventually,
  json,
  lingmas,
  type Program,
  runToEnd,
  settled,
  spawned,
  start,
  text
} from "./support.ts"

/** Written differently in each encoding. */
const password = "pä s&w\"ö+/r<d>',1?%~\\"

const account = { username: "ann", password }
const signedOut = {
  LINGMA_EMULATOR_LOGIN: "required",
  LINGMA_ACCOUNTS: JSON.stringify([account]),
  AUTO_LOGIN_HOSTS: "127.0.0.1",
  AUTO_LOGIN_TIMEOUT: "20"
}

const page = (name: string, more: Record<string, string> = {}) =>
  start({ ...signedOut, LINGMA_EMULATOR_LOGIN_PAGE: name, ...more })

const internal = (program: Program, path: string, init: RequestInit = {}) =>
  Effect.promise(() => fetch(`${program.base}/internal/${path}`, init))

/** It has noticed its first key. */
const eventuallyClosed = (program: Program) =>
  Effect.repeat(
    Effect.map(internal(program, "auto-login/status"), (response) => response.status),
    { until: (status) => status === 401 }
  )

interface Status {
  readonly instances: ReadonlyArray<{
    readonly instance: string
    readonly state: string
    readonly auth: { readonly logged_in?: boolean }
    readonly auto_login: { readonly state: string; readonly reason: string | null; readonly detail: string | null }
  }>
}
const status = (program: Program) =>
  Effect.map(Effect.flatMap(internal(program, "auto-login/status"), json), (body) => body as unknown as Status)

const stateOf = (program: Program, wanted: RegExp) =>
  Effect.gen(function* () {
    for (let i = 0; i < 400; i++) {
      const [one] = (yield* status(program)).instances
      if (one !== undefined && wanted.test(one.state)) return one
      yield* Effect.sleep("100 millis")
    }
    return yield* Effect.dieMessage(
      `never ${wanted}: ${JSON.stringify(yield* status(program))}; ${program.stdout().slice(-2000)}`
    )
  })

interface Submissions {
  readonly total: number
  readonly users: Readonly<Record<string, number>>
}
const read = <A>(program: Program, action: string) =>
  Effect.promise(async () => {
    const [one] = lingmas(program)
    return (await (await fetch(`http://127.0.0.1:${one?.httpPort}/__control/${action}`)).json()) as A
  })
const submissions = (program: Program) => read<Submissions>(program, "submissions")

/** Now already, and not at its end only, when temporary files are gone. */
const keepsSecrets = (program: Program) => {
  const texts = { stdout: program.stdout(), stderr: program.stderr() }
  assert.deepStrictEqual(Secrets.look({ dir: program.dir, env: signedOut, texts }).found, [])
}

const serves = (program: Program) =>
  Effect.gen(function* () {
    const answer = yield* chat(program, "[[emu interval=0 tokens=3]]", { stream: true })
    assert.strictEqual(content(yield* text(answer)), "t0 t1 t2 ")
    yield* settled(program)
  })

describe("an account is signed in by a browser", () => {
  const pages = ["plain", "late", "framed", "two-step", "tabs"]
  for (const name of pages) {
    it.scopedLive(
      `on the page ${name}`,
      () =>
        Effect.gen(function* () {
          const program = yield* page(name)
          yield* serves(program)
          assert.strictEqual((yield* stateOf(program, /./)).state, "signed_in")
          assert.deepStrictEqual((yield* submissions(program)).users, { ann: 1 })
          keepsSecrets(program)
        }),
      { timeout: 60_000 }
    )
  }

  it.scopedLive(
    "choosing the organization of the setting",
    () =>
      Effect.gen(function* () {
        const program = yield* page("organisations", { AUTO_LOGIN_ORGANIZATION: "Acme" })
        yield* serves(program)
        const { organisations } = yield* read<{ readonly organisations: unknown }>(program, "submissions")
        assert.deepStrictEqual(organisations, { ann: "Acme" })
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "once, however many callers wait",
    () =>
      Effect.gen(function* () {
        const program = yield* page("late", { GATEWAY_MAX_IN_FLIGHT: "60" })
        const all = yield* Effect.promise(() =>
          Promise.all(
            Array.from({ length: 60 }, (_, i) => Load.ask(program, { prompt: `[[emu interval=0 tokens=3]] ${i}` }))
          )
        )
        assert.deepStrictEqual([...new Set(all.map(({ end }) => end))], ["whole"])
        assert.deepStrictEqual((yield* submissions(program)).users, { ann: 1 })
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "again after a logout in the middle of an answer, which is told",
    () =>
      Effect.gen(function* () {
        const program = yield* page("plain")
        yield* serves(program)
        const [one] = lingmas(program)
        assert.isDefined(one)
        const answer = yield* chat(program, "[[emu tokens=500 interval=20]]", { stream: true })
        yield* control(one, "logout")
        const body = yield* text(answer)
        assert.include(body, '"error":{')
        assert.notInclude(body, "[DONE]")
        yield* serves(program)
        assert.deepStrictEqual((yield* submissions(program)).users, { ann: 2 })
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "and stays so when Lingma starts anew",
    () =>
      Effect.gen(function* () {
        const program = yield* page("plain")
        yield* serves(program)
        process.kill(lingmas(program)[0]?.pid ?? 0, "SIGKILL")
        yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "ready again")
        yield* serves(program)
        assert.strictEqual((yield* submissions(program)).total, 0)
      }),
    { timeout: 60_000 }
  )
})

describe("a login that leads nowhere ends in a state, and the account rests", () => {
  const cases = [
    ["captcha", {}, "human_needed", 1],
    ["endless", { AUTO_LOGIN_TIMEOUT: "6" }, "timed_out", 1],
    ["organisations", {}, "human_needed", 1],
    ["redirect", {}, "refused_host", 0],
    ["foreign", {}, "refused_host", 0],
    ["unknown", {}, "human_needed", 0]
  ] as const
  for (const [name, more, reason, handedIn] of cases) {
    it.scopedLive(
      `${name}: ${reason}`,
      () =>
        Effect.gen(function* () {
          const program = yield* page(name, more)
          const one = yield* stateOf(program, /^login_failed/)
          assert.strictEqual(one.state, `login_failed:${reason}`)
          assert.isString(one.auto_login.detail)
          const answer = yield* chat(program, "hello")
          assert.strictEqual(answer.status, 503)
          assert.strictEqual((yield* json(answer)).error?.code, "login_failed")
          assert.isNotNull(answer.headers.get("retry-after"))
          assert.strictEqual((yield* submissions(program)).total, handedIn)
          if (name === "redirect") {
            const seen = yield* read<{ readonly typed: unknown; readonly submissions: unknown }>(program, "lookalike")
            assert.deepInclude(seen, { typed: 0, submissions: 0 })
          }
          keepsSecrets(program)
        }),
      { timeout: 60_000 }
    )
  }

  it.scopedLive(
    "a wrong password: bad_credentials, handed in at most twice, and the other accounts serve",
    () =>
      Effect.gen(function* () {
        const program = yield* page("plain", {
          LINGMA_ACCOUNTS: JSON.stringify([account, { username: "bob", password: "bobs-right-word" }]),
          LINGMA_EMULATOR_USERS: "bob:bobs-right-word,ann:another-word"
        })
        yield* eventually(() => program.stdout().includes("login_failed:bad_credentials") || undefined, "a state")
        yield* eventually(() => program.stdout().includes('"login done"') || undefined, "the other one")
        for (let i = 0; i < 4; i++) assert.strictEqual((yield* chat(program, `[[emu interval=0]] ${i}`)).status, 200)
        const { instances } = yield* status(program)
        assert.deepStrictEqual(
          instances.map(({ state }) => state),
          ["login_failed:bad_credentials", "signed_in"]
        )
        const { total } = yield* submissions(program)
        assert.isTrue(total >= 1 && total <= 2)
        keepsSecrets(program)
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("no browser: browser_missing, said once, and who is signed in already serves", () =>
    Effect.gen(function* () {
      const missing = yield* page("plain", { AUTO_LOGIN_BROWSER: "/no/such/browser" })
      assert.strictEqual((yield* stateOf(missing, /^login_failed/)).state, "login_failed:browser_missing")
      assert.strictEqual(missing.stdout().split("no browser").length, 2)
      const signedIn = yield* page("plain", { AUTO_LOGIN_BROWSER: "/no/such/browser", LINGMA_EMULATOR_LOGIN: "demo" })
      yield* serves(signedIn)
    })
  )
})

describe("a login that Lingma tells of but does not honour", () => {
  for (const fault of ["auth_prompt", "auth_new"]) {
    it.scopedLive(
      `is made anew once, and the chats after it are answered (${fault})`,
      () =>
        Effect.gen(function* () {
          const program = yield* page("plain", { LINGMA_EMULATOR_LOGIN: "demo" })
          const refuse = control(lingmas(program)[0]!, "fault", { fault })
          yield* serves(program)
          yield* refuse
          const refused = yield* chat(program, "hi")
          assert.strictEqual(refused.status, 503)
          assert.strictEqual(refused.headers.get("retry-after"), "5")
          assert.strictEqual((yield* json(refused)).error?.code, "not_logged_in")
          yield* serves(program)
          assert.deepStrictEqual((yield* submissions(program)).users, { ann: 1 })
          yield* refuse
          for (let n = 0; n < 4; n++) {
            const again = yield* chat(program, "hi")
            assert.strictEqual(again.status, 503)
            assert.strictEqual((yield* json(again)).error?.code, "not_logged_in")
          }
          assert.deepStrictEqual((yield* submissions(program)).users, { ann: 1 })
          yield* control(lingmas(program)[0]!, "fault", { fault: "" })
          yield* serves(program)
          keepsSecrets(program)
        }),
      { timeout: 60_000 }
    )
  }
})

interface Started {
  readonly state: string
  readonly instance: string
  readonly login_url?: string
}

/** What a person's browser does at the address: signs in, and is sent to the callback. */
const asPerson = (url: string) =>
  Effect.promise(async () => {
    const body = new URLSearchParams({ username: "ann", password })
    const response = await fetch(url, { method: "POST", body, redirect: "manual" })
    const end = response.headers.get("location") ?? ""
    Secrets.keep(...["auth", "token"].flatMap((name) => new URL(end).searchParams.get(name) ?? []))
    return end
  })

const begin = (program: Program, query = "") =>
  Effect.map(
    Effect.flatMap(internal(program, `auto-login/start${query}`, { method: "POST" }), json),
    (body) => body as unknown as Started
  )

const paste = (program: Program, body: unknown) =>
  internal(program, "auto-login/callback", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })

describe("a login by hand", () => {
  const byHand = { LINGMA_EMULATOR_LOGIN: "required", LINGMA_INSTANCE_COUNT: "2" }

  it.scopedLive("is an address, and the pasted end of it", () =>
    Effect.gen(function* () {
      const program = yield* start(byHand)
      assert.strictEqual((yield* json(yield* chat(program, "hello"))).error?.code, "not_logged_in")
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "both ready")
      const first = yield* begin(program)
      assert.strictEqual(first.state, "running")
      const end = yield* asPerson(first.login_url ?? "")
      for (const wrong of [
        "http://127.0.0.1:1/auth/callback?state=x",
        end.replace("127.0.0.1", "evil.example"),
        end.replace("state=", "state=0")
      ]) {
        const refused = yield* paste(program, { url: wrong, instance: first.instance })
        assert.strictEqual(refused.status, 502, wrong)
        assert.notInclude(yield* text(refused), "token")
      }
      assert.strictEqual((yield* paste(program, { url: 7 })).status, 400)
      assert.strictEqual((yield* paste(program, { url: end, instance: "inst-9" })).status, 404)
      const done = yield* paste(program, { url: end })
      assert.deepStrictEqual(yield* json(done), { ok: true, state: "logged_in", instance: first.instance })
      yield* serves(program)
      assert.strictEqual((yield* begin(program, `?instance=${first.instance}`)).state, "already_logged_in")

      const second = yield* begin(program, "?browser=false")
      assert.notStrictEqual(second.instance, first.instance)
      // On this machine the browser itself goes to the callback.
      const there = yield* asPerson(second.login_url ?? "")
      yield* Effect.promise(() => fetch(there, { redirect: "manual" }))
      yield* eventually(() => program.stdout().split('"login done"').length > 2 || undefined, "the login noticed")
      const { instances } = yield* status(program)
      assert.deepStrictEqual(
        instances.map(({ state }) => state),
        ["signed_in", "signed_in"]
      )
      for (const secret of [end, there].flatMap((url) => new URL(url).searchParams.get("token") ?? [])) {
        assert.isFalse(program.stdout().includes(secret), "the log holds a token")
      }
    })
  )

  it.scopedLive("knows its instances", () =>
    Effect.gen(function* () {
      const program = yield* start(byHand)
      const response = yield* internal(program, "auto-login/start?instance=inst-7", { method: "POST" })
      assert.strictEqual(response.status, 404)
      assert.strictEqual((yield* json(response)).error?.message, "instance not found: inst-7")
      const odd = yield* internal(program, "auto-login/start?instance=a&instance=b&browser=perhaps", { method: "POST" })
      assert.strictEqual(odd.status, 400)
      assert.isString((yield* json(odd)).error?.message)
    })
  )

  it.scopedLive("works from a terminal, at the gateway that runs", () =>
    Effect.gen(function* () {
      const program = yield* start({ ...byHand, API_KEYS: "sk-api-key-of-users", ADMIN_KEYS: "sk-admin-key-of-us" })
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "both ready")
      const env = { GATEWAY_PORT: new URL(program.base).port, ADMIN_KEYS: "sk-admin-key-of-us" }
      const terminal = yield* spawned(["login", "--instance", "inst-1"], env, "pipe")
      const url = yield* eventually(() => /^(http:\S+)$/m.exec(terminal.stdout())?.[1], "an address")
      const end = yield* asPerson(url)
      terminal.child.stdin?.write("what is this\n")
      yield* eventually(() => terminal.stderr().includes("Not taken") || undefined, "a complaint")
      terminal.child.stdin?.write(`${end}\n`)
      assert.strictEqual(yield* Effect.promise(() => terminal.exited), 0)
      assert.include(terminal.stdout(), "inst-1 is signed in.")
      assert.notInclude(terminal.stderr(), new URL(end).searchParams.get("token") ?? "?")
    })
  )

  it.scopedLive("works from a terminal at a gateway with named keys only, by a key that ends with the command", () =>
    Effect.gen(function* () {
      const program = yield* start(byHand)
      const port = new URL(program.base).port
      const env = { GATEWAY_PORT: port, DATABASE_URL: `sqlite:${join(program.dir, "data/gateway.db")}` }
      assert.strictEqual((yield* runToEnd(["keys", "add", "alice"], env)).code, 0)
      yield* eventuallyClosed(program)
      const terminal = yield* spawned(["login"], env, "pipe")
      const url = yield* eventually(() => /^(http:\S+)$/m.exec(terminal.stdout())?.[1], "an address")
      terminal.child.stdin?.write(`${yield* asPerson(url)}\n`)
      assert.strictEqual(yield* Effect.promise(() => terminal.exited), 0)
      const { stdout } = yield* runToEnd(["keys", "list", "--json"], env)
      assert.deepStrictEqual(
        (JSON.parse(stdout) as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name),
        ["alice"]
      )
      const elsewhere = yield* runToEnd(["login"], { GATEWAY_PORT: port })
      assert.strictEqual(elsewhere.code, 1)
      assert.match(elsewhere.stderr, /asks for an admin key: set ADMIN_KEYS for both \(it does not use the database/)
      const none = yield* runToEnd(["login"], { GATEWAY_PORT: port, DATABASE_URL: "none" })
      assert.match(none.stderr, /asks for an admin key: set ADMIN_KEYS for both \(DATABASE_URL is none\)/)
    })
  )

  it.scopedLive("works from a terminal without a gateway, and its session is used later", () =>
    Effect.gen(function* () {
      const own = { LINGMA_BIN: emulator, LINGMA_EMULATOR_LOGIN: "required", LINGMA_CHILD_ENV: "LINGMA_EMULATOR_LOGIN" }
      const terminal = yield* spawned(["login"], { ...own, GATEWAY_PORT: "1" }, "pipe")
      const url = yield* eventually(() => /^(http:\S+)$/m.exec(terminal.stdout())?.[1], "an address")
      const end = yield* asPerson(url)
      terminal.child.stdin?.write(`${end}\n`)
      assert.strictEqual(yield* Effect.promise(() => terminal.exited), 0)
      const program = yield* start({
        ...own,
        LINGMA_WORK_DIR: join(terminal.dir, "data/lingma")
      })
      yield* serves(program)
    })
  )
})

describe("a browser", () => {
  it.scopedLive("that hangs at its start is ended", () =>
    Effect.gen(function* () {
      const dir = mkdtempSync(join(tmpdir(), "lingma-browser-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(dir, { recursive: true, force: true })))
      const fake = join(dir, "browser")
      writeFileSync(fake, "#!/bin/sh\nsleep 987\n")
      chmodSync(fake, 0o700)
      const program = yield* page("plain", { AUTO_LOGIN_BROWSER: fake, AUTO_LOGIN_TIMEOUT: "2" })
      assert.strictEqual((yield* stateOf(program, /^login_failed/)).state, "login_failed:browser_missing")
      const isLeft = (pid: string) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8") === "sleep\u0000987\u0000"
        } catch {
          return false
        }
      }
      yield* eventually(() => !readdirSync("/proc").some(isLeft) || undefined, "the browser gone", "5 seconds")
    })
  )

  it.scopedLive(
    "leaves a picture of a failure where that is wished, for the owner's eyes, and nothing else",
    () =>
      Effect.gen(function* () {
        const program = yield* page("captcha", { AUTO_LOGIN_SCREENSHOTS: "true" })
        yield* stateOf(program, /^login_failed/)
        const pictures = Secrets.files(program.dir).filter((path) => path.endsWith(".png"))
        assert.strictEqual(pictures.length, 1)
        assert.strictEqual(statSync(pictures[0] ?? "").mode & 0o777, 0o600)
        keepsSecrets(program)
        const without = yield* page("captcha")
        yield* stateOf(without, /^login_failed/)
        assert.deepStrictEqual(
          Secrets.files(without.dir).filter((path) => path.endsWith(".png")),
          []
        )
        for (const path of Secrets.files(without.dir)) assert.strictEqual(statSync(path).mode & 0o077, 0, path)
      }),
    { timeout: 60_000 }
  )
})
