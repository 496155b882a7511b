/**
 * HTTP by hand over a socket, for what no client library would do.
 */
import * as Net from "node:net"
import { Effect } from "effect"

export interface RawSocket {
  readonly socket: Net.Socket
  readonly send: (text: string) => Effect.Effect<void>
  /** Everything received so far, once it holds `part`. */
  readonly until: (part: string | RegExp) => Effect.Effect<string>
  readonly closed: Effect.Effect<string>
  readonly text: () => string
}

export const connect = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Net.Socket, Error>((resume) => {
        const socket = Net.connect({ port, host: "127.0.0.1" })
        socket.once("connect", () => resume(Effect.succeed(socket)))
        socket.once("error", (error) => resume(Effect.fail(error)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket): RawSocket => {
      let received = ""
      let isClosed = false
      const watchers = new Set<() => void>()
      const tell = () => {
        for (const watcher of [...watchers]) watcher()
      }
      socket.on("error", () => {})
      socket.on("data", (part) => {
        received += part.toString("utf8")
        tell()
      })
      socket.on("close", () => {
        isClosed = true
        tell()
      })
      const when = (test: () => boolean) =>
        Effect.async<string>((resume) => {
          const watcher = () => {
            if (!test()) return
            watchers.delete(watcher)
            resume(Effect.succeed(received))
          }
          watchers.add(watcher)
          watcher()
          return Effect.sync(() => watchers.delete(watcher))
        }).pipe(
          Effect.timeout("5 seconds"),
          Effect.catchAll(() => Effect.dieMessage(`waited in vain; received: ${received.slice(0, 2000)}`))
        )
      return {
        socket,
        send: (text) => Effect.sync(() => socket.write(text)),
        until: (part) => when(() => (typeof part === "string" ? received.includes(part) : part.test(received))),
        closed: when(() => isClosed),
        text: () => received
      }
    }
  )

export const post = (body: unknown, headers: Record<string, string> = {}): string => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const all = {
    host: "127.0.0.1",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers
  }
  return `POST /v1/chat/completions HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n${text}`
}
