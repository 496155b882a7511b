import { readFileSync, statSync } from "node:fs"
import { connect as netConnect } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as S from "./support.ts"

describe("emulator: handshake and framing", () => {
  it.scopedLive("asks us to register, wants initialize first, knows its methods", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      const client = yield* S.connect(emulator, { initialize: false })
      yield* Effect.promise(async () => {
        const register = await client.until((message) => message.method === "extension/register")
        assert.strictEqual(register.id, 1)
        assert.strictEqual((await client.call("auth/status")).error?.code, -32002)
        const hello = await client.call("initialize", { protocolVersion: 1, clientCapabilities: {}, timestamp: 1 })
        assert.deepStrictEqual(hello.result?.["serverInfo"], { name: "lingma", version: "2.11.1" })
        assert.deepStrictEqual((await client.call("no/such")).error, {
          code: -32601,
          message: "unknown method: no/such"
        })
        assert.match((await client.call("ping", [])).error?.message ?? "", /cannot unmarshal array/)
        client.sendRaw('Content-Length: 54\r\n\r\n{"jsonrpc":"2.0","method":"initialized","params":null}')
        client.sendRaw(Buffer.from('Content-Length: 42\r\n\r\n{"jsonrpc":"2.0","id":700,"method":"ping"}'))
        assert.isDefined((await client.until((message) => message.id === 700)).error)
        assert.deepStrictEqual((await client.call("ping", {}, "seven")).result, { success: true })
        for (const name of ["extension/query", "config/getGlobal", "kb/list", "task/list", "dataPolicy/query"]) {
          assert.deepStrictEqual((await client.call(name)).result, {})
        }
        await S.said(emulator, /unknown method: initialized/)
      })
    })
  )

  it.scopedLive("does not answer bare JSON, takes binary messages, several and cut frames, both paths", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      const client = yield* S.connect(emulator, { path: "/ws" })
      yield* Effect.promise(async () => {
        client.sendRaw('{"jsonrpc":"2.0","id":50,"method":"ping","params":{}}')
        const ping = (id: number) => {
          const json = JSON.stringify({ jsonrpc: "2.0", id, method: "ping", params: { note: "灵码" } })
          return Buffer.from(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`)
        }
        client.sendRaw(Buffer.concat([ping(51), ping(52), ping(53).subarray(0, 30)]))
        client.sendRaw(ping(53).subarray(30))
        await client.until((message) => message.id === 53)
        assert.deepStrictEqual(
          client.messages.filter((message) => Number(message.id) >= 50).map((message) => message.id),
          [51, 52, 53]
        )
        await S.said(emulator, /Unknown message header/)
      })
    })
  )

  it.scopedLive("listens on loopback only, and the HTTP port takes no WebSocket and no foreign host", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      yield* Effect.promise(async () => {
        const refused = new WebSocket(`ws://127.0.0.1:${emulator.httpPort}/`)
        const status = await new Promise((resolve) => {
          refused.on("unexpected-response", (_request, response) => resolve(response.statusCode))
        })
        assert.strictEqual(status, 404)
        const answer = await new Promise<string>((resolve) => {
          const socket = netConnect(emulator.httpPort, "127.0.0.1", () =>
            socket.end("GET /login HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
          )
          socket.once("data", (data) => resolve(data.toString()))
        })
        assert.match(answer, /^HTTP\/1.1 403/)
        const driven = await fetch(`http://127.0.0.1:${emulator.httpPort}/__control/crash`, {
          method: "POST",
          headers: { origin: "http://evil.example" }
        })
        assert.strictEqual(driven.status, 403)
      })
    })
  )
})

describe("emulator: process", () => {
  it.scopedLive("prints its version, its flags and a login state", () =>
    Effect.gen(function* () {
      const workDir = yield* S.tempDir
      yield* Effect.promise(async () => {
        const said = async (...args: ReadonlyArray<string>) => {
          const run = S.launch(args)
          return [(await run.exit).code, run.output()] as const
        }
        assert.deepStrictEqual(await said("version"), [0, "version: 2.11.1\n"])
        assert.deepStrictEqual(await said("status", "-o", "json", "--workDir", workDir), [
          0,
          '{"logged_in":false,"version":"2.11.1"}\n'
        ])
        const [, flags] = await said("start", "--help")
        for (const flag of ["socketPort", "httpPort", "transportType", "workDir", "endpoint", "copyDataDir"]) {
          assert.include(flags, `--${flag}`)
        }
        assert.strictEqual((await said("start", "--nonsense=1"))[0], 1)
      })
    })
  )

  it.scopedLive("writes its work dir for the owner alone, and leaves on SIGINT and SIGTERM", () =>
    Effect.gen(function* () {
      const workDir = yield* S.tempDir
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const emulator = yield* S.startEmulator({}, { workDir })
        const info = JSON.parse(readFileSync(join(workDir, ".info.json"), "utf8"))
        assert.deepStrictEqual(info, {
          websocketPort: emulator.socketPort,
          pid: emulator.child.pid,
          ipcServerPath: "",
          isDev: false
        })
        assert.strictEqual(readFileSync(join(workDir, ".info"), "utf8").split("\n")[0], String(emulator.socketPort))
        for (const file of [".info.json", "cache/id", "cache/user", "logs/lingma.log"]) {
          assert.strictEqual(statSync(join(workDir, file)).mode & 0o777, 0o600, file)
        }
        emulator.child.kill(signal)
        assert.deepStrictEqual(yield* Effect.promise(() => emulator.exit), { code: 0, signal: null })
      }
      assert.match(
        readFileSync(join(workDir, "logs/lingma.log"), "utf8"),
        /servers ready - WebSocket: \d+, HTTP: \d+, IPC: /
      )
    })
  )

  it.scopedLive("ends with 1 where its port is taken", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      const workDir = yield* S.tempDir
      const second = S.launch(["start", "--workDir", workDir, `--socketPort=${emulator.socketPort}`, "--httpPort=0"])
      assert.strictEqual((yield* Effect.promise(() => second.exit)).code, 1)
      assert.match(second.output(), /address already in use/)
    })
  )
})

describe("emulator: models and login state", () => {
  it.scopedLive("tells models by scene, and none when logged out", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator()
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const scenes = (await client.call("config/queryModels")).result as Record<
          string,
          ReadonlyArray<Record<string, unknown>>
        >
        assert.sameMembers(Object.keys(scenes), ["assistant", "chat", "developer", "inline", "quest"])
        const keyOfAuto = (scene: string) => scenes[scene]?.find((model) => model["displayName"] === "Auto")?.["key"]
        assert.strictEqual(keyOfAuto("assistant"), "auto")
        assert.notStrictEqual(keyOfAuto("inline"), "auto")
        assert.hasAllKeys(scenes["chat"]![0]!, [
          ...["key", "displayName", "format", "source", "isReasoning", "isVl", "isDefault", "model", "url", "apiKey"]
        ])
        assert.strictEqual((await client.call("auth/status")).result?.["status"], 2)
        await client.call("auth/logout")
        assert.deepStrictEqual((await client.call("config/queryModels")).result, {})
        const status = (await client.call("auth/status")).result
        assert.deepInclude(status, { status: 1, id: "" })
        assert.strictEqual((await client.call("session/new", { cwd: "/" })).error?.message, "not logged in")
        assert.strictEqual((await S.ask(client, "hi").reply).result?.["success"], false)
      })
    })
  )

  it.scopedLive("keeps login and logout over restarts and copies of the work dir", () =>
    Effect.gen(function* () {
      const workDir = yield* S.tempDir
      const status = (emulator: S.Emulator) =>
        Effect.scoped(
          Effect.flatMap(S.connect(emulator), (client) => Effect.promise(() => client.call("auth/status")))
        ).pipe(Effect.map((reply) => reply.result))
      const first = yield* S.startEmulator({ LINGMA_EMULATOR_LOGIN: "required" }, { workDir })
      assert.deepInclude(yield* status(first), { status: 1 })
      yield* Effect.promise(() => S.control(first, "login", { name: "somebody" }))
      const before = yield* status(first)
      assert.deepInclude(before, { status: 2, name: "somebody" })
      first.child.kill("SIGKILL")
      yield* Effect.promise(() => first.exit)

      const second = yield* S.startEmulator({ LINGMA_EMULATOR_LOGIN: "required" }, { workDir })
      assert.deepStrictEqual(yield* status(second), before)
      assert.strictEqual((yield* Effect.promise(() => S.control(second, "stats")))["starts"], 2)
      const copy = yield* S.startEmulator({ LINGMA_EMULATOR_LOGIN: "required" }, { args: ["--copyDataDir", workDir] })
      assert.deepStrictEqual(yield* status(copy), before)
      const told = S.launch(["status", "-o", "json", "--workDir", workDir])
      yield* Effect.promise(() => told.exit)
      assert.deepInclude(JSON.parse(told.output()), { logged_in: true, username: "somebody" })

      yield* Effect.promise(() => S.control(second, "logout", {}))
      second.child.kill("SIGTERM")
      yield* Effect.promise(() => second.exit)
      const third = yield* S.startEmulator({}, { workDir })
      assert.deepInclude(yield* status(third), { status: 1 })
    })
  )

  it.scopedLive("logs in over its page: URL, wrong password, callback, once per nonce", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({
        LINGMA_EMULATOR_LOGIN: "required",
        LINGMA_EMULATOR_USERS: "ann:s3:cret"
      })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const made = (await client.call("login/generateUrl", { loginDedicatedType: "" })).result as Record<
          string,
          string
        >
        const url = new URL(made["loginUrl"]!)
        assert.deepInclude(Object.fromEntries(url.searchParams), {
          state: made["nonce"],
          port: String(emulator.httpPort),
          challenge: made["challenge"],
          challenge_method: "S256"
        })
        const page = await (await fetch(url)).text()
        assert.include(page, 'type="password"')
        const submit = (password: string) =>
          fetch(url, {
            method: "POST",
            redirect: "manual",
            body: new URLSearchParams({ username: "ann", password })
          })
        assert.include(await (await submit("wrong")).text(), "Wrong account or password")
        const callback = (await submit("s3:cret")).headers.get("location")!
        const query = new URL(callback).searchParams
        assert.deepStrictEqual([...query.keys()], ["state", "auth", "token"])
        assert.strictEqual((await fetch(callback)).status, 200)
        await client.until((message) => message.method === "config/refreshModels")
        assert.deepInclude((await client.call("auth/status")).result, { status: 2, name: "ann" })
        assert.strictEqual((await fetch(callback)).status, 400)
        await S.said(emulator, /Invalid login nonce or consumed, ignore/)

        const again = (await client.call("login/generateUrl")).result as Record<string, string>
        const given = { auth: query.get("auth"), tokenString: query.get("token") }
        const done = await client.call("login/auth_callback", { nonce: again["nonce"], ...given })
        assert.strictEqual(done.result?.["success"], true)
        const older = (await client.call("auth/login")).result as Record<string, string>
        const state = new URL(older["url"]!).searchParams.get("state")
        const clear = new URLSearchParams({ state: state!, aid: "9", uid: "9", name: "old" })
        assert.strictEqual((await fetch(`http://127.0.0.1:${emulator.httpPort}/auth/callback?${clear}`)).status, 200)
        assert.deepInclude((await client.call("auth/status")).result, { id: "9", name: "old" })
        assert.deepInclude(await S.control(emulator, "stats"), { logins: 3, loginSubmissions: 2 })
      })
    })
  )

  it.scopedLive("takes a device login, renews a token, keeps an endpoint", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(
        { LINGMA_EMULATOR_LOGIN: "required" },
        { args: ["--endpoint", "https://a.example"] }
      )
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const login = { token: "pt-1", refreshToken: "rt-1", expiresIn: "", expireTime: String(Date.now() + 1e7) }
        await client.call("auth/device_login", { ...login, userId: "77", username: "dev" })
        assert.deepInclude((await client.call("auth/status")).result, { id: "77", token: "pt-1" })
        const renewed = await client.call("auth/refreshToken", {
          securityOauthToken: "pt-1",
          refreshToken: "rt-1",
          tokenExpireTime: login.expireTime
        })
        assert.deepInclude(renewed.result, { success: true, uid: "77" })
        const pushed = await client.until((message) => message.method === "auth/syncTokenUpdate")
        assert.notStrictEqual(pushed.params?.["token"], "pt-1")
        assert.deepStrictEqual((await client.call("config/getEndpoint")).result, {
          endpoint: "https://a.example"
        })
        await client.call("config/updateEndpoint", { endpoint: "https://b.example" })
        assert.deepStrictEqual((await client.call("config/getEndpoint")).result, {
          endpoint: "https://b.example"
        })
        const profile = (await client.call("auth/profile/getUrl")).result as Record<string, string>
        assert.match(profile["url"]!, /^http:\/\/127\.0\.0\.1:\d+\/profile\?.*state=[0-9a-f]{32}$/)
        assert.strictEqual((await fetch(profile["url"]!)).status, 200)
      })
    })
  )
})
