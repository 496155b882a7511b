import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { BackendLogin } from "../../../../src/chat/Backend.ts"
import { Pool } from "../../../../src/chat/Pool.ts"
import * as Login from "../../../../src/domain/Login.ts"
import * as LoginHandlers from "../../../../src/http/admin/internal/LoginHandlers.ts"
import * as TestBackend from "../../../support/TestBackend.ts"

const byBrowser = { _tag: "Running", by: "browser" } as const
const byPerson = { _tag: "Running", by: "person" } as const

/** One whose account is not signed in, and which notes what is asked of it. */
const signedOut = (id: string, state: Login.LoginState, asked: Array<string>) => {
  const login: BackendLogin = {
    automatic: false,
    state: Effect.succeed(state),
    identity: Effect.succeed(undefined),
    start: Effect.sync(() => {
      asked.push(`start ${id}`)
      return "running" as const
    }),
    person: Effect.succeed({ url: "https://login.example.com/" }),
    callback: () => Effect.sync(() => void asked.push(`callback ${id}`))
  }
  const status = Effect.succeed({ ...TestBackend.ready, loggedIn: false, login: state })
  return TestBackend.make(undefined, { id, login, status }).backend
}

const three = (asked: Array<string>) =>
  Effect.flatMap(
    Pool.make([signedOut("a", byBrowser, asked), signedOut("b", Login.idle, asked), signedOut("c", byPerson, asked)]),
    ({ snapshot }) => snapshot
  )

describe("a manual login", () => {
  it.effect("starts at the first instance without a running browser login", () => {
    const asked: Array<string> = []
    return Effect.gen(function* () {
      const { instance } = yield* LoginHandlers.start(yield* three(asked), {})
      assert.strictEqual(instance, "b")
      assert.deepStrictEqual(asked, ["start b"])
    })
  })

  it.effect("completes at the instance that waits for a person, unless another is named", () => {
    const asked: Array<string> = []
    return Effect.gen(function* () {
      const instances = yield* three(asked)
      const url = "http://127.0.0.1:1/callback"
      assert.strictEqual((yield* LoginHandlers.callback(instances, { url })).instance, "c")
      assert.strictEqual((yield* LoginHandlers.callback(instances, { url, instance: "a" })).instance, "a")
      assert.deepStrictEqual(asked, ["callback c", "callback a"])
    })
  })

  it.effect("has the same states as the log", () =>
    Effect.gen(function* () {
      const { instances } = yield* LoginHandlers.status(yield* three([]))
      assert.deepStrictEqual(
        instances.map(({ auto_login, state }) => [auto_login.state, state]),
        [
          ["running", "running"],
          ["idle", "idle"],
          ["running", "waiting_for_person"]
        ]
      )
    })
  )
})
