import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger, LogLevel } from "effect"
import * as ReadableLog from "../../src/app/ReadableLog.ts"

const listening = (isColoured = false) => {
  const written: Array<string> = []
  const log = Logger.map(ReadableLog.make({ isColoured }), (line) => {
    if (line !== "") written.push(line)
  })
  return { written, layer: Logger.replace(Logger.defaultLogger, log) }
}

const asked = {
  request_id: "req-1",
  method: "POST",
  path: "/v1/messages",
  route: "/v1/messages",
  status: 502,
  ms: 1200,
  outcome: "failed",
  key: "ann"
}
const failedAs = (request_id: string) =>
  Effect.annotateLogs(Effect.logWarning("chat failed"), {
    request_id,
    error: "UpstreamFailed",
    detail: "status 500, boom",
    instance: "inst-1"
  })
const failed = failedAs("req-1")
const request = (more: Record<string, unknown> = {}) =>
  Effect.annotateLogs(Effect.logInfo("request"), { ...asked, ...more })

describe("ReadableLog", () => {
  it.effect("writes one line for a chat: who, what, how it ended, on which instance, how long it took", () =>
    Effect.gen(function* () {
      const { layer, written } = listening()
      const chat = { status: 200, outcome: "completed", instance: "inst-0", model: "auto", ttft_ms: 90 }
      yield* Effect.provide(request({ ...chat, prompt_tokens: 12, completion_tokens: 34 }), layer)
      assert.strictEqual(written.length, 1)
      assert.match(
        written[0] ?? "",
        /^\d\d:\d\d:\d\d {2}INFO {3}ann {2}POST \/v1\/messages {2}200 {2}inst-0 {2}auto {2}1200 ms {2}12 \+ 34 tokens {2}req-1\n$/
      )
    })
  )

  it.effect("writes why a chat failed into the line of its request", () =>
    Effect.gen(function* () {
      const { layer, written } = listening()
      yield* Effect.provide(Effect.zipRight(failed, request({ instance: "inst-1" })), layer)
      assert.strictEqual(written.length, 1)
      assert.include(written[0], "  502  failed  inst-1  1200 ms  UpstreamFailed: status 500, boom  req-1\n")
    })
  )

  it.effect("writes a failure by itself where lines of requests are not written", () =>
    Effect.gen(function* () {
      const { layer, written } = listening()
      const warnings = Logger.withMinimumLogLevel(LogLevel.Warning)
      yield* Effect.provide(warnings(Effect.zipRight(failed, request())), layer)
      assert.strictEqual(written.length, 1)
      assert.match(
        written[0] ?? "",
        /WARN {3}chat failed {2}detail: status 500, boom {2}error: UpstreamFailed {2}instance: inst-1 {2}req-1\n$/
      )
    })
  )

  it.effect("keeps no more than 256 failures whose requests do not end, and loses none", () =>
    Effect.gen(function* () {
      const { layer, written } = listening()
      const many = Effect.forEach(Array.from({ length: 300 }), (_, i) => failedAs(`req-${i}`))
      yield* Effect.provide(many, layer)
      assert.strictEqual(written.length, 44)
      assert.include(written[0], "chat failed  UpstreamFailed: status 500, boom  req-0\n")
    })
  )

  it.effect("lets nothing in an entry begin another line or speak to the terminal", () =>
    Effect.gen(function* () {
      const { layer, written } = listening(true)
      const entry = Effect.annotateLogs(Effect.logError("odd\nwords", Cause.fail("a\u001b[2Jb\nc")), {
        reason: "x\r\u2028y"
      })
      yield* Effect.provide(entry, layer)
      const line = (written[0] ?? "").replace("\u001b[31m", "").replace("\u001b[0m", "")
      assert.strictEqual(line.split("\n").length, 2)
      assert.notMatch(line.trimEnd(), /[\p{C}\u2028]/u)
      assert.include(written[0], "\u001b[31mERROR\u001b[0m")
    })
  )
})
