import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Postgres from "../support/Postgres.ts"
import * as SilentProxy from "../support/SilentProxy.ts"
import * as S from "./support.ts"

const post = (program: S.Program, path: string, body: object) =>
  Effect.promise(async () => {
    const answer = await fetch(`${program.base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    return {
      status: answer.status,
      json: (await answer.json()) as { readonly id: string; readonly output: ReadonlyArray<object> }
    }
  })
const get = (program: S.Program, path: string) =>
  Effect.promise(async () => {
    const answer = await fetch(`${program.base}${path}`)
    return { status: answer.status, json: (await answer.json()) as { readonly id?: string } }
  })
const database = ({ dir }: S.Program) => ({ DATABASE_URL: `sqlite:${join(dir, "data/gateway.db")}` })
const responses = (program: S.Program, body: object) =>
  post(program, "/v1/responses", { model: "auto", input: "[[emu interval=0 tokens=3]]", ...body })

describe("the database of a gateway", () => {
  it.scopedLive("has its responses and conversations again after SIGKILL", () =>
    Effect.gen(function* () {
      const program = yield* S.start()
      const kept = yield* responses(program, {})
      const unkept = yield* responses(program, { store: false })
      const conversation = yield* post(program, "/v1/conversations", { items: [{ role: "user", content: "hi" }] })
      assert.deepStrictEqual([kept.status, unkept.status, conversation.status], [200, 200, 200])
      // Written a moment after the answer.
      yield* Effect.sleep("1 second")
      yield* Effect.promise(() => {
        program.child.kill("SIGKILL")
        return program.exited
      })
      const next = yield* S.start({ LINGMA_WORK_DIR: join(program.dir, "data/lingma"), ...database(program) })
      assert.strictEqual((yield* get(next, `/v1/responses/${kept.json.id}`)).json.id, kept.json.id)
      assert.strictEqual((yield* get(next, `/v1/responses/${unkept.json.id}`)).status, 404)
      assert.strictEqual((yield* get(next, `/v1/conversations/${conversation.json.id}`)).json.id, conversation.json.id)
      const more = yield* responses(next, { previous_response_id: kept.json.id })
      assert.strictEqual(more.status, 200)
    })
  )

  it.scopedLive(
    "may fall silent without closing its connections: chats go on, nothing is lost, and the gateway can still be stopped",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const url = yield* server.database("silent")
        const proxy = yield* SilentProxy.make(url)
        const direct = { DATABASE_URL: url }
        const limits = ["--requests-per-minute", "1000", "--tokens-per-day", "1000000"]
        const { stdout: key } = yield* S.runToEnd(["keys", "add", "alice", ...limits], direct)
        const program = yield* S.start({ DATABASE_URL: proxy.url })
        const headers = { "content-type": "application/json", authorization: `Bearer ${key.trim()}` }
        const begun = Date.now()
        let slowest = 0
        const chat = Effect.promise(async () => {
          const at = Date.now()
          const answer = await fetch(`${program.base}/v1/responses`, {
            method: "POST",
            headers,
            body: JSON.stringify({ model: "auto", input: "[[emu interval=0 tokens=3]]" })
          })
          await answer.text()
          slowest = Math.max(slowest, Date.now() - at)
          return answer.status
        })
        assert.strictEqual(yield* chat, 200)
        yield* proxy.silence
        let asked = 1
        // For longer than a silent connection is kept.
        while (Date.now() - begun < 20_000) {
          assert.strictEqual(yield* chat, 200)
          asked++
          yield* Effect.sleep("250 millis")
        }
        assert.isBelow(slowest, 6000)
        yield* proxy.resume
        const counted = Effect.map(S.runToEnd(["usage", "--json"], direct), ({ stdout }) => {
          const [line] = JSON.parse(stdout) as ReadonlyArray<{ readonly name: string; readonly requests: number }>
          return line === undefined ? [] : [line.name, line.requests]
        })
        const isWhole = Effect.filterOrFail(
          counted,
          ([, requests]) => requests === asked,
          (found) => new Error(`${found} of ${asked}`)
        )
        yield* Effect.retry(isWhole, { times: 60 })
        yield* proxy.silence
        assert.strictEqual(yield* chat, 200)
        program.child.kill("SIGTERM")
        const code = yield* Effect.timeoutOption(
          Effect.promise(() => program.exited),
          "10 seconds"
        )
        assert.isTrue(Option.isSome(code))
      }),
    180_000
  )

  it.scopedLive("is for one gateway, where it is a file that was named", () =>
    Effect.gen(function* () {
      const program = yield* S.start()
      const { code, stderr } = yield* S.runToEnd(["start"], { GATEWAY_PORT: "0", ...database(program) })
      assert.strictEqual(code, 78)
      assert.include(stderr, `is in use by another gateway (pid ${program.child.pid})`)
    })
  )
})
