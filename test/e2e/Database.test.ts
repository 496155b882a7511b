import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
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

  it.scopedLive("is for one gateway, where it is a file that was named", () =>
    Effect.gen(function* () {
      const program = yield* S.start()
      const { code, stderr } = yield* S.runToEnd(["start"], { GATEWAY_PORT: "0", ...database(program) })
      assert.strictEqual(code, 78)
      assert.include(stderr, `is in use by another gateway (pid ${program.child.pid})`)
    })
  )
})
