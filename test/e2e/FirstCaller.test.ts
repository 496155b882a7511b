import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, content, internalStats, isBalanced, type Program, settled, start, text } from "./support.ts"

const quick = "[[emu interval=0 tokens=3]]"

/** Sends a chat, and resets the connection so long after it has left: the other side sees no end, but an error. */
const resets = (program: Program, millis: number) =>
  Effect.async<void>((resume) => {
    const { host, hostname, port } = new URL(program.base)
    const body = JSON.stringify({ model: "auto", stream: true, messages: [{ role: "user", content: quick }] })
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`
    const socket = Net.connect({ host: hostname, port: Number(port), noDelay: true }, () => {
      socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => {
        const reset = () => socket.resetAndDestroy()
        if (millis === 0) reset()
        else setTimeout(reset, millis)
      })
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.void))
  })

const freePort = Effect.async<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

describe("a first caller that resets its connection", () => {
  for (const instances of [1, 2]) {
    it.scopedLive(
      `harms nobody after it, on ${instances} ${instances === 1 ? "instance" : "instances"}`,
      () =>
        Effect.forEach(
          [0, 1, 2, 3, 5, 8, 12],
          (millis) =>
            Effect.scoped(
              Effect.gen(function* () {
                const port = yield* freePort
                const program = yield* start({ LINGMA_INSTANCE_COUNT: `${instances}`, LINGMA_SOCKET_PORT: `${port}` })
                yield* resets(program, millis)
                for (let i = 0; i < 10; i++) {
                  const response = yield* chat(program, `${quick} ${i}`, { stream: true })
                  const body = yield* text(response)
                  assert.strictEqual(response.status, 200, `after ${millis} ms, chat ${i}: ${body.slice(0, 300)}`)
                  assert.strictEqual(content(body), "t0 t1 t2 ")
                }
                assert.isTrue(isBalanced(yield* settled(program)))
                // The second instance may still be starting.
                yield* Effect.repeat(
                  Effect.promise(() => internalStats(program)),
                  { until: ({ pool }) => pool.ready === instances }
                ).pipe(Effect.timeout("15 seconds"))
              })
            ),
          { concurrency: 2, discard: true }
        ),
      { timeout: 120_000 }
    )
  }
})
