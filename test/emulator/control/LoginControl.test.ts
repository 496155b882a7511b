import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const required = { LINGMA_EMULATOR_LOGIN: "required", LINGMA_EMULATOR_USERS: "ann:a" }

const submit = (emulator: S.Emulator, username: string, password: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${emulator.httpPort}/login`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ username, password })
  })

describe("emulator: login by the control port", () => {
  it.scopedLive("changes the page and the passwords while running, and takes both back", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(required)
      yield* Effect.promise(async () => {
        const page = () => fetch(`http://127.0.0.1:${emulator.httpPort}/login`).then((answer) => answer.text())
        const { pages } = await S.control(emulator, "page")
        assert.sameMembers(pages as Array<string>, [
          ...["plain", "late", "framed", "two-step", "organisations", "tabs", "captcha", "endless"],
          ...["redirect", "foreign", "unknown"]
        ])
        assert.include(await page(), 'type="password"')
        assert.deepStrictEqual(await S.control(emulator, "page", { page: "unknown" }), { ok: true })
        assert.deepInclude(await S.control(emulator, "stats"), { loginPage: "unknown" })
        assert.notInclude(await page(), 'type="password"')
        for (const name of ["none", "toString", 1])
          assert.match(
            String((await S.control(emulator, "page", { page: name }))["error"]),
            /^page must be one of plain/
          )
        await S.control(emulator, "page", { page: "plain" })

        await S.control(emulator, "users", { users: { bob: "b,:c" } })
        assert.strictEqual((await submit(emulator, "bob", "b,:c")).status, 302)
        assert.strictEqual((await submit(emulator, "ann", "a")).status, 401)
        await S.control(emulator, "users", { users: null })
        assert.strictEqual((await submit(emulator, "eve", "any")).status, 302)
        await S.control(emulator, "page", { page: "tabs" })
        await S.control(emulator, "reset", {})
        assert.strictEqual((await submit(emulator, "eve", "any")).status, 401)
        assert.strictEqual((await submit(emulator, "ann", "a")).status, 302)
        await S.control(emulator, "fault", { fault: "login_refused" })
        assert.strictEqual((await submit(emulator, "ann", "a")).status, 401)
        const counted = { total: 6, wrong: 3, users: { bob: 1, ann: 3, eve: 2 }, organisations: {} }
        assert.deepStrictEqual(await S.control(emulator, "submissions"), counted)
        assert.notInclude(emulator.output(), "b,:c")
      })
    })
  )

  it.scopedLive("refuses to start with a page it does not know", () =>
    Effect.gen(function* () {
      const dir = yield* S.tempDir
      const started = S.launch(["start", "--workDir", dir], { LINGMA_EMULATOR_LOGIN_PAGE: "none" })
      const exit = yield* Effect.promise(() => started.exit)
      assert.strictEqual(exit.code, 2)
      assert.match(started.output(), /LINGMA_EMULATOR_LOGIN_PAGE must be one of plain, late/)
    })
  )

  for (const dialect of ["session", "ask"] as const) {
    it.scopedLive(`a logout ends what runs with 401 and lasts over a restart (${dialect})`, () =>
      Effect.gen(function* () {
        const workDir = yield* S.tempDir
        const env = { LINGMA_EMULATOR_DIALECT: dialect }
        const emulator = yield* S.startEmulator(env, { workDir })
        const client = yield* S.connect(emulator)
        yield* Effect.promise(async () => {
          assert.deepInclude((await client.call("auth/status")).result, { status: 2 })
          const say = () =>
            dialect === "session"
              ? S.prompt(client, "[[emu tokens=3 interval=0 stall@2]]")
              : Promise.resolve(S.ask(client, "[[emu tokens=3 interval=0 stall@2]]"))
          const turns = [await say(), await say()]
          for (const { requestId } of turns) {
            await client.until((message) => S.textOfOne(message, requestId) === "t1 ")
          }
          await S.control(emulator, "logout", {})
          for (const { requestId } of turns) {
            const finish = await client.until(S.isFinish(requestId))
            assert.strictEqual(finish.method, dialect === "session" ? "session/update" : "chat/finish")
            assert.deepInclude(S.finishOf(finish), { reason: "error", statusCode: 401, fullAnswer: "" })
          }
          assert.deepInclude((await client.call("auth/status")).result, { status: 1, id: "", token: "" })
          const stats = await S.control(emulator, "stats")
          assert.deepInclude(stats, { loggedIn: false, turnsRunning: 0, turnsDropped: 2, logouts: 1 })
        })
        const again = yield* S.startEmulator(env, { workDir })
        assert.deepInclude(yield* Effect.promise(() => S.control(again, "stats")), { loggedIn: false })
      })
    )
  }

  it.scopedLive("a logout ends a chat/ask of the session dialect by its own finish", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const { requestId } = S.ask(client, "[[emu tokens=3 interval=0 stall@2]]")
        await client.until((message) => S.textOfOne(message, requestId) === "t1 ")
        await S.control(emulator, "logout", {})
        const finish = await client.until(S.isFinish(requestId))
        assert.strictEqual(finish.method, "chat/finish")
        assert.deepInclude(S.finishOf(finish), { statusCode: 401 })
      })
    })
  )
})
