/**
 * A TCP proxy that can fall silent: nothing is forwarded any more, and nothing is closed, as after a cut in the network.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export interface SilentProxy {
  /** The same URL by way of the proxy. */
  readonly url: string
  readonly silence: Effect.Effect<void>
  /** Forwards again, also what came meanwhile. */
  readonly resume: Effect.Effect<void>
  /** Takes no connections, as the port of a program that has ended; and takes them again. */
  readonly refuse: Effect.Effect<void>
  readonly accept: Effect.Effect<void>
}

export const make = (target: string) =>
  Effect.gen(function* () {
    const { hostname, port } = new URL(target)
    const sockets = new Set<Socket>()
    let isSilent = false
    const forward = (from: Socket, to: Socket) => {
      sockets.add(from)
      from
        .on("data", (bytes) => to.write(bytes))
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(from)
          to.destroy()
        })
      if (isSilent) from.pause()
    }
    const server = createServer((client) => {
      const upstream = connect(Number(port), hostname)
      forward(client, upstream)
      forward(upstream, client)
    })
    const listen = (port: number) =>
      Effect.async<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void)))
    yield* Effect.acquireRelease(listen(0), () =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
    )
    const url = new URL(target)
    const own = (server.address() as AddressInfo).port
    url.port = String(own)
    const set = (next: boolean) =>
      Effect.sync(() => {
        isSilent = next
        for (const socket of sockets)
          if (next) socket.pause()
          else socket.resume()
      })
    const refuse = Effect.sync(() => void server.close())
    return { url: url.href, silence: set(true), resume: set(false), refuse, accept: listen(own) } satisfies SilentProxy
  })
